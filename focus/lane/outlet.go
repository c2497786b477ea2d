package lane

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"meshfocus/focus/history"
	"meshfocus/focus/transport/srtp"
	"meshfocus/focus/udp"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
	"meshfocus/simulcast/opus"
)

// outlet is what an End knows of what it sends.
type outlet struct {
	// sources is which SSRCs are in use and where those that were stopped. Calls
	// alone touch it, never a packet.
	mutex   sync.Mutex
	sources map[uint32]*usedSource
	taken   []*Subscription // not closed yet
	seal    srtp.Master
	gone    bool

	told atomic.Bool // the peer's reports have told the round trip
	// resigned: there will be no way, it seems; the send loop says so.
	resigned atomic.Bool
	stats    sendingCounts

	// owned by the send loop
	sealer           *srtp.Sealer // nil before there are keys
	route            route
	outbox           *udp.Outbox // of the route's socket
	relay            *relay      // for paths that are not direct, nil before the first
	closed           bool
	waiting          waiting
	subs             []*Subscription     // to be found by SSRC
	repeats          map[uint32]uint16   // the next number of retransmission SSRCs out of use
	left             *history.Departures // nil before the first packet
	since            unit.Instant        // when that left
	way              *way                // nil before the first feedback
	pictured         unit.Instant        // when the first picture left without
	number           uint16              // transport-wide, of what the way lets leave
	numbered         bool                // it counts
	repair           allowance
	datagrams, bytes int // of this flush
}

// usedSource is an SSRC that left on the connection. Numbers of one SSRC go on as
// long as the keys live, since none may be sealed twice.
type usedSource struct {
	inUse bool
	begun bool
	last  beginning
	at    unit.Instant
}

// beginning is the numbers a stream begins with, or goes on with.
type beginning struct {
	sequence  uint16
	timestamp uint32
}

// anyBeginning is as RFC 3550 section 5.1 wants it, and in the lower half of the
// numbers: who misses the first packets still counts its wraps right.
func anyBeginning() beginning {
	return beginning{sequence: uint16(rand.Uint32()) >> 1, timestamp: rand.Uint32()}
}

// register takes the SSRCs of a subscription, and says with which numbers it begins.
func (o *outlet) register(s *Subscription, now unit.Instant) (beginning, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.sources == nil {
		o.sources = make(map[uint32]*usedSource)
	}
	c := &s.config
	if o.gone {
		return beginning{}, ErrClosed
	}
	if c.SSRC == 0 || c.SSRC == c.RTX || o.busy(c.SSRC) || c.RTX != 0 && o.busy(c.RTX) {
		return beginning{}, ErrSource
	}
	for _, ssrc := range []uint32{c.SSRC, c.RTX} {
		if ssrc == 0 {
			continue
		}
		if o.sources[ssrc] == nil {
			o.sources[ssrc] = &usedSource{}
		}
		o.sources[ssrc].inUse = true
	}
	o.taken = append(o.taken, s)
	s.end.subscribed.Add(1)
	return o.sources[c.SSRC].next(s, now), nil
}

func (o *outlet) busy(ssrc uint32) bool {
	used := o.sources[ssrc]
	return used != nil && used.inUse
}

// next gives the numbers with which a stream goes on: the time passes while nothing
// is sent.
func (u *usedSource) next(s *Subscription, now unit.Instant) beginning {
	if !u.begun {
		return anyBeginning()
	}
	passed := now.Sub(u.at).Seconds() * float64(s.clock())
	return beginning{sequence: u.last.sequence + 1, timestamp: u.last.timestamp + uint32(int64(max(passed, 1)))}
}

// clock is that of the timestamps, in hertz; formats of one stream share it.
func (s *Subscription) clock() uint32 {
	for codec := range s.formats {
		f := &s.formats[codec]
		if f.agreed && f.clock != 0 && suits(simulcast.Codec(codec), s.kind) {
			return f.clock
		}
	}
	if s.kind == Audio {
		return opus.SampleRate
	}
	return 90_000
}

// suits reports whether a codec can be of a kind, as far as it is told apart.
func suits(codec simulcast.Codec, kind Kind) bool {
	return codec == simulcast.Other || (codec == simulcast.Opus) == (kind == Audio)
}

// keep remembers the last numbers that a subscription left with. Nobody selects for
// it any more.
func (o *outlet) keep(s *Subscription) {
	sequence, timestamp, at, begun := s.choice.last()
	if !begun {
		return // where it went on from still holds
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	used := o.sources[s.config.SSRC]
	used.begun, used.last, used.at = true, beginning{sequence, timestamp}, at
}

// goOn says with which numbers a subscription goes on.
func (o *outlet) goOn(s *Subscription, now unit.Instant) beginning {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.sources[s.config.SSRC].next(s, now)
}

// unregister frees the SSRCs of a subscription; its numbers stay known.
func (o *outlet) unregister(s *Subscription) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.sources[s.config.SSRC].inUse = false
	if used := o.sources[s.config.RTX]; used != nil {
		used.inUse = false
	}
	o.taken = without(o.taken, s)
	s.end.subscribed.Add(-1)
}

// rekeyed reports whether a master is another than the last.
func (o *outlet) rekeyed(seal srtp.Master) bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.seal.Equal(seal) {
		return false
	}
	o.seal = seal
	return true
}

// end gives the subscriptions there are, and takes no more of them.
func (o *outlet) end() []*Subscription {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.gone = true
	return slices.Clone(o.taken)
}

// measured reports whether reports have told the round trip.
func (o *outlet) measured() bool { return o.told.Load() }
