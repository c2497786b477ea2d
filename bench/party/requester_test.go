package party

import (
	"slices"
	"testing"
	"time"

	"meshfocus/bench/playout"
	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// TestRequester_AsksAsABrowserDoes: at once, every 100 ms or a little later, ten times.
func TestRequester_AsksAsABrowserDoes(t *testing.T) {
	r, begun := &requester{}, unit.Instant(time.Hour)
	r.Arrived(65534, 0, begun)
	r.Arrived(1, 0, begun) // 65535 and 0 are missing
	var asked []time.Duration
	for now := begun; r.Next(0) != unit.Far; now = max(now, r.Next(0)) {
		wanted := r.Due(nil, 0, now)
		if len(wanted) == 0 {
			continue
		}
		if asked = append(asked, now.Sub(begun)); !slices.Equal(wanted, []uint16{65535, 0}) {
			t.Errorf("after %v it asks for %v", asked, wanted)
		}
	}
	if len(asked) != asks || asked[0] != 0 {
		t.Errorf("it asked after %v", asked)
	}
	for i, at := range asked[1:] {
		if wait := at - asked[i]; wait < tripTime || wait > tripTime+processing {
			t.Errorf("it waited for %v between %v", wait, asked)
		}
	}
}

func TestRequester_ForgetsWhatIsOfNoUse(t *testing.T) {
	begun := unit.Instant(time.Hour)
	for name, c := range map[string]struct {
		happens func(*requester)
		want    []uint16
	}{
		"nothing":                            {func(*requester) {}, []uint16{11, 12, 13, 14}},
		"one came again":                     {func(r *requester) { r.Repaired(12, begun) }, []uint16{11, 13, 14}},
		"one was only late":                  {func(r *requester) { r.Arrived(13, 0, begun) }, []uint16{11, 12, 14}},
		"a later frame can be decoded":       {func(r *requester) { r.Overtaken(14) }, []uint16{14}},
		"more than a browser asks for":       {func(r *requester) { r.Arrived(15+wanting, 0, begun) }, nil},
		"what was never missing comes again": {func(r *requester) { r.Repaired(10, begun) }, []uint16{11, 12, 13, 14}},
	} {
		r := &requester{}
		r.Arrived(10, 0, begun)
		r.Arrived(15, 0, begun)
		c.happens(r)
		if got := r.Due(nil, 0, begun); !slices.Equal(got, c.want) {
			t.Errorf("%s: it asks for %v, want %v", name, got, c.want)
		}
		if len(c.want) > 0 && !r.Wanted(c.want[0]) || r.Wanted(10) {
			t.Errorf("%s: it does not know what it wants", name)
		}
	}
}

// TestEnd_AsksForNothingBeforeWhatItShows, if it is faithful; others ask for no more than
// a path can bear.
func TestEnd_AsksForNothingBeforeWhatItShows(t *testing.T) {
	e, now := &End{view: &view{inspect: func(_ []byte, _ bool, p *playout.Packet) error {
		p.Info = simulcast.Info{Start: true, End: true, Key: true, Width: 320, Height: 180}
		return nil
	}}}, unit.Instant(time.Hour)
	missing := e.sink(1).missing
	for _, sequence := range []uint16{7, 10, 12} {
		missing.Arrived(sequence, 0, now)
	}
	e.put(e.view.picture(1), packet.Header{SSRC: 1}, nil, 10, now)
	if wanted := missing.Due(nil, 0, now); !slices.Equal(wanted, []uint16{11}) {
		t.Errorf("it asks for %v", wanted)
	}
	if _, ok := (&End{}).sink(1).missing.(*feedback.Missing); !ok {
		t.Error("who is not faithful asks as browsers do")
	}
}
