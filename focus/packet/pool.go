package packet

import "sync/atomic"

// slab is how many packets are made at a time.
const slab = 64

// Pool is the packets of one read loop: it makes them until there are as many as
// it may, and then gives those that came back. It never makes fewer, so that at
// its bound it allocates nothing.
//
// Take belongs to the read loop. Packets come back from any goroutine, over a
// list that only grows at its head and that the loop takes as a whole; so nobody
// waits for anybody, and a head that was taken and put back between does no harm.
type Pool struct {
	size, limit int // set once

	// owned by the read loop
	free *Packet
	made int

	returned atomic.Pointer[Packet]
}

// NewPool makes a pool of at most limit packets with room for size bytes each.
// What histories retain is among them, so limit is more than they may hold.
// A datagram of 1500 bytes and less is all that comes over the internet. A power
// of two would put all beginnings into the same lines of the cache.
func NewPool(size, limit int) *Pool {
	return &Pool{size: size, limit: limit}
}

// Take gives a packet with one reference and no Bytes, or nil if all are in use:
// then whatever is in the socket has to stay there.
func (p *Pool) Take() *Packet {
	taken := p.free
	if taken == nil {
		if taken = p.returned.Swap(nil); taken == nil {
			if taken = p.grow(); taken == nil {
				return nil
			}
		}
	}
	p.free, taken.next = taken.next, nil
	taken.Bytes = taken.room[:0]
	taken.Header, taken.Elements.has = Header{}, 0
	taken.life++
	taken.references.Store(1) // from here on it is seen by those who have handles
	return taken
}

// grow makes another slab of packets, as a list.
func (p *Pool) grow() *Packet {
	count := min(slab, p.limit-p.made)
	if count <= 0 {
		return nil
	}
	packets, rooms := make([]Packet, count), make([]byte, count*p.size)
	for i := range packets {
		made := &packets[i]
		made.pool = p
		made.room = rooms[i*p.size : (i+1)*p.size : (i+1)*p.size]
		if i+1 < count {
			made.next = &packets[i+1]
		}
	}
	p.made += count
	return &packets[0]
}

// giveBack puts a packet that nobody holds onto the list of those returned.
func (p *Pool) giveBack(packet *Packet) {
	for {
		head := p.returned.Load()
		packet.next = head
		if p.returned.CompareAndSwap(head, packet) {
			return
		}
	}
}

// Held counts the packets that somebody holds, walking over the others. The read
// loop may call it now and then.
func (p *Pool) Held() int {
	held := p.made
	for free := p.free; free != nil; free = free.next {
		held--
	}
	for free := p.returned.Load(); free != nil; free = free.next {
		held--
	}
	return held
}

// Made tells how many packets there are. The read loop may call it.
func (p *Pool) Made() int { return p.made }
