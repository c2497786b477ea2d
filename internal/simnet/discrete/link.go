package discrete

import (
	"math/rand/v2"
	"time"

	"meshfocus/internal/unit"
)

// Path is what a link does to packets.
type Path struct {
	// Rates of the bottleneck; none: nothing is ever queued.
	Rates Rates
	// Queue is the room in front of the bottleneck, as the time that it takes to
	// empty at the present rate. A packet that does not fit is dropped.
	Queue time.Duration
	// Least is the room there is at the lowest rates, in bytes: an outage does not
	// take the memory away. Zero means two packets of 1500 bytes.
	Least int
	// Mark is the time in the queue above which packets are marked rather than
	// told by a drop (ECN); 0: never. What does not fit is dropped even so.
	Mark time.Duration

	// Delay is from the bottleneck to the end, unless a flow has its own.
	Delay Delays
	// Jitter is the σ of a normal distribution, cut at three of it, that is added
	// to the delay, and at JitterMost if that is not zero. Packets of a flow keep
	// their order (RFC 8868).
	Jitter, JitterMost time.Duration
	// Loss is the share lost behind the bottleneck, each for itself.
	Loss float64
	// Good and Bad are the chances with each packet to fall from the good state
	// into the bad one, where everything is lost, and to come back
	// (Gilbert–Elliott). Both zero: no bursts.
	Bad, Good float64
}

// Link is a queue with a bottleneck, and a wire for each flow behind it.
type Link struct {
	path  Path
	clock *Clock
	luck  *rand.Rand
	log   *Log

	step    int          // of the rates, at free
	free    unit.Instant // when the bottleneck has sent everything
	waiting ring[waiting]
	backlog int // bytes in the queue
	bad     bool
	wires   []*wire
}

// waiting is a packet in the queue.
type waiting struct {
	leaves unit.Instant
	size   int
}

// NewLink makes a link. luck decides about its losses and jitter; log, which may
// be nil, hears of every packet.
func NewLink(clock *Clock, path Path, luck *rand.Rand, log *Log) *Link {
	if path.Least == 0 {
		path.Least = 2 * 1500
	}
	return &Link{path: path, clock: clock, luck: luck, log: log, free: Start}
}

// Connect says where the packets of a flow arrive, and how long its wire is: nil
// is the delay of the link.
func (l *Link) Connect(flow int, delay Delays, to Receiver) {
	own := delay != nil
	if !own {
		delay = l.path.Delay
	}
	for len(l.wires) <= flow {
		l.wires = append(l.wires, nil)
	}
	l.wires[flow] = &wire{clock: l.clock, delay: delay, own: own, to: to}
}

// Retune has the bottleneck go at other rates from now on, by the same clock. What is in
// the queue leaves as it was to.
func (l *Link) Retune(rates Rates) { l.path.Rates, l.step = rates, 0 }

// Become has the link be another path from now on, by the same clock. What is in the
// queue leaves as it was to, and wires with a delay of their own keep it.
func (l *Link) Become(path Path) {
	if path.Least == 0 {
		path.Least = 2 * 1500
	}
	l.path, l.step = path, 0
	for _, w := range l.wires {
		if w != nil && !w.own {
			w.delay = path.Delay
		}
	}
}

// Put sends a packet, and reports whether it fit into the queue.
func (l *Link) Put(p Packet, now unit.Instant) bool {
	l.empty(now)
	entry := Entry{Flow: int32(p.Flow), Size: int32(p.Size), Kind: p.Kind, Number: p.Number, Entered: now}
	if len(l.path.Rates) > 0 && !l.fits(p.Size, now) {
		entry.Fate = Dropped
		l.log.add(entry)
		return false
	}
	leaves := l.leave(p.Size, now)
	if l.path.Mark > 0 && leaves.Sub(now) > l.path.Mark {
		p.Marked, entry.Marked = true, true
	}
	entry.Left = leaves
	entry.Fate = Delivered
	if l.loses() {
		entry.Fate = Lost
		l.log.add(entry)
		return true
	}
	w := l.wires[p.Flow]
	entry.Arrived = w.put(p, leaves, l.jitter())
	l.log.add(entry)
	return true
}

