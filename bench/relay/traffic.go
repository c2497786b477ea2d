package relay

import (
	"context"
	"encoding/binary"
	"net/netip"
	"runtime"
	"time"

	"meshfocus/bench/report"
)

const (
	// size of a packet as the peer has it: that of a picture's.
	size = 1200
	// emptied is how often sockets are read; latency does not hang on it.
	emptied = int64(4 * time.Millisecond)
	// behind: a packet that is later than this is left out and counted.
	behind = int64(20 * time.Millisecond)
	// rest is how long the loop sleeps at most.
	rest = int64(time.Millisecond)
)

// flow is one direction of an allocation.
type flow struct {
	from *socket
	to   netip.AddrPort
	ends []byte // what leaves, behind a header of ChannelData or without
	body []byte // of ends: instant, part
	due  int64
}

// counts are those of packets sent in one part of a round.
type counts struct {
	sent, skipped, received uint64
	latency, lateness       *report.Histogram
}

// traffic is what flows by way of a relay. It belongs to the loop.
type traffic struct {
	peer     *socket
	clients  []*client
	flows    []*flow
	burst    int   // packets that leave at once
	interval int64 // between bursts of a flow
	part     byte  // of the round; packets of others are not counted
	counts   counts
	emptying int64 // when the sockets are read next
	buffer   [longest]byte
}

// newTraffic has each client and the peer send to each other, so many packets a second,
// in bursts.
func newTraffic(peer *socket, clients []*client, rate float64, burst int) *traffic {
	t := &traffic{peer: peer, clients: clients, burst: burst, interval: int64(float64(burst) * float64(time.Second) / rate)}
	for _, c := range clients {
		there, back := make([]byte, header+size), make([]byte, size)
		binary.BigEndian.PutUint16(there, channel)
		binary.BigEndian.PutUint16(there[2:], size)
		t.flows = append(t.flows,
			&flow{from: c.socket, to: c.server, ends: there, body: there[header:]},
			&flow{from: peer, to: c.relayed, ends: back, body: back})
	}
	now := time.Now().UnixNano()
	for i, f := range t.flows {
		f.due = now + t.interval*int64(i)/int64(len(t.flows))
	}
	return t
}

// run lets packets flow for a time, or until the context ends, and gives what became of
// them; those under way in the end have another moment.
func (t *traffic) run(ctx context.Context, d time.Duration) counts {
	const moment = 200 * time.Millisecond
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sharpen()
	t.part++
	t.counts = counts{latency: &report.Histogram{}, lateness: &report.Histogram{}}
	end := time.Now().Add(d).UnixNano()
	for now := time.Now().UnixNano(); now < end && ctx.Err() == nil; now = time.Now().UnixNano() {
		next := min(t.send(now), now+rest)
		if now >= t.emptying {
			t.empty()
			t.emptying = now + emptied
		}
		if wait := next - time.Now().UnixNano(); wait > 0 {
			sleep(wait)
		}
	}
	for until := time.Now().Add(moment); time.Now().Before(until) && t.counts.received < t.counts.sent; {
		t.empty()
		sleep(rest)
	}
	for _, f := range t.flows { // the pause is no lateness
		f.due = max(f.due, time.Now().UnixNano())
	}
	return t.counts
}

// send sends what is due and says when the next is.
func (t *traffic) send(now int64) (next int64) {
	next = now + rest
	for _, f := range t.flows {
		for f.due <= now {
			late := now - f.due
			f.due += t.interval
			if late > behind {
				t.counts.skipped += uint64(t.burst)
				continue
			}
			t.counts.lateness.Add(time.Duration(late))
			for range t.burst {
				now = time.Now().UnixNano()
				t.sendOne(f, now)
			}
		}
		next = min(next, f.due)
	}
	return next
}

// sendOne sends a packet of a flow.
func (t *traffic) sendOne(f *flow, now int64) {
	binary.BigEndian.PutUint64(f.body, uint64(now))
	f.body[8] = t.part
	if f.from.send(f.ends, f.to) != nil {
		t.counts.skipped++
		return
	}
	t.counts.sent++
}

// empty reads all sockets.
func (t *traffic) empty() {
	t.drain(t.peer, 0)
	for _, c := range t.clients {
		t.drain(c.socket, header)
	}
}

// drain reads a socket whose packets have something before their body.
func (t *traffic) drain(s *socket, before int) {
	for {
		n, at, ok := s.receive(t.buffer[:])
		if !ok {
			return
		}
		if n != before+size || before > 0 && binary.BigEndian.Uint16(t.buffer[:]) != channel {
			continue // STUN that came late
		}
		body := t.buffer[before:n]
		if body[8] == t.part {
			t.counts.received++
			t.counts.latency.Add(time.Duration(at - int64(binary.BigEndian.Uint64(body))))
		}
	}
}

// dropped is what our sockets had no room for, ever.
func (t *traffic) dropped() (count uint64) {
	count = uint64(t.peer.dropped)
	for _, c := range t.clients {
		count += uint64(c.socket.dropped)
	}
	return count
}
