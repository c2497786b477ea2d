package egress

import (
	"encoding/binary"
	"testing"
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/focus/pacer"
	"meshfocus/internal/unit"
)

// came is what the estimator is told, with what is true.
type came struct {
	number int64
	left   unit.Instant
	at     time.Duration // by the receiver's clock
}

// leave has one packet leave, without pacing.
func (r *rig) leave(size int) {
	r.shy = true
	r.put(pacer.Sound, size, Frame{})
	r.take()
}

// check compares what a report has told with what came, in steps of 250 µs; offset
// is what lies between the clocks.
func (r *rig) check(told []bwe.Acknowledged, want []came, offset time.Duration) {
	r.Helper()
	if len(told) != len(want) {
		r.Fatalf("%d packets were told of, want %d", len(told), len(want))
	}
	for i, a := range told {
		w := want[i]
		if a.Number != w.number || a.Left != w.left || a.Fate != history.Received {
			r.Fatalf("told %+v, want %+v", a, w)
		}
		if off := w.at + offset - a.At; off < 0 || off >= 250*time.Microsecond {
			r.Fatalf("packet %d came %v by the report, at %v in truth", a.Number, a.At, w.at)
		}
	}
}

// For hours of packets, by a receiver whose reference time and numbers wrap, with a
// report every 250 ms, each of them twice.
func TestHeard_FollowsNumbersAndTimesAcrossWraps(t *testing.T) {
	for _, first := range []uint16{0, 65000, 65535} {
		r := newRig(t, Config{First: first})
		const trip = 40 * time.Millisecond
		// The receiver's clock is about to wrap its reference.
		receiver := func(now unit.Instant) unit.Instant {
			return now + unit.Instant(feedback.ReferenceWrap) - 1000*second - 20*second
		}
		var waiting []came
		var offset time.Duration
		begun := false
		for i := range int64(70000) {
			number := int64(first) + i
			r.now += 2 * millisecond
			r.leave(1000 + int(i%200))
			there := receiver(r.now.Add(trip / 2)).Add(time.Duration(i%7) * 100 * time.Microsecond)
			r.arrivals.Arrived(uint16(number), there)
			waiting = append(waiting, came{number, r.now, time.Duration(there)})
			if i%125 != 124 {
				continue
			}
			rtcp := r.arrivals.Append(nil, 1, 2, there.Add(time.Second))
			r.now = r.now.Add(trip)
			r.hear(rtcp)
			if !begun {
				begun, offset = true, r.hearing.told[0].At-time.Duration(waiting[0].at)/(250*time.Microsecond)*(250*time.Microsecond)
			}
			r.check(r.hearing.told, waiting, offset)
			r.hear(rtcp)
			if len(r.hearing.told) != 0 {
				t.Fatal("the same report twice told something new")
			}
			waiting = waiting[:0]
		}
		s := r.Stats()
		if s.Fates[history.Received] != 70000 || s.Fates[history.Repeated] != 70000 || s.Fates[history.Missing]+s.Fates[history.Unknown] != 0 {
			t.Errorf("from %d: fates %v", first, s.Fates)
		}
	}
}

// Reports in another order, late, with packets that came after all, and of packets
// that nobody remembers.
func TestHeard_TellsMissingRecoveredAndUnknownApart(t *testing.T) {
	r := newRig(t, Config{First: 65530})
	for range 20 {
		r.now += millisecond
		r.leave(1000)
	}
	arrived := func(numbers ...uint16) []byte {
		r.now += 60 * millisecond
		for _, n := range numbers {
			r.arrivals.Arrived(n, r.now)
		}
		return r.arrivals.Append(nil, 1, 2, r.now.Add(time.Second))
	}
	one, two := arrived(65530, 65531, 65533), arrived(65532, 65534, 65535, 0, 1)
	fates := func(rtcp []byte, want ...history.Fate) {
		t.Helper()
		r.hear(rtcp)
		if len(r.hearing.told) != len(want) {
			t.Fatalf("told %+v, want %v", r.hearing.told, want)
		}
		for i, a := range r.hearing.told {
			if a.Fate != want[i] {
				t.Errorf("packet %d: %v, want %v", a.Number, a.Fate, want[i])
			}
		}
	}
	const came, recovered, missing = history.Received, history.Recovered, history.Missing
	fates(two, came, came, came, came, came, came) // the earlier report is late
	fates(one, came, came)                         // 65533 was in both
	fates(arrived(4, 6), missing, missing, came, missing, came)
	fates(arrived(2, 5, 7), recovered, recovered, came)
	fates(arrived(300), missing, missing, missing, missing, missing, missing) // most of these never left
	s := r.Stats()
	if s.Fates[history.Unknown] == 0 || s.Fates[missing] != 9 {
		t.Errorf("fates %v", s.Fates)
	}
}

