package packet

import (
	"sync/atomic"

	"meshfocus/internal/unit"
)

// Packet is one received datagram. It comes from a Pool, whose loop fills it;
// once it is handed over nobody writes to its exported fields. It lives while
// somebody holds a reference: Take gives the first, Retain more, and with the
// last Release it goes back. Whoever releases what he does not hold, or retains
// what nobody holds, breaks an invariant of ours: both panic.
type Packet struct {
	// Bytes is the datagram, from opening on the RTP packet in the clear. It
	// lies within Room.
	Bytes []byte
	// Header and Elements are what Parse found in Bytes.
	Header   Header
	Elements Elements
	// Number is the sequence number without wrap, among those of its SSRC.
	Number int64
	// Arrived is when the batch was read that it came with.
	Arrived unit.Instant

	pool *Pool // set once

	// What all lanes write lies in another cache line than what they read.
	references atomic.Int32
	// life counts how often the pool gave it out; 2³² of them are years.
	life uint32
	room []byte  // set once
	next *Packet // owned by whom it has no references for: the pool's list
	_    [lines*64 - 168]byte
}

// lines is how many lines of the cache a Packet takes.
const lines = 3

// Room gives all of the packet's buffer, to read a datagram into. Bytes is then
// set to what was read of it.
func (p *Packet) Room() []byte { return p.room }

// Fill copies a datagram into the packet, and reports false if it is too long
// for it. Once for all subscribers, a copy is cheaper than a buffer of many
// datagrams that lives as long as the last of them.
func (p *Packet) Fill(datagram []byte) bool {
	if len(datagram) > len(p.room) {
		return false
	}
	p.Bytes = p.room[:copy(p.room, datagram)]
	return true
}

// Parse reads header and elements of Bytes. The error is that of Parse or
// Header.Elements.
func (p *Packet) Parse(numbers *Numbers) error {
	var err error
	if p.Header, err = Parse(p.Bytes); err != nil {
		return err
	}
	return p.Header.Elements(p.Bytes, numbers, &p.Elements)
}

// Payload gives the payload without padding.
func (p *Packet) Payload() []byte { return p.Header.Payload(p.Bytes) }

// Value gives the bytes of a header extension, nil if there is none.
func (p *Packet) Value(extension Extension) []byte { return p.Elements.Value(p.Bytes, extension) }

// Retain adds n references to the one that the caller holds; n is not negative.
// Any goroutine may.
func (p *Packet) Retain(n int) {
	if p.references.Add(int32(n)) <= int32(n) {
		panic("packet: retained without a reference")
	}
}

// tryRetain adds a reference for somebody who holds none, and reports whether
// anybody still held one.
func (p *Packet) tryRetain() bool {
	for {
		held := p.references.Load()
		if held <= 0 {
			return false
		}
		if p.references.CompareAndSwap(held, held+1) {
			return true
		}
	}
}

// Release gives a reference back. After the last the packet is the pool's again.
// Any goroutine may.
func (p *Packet) Release() {
	switch left := p.references.Add(-1); {
	case left == 0:
		p.pool.giveBack(p)
	case left < 0:
		panic("packet: released without a reference")
	}
}

// Handle remembers a packet without holding it, so that whoever keeps one keeps
// no memory busy. The zero Handle is of no packet.
type Handle struct {
	packet *Packet
	life   uint32
}

// Handle gives a handle of a packet that the caller holds.
func (p *Packet) Handle() Handle { return Handle{packet: p, life: p.life} }

// Retain gives the packet with a reference for the caller, or nil if nobody held
// it any more. Any goroutine may: a Packet's memory is never anything else, and
// its life changes only while nobody holds it.
func (h Handle) Retain() *Packet {
	if h.packet == nil || !h.packet.tryRetain() {
		return nil
	}
	if h.packet.life != h.life {
		h.packet.Release() // another's by now
		return nil
	}
	return h.packet
}
