package ring_test

import (
	"slices"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	alice = message.Party{UserID: "@alice:hs", DeviceID: "A1"}
	bob   = message.Party{UserID: "@bob:hs", DeviceID: "B1"}
	bob2  = message.Party{UserID: "@bob:hs", DeviceID: "B2"}
	carol = message.Party{UserID: "@carol:hs", DeviceID: "C1"}
)

func members(parties ...message.Party) (list []membership.Member) {
	for _, party := range parties {
		list = append(list, membership.Member{Party: party})
	}
	return list
}

// placed is a ring of Alice that the homeserver has taken.
func placed(stay bool, mentions message.Mentions) *ring.Machine {
	m := ring.Place(alice, ring.Ring{Room: "!r:hs", Slot: message.SlotRoom, Lifetime: 90 * time.Second, Mentions: mentions}, stay)
	m.Notified("$n", noon)
	return m
}

// taken is that ring at Bob's first device.
func taken() *ring.Machine {
	m, _ := ring.Take(bob, ring.Ring{ID: "$n", Sender: alice.UserID, Expires: noon.Add(90 * time.Second)})
	m.Observe(members(alice))
	return m
}

var toBob = message.Mentions{Users: []string{bob.UserID}}

func TestMachine_OfTheCaller(t *testing.T) {
	two := message.Mentions{Users: []string{bob.UserID, carol.UserID}}
	cases := []struct {
		name     string
		mentions message.Mentions
		happens  func(*ring.Machine) []ring.Action
		want     ring.State
		actions  []ring.Action
	}{
		{"rings until somebody says something", toBob,
			func(m *ring.Machine) []ring.Action { return m.Tick(noon.Add(89 * time.Second)) }, ring.Ringing, nil},
		{"gives up when the time is over", toBob,
			func(m *ring.Machine) []ring.Action { return m.Tick(noon.Add(90 * time.Second)) }, ring.Expired, []ring.Action{ring.Leave}},
		{"is accepted when the one who was rung joins", toBob,
			func(m *ring.Machine) []ring.Action { return m.Observe(members(alice, bob2)) }, ring.Accepted, nil},
		{"is not accepted by somebody else", toBob,
			func(m *ring.Machine) []ring.Action { return m.Observe(members(alice, carol)) }, ring.Ringing, nil},
		{"is accepted by anybody when the room was rung", message.Mentions{Room: true},
			func(m *ring.Machine) []ring.Action { return m.Observe(members(alice, carol)) }, ring.Accepted, nil},
		{"is not accepted by our own other device", message.Mentions{Room: true},
			func(m *ring.Machine) []ring.Action {
				return m.Observe(members(alice, message.Party{UserID: alice.UserID, DeviceID: "A2"}))
			}, ring.Ringing, nil},
		{"is declined when the one who was rung declines", toBob,
			func(m *ring.Machine) []ring.Action { return m.DeclinedFrom(bob.UserID, "$n") }, ring.Declined, []ring.Action{ring.Leave}},
		{"goes on while another may come", two,
			func(m *ring.Machine) []ring.Action { return m.DeclinedFrom(bob.UserID, "$n") }, ring.Ringing, nil},
		{"is declined when all have", two,
			func(m *ring.Machine) []ring.Action {
				m.DeclinedFrom(bob.UserID, "$n")
				return m.DeclinedFrom(carol.UserID, "$n")
			}, ring.Declined, []ring.Action{ring.Leave}},
		{"counts one who declines twice once", two,
			func(m *ring.Machine) []ring.Action {
				m.DeclinedFrom(bob.UserID, "$n")
				return m.DeclinedFrom(bob.UserID, "$n")
			}, ring.Ringing, nil},
		{"does not end because one of a room declines", message.Mentions{Room: true},
			func(m *ring.Machine) []ring.Action { return m.DeclinedFrom(bob.UserID, "$n") }, ring.Ringing, nil},
		{"takes no decline from one who was not rung", toBob,
			func(m *ring.Machine) []ring.Action { return m.DeclinedFrom(carol.UserID, "$n") }, ring.Ringing, nil},
		{"takes no decline of another ring", toBob,
			func(m *ring.Machine) []ring.Action { return m.DeclinedFrom(bob.UserID, "$other") }, ring.Ringing, nil},
		{"withdraws and leaves when the caller gives up", toBob,
			func(m *ring.Machine) []ring.Action { return m.Handle(ring.GiveUp) }, ring.Cancelled, []ring.Action{ring.Withdraw, ring.Leave}},
		{"knows an acknowledgement", toBob,
			func(m *ring.Machine) []ring.Action { return m.Handle(ring.Acknowledged) }, ring.Ringing, nil},
		{"is answered after an acknowledgement", toBob,
			func(m *ring.Machine) []ring.Action {
				m.AcknowledgedFrom(bob.UserID, noon)
				return m.Observe(members(alice, bob))
			}, ring.Accepted, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := placed(false, c.mentions)
			if actions := c.happens(m); m.State() != c.want || !slices.Equal(actions, c.actions) {
				t.Errorf("%s with %v, want %s with %v", m.State(), actions, c.want, c.actions)
			}
		})
	}
}