func TestHeard_CountsReportsThatWereLost(t *testing.T) {
	r := newRig(t, Config{})
	for i := range uint16(600) {
		r.leave(1000)
		r.arrivals.Arrived(i, r.now)
		r.now += 60 * millisecond
		rtcp := r.arrivals.Append(nil, 1, 2, r.now)
		if i%3 != 1 {
			r.hear(rtcp)
		}
	}
	if s := r.Stats(); s.Reports != 400 || s.ReportsLost != 200-1 && s.ReportsLost != 200 {
		t.Errorf("%d reports, %d lost", s.Reports, s.ReportsLost)
	}
}

// RFC 8888 speaks of streams; its instants wrap after 18 hours.
func TestHeard_ReadsFeedbackByStream(t *testing.T) {
	r := newRig(t, Config{})
	streams := feedback.NewStreamArrivals(feedback.Epoch(0xFFFF_F000 << 16))
	var before time.Duration
	for i := range uint16(3000) {
		r.now += 10 * millisecond
		r.leave(1000)
		ssrc := uint32(1 + i%3)
		r.Path.Name(i, ssrc, 65000+i/3)
		marked := uint8(1)
		if i%5 == 0 {
			marked = 3
		}
		streams.Arrived(ssrc, 65000+i/3, marked, r.now)
		if i%10 != 9 {
			continue
		}
		r.hear(streams.Append(nil, 9, r.now))
		if len(r.hearing.told) != 10 {
			t.Fatalf("%d packets were told of", len(r.hearing.told))
		}
		for j, a := range r.hearing.told {
			n := int64(i) - 9 + int64(j)
			if a.Number != n || a.Marked != (n%5 == 0) || a.Fate != history.Received {
				t.Fatalf("told %+v of packet %d", a, n)
			}
			if step := a.At - before; n > 0 && (step < 8*time.Millisecond || step > 12*time.Millisecond) {
				t.Fatalf("packet %d came %v after the one before, want 10 ms", n, step)
			}
			before = a.At
		}
	}
	r.Nameless(1)
	r.leave(100)
	streams.Arrived(1, 464, 0, r.now)
	r.now += second
	r.hear(streams.Append(nil, 9, r.now))
	if len(r.hearing.told) != 0 || r.Stats().Unknown != 1 {
		t.Error("a stream that was forgotten is known")
	}
}

// What the receiver says beyond a report's reach means nothing.
func TestHeard_PassesOverArrivalsTooLongAgo(t *testing.T) {
	r := newRig(t, Config{})
	r.leave(1000)
	r.Path.Name(0, 5, 77)
	rtcp := []byte{0x80 | 11, 205, 0, 6, 0, 0, 0, 9, 0, 0, 0, 5, 0, 77, 0, 1, 0x80 | 0x1f, 0xfe, 0, 0, 0, 1, 0, 0}
	binary.BigEndian.PutUint16(rtcp[2:], uint16(len(rtcp)/4-1))
	r.hear(rtcp)
	if len(r.hearing.told) != 0 || r.Stats().Unknown != 1 {
		t.Errorf("told %+v", r.hearing.told)
	}
}
