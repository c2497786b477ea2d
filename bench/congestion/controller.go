package congestion

import (
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// Packet is what passes between encoder, controller and network.
type Packet = discrete.Packet

// Controller is an algorithm under test: all that lies between the encoder and
// the wire, at one end of one path.
type Controller interface {
	// Offer takes a packet from the encoder or the microphone.
	Offer(p Packet, now unit.Instant)
	// Release gives what leaves now, false for nothing until Next. Number is the
	// transport-wide number, of which the receiver sees 16 bits; padding is a
	// packet too (discrete.Padding).
	Release(now unit.Instant) (Packet, bool)
	// Feedback takes a datagram of RTCP, in the clear: transport-wide feedback, or
	// RFC 8888. The bytes are valid during the call.
	Feedback(rtcp []byte, now unit.Instant)
	// Target is what the encoder may make; sound is taken off.
	Target(now unit.Instant) unit.BitRate
	// Next says when Release wants to be called though nothing came; unit.Far never.
	Next() unit.Instant
}

// Mover is a Controller that wants to know of a new route.
type Mover interface {
	Moved(now unit.Instant)
}

// Backlogger is a Controller that tells how much it holds back.
type Backlogger interface {
	Backlog() int
}

// Config is what a controller is told of its flow when the run begins.
type Config struct {
	// Least and Most are what the encoder can make; Sound is beside it.
	Least, Most, Sound unit.BitRate
	// Interval is how often feedback comes at best.
	Interval time.Duration
	// Weight is the priority of the flow among those of the sender, 1 as usual.
	Weight float64
	// First is the transport-wide number to begin with.
	First uint16
	// Streams says that feedback is of RFC 8888, with marks.
	Streams bool
	// Seed is for controllers that draw.
	Seed uint64
}

// Maker makes a controller for a flow that begins now.
type Maker func(c Config, now unit.Instant) Controller
