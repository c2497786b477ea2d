package congestion

import (
	"math"
	"math/rand/v2"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// Wild draws a case of a minute and a half from a seed: a path and a schedule that
// nobody has thought of. It is for finding what goes wrong, not for a table.
func Wild(seed uint64) Case {
	luck := rand.New(rand.NewPCG(seed, 8867))
	between := func(least, most float64) float64 { // evenly on a scale of ratios
		return least * math.Pow(most/least, luck.Float64())
	}
	c := single("wild", "a path that nobody has thought of, another for each varied seed", 90*second, wildRates(luck, between))
	c.Wild = true
	c.Forward.Queue = time.Duration(between(70, 1500)) * time.Millisecond
	delay := discrete.Always(time.Duration(between(8, 200)) * time.Millisecond)
	c.Forward.Delay, c.Back.Delay = delay, delay
	c.Forward.Jitter = time.Duration(luck.IntN(3)) * 3 * time.Millisecond
	c.Back.Jitter = c.Forward.Jitter
	if luck.IntN(3) == 0 {
		c.Forward.Loss = 0.03 * luck.Float64()
	}
	if luck.IntN(4) == 0 {
		c.Interval = 100 * time.Millisecond
	}
	f := &c.Flows[0]
	f.Most = unit.BitRate(between(1e6, 8e6))
	f.Frames = 10 + 20*luck.Float64()
	f.Skew = 200 * (2*luck.Float64() - 1)
	if luck.IntN(3) == 0 {
		f.PauseFrom = time.Duration(20+luck.IntN(30)) * second
		f.PauseTo = f.PauseFrom + time.Duration(1+luck.IntN(15))*second
	}
	if luck.IntN(4) == 0 {
		other := one(time.Duration(luck.IntN(40))*second, c.Length)
		c.Flows = append(c.Flows, other)
	}
	return c
}

// wildRates draws steps, ramps or a saw.
func wildRates(luck *rand.Rand, between func(least, most float64) float64) discrete.Rates {
	rate := func(r float64) unit.BitRate { return unit.BitRate(r) }
	level := between(400e3, 6e6)
	rates := discrete.Constant(rate(level))
	kind := luck.IntN(4)
	for at := time.Duration(between(5, 30) * 1e9); at < 90*second && kind > 0; {
		next := min(max(level*between(0.25, 4), 300e3), 8e6)
		if kind > 1 { // over ten seconds, in tenths
			for i := range 20 {
				level += (next - level) / float64(20-i)
				rates = append(rates, discrete.RateStep{At: at, Rate: rate(level)})
				at += 500 * time.Millisecond
			}
		}
		level = next
		rates = append(rates, discrete.RateStep{At: at, Rate: rate(level)})
		at += time.Duration(between(4, 30) * 1e9)
	}
	return rates
}
