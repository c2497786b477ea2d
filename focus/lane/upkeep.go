package lane

import (
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// maintain does what a track needs now and then though nothing arrives. The caller
// holds its guard.
func (t *Track) maintain(now unit.Instant, trip time.Duration) {
	for _, s := range t.streams {
		if s != nil {
			s.ring.Expire(now)
			s.meter.measure(now)
			if s.clock.Load() == nil {
				s.tell()
			}
		}
	}
	t.collect(now)
}

// collect takes what others have asked for since the last call.
func (t *Track) collect(now unit.Instant) {
	stirred := t.stirred.Swap(false) // before what it stands for is looked at
	t.watched = 0
	for _, g := range t.fanout.Load().groups {
		for _, s := range g.subscriptions {
			c := &s.choice
			t.steer(s, c.shedding)
			t.watched |= t.want(s)
			if !stirred {
				continue
			}
			if trip := c.complaint.Swap(0); trip > 0 && c.stream >= 0 {
				t.keyFrames.Complain(c.stream, time.Duration(trip-1), now)
			}
		}
	}
	t.unwatched()
	if t.requested.Swap(false) {
		for i, s := range t.streams {
			if s != nil && s.known {
				t.keyFrames.Want(int8(i))
			}
		}
	}
}

// unwatched sees to it that nothing is asked for that is of use to nobody.
func (t *Track) unwatched() {
	if len(*t.sinks.Load()) > 0 {
		t.watched = 1<<simulcast.Streams - 1
	}
	for i, s := range t.streams {
		if s == nil || t.watched&feedback.LayerOf(int8(i)) != 0 {
			continue
		}
		t.keyFrames.Forget(int8(i))
		if newest, begun := s.numbers.Newest(); begun && s.missing != nil {
			s.missing.Overtaken(uint16(newest) + 1)
		}
	}
}

// despair asks for key frames of streams that have lost something for good.
func (t *Track) despair() {
	for i, s := range t.streams {
		if s == nil || s.missing == nil || !s.missing.TakeLost() || t.config.Kind == Audio {
			continue
		}
		if t.watched&feedback.LayerOf(int8(i)) != 0 {
			t.keyFrames.Want(int8(i))
		}
	}
}

// frame is the time between two pictures of the track, as far as it is known.
func (t *Track) frame() time.Duration {
	for _, s := range t.streams {
		if s != nil && s.meter.pictures >= 1 {
			return time.Duration(float64(time.Second) / s.meter.pictures)
		}
	}
	return frameTime
}

// next says when there is something to do at the track though nothing arrives.
func (t *Track) next(trip time.Duration) unit.Instant {
	next := t.keyFrames.Next(trip, t.frame())
	for _, s := range t.streams {
		if s == nil {
			continue
		}
		if s.missing != nil {
			next = min(next, s.missing.Next(trip))
		}
		if s.ring.Len() > 0 || !s.meter.silent() {
			next = min(next, max(s.last.Add(kept+window), s.meter.since.Add(window)))
		}
	}
	return next
}
