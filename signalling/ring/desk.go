package ring

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Heard is an event of a room's timeline that may be about a ring:
// notification, decline or redaction.
type Heard struct {
	EventID, Type, Sender string
	SentAt                time.Time // origin_server_ts
	Content               json.RawMessage
	// Redacts is the event ID that a redaction takes back.
	Redacts string
}

// Change is what became of a ring, or why a notification is none.
type Change struct {
	Ring    Ring
	State   State
	Actions []Action
	// Refused is the rule by which the notification does not ring; empty when
	// it does. Then only Ring.ID, Room and Sender are set.
	Refused Rule
}

// keptMost bounds how many declines and sticky places are remembered.
const keptMost = 256

// Desk takes the calls of one device in one room: it hears the room's events
// and has a machine for each ring. It is not safe for concurrent use.
type Desk struct {
	self message.Party
	room string
	// ringing holds the rings that are not over, by event ID.
	ringing map[string]*Machine
	// declined are notifications that our user has declined; latest is the
	// last sticky notification of a sender and key.
	declined map[string]bool
	latest   map[stickyPlace]string
}

type stickyPlace struct{ sender, key string }

// NewDesk begins in a room in which nothing has been heard.
func NewDesk(self message.Party, room string) *Desk {
	return &Desk{
		self: self, room: room,
		ringing: map[string]*Machine{}, declined: map[string]bool{}, latest: map[stickyPlace]string{},
	}
}

// Hear takes events in the order of the timeline, together with the facts of
// the room after them. mayCallRoom tells whether a user's power level suffices
// to notify the whole room; it is asked only when that decides.
func (d *Desk) Hear(batch []Heard, facts membership.Facts, mayCallRoom func(userID string) bool, now time.Time) []Change {
	var changes []Change
	calls := d.sort(batch)
	for _, call := range calls {
		changes = append(changes, d.call(call, facts, mayCallRoom, now)...)
	}
	for _, heard := range batch {
		changes = append(changes, d.hear(heard)...)
	}
	return append(changes, d.Observe(facts, now)...)
}

// sort notes what decides about the notifications of a batch, and gives them:
// after a pause a ring and its end come together.
func (d *Desk) sort(batch []Heard) (calls []Incoming) {
	gone := map[string]bool{}
	for _, heard := range batch {
		switch {
		case heard.Redacts != "":
			gone[heard.Redacts] = true
		case message.IsDecline(heard.Type) && heard.Sender == d.self.UserID:
			if decline, err := message.ParseDecline(heard.Content); err == nil {
				remember(d.declined, decline.Notification, true)
			}
		case message.IsNotification(heard.Type):
			n, err := message.ParseNotification(heard.Type, heard.Content)
			if err != nil {
				continue
			}
			if n.StickyKey != "" {
				remember(d.latest, stickyPlace{heard.Sender, n.StickyKey}, heard.EventID)
			}
			calls = append(calls, Incoming{EventID: heard.EventID, Room: d.room, Sender: heard.Sender, SentAt: heard.SentAt, Notification: n})
		}
	}
	return slices.DeleteFunc(calls, func(c Incoming) bool { return gone[c.EventID] })
}

// remember puts an entry into a map that does not grow for ever.
func remember[K comparable, V any](known map[K]V, key K, value V) {
	if len(known) >= keptMost {
		clear(known)
	}
	known[key] = value
}

// call takes one notification: it ends the one whose place it takes, and rings
// if it may.
func (d *Desk) call(in Incoming, facts membership.Facts, mayCallRoom func(string) bool, now time.Time) (changes []Change) {
	n := in.Notification
	for _, id := range d.order() {
		old := d.ringing[id]
		if id != in.EventID && n.StickyKey != "" && old.ring.Sender == in.Sender && old.stickyKey == n.StickyKey {
			changes = d.note(changes, old, old.Handle(Withdrawn))
		}
	}
	if d.ringing[in.EventID] != nil || n.Withdrawn {
		return changes
	}
	in.refer(facts, now)
	n = in.Notification
	situation := Look(facts, d.self, n.Slot, now)
	situation.Replaced = n.StickyKey != "" && d.latest[stickyPlace{in.Sender, n.StickyKey}] != in.EventID
	situation.Declined = d.declined[in.EventID]
	situation.MayCallRoom = n.Mentions.Room && !n.Mentions.Name(d.self.UserID) && mayCallRoom(in.Sender)
	ring, rule := Receive(in, situation, now)
	if rule != "" {
		return append(changes, Change{Ring: Ring{ID: in.EventID, Room: in.Room, Sender: in.Sender}, Refused: rule})
	}
	machine, actions := Take(d.self, ring)
	machine.stickyKey = n.StickyKey
	d.ringing[ring.ID] = machine
	return append(changes, Change{Ring: ring, State: machine.State(), Actions: actions})
}

// hear takes what ends a ring.
func (d *Desk) hear(heard Heard) (changes []Change) {
	switch {
	case heard.Redacts != "":
		if machine := d.ringing[heard.Redacts]; machine != nil {
			changes = d.note(changes, machine, machine.Handle(Withdrawn))
		}
	case message.IsDecline(heard.Type):
		decline, err := message.ParseDecline(heard.Content)
		if machine := d.ringing[decline.Notification]; err == nil && machine != nil {
			changes = d.note(changes, machine, machine.DeclinedFrom(heard.Sender, decline.Notification))
		}
	}
	return changes
}

// Observe takes the facts of the room.
func (d *Desk) Observe(facts membership.Facts, now time.Time) (changes []Change) {
	for _, id := range d.order() {
		machine := d.ringing[id]
		changes = d.note(changes, machine, machine.Observe(Members(facts, machine.ring.Slot, now)))
	}
	return changes
}

// Handle takes what the person here does about a ring: Answer, Decline or
// Dismiss.
func (d *Desk) Handle(id string, kind Kind) []Change {
	machine := d.ringing[id]
	if machine == nil {
		return nil
	}
	return d.note(nil, machine, machine.Handle(kind))
}

// Tick tells the time.
func (d *Desk) Tick(now time.Time) (changes []Change) {
	for _, id := range d.order() {
		changes = d.note(changes, d.ringing[id], d.ringing[id].Tick(now))
	}
	return changes
}

// Next is when the desk wants a Tick; zero when never.
func (d *Desk) Next() (next time.Time) {
	for _, machine := range d.ringing {
		if at := machine.Next(); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// note tells of a machine that has changed, and lets go of what is over.
func (d *Desk) note(changes []Change, machine *Machine, actions []Action) []Change {
	if machine.state == machine.told {
		return changes
	}
	machine.told = machine.state
	if machine.state.Over() {
		delete(d.ringing, machine.ring.ID)
	}
	return append(changes, Change{Ring: machine.ring, State: machine.state, Actions: actions})
}

// order gives the rings in the order in which they end.
func (d *Desk) order() []string {
	return slices.SortedFunc(maps.Keys(d.ringing), func(a, b string) int {
		if order := d.ringing[a].ring.Expires.Compare(d.ringing[b].ring.Expires); order != 0 {
			return order
		}
		return cmp.Compare(a, b)
	})
}
