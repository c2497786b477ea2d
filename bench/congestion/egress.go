package congestion

import (
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/egress"
	"meshfocus/focus/feedback"
	"meshfocus/focus/pacer"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// ours is focus/egress as a focus has it for each subscriber and a participant for
// each peer: queue, pacer, what left, focus/bwe.
type ours struct {
	config Config
	path   *egress.Path[Packet]
}

// patient: encoders of RFC 8867 follow the target, and their frames all count; a
// queue that leaves frames out is for what was encoded by others.
var patient = egress.Limits{Soft: time.Hour, Hard: time.Hour, Old: time.Hour}

// Ours makes the path of package egress.
func Ours(c Config, _ unit.Instant) Controller { return newOurs(c, nil) }

// Recorded makes Ours with a recorder for each flow, which it appends to recorders.
func Recorded(recorders *[]*bwe.Recorder) Maker {
	return func(c Config, _ unit.Instant) Controller {
		r := &bwe.Recorder{}
		*recorders = append(*recorders, r)
		return newOurs(c, r)
	}
}

func newOurs(c Config, r *bwe.Recorder) *ours {
	o := &ours{config: c, path: egress.New[Packet](egress.Config{
		Estimator: bwe.Config{Weight: c.Weight}, Limits: patient, Padding: packetMost, First: c.First,
	})}
	if r != nil {
		o.path.Record(r)
	}
	o.path.Demand(c.Most + c.Sound)
	return o
}

func (o *ours) Offer(p Packet, now unit.Instant) {
	class := pacer.Video
	if p.Kind == discrete.Sound {
		class = pacer.Sound
	}
	o.path.Put(p, p.Size, class, egress.Frame{ID: uint32(p.Frame)}, now)
}

func (o *ours) Release(now unit.Instant) (Packet, bool) {
	p, d, ok := o.path.Take(now)
	if !ok {
		return Packet{}, false
	}
	if d.Padding > 0 {
		p = Packet{Kind: discrete.Padding, Size: d.Padding}
	}
	p.Number, p.Probe = int64(d.Number), d.Probe
	if o.config.Streams {
		o.path.Name(d.Number, stream, d.Number)
	}
	return p, true
}

func (o *ours) Feedback(rtcp []byte, now unit.Instant) {
	compound := feedback.Read(rtcp)
	for m, ok := compound.Next(); ok; m, ok = compound.Next() {
		o.path.Heard(m, now)
	}
}

func (o *ours) Target(unit.Instant) unit.BitRate { return o.path.Estimate().Rate - o.config.Sound }

func (o *ours) Next() unit.Instant { return o.path.Next() }

func (o *ours) Moved(now unit.Instant) { o.path.Moved(now) }

// Backlog tells how many bytes wait.
func (o *ours) Backlog() int {
	waiting := o.path.Stats().Waiting
	return int(waiting[pacer.Sound] + waiting[pacer.Video])
}
