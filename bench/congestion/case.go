package congestion

import (
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// Case is conditions under which controllers are judged: the network, who sends
// over it, and which part of the run counts.
type Case struct {
	// Name is short and unique: "5.1", "bloat". About is one line for the table.
	Name, About string
	Length      time.Duration
	// Forward is the path of media, Back that of feedback; Cross, if it has rates,
	// is a second bottleneck behind the first.
	Forward, Back, Cross discrete.Path
	Flows                []Flow
	Transfers            []Transfer
	// Judged is the part of the run that counts.
	Judged Window
	// Feedback is how reports travel apart from the path.
	Feedback Feedback
	// Gone is when foreign traffic has ended.
	Gone time.Duration
	// Broken is when the path is dead: what freezes then is not the controller's.
	Broken Window
	// Wild says that another seed is another case altogether.
	Wild bool
	// Interval is how often receivers report; 0 means 50 ms.
	Interval time.Duration
	// Sparing lets receivers report less often at low rates, as browsers do: reports
	// are to take a twentieth of what comes, every 250 ms at the least.
	Sparing bool
	// Starved is how short of processor receivers are, Late the same of senders.
	Starved, Late Starved
}

// Stands reports whether a process of somebody stands now and then.
func (c *Case) Stands() bool { return c.Starved.Share > 0 || c.Late.Share > 0 }

// Window is a part of a run.
type Window struct{ From, To time.Duration }

// Has reports whether a time lies inside.
func (w Window) Has(t time.Duration) bool { return t >= w.From && t < w.To }

// Flow is one sender of media.
type Flow struct {
	// Start and End bound its life. From PauseFrom to PauseTo it makes nothing.
	Start, End         time.Duration
	PauseFrom, PauseTo time.Duration
	// SoundOnly is for how long after Start there is no video.
	SoundOnly time.Duration
	// Least and Most bound its encoder.
	Least, Most unit.BitRate
	// Frames is how many it makes in a second at the lowest rates, 0 means 10;
	// Follow how often it looks at its target, 0 means 100 ms.
	Frames float64
	Follow time.Duration
	// Delay is its own one-way delay, both ways; nil: that of the paths.
	Delay discrete.Delays
	// Reverse says that its media takes the Back path, its feedback Forward.
	Reverse bool
	// Far says that it passes both bottlenecks, Near that it has the second alone.
	Far, Near bool
	// Weight is its priority, 0 means 1.
	Weight float64
	// Skew is how much faster the receiver's clock runs, in millionths; Ahead what
	// it shows at the start.
	Skew  float64
	Ahead time.Duration
	// First is the transport-wide number it begins with.
	First uint16
	// Moves is when it is told of a new route.
	Moves []time.Duration
	// Streams says that reports are of RFC 8888, with marks.
	Streams bool
}

// Transfer is one TCP beside the media: greedy, or on and off.
type Transfer struct {
	Start, End time.Duration
	// Least and Most bound what is transferred at a time, in bytes, uniformly; both
	// 0: without end. Idle is the mean of the time between, exponential.
	Least, Most int64
	Idle        time.Duration
}

// Feedback is what befalls reports.
type Feedback struct {
	// Loss is the share that is lost; none comes in Gone.
	Loss float64
	Gone Window
	// Bunch lets reports through at its multiples only.
	Bunch time.Duration
	// Late is the most that a report is delayed beyond that; they may overtake each
	// other.
	Late time.Duration
	// Twice is the share that comes again after up to a second, Old the share that
	// comes again after ten.
	Twice, Old float64
}

// shaped reports whether anything befalls reports.
func (f *Feedback) shaped() bool { return *f != Feedback{} }

// bottleneck gives the rates that bound a flow.
func (c *Case) bottleneck(f *Flow) discrete.Rates {
	switch {
	case f.Reverse:
		return c.Back.Rates
	case f.Near:
		return c.Cross.Rates
	}
	return c.Forward.Rates
}
