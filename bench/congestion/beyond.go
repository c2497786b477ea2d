package congestion

import (
	"math/rand/v2"
	"strconv"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// likeVariable is 5.1 with something changed.
func likeVariable(name, about string, change func(*Case)) Case {
	c := single(name, about, 100*second, variable())
	change(&c)
	return c
}

// beyond is the cases that RFC 8867 lacks and calls meet.
func beyond() []Case {
	return []Case{
		likeVariable("wide", "5.1, source up to 4 Mbit/s", func(c *Case) { c.Flows[0].Most = 4 * megabit }),
		likeVariable("jitter", "5.1, delays spread over all of 30 ms", func(c *Case) {
			c.Forward.Jitter, c.Forward.JitterMost = 2*jitter, 15*time.Millisecond
		}),
		likeVariable("still", "5.1 without any jitter", func(c *Case) { c.Forward.Jitter, c.Back.Jitter = 0, 0 }),
		likeVariable("loss2", "5.1 with 2 % loss", func(c *Case) { c.Forward.Loss = 0.02 }),
		likeVariable("burst", "5.1 with bursts of loss", func(c *Case) { c.Forward.Bad, c.Forward.Good = 0.01, 0.25 }),
		likeVariable("short", "5.1 with a queue of 70 ms", func(c *Case) { c.Forward.Queue = 70 * time.Millisecond }),
		likeVariable("bloat", "5.1 with a queue of 1.5 s", func(c *Case) { c.Forward.Queue = 1500 * time.Millisecond }),
		highRate(), routeChange(),
		skewed("skew fast", 200), skewed("skew slow", -200),
		likeVariable("feedback loss", "5.1, 30 % of reports lost, none for 2 s", func(c *Case) {
			c.Feedback = Feedback{Loss: 0.3, Gone: Window{50 * second, 52 * second}}
		}),
		feedbackShape(), outage(), slowStart(), trace(),
		starved("starved 10", 0.1), starved("starved 30", 0.3), starved("starved 60", 0.6), late(), starvedFull(),
	}
}

// Repeats gives 5.1 under the other conditions of RFC 8867 section 4, and others that
// are played when they are named: they have no goals but the rule about collapse.
func Repeats() []Case {
	var cases []Case
	for _, ms := range []time.Duration{10, 100, 150} {
		delay := discrete.Always(ms * time.Millisecond)
		cases = append(cases, likeVariable("delay "+(ms*time.Millisecond).String(), "5.1 with another delay", func(c *Case) {
			c.Forward.Delay, c.Back.Delay = delay, delay
		}))
	}
	for _, percent := range []int{1, 5, 10, 20} {
		cases = append(cases, likeVariable("loss "+strconv.Itoa(percent), "5.1 with loss of so many percent", func(c *Case) {
			c.Forward.Loss = float64(percent) / 100
		}))
	}
	return append(cases,
		likeVariable("interval 100ms", "5.1 with a report every 100 ms", func(c *Case) { c.Interval = 100 * time.Millisecond }),
		likeVariable("browser", "5.1 with reports as often as a browser has room for", func(c *Case) { c.Sparing = true }),
		routeTold(), Wild(0), wakesLate(20), wakesLate(60), wakesLate(150),
	)
}

// highRate is 20 Mbit/s with a round trip of 150 ms.
func highRate() Case {
	c := single("high rate", "20 Mbit/s, source 1 to 16 Mbit/s", 60*second, discrete.Constant(20*megabit))
	delay := discrete.Always(75 * time.Millisecond)
	c.Forward.Delay, c.Back.Delay = delay, delay
	c.Flows[0].Least, c.Flows[0].Most = megabit, 16*megabit
	return c
}

// routeChange moves the path to a longer way and back; nobody tells the sender.
func routeChange() Case {
	c := single("route change", "one-way delay 20, 120, 20 ms", 90*second, discrete.Constant(megabit))
	delays := discrete.Delays{
		{At: 0, Delay: 20 * time.Millisecond}, {At: 30 * second, Delay: 120 * time.Millisecond}, {At: 60 * second, Delay: 20 * time.Millisecond},
	}
	c.Forward.Delay, c.Back.Delay = delays, delays
	return c
}

// routeTold is routeChange where ICE says when the pair has changed.
func routeTold() Case {
	c := routeChange()
	c.Name, c.About = "route told", "route change, and the sender is told"
	c.Flows[0].Moves = []time.Duration{30 * second, 60 * second}
	return c
}

// skewed has the receiver's clock run off.
func skewed(name string, millionths float64) Case {
	c := single(name, "the receiver's clock is off by 200 ppm", 300*second, discrete.Constant(megabit))
	c.Flows[0].Skew = millionths
	return c
}

// feedbackShape is everything that befalls reports at once: late, bunched,
// twice, of packets long forgotten, with numbers and times that wrap.
func feedbackShape() Case {
	return likeVariable("feedback shape", "5.1, reports late, bunched, twice, old; wraps", func(c *Case) {
		c.Feedback = Feedback{Bunch: 250 * time.Millisecond, Late: 50 * time.Millisecond, Twice: 0.1, Old: 0.02}
		c.Flows[0].Ahead = feedback.ReferenceWrap - time.Duration(discrete.Start)%feedback.ReferenceWrap - 30*second
		c.Flows[0].First = 1<<16 - 2000
	})
}

// outage is a path that is dead for three seconds, with the packets that its
// queue holds.
func outage() Case {
	c := single("outage", "no capacity for 3 s", 60*second, discrete.Rates{{At: 0, Rate: megabit}, {At: 30 * second, Rate: 0}, {At: 33 * second, Rate: megabit}})
	c.Forward.Least = int(megabit.Bytes(queueUsual))
	c.Broken = Window{30 * second, 33 * second}
	return c
}

// slowStart has a minute of sound before there is video.
func slowStart() Case {
	c := single("slow start", "video after 60 s of sound", 90*second, discrete.Constant(megabit))
	c.Flows[0].SoundOnly = 60 * second
	c.Judged = Window{60 * second, 90 * second}
	return c
}

// trace is capacity like that of radio: a random walk in steps of 200 ms between
// 0.3 and 4 Mbit/s with fades, always the same.
func trace() Case {
	luck := rand.New(rand.NewPCG(8869, 200))
	var rates discrete.Rates
	level, fade := 1.5, 0
	for at := time.Duration(0); at < 100*second; at += 200 * time.Millisecond {
		level *= 1 + 0.08*luck.NormFloat64()
		level = min(max(level+0.02*(1.5-level), 0.5), 4)
		if fade--; fade < 0 && luck.Float64() < 0.01 {
			fade = 5 + luck.IntN(10) // 1 to 3 s
		}
		rate := level
		if fade > 0 {
			rate *= 0.5
		}
		rates = append(rates, discrete.RateStep{At: at, Rate: unit.BitRate(max(rate, 0.3) * 1e6)})
	}
	return single("trace", "radio-like, a step every 200 ms", 100*second, rates)
}

// amply is a path of ten times what is wanted, and near.
func amply(name, about string) Case {
	c := single(name, about, 60*second, discrete.Constant(10*megabit))
	delay := discrete.Always(20 * time.Millisecond)
	c.Forward.Delay, c.Back.Delay = delay, delay
	c.Forward.Jitter, c.Back.Jitter = 0, 0
	return c
}

// starved is a receiver that has no processor for a part of the time.
func starved(name string, share float64) Case {
	c := amply(name, "10 Mbit/s, the receiver's process stands now and then")
	c.Starved.Share = share
	return c
}

// late is a sender for whom that is so.
func late() Case {
	c := amply("late", "10 Mbit/s, the sender's process stands 30 % of the time")
	c.Late.Share = 0.3
	return c
}

// starvedFull is a starved receiver behind a path that is full.
func starvedFull() Case {
	return likeVariable("starved full", "5.1, the receiver's process stands 30 % of the time", func(c *Case) { c.Starved.Share = 0.3 })
}

// wakesLate is a receiver that waits for its turn each time.
func wakesLate(ms time.Duration) Case {
	c := amply("wakes "+(ms*time.Millisecond).String(), "10 Mbit/s, the receiver's process waits for so long each time it is to run")
	c.Starved.Wakes = ms * time.Millisecond
	return c
}
