package feedback

import (
	"slices"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// asker is what asks for lost packets.
type asker interface {
	arrived(number uint16, size int, again bool, now unit.Instant)
	due(trip time.Duration, now unit.Instant) []uint16
}

type ours struct{ *Missing }

func (o ours) arrived(number uint16, size int, again bool, now unit.Instant) {
	if again {
		o.Repaired(number, now)
		return
	}
	o.Arrived(number, size, now)
}

func (o ours) due(trip time.Duration, now unit.Instant) []uint16 { return o.Due(nil, trip, now) }

// stubborn asks every 100 ms, ten times, for whatever is missing: what
// browsers and others do.
type stubborn struct {
	highest uint16
	missing map[uint16]*request
	tries   map[uint16]int
}

func (s *stubborn) arrived(number uint16, _ int, again bool, now unit.Instant) {
	if int16(number-s.highest) <= 0 || again {
		delete(s.missing, number)
		return
	}
	for n := s.highest + 1; n != number && s.highest != 0; n++ {
		s.missing[n] = &request{number: n, at: now}
	}
	s.highest = number
}

func (s *stubborn) due(_ time.Duration, now unit.Instant) []uint16 {
	var due []uint16
	for n, r := range s.missing {
		if now.Before(r.at) {
			continue
		}
		if s.tries[n]++; s.tries[n] == 10 {
			delete(s.missing, n)
		}
		r.at = now.Add(100 * time.Millisecond)
		due = append(due, n)
	}
	slices.Sort(due)
	return due
}

// outcome is what a fall of capacity came to, in bytes from the fall on.
type outcome struct {
	asked    int64         // bytes asked for again
	media    int64         // of the first sending, arrived
	carried  int64         // what the link carried
	peak     int           // most requests within a second
	quiet    time.Duration // after the source followed, until the last request
	overflow int64         // dropped by the queue
}

// fall sends 1.5 Mbit/s over a link that falls from 2 Mbit/s to 0.6 with a
// queue of 300 ms; the source notices after three seconds, and follows with
// 0.5 Mbit/s. Time goes by milliseconds.
func fall(a asker, stays, follows unit.BitRate) outcome {
	const size, trip = 1200, 50 * time.Millisecond
	type packet struct {
		number uint16
		again  bool
		at     unit.Instant
	}
	const fell, followed, ends = 2000, 5000, 12000
	var queue, air []packet
	var back []request
	var result outcome
	var carry, owed float64
	var second []int
	number := uint16(1)
	for ms := range ends {
		now := in(ms)
		rate, link := stays, 2*unit.Megabit
		if ms >= fell {
			link = 600 * unit.Kilobit
		}
		if ms >= followed {
			rate = follows
		}
		room := int(link.Bytes(300*time.Millisecond)) / size
		send := func(p packet) {
			if len(queue) < room {
				queue = append(queue, p)
			} else if ms >= fell {
				result.overflow += size
			}
		}
		for len(back) > 0 && !now.Before(back[0].at) {
			send(packet{number: back[0].number, again: true})
			back = back[1:]
		}
		for owed += float64(rate.Bytes(time.Second)) / 1000; owed >= size; owed -= size {
			send(packet{number: number})
			number++
		}
		for carry = min(carry+float64(link.Bytes(time.Second))/1000, size); carry >= size && len(queue) > 0; carry -= size {
			p := queue[0]
			queue = queue[1:]
			p.at = now.Add(trip / 2)
			air = append(air, p)
		}
		for len(air) > 0 && !now.Before(air[0].at) {
			p := air[0]
			air = air[1:]
			a.arrived(p.number, size, p.again, now)
			if ms >= fell {
				result.carried += size
				if !p.again {
					result.media += size
				}
			}
		}
		due := a.due(trip, now)
		for _, n := range due {
			back = append(back, request{n, now.Add(trip / 2)})
		}
		if second = append(second, len(due)); len(second) > 1000 {
			second = second[1:]
		}
		if ms >= fell {
			result.asked += int64(len(due)) * size
			sum := 0
			for _, n := range second {
				sum += n
			}
			result.peak = max(result.peak, sum)
			if len(due) > 0 && ms >= followed {
				result.quiet = time.Duration(ms-followed) * time.Millisecond
			}
		}
	}
	return result
}

func TestMissing_DoesNotStormWhenTheLinkFalls(t *testing.T) {
	missing := NewMissing(VideoLimits())
	got := fall(ours{missing}, 1500*unit.Kilobit, 500*unit.Kilobit)
	other := fall(&stubborn{missing: map[uint16]*request{}, tries: map[uint16]int{}}, 1500*unit.Kilobit, 500*unit.Kilobit)
	t.Logf("ours      %+v %+v", got, missing.Stats())
	t.Logf("stubborn  %+v", other)

	if most := int64(48_000) + got.carried*33/100; got.asked > most {
		t.Errorf("asked for %d bytes, at most %d are allowed of what came", got.asked, most)
	}
	if got.asked*3 > other.asked {
		t.Errorf("asked for %d bytes, a stubborn one for %d", got.asked, other.asked)
	}
	if got.media <= other.media {
		t.Errorf("%d bytes of media came, with a stubborn one %d", got.media, other.media)
	}
	if got.quiet > 3*time.Second {
		t.Errorf("still asking %v after the source followed", got.quiet)
	}
	if !missing.TakeLost() {
		t.Error("nobody was told that a key frame is needed")
	}
}
