package allocate

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// page is what docs/allocation.md shows, worked out.
type page struct {
	strings.Builder
	*viewer
}

func (p *page) line(format string, of ...any) { fmt.Fprintf(p, format+"\n", of...) }

// shows tells what everybody has.
func (p *page) shows(names ...string) {
	for i, s := range p.shares {
		shown := "nothing"
		if s.Layer != simulcast.None {
			shown = fmt.Sprintf("layer %d at %v frames", s.Layer.Spatial, []string{"7.5", "15", "30"}[s.Layer.Temporal])
		}
		p.line("%-12s %-24s %-12v %s", names[i], shown, s.Rate, s.Reason)
	}
}

func TestThePageShowsWhatTheCodeDoes(t *testing.T) {
	text, err := os.ReadFile("../../docs/allocation.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, example := range map[string]func(*testing.T, *page){
		"ladder": ladderExample, "meeting": meetingExample, "up": upExample, "down": downExample,
		"fails": failsExample, "uplink": uplinkExample,
	} {
		p := new(page)
		example(t, p)
		if block := "```\n" + p.String() + "```"; !strings.Contains(string(text), block) {
			t.Errorf("%s: the page lacks\n%s", name, block)
		}
	}
}

func ladderExample(_ *testing.T, p *page) {
	for i, r := range usual().Rungs() {
		p.line("%d  layer %d, %-4s frames  %-11v worth %4.1f", i+1, r.Layer.Spatial, []string{"7.5", "15", "30"}[r.Layer.Temporal], r.Mean, r.Worth)
	}
}

func meetingExample(t *testing.T, p *page) {
	p.viewer = watch(t, demand(Screen, ladder(800*kbit)), demand(Speaker, usual()), demand(Visible, usual()), demand(Visible, usual()))
	for range 40 {
		p.hand(Budget{Estimate: 2600 * kbit, Confirmed: 2600 * kbit, Sound: 128 * kbit, Loss: 0.01})
	}
	b := Budget{Estimate: 2600 * kbit, Sound: 128 * kbit, Loss: 0.01}
	p.line("2600 kbit/s - 128 sound = 2472; 1 %% repair leaves %v", b.hold())
	p.shows("screen", "speaker", "visible", "visible")
}

func upExample(t *testing.T, p *page) {
	p.viewer = watch(t, demand(Speaker, usual()))
	p.settle(600 * kbit)
	for _, b := range []Budget{
		{Estimate: 600 * kbit, Confirmed: 600 * kbit}, {Estimate: 1900 * kbit, Confirmed: 900 * kbit},
		{Estimate: 1900 * kbit, Confirmed: 1850 * kbit},
	} {
		s := p.hand(b)[0]
		p.line("estimate %-11v proven %-11v %-10v %-9v wants %v next", b.Estimate, b.Confirmed, s.Rate, s.Reason, p.Want().Next)
	}
}

func downExample(t *testing.T, p *page) {
	p.viewer = watch(t, demand(Speaker, usual()))
	p.settle(3000 * kbit)
	for _, rate := range []unit.BitRate{3000 * kbit, 760 * kbit, 330 * kbit} {
		p.demands[0].Current = layer(2, 2)
		s := p.Allocate(Budget{Estimate: rate, Confirmed: rate}, p.demands, p.now)[0]
		until := map[int8]string{Everything: "all of it", 0: "its lowest temporal layer", -1: "nothing"}[s.Shed]
		p.line("%-11v layer %d (%v); of the present layer until then: %s", rate, s.Layer.Spatial, s.Rate, until)
	}
}

func failsExample(t *testing.T, p *page) {
	p.viewer = watch(t, demand(Speaker, usual()))
	p.settle(700 * kbit)
	begun := p.now
	for range 4 {
		p.give(1300 * kbit)
		taken := p.now
		p.give(700 * kbit)
		again := p.Want().Again
		p.line("%6v taken at 1300 kbit/s, %v later there are 700 again: not before %v", taken.Sub(begun), p.now.Sub(taken), again.Sub(begun))
		p.now = again.Add(-100 * time.Millisecond)
	}
}

func uplinkExample(t *testing.T, p *page) {
	s := share(t, 4, 2000*kbit)
	p.line("four paths:                      %v", s.given)
	s.paths[1].Rate, s.paths[1].Queue = 400*kbit, 40*time.Millisecond
	p.line("one falls to 400 kbit/s:         %v", s.step(100*time.Millisecond))
	s.paths[2].Queue = 30 * time.Millisecond
	p.line("another one sees a queue, too:   %v", s.step(100*time.Millisecond))
	s.paths[1].Queue, s.paths[2].Queue = 0, 0
	s.paths[0].Rate = 200 * kbit
	p.line("the first falls to 200 kbit/s:   %v", s.step(time.Second))
	p.line("nobody else has seen a queue:    %v", s.step(time.Second))
	s.paths = s.paths[1:]
	p.line("it leaves:                       %v", s.step(time.Second))
}
