package home

import (
	"encoding/json"
	"testing"
	"time"

	"meshfocus/bench/report"
)

// A homeserver that is behind delivers what was sent long ago: it is no less for that.
func TestTally_CountsWhatCameWhileItWasMeasured(t *testing.T) {
	began := time.Unix(1000, 0)
	in := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	tl := newTally("run")
	hear := func(run string, number int, sent, came float64) {
		content, err := json.Marshal(word{Run: run, Number: number, At: in(sent).UnixNano()})
		if err != nil {
			t.Fatal(err)
		}
		tl.hear(&device{}, content, in(came))
	}
	hear("run-warm", 0, 0, 0.5) // before
	tl.span(in(1), in(3))
	hear("run-warm", 1, 0.1, 1.5)
	hear("run-warm", 1, 0.1, 1.5) // a second time
	hear("run-warm", 2, 0.2, 2)
	hear("run", 0, 1, 2.5)
	hear("run", 1, 1.1, 3.5) // afterwards
	hear("another", 2, 1.1, 2)
	var r report.Round
	r.Figures = report.Figures{}
	tl.note(&r)
	if got := r.Figures[report.Delivered]; got != 1.5 || tl.heard() != 2 {
		t.Errorf("%v a second, %d heard; three came in two seconds, and two were to be counted", got, tl.heard())
	}
}
