package congestion

import (
	"math/rand/v2"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// Simulcast is a case with layers: one focus, one subscriber behind the path
// Forward, and tracks of three layers each. Sound is beside them.
type Simulcast struct {
	Case
	Tracks int
}

// What the publishers of simulcast cases send.
const (
	layeredSound = 32 * unit.Kilobit
	soundBytes   = 80 // of an IP packet, 50 in a second
)

// layerRates are the rates of the layers, IP packets as everywhere here; shares what
// temporal layers up to one take of them.
var (
	layerRates = [...]unit.BitRate{150 * unit.Kilobit, 500 * unit.Kilobit, 1500 * unit.Kilobit}
	shares     = [...]float64{0.4, 0.6, 1}
)

// Simulcasts gives the cases with layers.
func Simulcasts() []Simulcast {
	const step = 2 * time.Second
	edge := []any{0 * time.Second, 3.0}
	for at, low := 20*time.Second, false; at < 140*time.Second; at, low = at+step, !low {
		if rate := 0.62; low {
			edge = append(edge, at, rate-0.1)
		} else {
			edge = append(edge, at, rate)
		}
	}
	return []Simulcast{
		layered("S1", "a picture in three sizes: 3, 0.8, 3, 0.35, 3 Mbit/s", 150, 1, 0, 0*time.Second, 3.0, 30*time.Second, 0.8, 60*time.Second, 3.0, 90*time.Second, 0.35, 110*time.Second, 3.0),
		layered("S2", "somebody joins at 2.5 Mbit/s", 30, 1, 0, 0*time.Second, 2.5),
		layered("S3", "capacity to and fro at the edge of a size", 140, 1, 0, edge...),
		layered("S4", "four pictures: 8, 2.2, 8 Mbit/s", 120, 4, 0, 0*time.Second, 8.0, 40*time.Second, 2.2, 80*time.Second, 8.0),
		layered("S5", "somebody joins, with 3 % loss", 60, 1, 0.03, 0*time.Second, 3.0),
		layered("S6", "somebody joins at 0.6 Mbit/s", 40, 1, 0, 0*time.Second, 0.6),
		starvedViewer("S7", 0.3), starvedViewer("S8", 0.6), lateFocus("S9"),
	}
}

// starvedViewer stands for a part of the time on an ample path.
func starvedViewer(name string, share float64) Simulcast {
	s := layered(name, "10 Mbit/s, the viewer's process stands now and then", 60, 1, 0, 0*time.Second, 10.0)
	s.Starved.Share = share
	return s
}

// lateFocus is a focus for whom that is so.
func lateFocus(name string) Simulcast {
	s := layered(name, "10 Mbit/s, the focus stands 30 % of the time", 60, 1, 0, 0*time.Second, 10.0)
	s.Late.Share = 0.3
	return s
}

// layered makes a case of times and Mbit/s by turns.
func layered(name, about string, seconds int, tracks int, loss float64, steps ...any) Simulcast {
	var rates discrete.Rates
	for i := 0; i < len(steps); i += 2 {
		rates = append(rates, discrete.RateStep{At: steps[i].(time.Duration), Rate: unit.BitRate(steps[i+1].(float64) * 1e6)})
	}
	length := time.Duration(seconds) * time.Second
	delay := discrete.Always(25 * time.Millisecond)
	return Simulcast{Tracks: tracks, Case: Case{
		Name: name, About: about, Length: length, Judged: Window{0, length},
		Forward: discrete.Path{Rates: rates, Queue: 300 * time.Millisecond, Delay: delay, Loss: loss},
		Back:    discrete.Path{Delay: delay},
	}}
}

// Varied gives the case with another schedule, as Case.Varied does.
func (s Simulcast) Varied(seed uint64) Simulcast {
	s.Case = s.Case.Varied(seed)
	return s
}

// fits is the best layer that fits an equal split of 95 % of a capacity, less sound,
// -1 for none.
func (s *Simulcast) fits(capacity unit.BitRate) int {
	each := (0.95*float64(capacity) - float64(layeredSound)) / float64(s.Tracks)
	for i := len(layerRates) - 1; i >= 0; i-- {
		if float64(layerRates[i]) <= each {
			return i
		}
	}
	return -1
}

// Run plays the case with the focus of package focus: simulcast, allocate, egress.
func (s Simulcast) Run(seed uint64) Result {
	st := newStage(&s, seed)
	st.begin()
	st.clock.Run(discrete.At(s.Length))
	return st.measure()
}

// Observe plays the case as Run does and keeps the curve: Target is the estimate,
// Encoded what the layers take that are to be sent.
func (s Simulcast) Observe(seed uint64) Result {
	st := newStage(&s, seed)
	st.begin()
	st.clock.Run(discrete.At(s.Length))
	result := st.measure()
	result.Curves = []Curve{st.curve()}
	return result
}

// stage is one simulation: publishers, focus, viewer, and what is between the last
// two.
type stage struct {
	spec  *Simulcast
	seed  uint64
	clock *discrete.Clock

	forward, back       *discrete.Link
	forwardLog, backLog discrete.Log
	publishers          []*publisher
	focus               *focus
	viewer              *viewer

	// items are all packets the focus has made, by Packet.Frame; words all that the
	// viewer has said, by Packet.Frame of packets back.
	items []item
	words []word
}

// item is one packet from the focus to the viewer.
type item struct {
	kind     discrete.Kind
	track    int
	sequence uint16   // of its track's stream
	picture  *picture // nil for sound
	index    int      // in the picture
	enters   bool     // a layer is entered with it
	size     int
	captured unit.Instant
	epoch    int  // of its track: counts switches
	came     bool // it, or what was sent again of it
	of       int  // of what is sent again: the item it is
}

// word is what the viewer says of a track: packets it misses, or that it needs a
// key frame.
type word struct {
	track   int
	missing []uint16
	key     bool
}

func newStage(s *Simulcast, seed uint64) *stage {
	st := &stage{spec: s, seed: seed, clock: discrete.NewClock()}
	st.forward = discrete.NewLink(st.clock, s.Forward, st.luck(forwardLuck), &st.forwardLog)
	st.back = discrete.NewLink(st.clock, s.Back, st.luck(backLuck), &st.backLog)
	for i := range s.Tracks {
		st.publishers = append(st.publishers, newPublisher(st, i))
	}
	st.focus = newFocus(st)
	st.viewer = newViewer(st)
	st.forward.Connect(0, nil, st.viewer)
	st.back.Connect(1, nil, discrete.ReceiverFunc(st.focus.heard))
	return st
}

// begin has the publishers send for a while, then the subscriber comes.
func (st *stage) begin() {
	for _, p := range st.publishers {
		p.start()
	}
	st.viewer.Wake(discrete.Start)
	st.focus.begin(discrete.Start)
}

// luck gives a source of chance for one purpose.
func (st *stage) luck(purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(st.seed, purpose)) }
