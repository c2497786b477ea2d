package membership

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// Abilities is what we could write into a room, and what we are told to.
type Abilities struct {
	Self message.Party
	// Transports are the types we speak, the preferred one first; empty means
	// a full mesh alone.
	Transports  []string
	RoomVersion string
	// Sticky and Delayed say what the homeserver can do (MSC4354, MSC4140).
	Sticky, Delayed bool
	MaxMembers      int // of a mesh; 0 is no limit
	// RumaSafe asks for an envelope that readers of LiveKit only can parse (D4).
	RumaSafe bool
	// Prefer is the form that was asked for. FormLeft, as any form that is only
	// read, leaves it to the plan.
	Prefer message.Form
	// Famedly says that we speak message.DialectFamedly: where all others are in
	// the Dart SDK's call it is joined, though a form of the slot is preferred.
	Famedly bool
}

// Plan says how to join a room's call without harm to those present, and to
// those who come later: a LiveKit member never computes another transport
// because of us.
type Plan struct {
	// Join is false when we had better stay out.
	Join bool
	// Form to write: FormSession, FormSticky, FormCalls or FormFamedly.
	Form message.Form
	// Foci are the transports to advertise, in this order. With a LiveKit
	// focus first, focus_active is {"type":"livekit","focus_selection":"multi_sfu"}.
	Foci     []message.Focus
	RumaSafe bool
	// Behind asks for message.SessionContent.Behind, in FormSession.
	Behind bool
	// Route is said beside a mesh; PlanJoin leaves it to who writes.
	Route message.Route
	// Views say what the members present will make of us, oldest first.
	Views []View
	// Why is a sentence for people, Rule what it rests on; Rule is "" when
	// nothing stood in the way.
	Why  string
	Rule Rule
}

// View is what a member makes of us.
type View struct {
	message.Party
	Sees Sight
}

// Sight is how we look to a member.
type Sight string

// The sights.
const (
	SightPeer  Sight = "connects to us"
	SightBlank Sight = "shows us without sound and picture"
	SightOlder Sight = "shows us without sound and picture, and would take our transport if we were the oldest"
	SightFocus Sight = "finds us on its own transport"
)

// PlanJoin decides how to join the call of a room. Its answer depends on who is
// there, so it has to be asked anew when that changes: a sticky membership has
// to give way to one in the state when someone comes who follows the oldest.
func PlanJoin(facts Facts, now time.Time, us Abilities) Plan {
	p := planner{room: compute(facts, now, us.Self), us: us}
	if len(p.us.Transports) == 0 {
		p.us.Transports = []string{message.FocusFullMesh}
	}
	plan := Plan{Join: true, Form: p.form(), RumaSafe: us.RumaSafe}
	session := p.session(plan.Form)
	p.members = session.Members
	if plan.Rule, plan.Why = p.refusal(plan.Form, session.Focus); plan.Rule != "" {
		plan.Join = false
		return plan
	}
	p.settle(&plan, session)
	return plan
}

// planner is one decision.
type planner struct {
	room    *room
	us      Abilities
	members []Member // of the session to join, without us
}

// form is the form that was asked for, else that of the call that is on.
func (p *planner) form() message.Form {
	switch p.us.Prefer {
	case message.FormSession, message.FormSticky:
		if p.us.Famedly && p.inFamedly() {
			return message.FormFamedly
		}
		return p.us.Prefer
	case message.FormCalls, message.FormFamedly:
		return p.us.Prefer
	}
	for _, form := range [...]message.Form{message.FormSession, message.FormCalls, message.FormFamedly} {
		if len(p.session(form).Members) > 0 {
			return form
		}
	}
	return message.FormSession
}

// inFamedly reports whether the others in the room's calls are all in that of
// the Dart SDK, and one of them can be met.
func (p *planner) inFamedly() bool {
	theirs := p.session(message.FormFamedly)
	for _, s := range p.room.result.Sessions {
		if s.ConfID != theirs.ConfID && len(s.Members) > 0 {
			return false
		}
	}
	return slices.ContainsFunc(theirs.Members, p.meets)
}

// session is the one that a membership of a form would be in.
func (p *planner) session(form message.Form) Session {
	for _, s := range p.room.result.Sessions {
		switch {
		case form == message.FormCalls && s.Form == message.FormCalls && s.Current,
			form == message.FormFamedly && s.ConfID == FamedlyConfID(message.ApplicationCall, ""),
			form != message.FormCalls && form != message.FormFamedly && s.ConfID == message.SlotRoom:
			return s
		}
	}
	return Session{}
}

