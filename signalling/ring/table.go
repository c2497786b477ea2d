package ring

// Role is a side of a ring.
type Role uint8

// The sides.
const (
	Caller Role = iota
	Callee

	roleCount
)

// String names the side.
func (r Role) String() string { return nameOf([]string{"caller", "callee"}, int(r)) }

// step is what an event does in a state.
type step struct {
	next    State
	actions []Action
}

// steps are the events that do something. Every other event leaves the state
// as it is: it comes late, or concerns the other side.
//
//	caller   Placed ──sent──▶ Ringing ──joined──▶ Accepted
//	            │                ├──refused──▶ Declined   (leave)
//	            │                ├──timeout──▶ Expired    (leave)
//	            └──give up───────┴──give up──▶ Cancelled  (withdraw, leave)
//
//	callee   Ringing ──answer──▶ AnsweredHere        (silence, join)
//	            ├──decline──▶ Declined               (silence, send decline)
//	            ├──joined elsewhere──▶ AnsweredElsewhere
//	            ├──withdrawn, deserted──▶ Cancelled
//	            ├──timeout──▶ Expired
//	            └──dismiss──▶ Dismissed ──all of the above, without silence
var steps = [roleCount]map[State]map[Kind]step{
	Caller: {
		Placed: {
			Sent:       {next: Ringing},
			SendFailed: {next: Cancelled, actions: []Action{Leave}},
			Joined:     {next: Accepted}, // they came by themselves
			GiveUp:     {next: Cancelled, actions: []Action{Leave}},
		},
		Ringing: {
			Acknowledged: {next: Ringing},
			Joined:       {next: Accepted},
			Refused:      {next: Declined, actions: []Action{Leave}},
			GiveUp:       {next: Cancelled, actions: []Action{Withdraw, Leave}},
			Timeout:      {next: Expired, actions: []Action{Leave}},
		},
	},
	Callee: {
		Ringing: {
			Answer:            {next: AnsweredHere, actions: []Action{Silence, Join}},
			Decline:           {next: Declined, actions: []Action{Silence, SendDecline}},
			Dismiss:           {next: Dismissed, actions: []Action{Silence}},
			JoinedHere:        {next: AnsweredHere, actions: []Action{Silence}},
			JoinedElsewhere:   {next: AnsweredElsewhere, actions: []Action{Silence}},
			DeclinedElsewhere: {next: Declined, actions: []Action{Silence}},
			Withdrawn:         {next: Cancelled, actions: []Action{Silence}},
			Deserted:          {next: Cancelled, actions: []Action{Silence}},
			Timeout:           {next: Expired, actions: []Action{Silence}},
		},
		// A person who silenced this device may still change their mind.
		Dismissed: {
			Answer:            {next: AnsweredHere, actions: []Action{Join}},
			Decline:           {next: Declined, actions: []Action{SendDecline}},
			JoinedHere:        {next: AnsweredHere},
			JoinedElsewhere:   {next: AnsweredElsewhere},
			DeclinedElsewhere: {next: Declined},
			Withdrawn:         {next: Cancelled},
			Deserted:          {next: Cancelled},
			Timeout:           {next: Expired},
		},
	},
}

// states are those that a side can be in.
var states = [roleCount][]State{
	Caller: {Placed, Ringing, Accepted, Declined, Cancelled, Expired},
	Callee: {Ringing, Dismissed, AnsweredHere, AnsweredElsewhere, Declined, Cancelled, Expired},
}

// Row is one cell of the table: what an event does in a state of a side. The
// names are those of String.
type Row struct {
	Role    string   `json:"role"`
	State   string   `json:"state"`
	Event   string   `json:"event"`
	Next    string   `json:"next"`
	Actions []string `json:"actions"`
}

// Table lists every state and event of both sides in a fixed order. An event
// that does nothing leads back to its state without actions.
func Table() []Row {
	var rows []Row
	for role := range roleCount {
		for _, state := range states[role] {
			for kind := range kindCount {
				next, actions := take(role, state, kind)
				row := Row{Role: role.String(), State: state.String(), Event: kind.String(), Next: next.String(), Actions: []string{}}
				for _, action := range actions {
					row.Actions = append(row.Actions, action.String())
				}
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// take looks one step up.
func take(role Role, state State, kind Kind) (State, []Action) {
	if found, ok := steps[role][state][kind]; ok {
		return found.next, found.actions
	}
	return state, nil
}
