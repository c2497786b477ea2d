package congestion

import (
	"slices"
	"testing"
	"time"
)

func TestKnownLost_NamesGoalsOnceWithDayAndReason(t *testing.T) {
	goals := slices.Concat(Goals(), SimulcastGoals(), CoupledGoals())
	known := KnownLost()
	for i, k := range known {
		if !slices.ContainsFunc(goals, func(g Goal) bool { return k.matches(g, k.Varied) }) {
			t.Errorf("%s has no goal %q", k.Case, k.Metric)
		}
		if slices.ContainsFunc(known[:i], func(o Known) bool { return o.Case == k.Case && o.Metric == k.Metric && o.Varied == k.Varied }) {
			t.Errorf("%s %s is there twice", k.Case, k.Metric)
		}
		if _, err := time.Parse(time.DateOnly, k.Since); err != nil || k.Why == "" {
			t.Errorf("%s %s: since %q, because %q", k.Case, k.Metric, k.Since, k.Why)
		}
	}
}

func TestFindKnown_TellsSchedulesApart(t *testing.T) {
	k := KnownLost()[0]
	g := Goal{Case: k.Case, Metric: k.Metric, Least: k.Least}
	if FindKnown(g, k.Varied) == nil || FindKnown(g, !k.Varied) != nil {
		t.Errorf("%+v is not found, or on the other schedule too", k)
	}
}
