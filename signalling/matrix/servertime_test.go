package matrix

import (
	"testing"
	"time"
)

func TestServerTime_CorrectsOnlyWhatIsCertain(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	type answer struct{ ahead, sent, took time.Duration }
	for _, test := range []struct {
		name    string
		answers []answer
		least   time.Duration
		most    time.Duration
	}{
		{"nothing heard", nil, 0, 0},
		{"clocks agree", []answer{{0, 0, 100 * time.Millisecond}, {0, 300 * time.Millisecond, time.Second}}, 0, 0},
		{"half a second is within the step of the header", []answer{{500 * time.Millisecond, 0, 0}}, 0, 500 * time.Millisecond},
		{"ten minutes ahead", []answer{{10 * time.Minute, 0, 100 * time.Millisecond}}, 10*time.Minute - time.Second, 10 * time.Minute},
		{"ten minutes behind", []answer{{-10 * time.Minute, 0, 100 * time.Millisecond}}, -10 * time.Minute, -10*time.Minute + time.Second},
		{"a long poll says little", []answer{{10 * time.Minute, 0, 30 * time.Second}}, 9*time.Minute + 29*time.Second, 10 * time.Minute},
		{"a quick answer after it says more", []answer{{10 * time.Minute, 0, 30 * time.Second}, {10 * time.Minute, 40 * time.Second, 0}}, 10*time.Minute - time.Second, 10 * time.Minute},
		{"a clock that was set counts at once", []answer{{10 * time.Minute, 0, 0}, {0, time.Minute, 0}}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var clock serverTime
			for _, a := range test.answers {
				sent := start.Add(a.sent)
				received := sent.Add(a.took)
				clock.heard(received.Add(a.ahead).Truncate(time.Second), sent, received)
			}
			if got := clock.ahead(); got < test.least || got > test.most {
				t.Errorf("ahead by %s, want %s to %s", got, test.least, test.most)
			}
		})
	}
}
