package lane

import (
	"sync/atomic"
	"time"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
	"meshfocus/simulcast/dependency"
)

// choice is the half of a Subscription that belongs to its track: what is selected
// of it, and the numbers that leaves with. It is guarded by the track's guard.
type choice struct {
	output   simulcast.Output
	aim      simulcast.Layer // as the output was told
	shedding bool            // the destination is full
	// described: the subscriber reads dependency descriptors. Set by subscribe.
	described bool
	stream    int8 // of the last parcel, -1 before the first
	newest    newest
	teller    dependency.Teller

	current atomic.Uint32 // packed layer that is forwarded
	// complaint is a PLI of the subscriber: its round trip in nanoseconds plus 1,
	// 0 for none. Any goroutine sets it.
	complaint atomic.Int64
}

// newest is the highest output number that was handed over.
type newest struct {
	begun     bool
	sequence  uint16
	timestamp uint32
	at        unit.Instant
}

// everything is above all temporal layers.
const everything = 127

// begin makes the choice begin anew with an output whose first packet has these
// numbers. No track may have it.
func (c *choice) begin(sequence uint16, timestamp uint32) {
	c.output = *simulcast.NewOutput(sequence, timestamp)
	c.aim, c.shedding, c.stream, c.newest = simulcast.None, false, -1, newest{}
	c.teller = dependency.Teller{}
	c.current.Store(pack(simulcast.None))
	c.complaint.Store(0)
}

// last gives the highest output number that was handed over, with its timestamp
// and when its packet arrived; begun is false before the first.
func (c *choice) last() (sequence uint16, timestamp uint32, at unit.Instant, begun bool) {
	n := &c.newest
	return n.sequence, n.timestamp, n.at, n.begun
}

// layer is what is forwarded, for any goroutine.
func (c *choice) layer() simulcast.Layer { return unpack(c.current.Load()) }

func pack(l simulcast.Layer) uint32 {
	return uint32(uint8(l.Spatial))<<8 | uint32(uint8(l.Temporal))
}

func unpack(packed uint32) simulcast.Layer {
	return simulcast.Layer{Spatial: int8(packed >> 8), Temporal: int8(packed)}
}

// steer tells the output what is wanted now: nothing while the destination is full,
// from the end of the present frame on, so that numbers stay without a hole. It
// reports whether shedding began.
func (c *choice) steer(wish simulcast.Layer, shed int8, shedding bool) (began bool) {
	began = shedding && !c.shedding
	c.shedding = shedding
	if shedding {
		wish = simulcast.None
	}
	if wish != c.aim {
		c.aim = wish
		c.output.Selector.Aim(wish)
	}
	c.output.Selector.Shed(shed)
	return began
}

// owing says what is to go along with a packet that leaves.
func (c *choice) owing(a *arrival, out *simulcast.Outgoing) owing {
	o := owing{owed: out.Owed}
	if a.told.Info.FrameNumber == simulcast.Absent || !c.described || out.Verdict == simulcast.Fill {
		return o
	}
	if out.Verdict == simulcast.Switch {
		c.teller = dependency.Teller{}
	}
	highest, lacking := c.output.Selector.Held()
	late := c.newest.begun && int16(out.Sequence-c.newest.sequence) < 0
	o.active, o.tell = c.teller.Next(a.stream.dependency.Structure(), &a.told.Info, a.told.Carries, highest, lacking, late)
	if !o.tell {
		o.active = 0
	}
	return o
}

// note remembers a packet that leaves.
func (c *choice) note(stream uint8, out *simulcast.Outgoing, at unit.Instant) {
	c.stream = int8(stream)
	n := &c.newest
	if n.begun && int16(out.Sequence-n.sequence) < 0 {
		return
	}
	*n = newest{true, out.Sequence, out.Timestamp, at}
}

// complain takes a request for a key frame from a subscriber, whose round trip is
// given. Any goroutine may.
func (t *Track) complain(s *Subscription, roundTrip time.Duration) {
	s.choice.complaint.Store(int64(roundTrip) + 1)
	t.stir()
}
