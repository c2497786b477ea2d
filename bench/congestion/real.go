package congestion

import (
	"math/rand/v2"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// Sample is what a sender said of itself at an instant: every SampleEvery from the
// start on.
type Sample struct {
	Target, Encoded unit.BitRate // sound left out
}

// SampleEvery is the grain of samples.
const SampleEvery = sampleEvery

// Measure turns what passed a bottleneck into figures and a curve as Run does: of a
// case with one flow that was played elsewhere, in real time say. Of the log, the
// packets of flow 0 count. Figures that need more than a log are missing.
func Measure(c Case, log *discrete.Log, samples []Sample) Result {
	f := &flow{spec: c.Flows[0]}
	for _, s := range samples {
		f.samples = append(f.samples, sample{target: s.Target, encoded: s.Encoded})
	}
	r := &run{spec: &c, clock: discrete.NewClock(), forwardLog: *log, flows: []*flow{f}}
	result := Result{Case: c.Name, Hash: r.hash()}
	flows := []*intake{newIntake(&c, &f.spec, r.ways(0))}
	r.measurePassing(&result, flows)
	padding, all := sizeOf(flows[0].ways, c.Judged)
	result.set(PaddingShare, 100*ratio(float64(padding), float64(all)))
	result.Curves = []Curve{r.curve(0)}
	return result
}

// measurePassing fills in what links alone tell.
func (r *run) measurePassing(result *Result, flows []*intake) {
	received, _ := together(flows, r.spec.Judged)
	result.set(Utilisation, utilisation(flows, r.spec.Judged))
	result.set(MediaRate, received/(r.spec.Judged.To-r.spec.Judged.From).Seconds()/1000)
	r.measureQueue(result, flows)
	r.measureTurns(result, flows)
	for _, phase := range r.spec.phases() {
		result.Phases = append(result.Phases, ratio(together(flows, phase)))
	}
}

// Encoder is the video of a flow, for those who play it in real time: it makes what
// the one of a simulation does.
type Encoder struct{ video video }

// NewEncoder starts at the least rate of the flow.
func NewEncoder(spec Flow, seed uint64, now unit.Instant) *Encoder {
	return &Encoder{newVideo(&spec, rand.New(rand.NewPCG(seed, flowLuck)), now)}
}

// Next gives when the next frame is captured.
func (e *Encoder) Next() unit.Instant { return e.video.next }

// Rate gives what it makes at present.
func (e *Encoder) Rate() unit.BitRate { return e.video.rate }

// Wake gives the sizes of the packets of the frame that is due, as IP packets. It
// takes a target if it is time to look at one.
func (e *Encoder) Wake(target unit.BitRate, now unit.Instant) (sizes []int) {
	if e.video.look <= now {
		e.video.follow(func(unit.Instant) unit.BitRate { return target }, now)
	}
	if e.video.next > now {
		return nil
	}
	e.video.capture(now, func(p Packet, _ unit.Instant) { sizes = append(sizes, p.Size) })
	return sizes
}

// LayerRates gives the rates of the layers that publishers of simulcast cases send,
// IP packets, and what temporal layers up to each take of them.
func LayerRates() (rates [3]unit.BitRate, upTo [3]float64) { return layerRates, shares }

// LayerFrame gives the size of a frame of a layer in bytes: the n-th since the last key
// frame, whose temporal layer it gives too. drawn is from 0 to 1.
func LayerFrame(layer, n int, drawn float64) (bytes, temporal int) {
	average := float64(layerRates[layer].Bytes(pictureTime)) * (0.9 + 0.2*drawn)
	if n == 0 {
		return int(average * keySize), 0
	}
	temporal = int(pattern[n%len(pattern)])
	return int(average * weight[temporal]), temporal
}

// KeyDelay is from asking a publisher of layers for a key frame to its start,
// PictureTime from frame to frame, PacketMost the largest IP packet.
const (
	KeyDelay    = keyDelay
	PictureTime = pictureTime
	PacketMost  = packetMost
)

// Flat gives the simulcast case as one with a single flow that may take so much, for
// Measure, and for controllers that know no layers.
func (s Simulcast) Flat(most unit.BitRate) Case {
	c := s.Case
	c.Flows = []Flow{{End: c.Length, Least: layerRates[0], Most: most}}
	return c
}

// Faster gives a case with all times divided, for those who have little.
func (c Case) Faster(by int) Case {
	times := func(rates discrete.Rates) (faster discrete.Rates) {
		for _, step := range rates {
			faster = append(faster, discrete.RateStep{At: step.At / time.Duration(by), Rate: step.Rate})
		}
		return faster
	}
	c.Length /= time.Duration(by)
	c.Judged.From, c.Judged.To = c.Judged.From/time.Duration(by), c.Judged.To/time.Duration(by)
	c.Forward.Rates, c.Back.Rates = times(c.Forward.Rates), times(c.Back.Rates)
	c.Flows = append([]Flow(nil), c.Flows...)
	for i := range c.Flows {
		c.Flows[i].Start, c.Flows[i].End = c.Flows[i].Start/time.Duration(by), c.Flows[i].End/time.Duration(by)
	}
	return c
}