// refusal is the rule by which we had better stay out, or "".
func (p *planner) refusal(form message.Form, focus string) (Rule, string) {
	inSlot := form != message.FormCalls && form != message.FormFamedly
	if inSlot && p.room.slots[message.SlotRoom].Status == SlotClosed {
		return RuleSlotClosed, "The room's call is closed: somebody with the power for it has to open it first."
	}
	if len(p.members) == 0 {
		return "", ""
	}
	if !p.speaks(focus) && !slices.ContainsFunc(p.members, p.meets) {
		return RuleAgreement, fmt.Sprintf("%s in a call over %s, which we do not speak: nobody there would hear or see us.", p.who(), focus)
	}
	if is, most := len(p.members), p.us.MaxMembers; message.IsMesh(focus) && most > 0 && is >= most {
		return RuleFull, fmt.Sprintf("The mesh is full: %d devices are in the call, and we connect to no more than %d.", is, most-1)
	}
	return "", ""
}

// meets reports whether a member of the state or the sticky map can be met in a
// mesh, which the oldest of the slot need not be in.
func (p *planner) meets(m Member) bool { return m.Mesh && p.speaks(message.FocusFullMesh) }

// speaks reports whether we can use a type of transport.
func (p *planner) speaks(focus string) bool {
	return slices.ContainsFunc(p.us.Transports, func(ours string) bool {
		return ours == focus || message.IsMesh(ours) && message.IsMesh(focus)
	})
}

// settle fills in how to join.
func (p *planner) settle(plan *Plan, session Session) {
	plan.Why = "Nobody else is in the call."
	if len(p.members) > 0 {
		plan.Why = p.who() + " in the call."
	}
	if plan.Form == message.FormFamedly && p.us.Prefer != message.FormFamedly {
		plan.Why += " It is the Dart SDK's, so we write its form."
	}
	p.state(plan)
	plan.Behind = plan.Form == message.FormSession
	plan.Foci = p.foci(plan.Form, session)
	if plan.Form != message.FormSession || !message.IsMesh(plan.Foci[0].Type) {
		plan.RumaSafe = false // there is nothing to veil
	}
	for _, m := range p.members {
		plan.Views = append(plan.Views, View{m.Party, sight(m, plan.Foci)})
	}
}

// state turns to the state if a sticky membership cannot be written or would
// do harm: js-sdk takes the time of its event for that of joining, which cannot
// be put off, so sooner or later it would be the oldest.
func (p *planner) state(plan *Plan) {
	if plan.Form != message.FormSticky {
		return
	}
	if !p.us.Sticky {
		plan.Form = message.FormSession
		plan.Why += " The homeserver has no sticky events, so we write into the state."
		return
	}
	for _, m := range p.members {
		if m.Selection == selectOldest {
			plan.Form, plan.Rule = message.FormSession, RuleOldest
			plan.Why += fmt.Sprintf(" %s takes the transport of the oldest membership, so we write into the state, where we can stand behind it.", m.Party)
			return
		}
	}
}

// foci are theirs first, if it is not a mesh that they use, then ours.
func (p *planner) foci(form message.Form, session Session) (foci []message.Focus) {
	mesh := message.Focus{Type: message.FocusFullMesh}
	if form == message.FormFamedly {
		mesh = message.FamedlyFocus()
	}
	if len(p.members) > 0 && !message.IsMesh(session.Focus) && p.speaks(session.Focus) {
		for _, m := range p.members {
			if theirs := session.Transport(m); theirs.Type == session.Focus {
				foci = append(foci, theirs)
				break
			}
		}
	}
	if p.speaks(mesh.Type) || len(foci) == 0 {
		foci = append(foci, mesh)
	}
	return foci
}

// sight is what a member makes of us: js-sdk in its three modes by selection
// and form, others by their transport.
func sight(m Member, foci []message.Focus) Sight {
	ours := func(focus message.Focus) bool { return focus.Type == m.Focus }
	switch {
	case m.Mesh:
		return SightPeer
	case slices.ContainsFunc(foci, ours):
		return SightFocus
	case m.Selection == selectOldest:
		return SightOlder
	}
	return SightBlank
}

// who names the members: "@a:x is", "@a:x and @b:x are", "@a:x and 3 others are".
func (p *planner) who() string {
	var users []string
	for _, m := range p.members {
		if !slices.Contains(users, m.UserID) {
			users = append(users, m.UserID)
		}
	}
	switch len(users) {
	case 1:
		return users[0] + " is"
	case 2:
		return strings.Join(users, " and ") + " are"
	}
	return fmt.Sprintf("%s and %d others are", users[0], len(users)-1)
}
