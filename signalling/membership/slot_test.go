package membership_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"

	"pgregory.net/rapid"
)

// slotWords are what the slot of a room can say.
var slotWords = map[string]string{
	"open":    `{"status":"open","application":{"type":"m.call"}}`,
	"open a":  `{"status":"open","application":{"type":"m.call","m.call.id":"a"}}`,
	"open b":  `{"status":"open","application":{"type":"m.call","m.call.id":"b"}}`,
	"closed":  `{"status":"closed"}`,
	"emptied": `{}`,
	"spoilt":  `{"status":"ajar"}`,
}

// slotListener hears of a slot as a registry does: facts after facts.
type slotListener struct {
	facts membership.Facts
	heard int
}

// hear takes a word of the slot; one that is none of slotWords takes it away.
// In the slot are a sticky member and one that is written in the state.
func (l *slotListener) hear(word string, now time.Time) {
	facts := membership.Facts{RoomID: "!r:hs", Joined: map[string]bool{"@a:hs": true, "@b:hs": true}, Sticky: []membership.Sticky{{
		Event: membership.Event{Type: message.TypeMember, Sender: "@a:hs", EventID: "$a", SentAt: noon, Content: json.RawMessage(
			`{"slot_id":"m.call#ROOM","application":{"type":"m.call"},"transports":{"published":[{"type":"full_mesh"}],"can_subscribe":[]},` +
				`"member":{"user_id":"@a:hs","device_id":"A","id":"s"},"versions":[],"msc4354_sticky_key":"s"}`)},
		Until: noon.Add(100 * time.Hour), Duration: time.Hour,
	}}, State: []membership.Event{{
		Type: message.TypeCallMember, StateKey: "_@b:hs_B_m.call", Sender: "@b:hs", EventID: "$b", SentAt: noon, Content: json.RawMessage(
			`{"application":"m.call","call_id":"","device_id":"B","expires":360000000,"focus_active":{"type":"full_mesh"}}`),
	}}}
	if content, ok := slotWords[word]; ok {
		facts.State = append(facts.State, membership.Event{
			Type: message.TypeSlot, StateKey: message.SlotRoom, Sender: "@a:hs", EventID: fmt.Sprint("$slot", l.heard),
			SentAt: now, Content: json.RawMessage(content),
		})
	}
	if l.heard++; l.heard > 1 {
		facts = facts.After(l.facts, now)
	}
	l.facts = facts
}

// counts says how the slot counts, in the words that stand for themselves.
func (l *slotListener) counts(now time.Time) string {
	is := l.facts.Slot(message.SlotRoom, now)
	if is.CallID != "" {
		return is.Status.String() + " " + is.CallID
	}
	return is.Status.String()
}

