package udp

import (
	"fmt"
	"net/netip"
	"time"
)

// Longest is the buffer that anything fits which the kernel can hand over.
const Longest = 1 << 16

// Engine is how a Socket talks to the kernel.
type Engine uint8

// The engines.
const (
	Best     Engine = iota // what the system has
	Batched                // recvmmsg and sendmmsg; Linux
	Portable               // net.UDPConn
)

// String names the engine: "batched".
func (e Engine) String() string {
	switch e {
	case Best:
		return "best"
	case Batched:
		return "batched"
	case Portable:
		return "portable"
	}
	return fmt.Sprintf("engine %d", uint8(e))
}

// Config is how a Socket is to be. The zero Config is any port of all addresses.
type Config struct {
	// Address is bound. Without an address it is all of both families (of IPv4
	// alone where there is no IPv6), with port 0 it is any.
	Address netip.AddrPort
	// Engine does the work. Best is the portable one where there is no batched one.
	Engine Engine

	// ReceiveBuffer and SendBuffer are asked of the kernel, which may give less
	// (Stats tells): 0 is DefaultBuffer.
	ReceiveBuffer, SendBuffer int
	// Patience is how long a Write waits for room in the send buffer before what
	// is left of its batch is dropped: 0 is DefaultPatience. The portable engine
	// waits until there is room.
	Patience time.Duration

	// DSCP is put on everything that is sent, 0 to 63: RFC 8837 has 34 and 36 for
	// interactive video, 46 for sound. ECN is put beside it: ECT1 says that we
	// react as RFC 9331 wants it.
	DSCP uint8
	ECN  ECN
	// ReadECN fills Datagram.ECN. It costs a control message a datagram; the
	// portable engine does not do it.
	ReadECN bool
	// ReadTimes fills Datagram.Waited (SO_TIMESTAMPNS). It costs a control message a
	// datagram; the portable engine does not do it.
	ReadTimes bool

	// Coalesce lets the kernel hand over several datagrams of one sender at once
	// (UDP_GRO). Buffers of an Inbox must then hold Longest.
	Coalesce bool
	// Whole keeps the kernel from cutting messages up: every datagram is sent for
	// itself. For measuring, and for networks that are broken in that respect.
	Whole bool
}

const (
	// DefaultBuffer holds 20 ms of a gigabit: a read loop that the scheduler
	// held up for so long loses nothing.
	DefaultBuffer = 20 * 1_000_000_000 / 8 / 1000
	// DefaultPatience is about as long as a pacer's tick: who waits longer has
	// packets of the next one that are worth more.
	DefaultPatience = 5 * time.Millisecond
)

// check says what is wrong, and fills in what was left open.
func (c *Config) check() error {
	switch {
	case c.Engine > Portable:
		return fmt.Errorf("%v is unknown: Best, Batched or Portable", c.Engine)
	case c.DSCP > 63:
		return fmt.Errorf("DSCP %d has more than six bits: 0 to 63", c.DSCP)
	case c.ECN > CE:
		return fmt.Errorf("%v has more than two bits: NotECT, ECT0, ECT1 or CE", c.ECN)
	case c.ReceiveBuffer < 0 || c.SendBuffer < 0 || c.Patience < 0:
		return fmt.Errorf("buffers of %d and %d bytes and a patience of %v: none may be negative", c.ReceiveBuffer, c.SendBuffer, c.Patience)
	}
	if c.ReceiveBuffer == 0 {
		c.ReceiveBuffer = DefaultBuffer
	}
	if c.SendBuffer == 0 {
		c.SendBuffer = DefaultBuffer
	}
	if c.Patience == 0 {
		c.Patience = DefaultPatience
	}
	return nil
}

// ECN is the two bits by which routers tell of congestion (RFC 3168 section 5).
type ECN uint8

// Their values.
const (
	NotECT ECN = iota // the sender does not understand
	ECT1              // it does, and wants low latency (RFC 9331)
	ECT0              // it does
	CE                // a router was congested
)

// String names the codepoint: "ECT(1)".
func (e ECN) String() string {
	if e > CE {
		return fmt.Sprintf("ECN %d", uint8(e))
	}
	return [...]string{"Not-ECT", "ECT(1)", "ECT(0)", "CE"}[e]
}
