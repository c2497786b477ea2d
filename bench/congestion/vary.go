package congestion

import (
	"math/rand/v2"
	"slices"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// How far a varied case is off the original, to either side, evenly.
const (
	variedTime     = 0.15
	variedCapacity = 0.15
	variedQueue    = 0.30
	variedDelay    = 0.50
)

// Varied gives the case with another schedule, drawn from the seed: the time
// between any two changes, each capacity, the queues and the delays are longer
// or shorter, of the jitter there is some share, and encoders make 10 to 30 frames
// a second at their lowest rates and follow within 30 to 100 ms.
func (c Case) Varied(seed uint64) Case {
	if c.Wild {
		return Wild(seed)
	}
	luck := rand.New(rand.NewPCG(seed, 15_15_30_50))
	draw := func(share float64) float64 { return 1 - share + 2*share*luck.Float64() }
	w := newWarp(c.knots(), func() float64 { return draw(variedTime) })
	c.Length, c.Judged, c.Broken = w.at(c.Length), w.window(c.Judged), w.window(c.Broken)
	c.Gone, c.Feedback.Gone = w.at(c.Gone), w.window(c.Feedback.Gone)
	queue, delay, shaken := draw(variedQueue), draw(variedDelay), luck.Float64()
	for _, p := range []*discrete.Path{&c.Forward, &c.Back, &c.Cross} {
		p.Queue = time.Duration(float64(p.Queue) * queue)
		p.Least = int(float64(p.Least) * queue)
		p.Rates = w.rates(p.Rates, func() float64 { return draw(variedCapacity) })
		p.Delay = w.delays(p.Delay, delay)
		p.Jitter = time.Duration(float64(p.Jitter) * shaken)
	}
	c.Flows = slices.Clone(c.Flows)
	for i := range c.Flows {
		f := &c.Flows[i]
		f.Start, f.End = w.at(f.Start), w.at(f.End)
		f.PauseFrom, f.PauseTo = w.at(f.PauseFrom), w.at(f.PauseTo)
		f.SoundOnly = w.at(f.SoundOnly) // of flows that begin at 0
		f.Frames = framesLeast + (framesMost-framesLeast)*luck.Float64()
		f.Follow = time.Duration((0.3 + 0.7*luck.Float64()) * float64(follow))
		f.Moves = slices.Clone(f.Moves)
		for k := range f.Moves {
			f.Moves[k] = w.at(f.Moves[k])
		}
		if f.Delay != nil {
			f.Delay = w.delays(f.Delay, draw(variedDelay))
		}
	}
	c.Transfers = slices.Clone(c.Transfers)
	for i := range c.Transfers {
		t := &c.Transfers[i]
		t.Start, t.End = w.at(t.Start), w.at(t.End)
	}
	return c
}

// knots gives all times at which something changes, sorted, from 0 to the end.
func (c *Case) knots() []time.Duration {
	found := []time.Duration{0, c.Length, c.Judged.From, c.Judged.To, c.Broken.From, c.Broken.To, c.Gone,
		c.Feedback.Gone.From, c.Feedback.Gone.To}
	for _, p := range []*discrete.Path{&c.Forward, &c.Back, &c.Cross} {
		for _, step := range p.Rates {
			found = append(found, step.At)
		}
		for _, step := range p.Delay {
			found = append(found, step.At)
		}
	}
	for i := range c.Flows {
		f := &c.Flows[i]
		found = append(found, f.Start, f.End, f.PauseFrom, f.PauseTo, f.SoundOnly)
		found = append(found, f.Moves...)
	}
	for _, t := range c.Transfers {
		found = append(found, t.Start, t.End)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// warp moves times, so that their order stays.
type warp struct{ from, to []time.Duration }

func newWarp(knots []time.Duration, stretch func() float64) warp {
	w := warp{from: knots, to: make([]time.Duration, len(knots))}
	for i := 1; i < len(knots); i++ {
		gap := float64(knots[i]-knots[i-1]) * stretch()
		w.to[i] = w.to[i-1] + time.Duration(gap)
	}
	return w
}

// at gives where one of the knots has gone.
func (w *warp) at(t time.Duration) time.Duration {
	i, _ := slices.BinarySearch(w.from, t)
	return w.to[i]
}

func (w *warp) window(v Window) Window { return Window{w.at(v.From), w.at(v.To)} }

func (w *warp) rates(rates discrete.Rates, stretch func() float64) discrete.Rates {
	rates = slices.Clone(rates)
	for i := range rates {
		rates[i].At = w.at(rates[i].At)
		rates[i].Rate = unit.BitRate(float64(rates[i].Rate) * stretch())
	}
	return rates
}

func (w *warp) delays(delays discrete.Delays, stretch float64) discrete.Delays {
	delays = slices.Clone(delays)
	for i := range delays {
		delays[i].At = w.at(delays[i].At)
		delays[i].Delay = time.Duration(float64(delays[i].Delay) * stretch)
	}
	return delays
}
