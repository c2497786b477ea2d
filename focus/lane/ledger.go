package lane

import (
	"math/bits"
	"sync/atomic"
	"time"

	"meshfocus/internal/unit"
)

// Stage is a part of a packet's way.
type Stage uint8

// The stages, in the order of the way; Stages is how many there are. What is timed
// is a batch, and what is told is a share of it for each packet: of those that came
// in up to Select, of those that left from there on.
const (
	// Receive: the system call that reads, without waiting.
	Receive Stage = iota
	// Open: SRTP.
	Open
	// Parse: whose it is, header, payload, statistics, what is missing, and what the
	// peer says and is told about that.
	Parse
	// Select: what each subscription gets, and with which numbers, up to the mailbox of
	// its lane.
	Select
	// HandOver: from the read loop to the send loop, and gathering for each End.
	HandOver
	// Rewrite: header and payload as the subscriber gets them, and remembering them.
	Rewrite
	// Seal: SRTP.
	Seal
	// Send: the system call that writes.
	Send

	Stages
)

var stageNames = [Stages]string{"receive", "open", "parse", "select", "hand over", "rewrite", "seal", "send"}

// String names the stage in a word or two.
func (s Stage) String() string {
	if s < Stages {
		return stageNames[s]
	}
	return "unknown"
}

// sampled is of how many batches one is timed: at 2000 batches in a second 16
// measurements, which cost less than can be measured.
const sampled = 128

// Side is a half of the way, each of a loop of its own.
type Side uint8

// The sides. What was timed of each as a whole is the sum of its stages, and what they
// leave out: a tenth at most (BenchmarkLedger).
const (
	// Receiving: Receive to Select, by packets that came in.
	Receiving Side = iota
	// Sending: HandOver to Send, by packets that left.
	Sending

	Sides
)

// String names the side.
func (s Side) String() string { return [...]string{"receiving", "sending", "unknown"}[min(s, Sides)] }

// Side is the half of the way that the stage is a part of.
func (s Stage) Side() Side {
	if s < HandOver {
		return Receiving
	}
	return Sending
}

// classes is how many powers of two of nanoseconds are told apart: up to 8 ms for a
// packet.
const classes = 24

// ledger is what stages cost, as histograms, and what the sides did as a whole. Any
// goroutine may add to it.
type ledger struct {
	stages [Stages]stageCounts
	sides  [Sides]stageCounts
}

type stageCounts struct {
	batches, packets, nanos atomic.Uint64
	histogram               [classes]atomic.Uint64
}

// add notes that a stage took so long for so many packets.
func (l *ledger) add(s Stage, took time.Duration, packets int) { l.stages[s].add(took, packets) }

func (c *stageCounts) add(took time.Duration, packets int) {
	if packets <= 0 || took < 0 {
		return
	}
	c.batches.Add(1)
	c.packets.Add(uint64(packets))
	c.nanos.Add(uint64(took))
	each := uint64(took) / uint64(packets)
	c.histogram[min(bits.Len64(each), classes-1)].Add(uint64(packets))
}

// StageStats is what one stage, or one side, has cost, of the batches that were timed.
type StageStats struct {
	Batches, Packets uint64
	Took             time.Duration // altogether
	// Histogram counts packets by what each of their batch took: class n is less than
	// 2^n nanoseconds, the last is all above.
	Histogram [classes]uint64
}

// Each is what a packet took on average, 0 if none was timed.
func (s StageStats) Each() time.Duration {
	if s.Packets == 0 {
		return 0
	}
	return s.Took / time.Duration(s.Packets)
}

func (l *ledger) statsInto(stats *Stats) {
	for i := range stats.Stages {
		l.stages[i].statsInto(&stats.Stages[i])
	}
	for i := range stats.Sides {
		l.sides[i].statsInto(&stats.Sides[i])
	}
}

func (c *stageCounts) statsInto(to *StageStats) {
	to.Batches, to.Packets, to.Took = c.batches.Load(), c.packets.Load(), time.Duration(c.nanos.Load())
	for class := range to.Histogram {
		to.Histogram[class] = c.histogram[class].Load()
	}
}

// lap measures stages one behind the other in a batch that is timed; in others it
// costs a comparison. It belongs to one loop.
type lap struct {
	ledger *ledger
	side   Side
	now    func() unit.Instant
	left   int // batches until the next that is timed
	since  unit.Instant
	stage  Stage // since then
	timed  bool
	begun  unit.Instant  // of the batch that is timed
	before time.Duration // that it took before it began: Receive
	sums   [Stages]time.Duration
}

func newLap(l *Lane, side Side) lap { return lap{ledger: &l.ledger, side: side, now: l.config.Now} }

// begin begins a batch, unless one that is timed has not been noted yet, with a stage.
func (l *lap) begin(s Stage) {
	if l.timed {
		return
	}
	l.left--
	if l.timed = l.left < 0; l.timed {
		l.left, l.begun = sampled-1, l.now()
		l.since, l.stage = l.begun, s
	}
}

// received notes what it took to read the batch that begins next, if it is timed.
func (l *lap) received(took time.Duration) { l.before, l.sums[Receive] = took, took }

// next reports whether the batch that begins next is timed.
func (l *lap) next() bool { return l.left <= 0 }

// enter ends the stage that is under way and begins another.
func (l *lap) enter(s Stage) {
	if l.timed {
		now := l.now()
		l.sums[l.stage] += now.Sub(l.since)
		l.since, l.stage = now, s
	}
}

// omit leaves what is done out of the batch: it is no part of a packet's way.
func (l *lap) omit(do func()) {
	if !l.timed {
		do()
		return
	}
	l.enter(l.stage)
	do()
	now := l.now()
	l.begun = l.begun.Add(now.Sub(l.since))
	l.since = now
}

// note ends the batch and puts its sums into the ledger, by so many packets.
func (l *lap) note(packets int) {
	if !l.timed {
		return
	}
	l.enter(l.stage)
	l.timed = false
	l.ledger.sides[l.side].add(l.since.Sub(l.begun)+l.before, packets)
	l.before = 0
	for i, sum := range l.sums {
		if sum > 0 {
			l.ledger.add(Stage(i), sum, packets)
		}
		l.sums[i] = 0
	}
}
