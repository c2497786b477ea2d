package matrix

import (
	"testing"
	"time"

	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

// phone is a device that rings: an account with a desk at which rings come in.
type phone struct {
	t       *testing.T
	account *Account
	room    string
	sink    *ringSink
	// guarded by the sink's mutex
	desk   *ring.Desk
	states map[string]ring.State // by event ID
	in     *Membership
}

// plugIn runs an account of a room's member as a phone.
func plugIn(t *testing.T, account *Account, room string) *phone {
	t.Helper()
	p := &phone{
		t: t, account: account, room: room, sink: &ringSink{sink: newSink()},
		desk: ring.NewDesk(account.Party(), room), states: map[string]ring.State{},
	}
	account.Subscribe(room, p.sink)
	start(t, account)
	p.sink.wait(t, "the first facts", func(s *sink) bool { return s.facts.RoomID == room })
	return p
}

// until waits for a state of a ring.
func (p *phone) until(id string, want ring.State) {
	p.t.Helper()
	var last ring.State
	defer func() {
		if p.t.Failed() {
			p.t.Logf("%s: the ring is %q, want %q", p.account.Party(), last, want)
		}
	}()
	p.sink.wait(p.t, want.String(), func(s *sink) bool {
		p.note(p.desk.Hear(p.sink.heard, s.facts, func(string) bool { return false }, time.Now()))
		p.sink.heard = nil
		last = p.states[id]
		return last == want
	})
}

// note is called with the sink's mutex held.
func (p *phone) note(changes []ring.Change) {
	for _, change := range changes {
		if change.Refused == "" {
			p.states[change.Ring.ID] = change.State
		}
	}
}

// press does something about a ring.
func (p *phone) press(id string, kind ring.Kind) {
	p.sink.note(func() { p.note(p.desk.Handle(id, kind)) })
}

// join enters the call.
func (p *phone) join() {
	p.t.Helper()
	p.in = p.account.NewMembership(MembershipConfig{RoomID: p.room, Slot: true})
	if err := p.in.Join(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// leave leaves it, and waits until everybody knows.
func (p *phone) leave(all ...*phone) {
	p.t.Helper()
	if err := p.in.Leave(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	for _, other := range all {
		other.sink.wait(p.t, "the leave", func(s *sink) bool {
			for _, member := range ring.Members(s.facts, message.SlotRoom, time.Now()) {
				if member.Party == p.account.Party() {
					return false
				}
			}
			return true
		})
	}
	// What was sent in the same millisecond counts as before (ring.RuleLeft).
	left := time.Now()
	eventually(p.t, "a later millisecond", func() bool { return time.Since(left) > 2*time.Millisecond })
}

// call rings a user from within the call.
func (p *phone) call(user string) *ring.Machine {
	p.t.Helper()
	p.sink.note(func() { p.sink.heard = nil })
	p.sink.wait(p.t, "ourselves in the call", func(s *sink) bool { return len(ring.Members(s.facts, message.SlotRoom, time.Now())) > 0 })
	placed := ring.Ring{Room: p.room, Slot: message.SlotRoom, Loud: true, Lifetime: time.Minute, Mentions: message.Mentions{Users: []string{user}}}
	machine := ring.Place(p.account.Party(), placed, false)
	now := time.Now()
	id, err := p.account.Notify(p.t.Context(), p.room, message.Notification{Slot: placed.Slot, Ring: true, SentAt: now, Lifetime: placed.Lifetime, Mentions: placed.Mentions})
	if err != nil {
		p.t.Fatal(err)
	}
	machine.Notified(id, now)
	return machine
}

// hears waits for what becomes of a ring that it placed.
func (p *phone) hears(machine *ring.Machine, want ring.State) {
	p.t.Helper()
	p.sink.wait(p.t, "the caller's "+want.String(), func(s *sink) bool {
		for _, heard := range p.sink.heard {
			if decline, err := message.ParseDecline(heard.Content); message.IsDecline(heard.Type) && err == nil {
				machine.DeclinedFrom(heard.Sender, decline.Notification)
			}
		}
		p.sink.heard = nil
		machine.Observe(ring.Members(s.facts, message.SlotRoom, time.Now()))
		return machine.State() == want
	})
}

// ringing is the story of three rings among a caller and two devices of one
// other user: answered on one device, declined on one, cancelled.
func ringing(t *testing.T, caller, desk, pocket *phone) {
	t.Helper()
	bob := desk.account.Party().UserID
	caller.join()
	answered := caller.call(bob)
	desk.until(answered.Ring().ID, ring.Ringing)
	pocket.until(answered.Ring().ID, ring.Ringing)
	desk.join()
	desk.until(answered.Ring().ID, ring.AnsweredHere)
	pocket.until(answered.Ring().ID, ring.AnsweredElsewhere)
	caller.hears(answered, ring.Accepted)
	desk.leave(caller, desk, pocket)

	declined := caller.call(bob)
	id := declined.Ring().ID
	desk.until(id, ring.Ringing)
	pocket.until(id, ring.Ringing)
	pocket.press(id, ring.Decline)
	if err := pocket.account.Decline(t.Context(), pocket.room, id); err != nil {
		t.Fatal(err)
	}
	desk.until(id, ring.Declined)
	caller.hears(declined, ring.Declined)

	cancelled := caller.call(bob)
	id = cancelled.Ring().ID
	desk.until(id, ring.Ringing)
	pocket.until(id, ring.Ringing)
	if err := caller.account.WithdrawNotify(t.Context(), caller.room, message.SlotRoom); err != nil {
		t.Fatal(err)
	}
	caller.leave(caller)
	desk.until(id, ring.Cancelled)
	pocket.until(id, ring.Cancelled)
}

func TestRinging_IsAnsweredDeclinedAndCancelled(t *testing.T) {
	for name, house := range map[string]func(*testing.T) *house{
		"in a clear room":      func(t *testing.T) *house { return newEmbeddedHouse(t) },
		"in an encrypted room": func(t *testing.T) *house { return newEncryptedHouse(t, megolm) },
	} {
		t.Run(name, func(t *testing.T) {
			h := house(t)
			in := func(user, device string) *phone { return plugIn(t, h.open(h.config(user, device)), h.room) }
			alice, desk, pocket := in("alice", "A"), in("bob", "DESK"), in("bob", "POCKET")
			alice.sink.wait(t, "bob", func(s *sink) bool { return s.facts.Joined["@bob:test"] })
			ringing(t, alice, desk, pocket)
			all := spoken(t, alice.account, h.room)
			if encrypted := all[message.TypeEncrypted] > 0; encrypted != (all[message.TypeNotification] == 0 && all[message.TypeDecline] == 0) {
				t.Errorf("the homeserver has %v", all)
			}
		})
	}
}

// spoken counts what rings are made of in a timeline, as a homeserver sees it.
func spoken(t *testing.T, account *Account, room string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for event, err := range account.Timeline(t.Context(), room, append([]string{message.TypeEncrypted}, ringTypes...)) {
		if err != nil {
			t.Fatal(err)
		}
		count[event.Type]++
	}
	return count
}

func TestAcknowledge_IsHeardByTheCaller(t *testing.T) {
	sent := time.UnixMilli(1_800_000_000_123)
	for name, config := range map[string]func(*house, string, string) Config{"by Olm": (*house).config, "in the clear": (*house).clear} {
		t.Run(name, func(t *testing.T) {
			h := newEmbeddedHouse(t)
			_, atAlice, _ := h.hear(config(h, "alice", "A"))
			bob, _, _ := h.hear(config(h, "bob", "B"))
			if err := bob.Acknowledge(t.Context(), "@alice:test", sent); err != nil {
				t.Fatal(err)
			}
			atAlice.wait(t, "the acknowledgement", func(*sink) bool { return len(atAlice.heard) > 0 })
			heard := atAlice.heard[0]
			ack, err := message.ParseRingAck(heard.Content)
			if err != nil || !message.IsRingAck(heard.Type) || heard.Sender != "@bob:test" || !ack.SentAt.Equal(sent) {
				t.Errorf("heard %+v, %v", heard, err)
			}
		})
	}
}