// Backlog gives how many bytes wait, the one in transmission included.
func (l *Link) Backlog(now unit.Instant) int {
	l.empty(now)
	return l.backlog
}

// Ready gives when the queue will have emptied if nothing more comes.
func (l *Link) Ready() unit.Instant { return l.free }

// empty forgets what has left the queue.
func (l *Link) empty(now unit.Instant) {
	for l.waiting.size() > 0 && l.waiting.front().leaves <= now {
		l.backlog -= l.waiting.front().size
		l.waiting.pop()
	}
}

// fits reports whether the queue has room for so many bytes. One packet always
// finds room in an empty queue.
func (l *Link) fits(size int, now unit.Instant) bool {
	room := int(l.path.Rates.At(Since(now)).Bytes(l.path.Queue))
	return l.backlog == 0 || l.backlog+size <= max(room, l.path.Least)
}

// leave puts a packet behind the others and gives when its last bit is sent.
func (l *Link) leave(size int, now unit.Instant) unit.Instant {
	if len(l.path.Rates) == 0 {
		return now
	}
	at := max(l.free, now)
	rates := l.path.Rates
	for l.step+1 < len(rates) && rates[l.step+1].At <= Since(at) {
		l.step++
	}
	bits := float64(size) * 8
	for {
		rate := float64(rates[l.step].Rate)
		if l.step+1 == len(rates) {
			at = at.Add(time.Duration(bits / max(rate, 1) * float64(time.Second)))
			break
		}
		end := At(rates[l.step+1].At)
		if can := rate * end.Sub(at).Seconds(); can < bits {
			bits -= can
			at = end
			l.step++
			continue
		}
		at = at.Add(time.Duration(bits / rate * float64(time.Second)))
		break
	}
	l.free = at
	l.backlog += size
	l.waiting.push(waiting{at, size})
	return at
}

// loses draws whether the packet is lost on its way.
func (l *Link) loses() bool {
	lost := false
	if l.path.Bad > 0 {
		chance := l.path.Bad
		if l.bad {
			chance = l.path.Good
		}
		if l.luck.Float64() < chance {
			l.bad = !l.bad
		}
		lost = l.bad
	}
	if l.path.Loss > 0 && l.luck.Float64() < l.path.Loss {
		lost = true
	}
	return lost
}

func (l *Link) jitter() time.Duration {
	if l.path.Jitter == 0 {
		return 0
	}
	most := 3 * l.path.Jitter
	if l.path.JitterMost > 0 {
		most = min(most, l.path.JitterMost)
	}
	for {
		drawn := time.Duration(l.luck.NormFloat64() * float64(l.path.Jitter))
		if drawn >= -most && drawn <= most {
			return drawn
		}
	}
}

// wire is what is under way to one receiver, in order.
type wire struct {
	clock *Clock
	delay Delays
	own   bool // the delay is not the link's
	to    Receiver
	last  unit.Instant // arrival of the newest
	under ring[travelling]
	here  Packet // the one that is being delivered
}

type travelling struct {
	at     unit.Instant
	packet Packet
}

// put sends a packet on that left the bottleneck at an instant, and gives when it
// arrives: not before the one ahead of it.
func (w *wire) put(p Packet, leaves unit.Instant, jitter time.Duration) unit.Instant {
	at := leaves.Add(max(w.delay.At(Since(leaves))+jitter, 0))
	w.last = max(w.last, at)
	if w.under.size() == 0 {
		w.clock.At(w.last, w)
	}
	w.under.push(travelling{w.last, p})
	return w.last
}

// Wake delivers what has arrived.
func (w *wire) Wake(now unit.Instant) {
	for w.under.size() > 0 && w.under.front().at <= now {
		w.here = w.under.front().packet
		w.under.pop()
		w.to.Arrive(&w.here, now)
	}
	if w.under.size() > 0 {
		w.clock.At(w.under.front().at, w)
	}
}
