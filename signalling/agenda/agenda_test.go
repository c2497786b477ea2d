package agenda

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestAgenda_TellsWhenTheSoonestHasChanged(t *testing.T) {
	var a Agenda[string]
	late, soon := &Appointment[string]{What: "late"}, &Appointment[string]{What: "soon"}
	if _, any := a.Next(); any || late.Waits() {
		t.Error("something waits on an empty agenda")
	}
	for n, c := range []struct {
		p     *Appointment[string]
		after time.Duration
		first bool
	}{
		{late, time.Hour, true},
		{soon, time.Minute, true},
		{late, 2 * time.Hour, false},
		{soon, 3 * time.Hour, false}, // now the other is the first, which was slept beyond anyway
		{soon, time.Second, true},
	} {
		if first := a.Appoint(c.p, noon.Add(c.after)); first != c.first || !c.p.Waits() || !c.p.At().Equal(noon.Add(c.after)) {
			t.Errorf("%d: appointing %s says first: %t, want %t", n, c.p.What, first, c.first)
		}
	}
	if _, ok := a.Take(noon); ok {
		t.Error("something is due before its time")
	}
	if what, ok := a.Take(noon.Add(time.Second)); !ok || what != "soon" || soon.Waits() {
		t.Errorf("due is %q", what)
	}
	a.Strike(soon) // is on it no more
	if next, any := a.Next(); !any || !next.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("the next is at %s", next)
	}
	a.Strike(late)
	if _, any := a.Next(); any || late.Waits() {
		t.Error("what was struck off waits")
	}
}

// TestAgenda_IsASortedList: whatever is appointed, moved and struck off, what
// is taken is what a sorted list would give, in the order of appointing at one
// instant.
func TestAgenda_IsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Agenda[int]
		all := make([]*Appointment[int], 8)
		for n := range all {
			all[n] = &Appointment[int]{What: n}
		}
		var model []*Appointment[int] // by instant, then by age
		strike := func(p *Appointment[int]) {
			model = slices.DeleteFunc(model, func(other *Appointment[int]) bool { return other == p })
		}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			p := all[rapid.IntRange(0, len(all)-1).Draw(t, "which")]
			at := noon.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * time.Second)
			switch rapid.SampledFrom([]string{"appoint", "appoint", "strike", "take"}).Draw(t, "what") {
			case "appoint":
				strike(p)
				a.Appoint(p, at)
				model = append(model, p)
				slices.SortStableFunc(model, func(x, y *Appointment[int]) int { return x.At().Compare(y.At()) })
			case "strike":
				strike(p)
				a.Strike(p)
			case "take":
				want, due := -1, len(model) > 0 && !model[0].At().After(at)
				if due {
					want, model = model[0].What, model[1:]
				}
				if got, ok := a.Take(at); ok != due || ok && got != want {
					t.Fatalf("took %d %t, want %d %t", got, ok, want, due)
				}
			}
			waiting := slices.DeleteFunc(slices.Clone(all), func(p *Appointment[int]) bool { return !p.Waits() })
			byWhat := func(x, y *Appointment[int]) int { return cmp.Compare(x.What, y.What) }
			if !slices.Equal(waiting, slices.SortedFunc(slices.Values(model), byWhat)) {
				t.Fatalf("%d wait, want %d", len(waiting), len(model))
			}
		}
	})
}
