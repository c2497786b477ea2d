package lane

import (
	"net/netip"

	"meshfocus/focus/packet"
	"meshfocus/focus/udp"
	"meshfocus/internal/unit"
)

const (
	// packetSize is what a packet of a pool holds: all that comes over the internet.
	packetSize = 1500
	// sidePackets bounds the packets of what comes over a path that is not direct,
	// and of a local source: a second of 10 Mbit/s, and half as much.
	sidePackets = 1536
	// shedPackets is how many kept packets are let go of when there are no others.
	shedPackets = 32
)

// reader is what a read loop owns: its packets, and the batches it fills. Local
// sources and paths that are not direct have one each.
type reader struct {
	lane    *Lane
	pool    *packet.Pool
	out     []outgoing
	touched []*Track // got something in this run
	lap     lap
	count   int // datagrams of media since done

	// The peer that was heard last; most datagrams have the address of the one
	// before.
	from netip.AddrPort
	end  *End
	// table is what they were found in.
	table *map[netip.AddrPort]*End
}

func newReader(l *Lane, packets int) *reader {
	return &reader{lane: l, pool: packet.NewPool(packetSize, packets), lap: newLap(l, Receiving)}
}

// read takes what one call to the kernel has brought to the local address, in runs
// of datagrams of one peer. They are opened in place; nothing of them is kept.
func (r *reader) read(datagrams []udp.Datagram, local netip.AddrPort, now unit.Instant) {
	r.lap.begin(Parse)
	for len(datagrams) > 0 {
		first := &datagrams[0]
		run := 1
		switch packet.Demultiplex(first.Data) {
		case packet.STUN, packet.DTLS:
			r.lap.omit(func() { r.control(first, local) })
		case packet.RTP, packet.RTCP:
			for run < len(datagrams) && datagrams[run].From == first.From && isMedia(datagrams[run].Data) {
				run++
			}
			r.run(r.peer(first.From), datagrams[:run], now)
		}
		datagrams = datagrams[run:]
	}
}

func isMedia(datagram []byte) bool {
	protocol := packet.Demultiplex(datagram)
	return protocol == packet.RTP || protocol == packet.RTCP
}

func (r *reader) control(d *udp.Datagram, local netip.AddrPort) {
	if r.lane.config.Control != nil {
		r.lane.config.Control(d.Data, local, d.From)
	}
}

// peer gives the End that an address belongs to, nil if none does.
func (r *reader) peer(from netip.AddrPort) *End {
	table := r.lane.ends.Load()
	if table != r.table || from != r.from {
		r.table, r.from, r.end = table, from, (*table)[from]
	}
	return r.end
}

// run takes datagrams of one End, RTP and RTCP as they came. The End is held for
// all of them at once.
func (r *reader) run(e *End, datagrams []udp.Datagram, now unit.Instant) {
	if e == nil {
		r.lane.counts.strangers.Add(uint64(len(datagrams)))
		return
	}
	r.count += len(datagrams)
	e.mutex.Lock()
	for i := range datagrams {
		d := &datagrams[i]
		e.take(r, d.Data, envelope{uint8(d.ECN), d.Waited}, now)
	}
	e.settle(r, now)
	e.mutex.Unlock()
}

// single takes one datagram.
func (r *reader) single(e *End, datagram []byte, now unit.Instant) {
	e.mutex.Lock()
	e.take(r, datagram, envelope{}, now)
	e.settle(r, now)
	e.mutex.Unlock()
}

// touch notes that a track got something in this run.
func (r *reader) touch(t *Track) {
	for _, known := range r.touched {
		if known == t {
			return
		}
	}
	r.touched = append(r.touched, t)
}

// fill gives a packet with the bytes of a datagram. If none is free, tracks let go
// of the oldest they keep: what arrives is worth more. It is nil if nothing helps.
func (r *reader) fill(clear []byte, tracks []*Track, now unit.Instant) *packet.Packet {
	p := r.pool.Take()
	if p == nil {
		shed(tracks)
		if p = r.pool.Take(); p == nil {
			return nil
		}
	}
	if !p.Fill(clear) {
		p.Release()
		return nil
	}
	p.Arrived = now
	return p
}

// shed has tracks let go of some of what they keep.
func shed(tracks []*Track) {
	for _, t := range tracks {
		for _, s := range t.streams {
			if s != nil {
				s.ring.Shed(shedPackets)
			}
		}
	}
}
