package congestion

import (
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

const (
	second  = time.Second
	kilobit = unit.Kilobit
	megabit = unit.Megabit
)

// The common conditions of RFC 8867 section 4 and RFC 8868.
const (
	oneWay     = 50 * time.Millisecond
	queueUsual = 300 * time.Millisecond
	jitter     = 5 * time.Millisecond
	videoLeast = 150 * kilobit
	videoMost  = 1500 * kilobit
)

// usual is a path with the common delay and jitter.
func usual(rates discrete.Rates) discrete.Path {
	return discrete.Path{Rates: rates, Queue: queueUsual, Delay: discrete.Always(oneWay), Jitter: jitter}
}

// variable is the capacity of 5.1: ratios of 1 Mbit/s.
func variable() discrete.Rates {
	return discrete.Rates{{At: 0, Rate: megabit}, {At: 40 * second, Rate: 2500 * kilobit}, {At: 60 * second, Rate: 600 * kilobit}, {At: 80 * second, Rate: megabit}}
}

// one is a flow that lives from start to end, with the common source.
func one(start, end time.Duration) Flow {
	return Flow{Start: start, End: end, Least: videoLeast, Most: videoMost}
}

// single is a case with one flow and nothing else.
func single(name, about string, length time.Duration, rates discrete.Rates) Case {
	return Case{
		Name: name, About: about, Length: length, Forward: usual(rates), Back: usual(nil),
		Flows: []Flow{one(0, length)}, Judged: Window{0, length},
	}
}

// Find gives the case of a name, also of Repeats.
func Find(name string) (Case, bool) {
	for _, c := range append(Cases(), Repeats()...) {
		if c.Name == name {
			return c, true
		}
	}
	return Case{}, false
}

// Cases gives all there are, in the order of the table.
func Cases() []Case { return append(standard(), beyond()...) }

// standard is those of RFC 8867. There is no 5.9.
func standard() []Case {
	return []Case{
		single("5.1", "variable capacity, one flow", 100*second, variable()),
		variableTwo(), congestedFeedback(), competing(), roundTrips(),
		longTCP("5.6", queueUsual), longTCP("5.6 deep", second), shortTCP(), paused(),
		priority(), marking(), twoBottlenecks(),
	}
}

// variableTwo is 5.2: two flows under variable capacity.
func variableTwo() Case {
	c := single("5.2", "variable capacity, two flows", 125*second, discrete.Rates{
		{At: 0, Rate: 2 * megabit}, {At: 25 * second, Rate: megabit}, {At: 50 * second, Rate: 1750 * kilobit},
		{At: 75 * second, Rate: 500 * kilobit}, {At: 100 * second, Rate: megabit},
	})
	c.Flows = []Flow{one(0, c.Length), one(0, c.Length)}
	return c
}

// congestedFeedback is 5.3: one flow each way, and reports share the queue of
// the other's media.
func congestedFeedback() Case {
	c := single("5.3", "congested feedback, one flow each way", 100*second, discrete.Rates{
		{At: 0, Rate: 2 * megabit}, {At: 20 * second, Rate: megabit}, {At: 40 * second, Rate: 500 * kilobit}, {At: 60 * second, Rate: 2 * megabit},
	})
	c.Back = usual(discrete.Rates{{At: 0, Rate: 2 * megabit}, {At: 35 * second, Rate: 800 * kilobit}, {At: 70 * second, Rate: 2 * megabit}})
	back := one(0, c.Length)
	back.Reverse = true
	c.Flows = append(c.Flows, back)
	return c
}

// competing is 5.4: three of the same kind, one after another.
func competing() Case {
	c := single("5.4", "three flows compete", 120*second, discrete.Constant(3500*kilobit))
	c.Flows = []Flow{one(0, c.Length), one(20*second, c.Length), one(40*second, c.Length)}
	c.Judged = Window{60 * second, 119 * second}
	return c
}

// roundTrips is 5.5: five flows of different length.
func roundTrips() Case {
	c := single("5.5", "five flows with different round trips", 300*second, discrete.Constant(4*megabit))
	c.Flows = nil
	for i, delay := range []time.Duration{10, 25, 50, 100, 150} {
		f := one(time.Duration(i)*10*second, c.Length)
		f.Delay = discrete.Always(delay * time.Millisecond)
		c.Flows = append(c.Flows, f)
	}
	c.Judged = Window{60 * second, 299 * second}
	return c
}

// longTCP is 5.6: one flow beside a greedy TCP.
func longTCP(name string, queue time.Duration) Case {
	c := single(name, "beside a long TCP, queue "+queue.String(), 140*second, discrete.Constant(2*megabit))
	c.Forward.Queue = queue
	c.Flows = []Flow{one(5*second, c.Length)}
	c.Transfers = []Transfer{{Start: 0, End: 119 * second}}
	c.Judged = Window{20 * second, 119 * second}
	c.Gone = 119 * second
	return c
}

// shortTCP is 5.7: two flows beside ten that come and go.
func shortTCP() Case {
	c := single("5.7", "two flows beside ten short TCPs", 300*second, discrete.Constant(2*megabit))
	c.Flows = []Flow{one(5*second, c.Length), one(5*second, c.Length)}
	for range 10 {
		c.Transfers = append(c.Transfers, Transfer{End: c.Length, Least: 100_000, Most: 1_000_000, Idle: 10 * second})
	}
	c.Judged = Window{20 * second, 299 * second}
	return c
}

// paused is 5.8: as 5.4, all from the start, and one pauses.
func paused() Case {
	c := competing()
	c.Name, c.About = "5.8", "three flows, one pauses"
	c.Flows = []Flow{one(0, c.Length), one(0, c.Length), one(0, c.Length)}
	c.Flows[0].PauseFrom, c.Flows[0].PauseTo = 40*second, 60*second
	c.Judged = Window{70 * second, 119 * second}
	return c
}

// priority is 6.1: one of three is worth twice the others.
func priority() Case {
	c := competing()
	c.Name, c.About = "6.1", "three flows, the first with twice the weight"
	for i := range c.Flows {
		c.Flows[i].Weight = 1
	}
	c.Flows[0].Weight = 2
	return c
}

// marking is 6.2: 5.1 with a queue that marks from 15 ms on in place of dropping,
// and reports of RFC 8888, which carry the marks.
func marking() Case {
	c := single("6.2", "5.1 with a queue that marks and never drops", 100*second, variable())
	c.Forward.Mark, c.Forward.Queue = 15*time.Millisecond, time.Minute
	c.Flows[0].Streams = true
	return c
}

// twoBottlenecks is 6.3: one flow through both, one beside it in each.
func twoBottlenecks() Case {
	c := single("6.3", "two bottlenecks, a long flow beside two short ones", 120*second, discrete.Constant(2*megabit))
	c.Forward.Delay = discrete.Always(oneWay / 2)
	c.Cross = c.Forward
	c.Cross.Rates = discrete.Constant(2500 * kilobit)
	long, first, last := one(0, c.Length), one(10*second, c.Length), one(20*second, c.Length)
	long.Far, last.Near = true, true
	c.Flows = []Flow{long, first, last}
	c.Judged = Window{40 * second, 119 * second}
	return c
}