func TestMachine_OfTheCaller_KnowsWhoseAcknowledgementCounts(t *testing.T) {
	cases := []struct {
		name     string
		mentions message.Mentions
		from     string
		sentAt   time.Time
		want     bool
	}{
		{"of one who was rung", toBob, bob.UserID, noon, true},
		{"to the millisecond, which is all that is sent", toBob, bob.UserID, noon.Add(time.Microsecond), true},
		{"of anybody when the room was rung", message.Mentions{Room: true}, carol.UserID, noon, true},
		{"of one who was not rung", toBob, carol.UserID, noon, false},
		{"of ourselves", message.Mentions{Room: true}, alice.UserID, noon, false},
		{"of another ring", toBob, bob.UserID, noon.Add(time.Second), false},
	}
	for _, c := range cases {
		m := placed(false, c.mentions)
		if m.AcknowledgedFrom(c.from, c.sentAt); m.Acknowledged() != c.want {
			t.Errorf("%s: acknowledged is %v, want %v", c.name, m.Acknowledged(), c.want)
		}
	}
}

func TestMachine_OfTheCaller_RemembersWhoSaidWhat(t *testing.T) {
	m := placed(true, message.Mentions{Users: []string{carol.UserID, bob.UserID}})
	m.DeclinedFrom(carol.UserID, "$n")
	m.Handle(ring.Acknowledged)
	m.Observe(members(bob, alice))
	if m.AnsweredBy() != bob.UserID || !slices.Equal(m.DeclinedBy(), []string{carol.UserID}) || !m.Acknowledged() {
		t.Errorf("answered by %q, declined by %v, acknowledged %v", m.AnsweredBy(), m.DeclinedBy(), m.Acknowledged())
	}
}

func TestMachine_OfTheCaller_StaysWhenToldTo(t *testing.T) {
	m := placed(true, toBob)
	if actions := m.Tick(noon.Add(time.Hour)); len(actions) != 0 || m.State() != ring.Expired {
		t.Errorf("%s with %v", m.State(), actions)
	}
	if m = placed(true, toBob); !slices.Contains(m.Handle(ring.GiveUp), ring.Leave) {
		t.Error("who gives up stays")
	}
}

func TestMachine_OfTheCaller_BeforeItRings(t *testing.T) {
	place := func() *ring.Machine {
		return ring.Place(alice, ring.Ring{Lifetime: time.Minute, Mentions: toBob}, false)
	}
	m := place()
	if !m.Next().IsZero() || m.State() != ring.Placed || m.Ring().Sender != alice.UserID {
		t.Errorf("%s until %s from %s", m.State(), m.Next(), m.Ring().Sender)
	}
	if m.DeclinedFrom(bob.UserID, ""); m.State() != ring.Placed {
		t.Error("a decline of nothing counts")
	}
	if m.Observe(members(alice, bob)); m.State() != ring.Accepted {
		t.Errorf("%s though Bob came by himself", m.State())
	}
	if m = place(); !slices.Equal(m.Handle(ring.SendFailed), []ring.Action{ring.Leave}) || m.State() != ring.Cancelled {
		t.Errorf("%s though the notification cannot be sent", m.State())
	}
	m = place()
	m.Notified("$n", noon)
	if !m.Next().Equal(noon.Add(time.Minute)) || m.Ring().ID != "$n" {
		t.Errorf("rings until %s as %s", m.Next(), m.Ring().ID)
	}
}