func TestSlot_CountsAsBeforeForFiveSecondsOnly(t *testing.T) {
	type word struct {
		at   float64 // seconds
		says string
	}
	for _, c := range []struct {
		name  string
		says  []word
		means []word
	}{
		{"what is closed when we come", []word{{0, "closed"}}, []word{{0, "closed"}}},
		{"it closes", []word{{0, "open a"}, {10, "closed"}}, []word{{10, "open a"}, {14.999, "open a"}, {15, "closed"}, {99, "closed"}}},
		{"it is emptied, which was closing once", []word{{0, "open"}, {10, "emptied"}}, []word{{14.999, "open"}, {15, "closed"}}},
		{"it is spoilt", []word{{0, "open"}, {10, "spoilt"}}, []word{{14.999, "open"}, {15, "closed"}}},
		{"it is closed where there was none", []word{{0, "missing"}, {10, "closed"}}, []word{{14.999, "missing"}, {15, "closed"}}},
		{"closing is taken back", []word{{0, "open a"}, {10, "closed"}, {14.9, "open a"}}, []word{{14.9, "open a"}, {15, "open a"}, {99, "open a"}}},
		{"and comes again", []word{{0, "open a"}, {10, "closed"}, {13, "open a"}, {14, "closed"}}, []word{{18.999, "open a"}, {19, "closed"}}},
		{"closed once more in the meantime", []word{{0, "open a"}, {10, "closed"}, {14, "emptied"}}, []word{{14.999, "open a"}, {15, "closed"}}},
		{"it names another session", []word{{0, "open a"}, {10, "open b"}}, []word{{14.999, "open a"}, {15, "open b"}}},
		{"the former name is back", []word{{0, "open a"}, {10, "open b"}, {13, "open a"}}, []word{{13, "open a"}, {99, "open a"}}},
		{"closed, then another session", []word{{0, "open a"}, {10, "closed"}, {14, "open b"}}, []word{{14.999, "open a"}, {15, "open b"}}},
		{"the name is gone", []word{{0, "open a"}, {10, "open"}}, []word{{14.999, "open a"}, {15, "open"}}},
		{"the slot is gone", []word{{0, "open a"}, {10, "missing"}}, []word{{14.999, "open a"}, {15, "missing"}}},
		{"the slot of a session without a name is gone", []word{{0, "open"}, {10, "missing"}}, []word{{10, "missing"}}},
		{"it opens", []word{{0, "closed"}, {10, "open a"}}, []word{{10, "open a"}}},
		{"it is opened under the members", []word{{0, "missing"}, {10, "open a"}}, []word{{10, "open a"}}},
		{"it is given a name", []word{{0, "open"}, {10, "open a"}}, []word{{10, "open a"}}},
		{"it opens with another session", []word{{0, "open a"}, {10, "closed"}, {20, "open b"}}, []word{{19, "closed"}, {20, "open b"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := func(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }
			var l slotListener
			for _, means := range c.means {
				for len(c.says) > 0 && c.says[0].at <= means.at {
					l.hear(c.says[0].says, at(c.says[0].at))
					c.says = c.says[1:]
				}
				if is := l.counts(at(means.at)); is != means.says {
					t.Errorf("after %v s the slot is %q, want %q", means.at, is, means.says)
				}
			}
		})
	}
}

// However often the slot says for less than five seconds that the session is
// over, it goes on; the first time that it says so for longer ends it.
func TestSlot_FlapsNeverEndASessionAndALongerWordAlwaysDoes(t *testing.T) {
	others := []string{"closed", "emptied", "spoilt", "open b", "open", "missing"}
	rapid.Check(t, func(t *rapid.T) {
		var l slotListener
		now := noon
		pass := func(label string, most time.Duration) time.Time {
			now = now.Add(time.Duration(rapid.Int64Range(1, int64(most)-1).Draw(t, label)))
			return now
		}
		l.hear("open a", now)
		before := membership.Compute(l.facts, now).Sessions
		goesOn := func() {
			for _, change := range membership.Diff(before, membership.Compute(l.facts, now).Sessions) {
				t.Fatalf("%s after %s", change.Kind, now.Sub(noon))
			}
		}
		for range rapid.IntRange(0, 6).Draw(t, "flaps") {
			l.hear("open a", pass("before a flap", time.Minute))
			end := now.Add(time.Duration(rapid.Int64Range(1, int64(membership.SlotGrace)-1).Draw(t, "flap")))
			for range rapid.IntRange(1, 3).Draw(t, "words") {
				l.hear(rapid.SampledFrom(others).Draw(t, "says"), now)
				goesOn()
				now = now.Add(end.Sub(now) / 2)
				goesOn()
			}
			now = end
			goesOn()
			l.hear("open a", now)
			goesOn()
		}
		l.hear(rapid.SampledFrom(others).Draw(t, "at last"), pass("before the end", time.Minute))
		over := membership.Compute(l.facts, now).Next
		if over.Sub(now) != membership.SlotGrace {
			t.Fatalf("the session is to end after %s", over.Sub(now))
		}
		l.hear(rapid.SampledFrom(others).Draw(t, "at the very last"), pass("meanwhile", membership.SlotGrace))
		now = over.Add(-1)
		goesOn()
		changes := membership.Diff(before, membership.Compute(l.facts, over).Sessions)
		if len(changes) == 0 || l.counts(over) == "open a" {
			t.Errorf("after %s the session goes on in a slot that is %s", membership.SlotGrace, l.counts(over))
		}
	})
}

// A closed slot has no sticky members; whom js-sdk goes on to show is shown.
func TestSlot_ThatClosedKeepsWhoIsWrittenInTheState(t *testing.T) {
	var l slotListener
	l.hear("open a", noon)
	l.hear("closed", noon)
	over := noon.Add(membership.SlotGrace)
	result := membership.Compute(l.facts, over)
	if len(result.Sessions) != 1 || len(result.Sessions[0].Members) != 1 || result.Sessions[0].Members[0].UserID != "@b:hs" ||
		result.Sessions[0].Slot != membership.SlotClosed || len(result.Refusals) != 1 || result.Refusals[0].Rule != membership.RuleSlotClosed {
		t.Errorf("in the closed slot\n%s", describe("", over, result))
	}
	if plan := membership.PlanJoin(l.facts, over, membership.Abilities{Self: message.Party{UserID: "@c:hs", DeviceID: "C"}}); plan.Join {
		t.Errorf("the plan joins a closed slot: %s", plan.Why)
	}
}

func TestFacts_RememberNothingWithoutNeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		facts.Held = nil
		if is := facts.After(facts, noon); !reflect.DeepEqual(is, facts) {
			t.Errorf("the same facts again hold %v", is.Held)
		}
	})
}
