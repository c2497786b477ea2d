package bwe

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// lossPackets is how many packets a judgement on loss rests on, at least, and
	// lossTime how long it takes: 5 % of 100 are five.
	lossPackets = 100
	lossTime    = 500 * time.Millisecond
	// bearableLeast is the loss that is never a reason: bursts on radio come to 5 %,
	// and the goal is to live with them.
	bearableLeast = 0.05
	// tooMuch is how much beyond the bearable is too much.
	tooMuch = 0.05
	// stays is the part of the loss that is still there with less sent if the loss
	// has nothing to do with how much is sent.
	stays = 0.75
	// bearableMemory is how long, in seconds, such loss is remembered.
	bearableMemory = 60
)

// lossMemory is how much of the counts stays after a packet: a thousand packets are
// some seconds of video, and enough to tell 1 % from 2 %.
const lossMemory = 1 - 1.0/256

// loss counts what was lost. What is Recovered afterwards was reordered, not lost.
type loss struct {
	packets, missing float64
	marked           float64
}

func (l *loss) received(marked bool) {
	l.packets = l.packets*lossMemory + 1
	l.missing *= lossMemory
	l.marked *= lossMemory
	if marked {
		l.marked++
	}
}

func (l *loss) lost() {
	l.packets = l.packets*lossMemory + 1
	l.missing = l.missing*lossMemory + 1
	l.marked *= lossMemory
}

func (l *loss) recovered() { l.missing = max(l.missing-1, 0) }

// share is the part lost lately.
func (l *loss) share() float64 {
	if l.packets == 0 {
		return 0
	}
	return l.missing / l.packets
}

// marks is the part that was marked lately.
func (l *loss) marks() float64 {
	if l.packets == 0 {
		return 0
	}
	return l.marked / l.packets
}

// trying is what the law does about much loss: it sends what comes and no more, and
// looks whether that helps. A queue that is always full shows no delay, only loss.
type trying struct {
	bearable       float64
	packets, lost  float64
	since          unit.Instant // of the packets that count
	testing        bool
	share, restore float64 // loss and rate before the test
}

// count takes the packets of a report that left since.
func (t *trying) count(missing bool, left unit.Instant) {
	if left < t.since {
		return
	}
	t.packets++
	if missing {
		t.lost++
	}
}

// judge follows a report: a rate, and whether it is to be taken.
func (t *trying) judge(e *Estimator, now unit.Instant) (float64, bool) {
	t.bearable = max(bearableLeast, t.bearable*(1-e.facts.span.Seconds()/bearableMemory))
	if t.packets < lossPackets || e.facts.left.Sub(t.since) < lossTime {
		return 0, false
	}
	share, rate := t.lost/t.packets, e.law.rate
	t.packets, t.lost, t.since = 0, 0, e.facts.left
	switch {
	case t.testing && share > stays*t.share:
		t.testing, t.bearable = false, max(t.bearable, share)
		return max(rate, t.restore), true
	case t.testing:
		t.testing = false
	case share > t.bearable+tooMuch && float64(e.facts.delivered) < rate:
		t.testing, t.share, t.restore, t.since = true, share, rate, now
		return cutTo * float64(e.facts.delivered), true
	}
	return 0, false
}
