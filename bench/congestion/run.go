package congestion

import (
	"math/rand/v2"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// run is one simulation: links, flows, and what they noted.
type run struct {
	spec  *Case
	seed  uint64
	clock *discrete.Clock

	forward, back, cross          *discrete.Link
	forwardLog, backLog, crossLog discrete.Log
	flows                         []*flow
	transfers                     []*transfer
}

// Run plays a case with a controller for each flow, and measures.
func Run(c Case, seed uint64, maker Maker) Result {
	r := newRun(&c, seed, maker)
	r.clock.Run(discrete.At(c.Length))
	return r.measure()
}

// luck gives a source of chance for one purpose: what one draws changes nothing
// for the others.
func (r *run) luck(purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(r.seed, purpose)) }

// Purposes of luck; flows and transfers count on from theirs.
const (
	forwardLuck uint64 = iota + 1
	backLuck
	crossLuck
	flowLuck     = 100
	feedbackLuck = 200
	transferLuck = 300
	controlLuck  = 400
	starvedLuck  = 500
	lateLuck     = 600
)

func newRun(c *Case, seed uint64, maker Maker) *run {
	r := &run{spec: c, seed: seed, clock: discrete.NewClock()}
	r.forward = discrete.NewLink(r.clock, c.Forward, r.luck(forwardLuck), &r.forwardLog)
	r.back = discrete.NewLink(r.clock, c.Back, r.luck(backLuck), &r.backLog)
	r.cross = discrete.NewLink(r.clock, c.Cross, r.luck(crossLuck), &r.crossLog)
	for i := range c.Flows {
		r.flows = append(r.flows, r.addFlow(i, maker))
	}
	for i, spec := range c.Transfers {
		r.transfers = append(r.transfers, r.addTransfer(i, spec))
	}
	r.clock.At(discrete.Start.Add(sampleEvery), (*sampler)(r))
	return r
}

// addFlow connects a flow: its packets take wire 2i, its reports 2i+1.
func (r *run) addFlow(i int, maker Maker) *flow {
	spec := r.spec.Flows[i]
	if spec.Weight == 0 {
		spec.Weight = 1
	}
	interval := r.spec.Interval
	if interval == 0 {
		interval = 50 * time.Millisecond
	}
	out, in := r.forward, r.back
	switch {
	case spec.Reverse:
		out, in = in, out
	case spec.Near:
		out = r.cross
	}
	luck := r.luck(flowLuck + uint64(i))
	f := newFlow(spec, 2*i, r.clock, out, luck)
	f.moves = spec.Moves
	f.process = newProcess(r.spec.Late, r.clock, r.luck(lateLuck+uint64(i)))
	to := newReceiver(f, 2*i+1, r.clock, in, interval)
	to.process = newProcess(r.spec.Starved, r.clock, r.luck(starvedLuck+uint64(i)))
	to.sparing = r.spec.Sparing
	if spec.Far {
		out.Connect(2*i, discrete.Always(0), discrete.ReceiverFunc(func(p *Packet, now unit.Instant) { r.cross.Put(*p, now) }))
		r.cross.Connect(2*i, spec.Delay, to)
	} else {
		out.Connect(2*i, spec.Delay, to)
	}
	in.Connect(2*i+1, spec.Delay, &shaper{rules: r.spec.Feedback, clock: r.clock, luck: r.luck(feedbackLuck + uint64(i)), flow: f})
	f.control = maker(Config{
		Least: spec.Least, Most: spec.Most, Sound: SoundRate, Interval: interval, Weight: spec.Weight,
		First: spec.First, Streams: spec.Streams, Seed: r.seed<<8 + controlLuck + uint64(i),
	}, discrete.At(spec.Start))
	return f
}

// sampler notes targets at regular instants.
type sampler run

// Wake notes those of all flows.
func (s *sampler) Wake(now unit.Instant) {
	for _, f := range s.flows {
		f.sample(now)
	}
	s.clock.At(now.Add(sampleEvery), s)
}
