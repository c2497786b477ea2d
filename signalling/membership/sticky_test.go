package membership_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"

	"pgregory.net/rapid"
)

// place is where an event of a made-up room stands in the sticky map.
func place(s membership.Sticky) [3]string {
	m, _ := message.ParseStickyMember(s.Content)
	return [3]string{s.Sender, s.Type, m.StickyKey}
}

func TestCompute_TakesStickyEventsTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		want := membership.Compute(facts, noon)
		if len(facts.Sticky) > 0 {
			again := rapid.SampledFrom(facts.Sticky).Draw(t, "again")
			facts.Sticky = append(slices.Clone(facts.Sticky), again)
		}
		is := membership.Compute(facts, noon)
		if !reflect.DeepEqual(is.Sessions, want.Sessions) || !is.Next.Equal(want.Next) {
			t.Errorf("with an event twice\n%s\nwant\n%s", describe("", noon, is), describe("", noon, want))
		}
	})
}

func TestCompute_IsNotMovedByAnOlderStickyEventThatComesLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		want := membership.Compute(facts, noon)
		late := drawSticky(t)
		late.EventID = "$late"
		newer := slices.ContainsFunc(facts.Sticky, func(s membership.Sticky) bool {
			return place(s) == place(late) && s.SentAt.After(late.SentAt)
		})
		if !newer || place(late)[2] == "" {
			return
		}
		facts.Sticky = append(slices.Clone(facts.Sticky), late)
		if is := membership.Compute(facts, noon); !reflect.DeepEqual(is, want) {
			t.Errorf("with %s of %s\n%s\nwant\n%s", late.Content, late.SentAt.Sub(noon), describe("", noon, is), describe("", noon, want))
		}
	})
}

func TestCompute_TakesARedactionForAnEventThatWasNotSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		if len(facts.Sticky) == 0 {
			return
		}
		at := rapid.IntRange(0, len(facts.Sticky)-1).Draw(t, "redacted")
		without, redacted := facts, facts
		without.Sticky = slices.Delete(slices.Clone(facts.Sticky), at, at+1)
		redacted.Sticky = slices.Clone(facts.Sticky)
		redacted.Sticky[at].Content = json.RawMessage(`{}`)
		want := membership.Compute(without, noon)
		if is := membership.Compute(redacted, noon); !reflect.DeepEqual(is, want) {
			t.Errorf("redacted\n%s\nwant\n%s", describe("", noon, is), describe("", noon, want))
		}
	})
}

func TestCompute_LeavesNobodyBehindARedactedState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		if len(facts.State) == 0 {
			return
		}
		at := rapid.IntRange(0, len(facts.State)-1).Draw(t, "redacted")
		facts.State = slices.Clone(facts.State)
		facts.State[at].Content = json.RawMessage(`{}`)
		for _, s := range membership.Compute(facts, noon).Sessions {
			for _, m := range s.Members {
				if m.EventID == facts.State[at].EventID {
					t.Errorf("%s is in %s by the redacted event %s", m.Party, s.ConfID, m.EventID)
				}
			}
		}
	})
}

func TestSession_ConnectsWhoPublishesAMeshWithWhoTakesIt(t *testing.T) {
	facts, now := readRoom(t, "pairwise").Facts()
	session := membership.Compute(facts, now).Sessions[0]
	for i, a := range session.Members {
		for j, b := range session.Members {
			// B publishes, C subscribes, A and D use an SFU.
			want := i != j && i != 0 && i != 3 && j != 0 && j != 3
			if is := session.Connects(a, b); i != j && is != want {
				t.Errorf("%s with %s: %v, want %v", a.Party, b.Party, is, want)
			}
		}
	}
}
