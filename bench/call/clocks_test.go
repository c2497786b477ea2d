package call

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/bench/offset"
	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

// readings gives one every so often, until the test has ended; none of nil.
func readings(t *testing.T, every time.Duration, says func(number int) offset.Offset) chan offset.Reading {
	all, done := make(chan offset.Reading, 1), t.Context().Done()
	if says == nil {
		return all
	}
	go func() {
		for i := 0; ; i++ {
			select {
			case all <- offset.Reading{At: time.Now().UnixNano(), Offset: says(i)}:
			case <-done:
				return
			}
			select {
			case <-time.After(every):
			case <-done:
				return
			}
		}
	}()
	return all
}

// TestRun_StatesLatenciesAsWellAsTheyAreKnown, where publishers have another clock.
func TestRun_StatesLatenciesAsWellAsTheyAreKnown(t *testing.T) {
	const often = 100 * time.Millisecond
	steadily := func(bound time.Duration) func(int) offset.Offset {
		return func(int) offset.Offset { return offset.Offset{Bound: bound} }
	}
	for name, c := range map[string]struct {
		every  time.Duration
		reads  func(int) offset.Offset
		want   string
		states bool
	}{
		"known well":  {often, steadily(time.Microsecond), "", true},
		"hardly":      {often, steadily(time.Hour), "", false},
		"a wrong one": {often, func(int) offset.Offset { return offset.Offset{Ahead: -10 * time.Second, Bound: time.Millisecond} }, "before it was sent", true},
		"it was set": {often, func(i int) offset.Offset {
			return offset.Offset{Ahead: time.Duration(i/3) * time.Minute, Bound: time.Millisecond}
		}, "a clock was set", false},
		"silence later": {time.Hour, steadily(time.Microsecond), "older than the end", true},
		"silence":       {0, nil, "nothing was read of it", false},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config(scenario.Scenario{Publishers: 1, Subscribers: 1}, inside("ours"))
			conf.Measure, conf.Readings = 500*time.Millisecond, readings(t, c.every, c.reads)
			r := Run(t.Context(), conf)
			if machine(t, r) {
				return
			}
			if c.want == "" && r.Invalid != "" || !strings.Contains(r.Invalid, c.want) {
				t.Errorf("%q, want %q", r.Invalid, c.want)
			}
			if c.want != "" {
				return
			}
			_, stated := r.Has(report.P50Micros)
			_, bound := r.Has(report.ClockBoundMillis)
			if stated != c.states || (len(r.Spread) > 0) != c.states || (len(r.Course[latencyCourse]) > 0) != c.states || !bound {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestRun_TellsWhoHasThePublishers what they have to know, in its order.
func TestRun_TellsWhoHasThePublishers(t *testing.T) {
	conf := config(scenario.Scenario{Publishers: 2, Subscribers: 1, Layers: 3, Speak: 300 * time.Millisecond}, inside("ours"))
	conf.Measure = 2 * time.Second
	var mu sync.Mutex
	var told []Event
	conf.Tell = func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, e)
	}
	if r := Run(t.Context(), conf); r.Invalid != "" && !machine(t, r) {
		t.Fatalf("%+v", r)
	}
	ended := slices.Index(told, Event{What: Ends})
	if ended < 3 || told[0].What != Begins || !slices.Equal(told[1:3], []Event{{What: Speaks, Speaker: 0}, {What: Speaks, Speaker: 1}}) {
		t.Errorf("%+v", told)
	}
}

func TestDoubt_TakesBackWhatIsNotKnownWell(t *testing.T) {
	r := report.Round{Figures: report.Figures{report.P50Micros: 3999, report.P99Micros: 4000, report.Loss: 0}, Spread: []report.Point{{}}, Course: map[string][]report.Point{latencyCourse: nil}}
	doubt(&r, time.Millisecond)
	_, p50 := r.Has(report.P50Micros)
	_, p99 := r.Has(report.P99Micros)
	_, course := r.Course[latencyCourse]
	if p50 || !p99 || r.Spread != nil || !course {
		t.Errorf("%+v", r)
	}
}

func TestSteady_MissesReadings(t *testing.T) {
	at := func(seconds ...int64) (track offset.Track) {
		for _, s := range seconds {
			track = append(track, offset.Reading{At: s * int64(time.Second)})
		}
		return track
	}
	for want, track := range map[string]offset.Track{"": at(1, 2, 7, 9), "for 6s": at(1, 7, 9), "1s older": at(1, 2, 7)} {
		if err := steady(track, int64(8*time.Second)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", track, err, want)
		}
	}
}