func TestMachine_OfTheCallee(t *testing.T) {
	cases := []struct {
		name    string
		happens func(*ring.Machine) []ring.Action
		want    ring.State
		actions []ring.Action
	}{
		{"is answered here", func(m *ring.Machine) []ring.Action { return m.Handle(ring.Answer) },
			ring.AnsweredHere, []ring.Action{ring.Silence, ring.Join}},
		{"is answered by joining here without a word", func(m *ring.Machine) []ring.Action { return m.Observe(members(alice, bob2, bob)) },
			ring.AnsweredHere, []ring.Action{ring.Silence}},
		{"is answered on another device", func(m *ring.Machine) []ring.Action { return m.Observe(members(alice, bob2)) },
			ring.AnsweredElsewhere, []ring.Action{ring.Silence}},
		{"goes on when somebody else joins", func(m *ring.Machine) []ring.Action { return m.Observe(members(alice, carol)) },
			ring.Ringing, nil},
		{"is declined here", func(m *ring.Machine) []ring.Action { return m.Handle(ring.Decline) },
			ring.Declined, []ring.Action{ring.Silence, ring.SendDecline}},
		{"is declined on another device", func(m *ring.Machine) []ring.Action { return m.DeclinedFrom(bob.UserID, "$n") },
			ring.Declined, []ring.Action{ring.Silence}},
		{"goes on when somebody else declines", func(m *ring.Machine) []ring.Action { return m.DeclinedFrom(carol.UserID, "$n") },
			ring.Ringing, nil},
		{"is cancelled by a withdrawal", func(m *ring.Machine) []ring.Action { return m.Handle(ring.Withdrawn) },
			ring.Cancelled, []ring.Action{ring.Silence}},
		{"is cancelled when the session is empty again", func(m *ring.Machine) []ring.Action { return m.Observe(nil) },
			ring.Cancelled, []ring.Action{ring.Silence}},
		{"goes on while the caller has left and another is there", func(m *ring.Machine) []ring.Action {
			m.Observe(members(alice, carol))
			return m.Observe(members(carol))
		}, ring.Ringing, nil},
		{"expires", func(m *ring.Machine) []ring.Action { return m.Tick(noon.Add(90 * time.Second)) },
			ring.Expired, []ring.Action{ring.Silence}},
		{"is dismissed here", func(m *ring.Machine) []ring.Action { return m.Handle(ring.Dismiss) },
			ring.Dismissed, []ring.Action{ring.Silence}},
		{"can be answered after it was dismissed", func(m *ring.Machine) []ring.Action {
			m.Handle(ring.Dismiss)
			return m.Handle(ring.Answer)
		}, ring.AnsweredHere, []ring.Action{ring.Join}},
		{"expires after it was dismissed", func(m *ring.Machine) []ring.Action {
			m.Handle(ring.Dismiss)
			return m.Tick(noon.Add(90 * time.Second))
		}, ring.Expired, nil},
		{"cannot be answered after it expired", func(m *ring.Machine) []ring.Action {
			m.Tick(noon.Add(90 * time.Second))
			return m.Handle(ring.Answer)
		}, ring.Expired, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := taken()
			if actions := c.happens(m); m.State() != c.want || !slices.Equal(actions, c.actions) {
				t.Errorf("%s with %v, want %s with %v", m.State(), actions, c.want, c.actions)
			}
		})
	}
}

func TestTake_AlertsAndAcknowledgesWhereThatExists(t *testing.T) {
	if _, actions := ring.Take(bob, ring.Ring{}); !slices.Equal(actions, []ring.Action{ring.Alert}) {
		t.Errorf("begins with %v", actions)
	}
	if _, actions := ring.Take(bob, ring.Ring{Acknowledge: true}); !slices.Equal(actions, []ring.Action{ring.Alert, ring.SendAck}) {
		t.Errorf("begins with %v", actions)
	}
}

func TestObserve_WaitsForAMembershipThatComesAfterTheNotification(t *testing.T) {
	m, _ := ring.Take(bob, ring.Ring{ID: "$n", Expires: noon})
	if m.Observe(nil); m.State() != ring.Ringing {
		t.Fatalf("%s before the caller's membership came", m.State())
	}
	m.Observe(members(alice))
	if m.Observe(nil); m.State() != ring.Cancelled {
		t.Errorf("%s after the caller left", m.State())
	}
}
