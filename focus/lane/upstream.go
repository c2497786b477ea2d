package lane

import (
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
)

const (
	// reportEvery is how often a peer is told how its streams arrive. RFC 3550's
	// five seconds are for groups; round trips are measured by it too.
	reportEvery = time.Second
	// reportsMost is how many streams one report is about (RFC 3550 section 6.4.2);
	// more take turns.
	reportsMost = 31
	// compoundMost is how long RTCP is to be before it goes: the largest packet
	// behind it still fits a datagram.
	compoundMost = 600
)

// upstream is what a peer is told about the media that it sends: loss, what is to
// be sent again, key frames, arrivals. It is part of an intake.
type upstream struct {
	self     uint32 // SSRC of our RTCP
	reduced  bool   // RFC 5506
	reported unit.Instant
	due      unit.Instant // when to look again, at the latest
	awake    bool         // the clock loop looks every beat
	turn     int          // the stream that the next report begins with
	requests uint8        // number of the last full intra request

	// scratch
	compound []byte
	head     int // so much of compound is what every one begins with
	blocks   []feedback.Report
	numbers  []uint16
}

// tick does what is due at an End though nothing arrives, and says when to call
// again: unit.Far if something has to happen first. What arrives may bring forward
// when something is due, and does not wake the clock loop for it, which calls every
// beat as long as anything is due at all. For the clock loop.
func (e *End) tick(now unit.Instant) unit.Instant {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	u := &e.in.upstream
	if !now.Before(u.due) || e.in.stirred() {
		e.maintain(now)
	}
	if u.awake = u.due != unit.Far; u.awake {
		return now.Add(beat)
	}
	return unit.Far
}

// stirred reports whether somebody has asked something of a track.
func (in *intake) stirred() bool {
	for _, t := range in.tracks {
		if t.stirred.Load() {
			return true
		}
	}
	return false
}

// maintain tells the peer what it is to be told now, lets go of what is too old,
// and notes when to look again.
func (e *End) maintain(now unit.Instant) {
	in, trip := &e.in, e.trip()
	u := &in.upstream
	if in.closed {
		u.due = unit.Far
		return
	}
	e.begin(now)
	for _, t := range in.tracks {
		t.maintain(now, trip)
		e.ask(t, trip, now)
	}
	if in.arrivals != nil {
		u.compound = in.arrivals.Append(u.compound, u.self, in.anySSRC(), now)
	}
	if in.streamed != nil {
		e.flush(compoundMost)
		u.compound = in.streamed.Append(u.compound, u.self, now)
	}
	e.flush(0)
	u.due = in.next(trip, now)
}

// begin begins a compound: with a report if one is due, and as every compound has
// to if it is not of reduced size (RFC 3550 section 6.1).
func (e *End) begin(now unit.Instant) {
	u := &e.in.upstream
	u.compound, u.head = u.compound[:0], 0
	if u.reported == unit.Never || now.Sub(u.reported) >= reportEvery {
		if blocks := e.in.reportBlocks(now); len(blocks) > 0 {
			u.reported = now
			u.compound = feedback.AppendReceiverReport(u.compound, u.self, blocks...)
			u.compound = feedback.AppendDescription(u.compound, u.self, e.config.CName)
			return
		}
	}
	e.prologue()
}

// prologue writes what a compound begins with that has no report to make.
func (e *End) prologue() {
	u := &e.in.upstream
	if u.compound, u.head = u.compound[:0], 0; !u.reduced {
		u.compound = feedback.AppendReceiverReport(u.compound, u.self)
		u.compound = feedback.AppendDescription(u.compound, u.self, e.config.CName)
	}
	u.head = len(u.compound)
}

// flush sends a compound that is longer than most, and begins the next.
func (e *End) flush(most int) {
	u := &e.in.upstream
	if len(u.compound) <= u.head || len(u.compound) <= most {
		return
	}
	e.lane.report(e, u.compound)
	e.in.stats.Feedback++
	e.prologue()
}

// reportBlocks makes the report of each stream that has sent something since the
// last, retransmissions apart.
func (in *intake) reportBlocks(now unit.Instant) []feedback.Report {
	u := &in.upstream
	u.blocks = u.blocks[:0]
	at, skip := 0, u.turn
	for range 2 { // from the turn to the end, and from the beginning to the turn
		for _, t := range in.tracks {
			for _, s := range t.streams {
				if s == nil || !s.known {
					continue
				}
				for _, r := range s.since(u.reported) {
					if r == nil {
						continue
					}
					if at++; at <= skip || len(u.blocks) == reportsMost {
						continue
					}
					if block, ok := r.Report(now); ok {
						u.blocks = append(u.blocks, block)
					}
				}
			}
		}
		if u.turn = 0; at > reportsMost {
			u.turn = (skip + reportsMost) % at
		}
		if at <= reportsMost || len(u.blocks) == reportsMost {
			break
		}
		at, skip = 0, 0
	}
	return u.blocks
}

// ask writes what a track's publisher is asked for: packets again, key frames.
func (e *End) ask(t *Track, trip time.Duration, now unit.Instant) {
	u := &e.in.upstream
	for _, s := range t.streams {
		if s == nil || !s.known || s.missing == nil {
			continue
		}
		if u.numbers = s.missing.Due(u.numbers[:0], trip, now); len(u.numbers) > 0 {
			e.lane.counts.asked.Add(uint64(len(u.numbers)))
			u.compound = feedback.AppendNack(u.compound, u.self, s.ssrc, u.numbers)
			e.flush(compoundMost)
		}
	}
	t.despair()
	e.askKeyFrames(t, t.keyFrames.Due(trip, t.frame(), now))
}

// askKeyFrames asks for key frames of streams, as each of them takes it.
func (e *End) askKeyFrames(t *Track, wanted feedback.Layers) {
	u := &e.in.upstream
	for i, s := range t.streams {
		if s == nil || !s.known || wanted&feedback.LayerOf(int8(i)) == 0 {
			continue
		}
		switch {
		case s.format.PLI:
			u.compound = feedback.AppendPictureLoss(u.compound, u.self, s.ssrc)
		case s.format.FIR:
			u.requests++
			u.compound = feedback.AppendFullIntra(u.compound, u.self, s.ssrc, u.requests)
		default:
			continue
		}
		t.stats.Requests++
		e.lane.counts.keyFramesAsked.Add(1)
		e.flush(compoundMost)
	}
}

// anySSRC is that of some stream of the peer, 0 if it has sent nothing.
func (in *intake) anySSRC() uint32 {
	for _, t := range in.tracks {
		for _, s := range t.streams {
			if s != nil && s.known {
				return s.ssrc
			}
		}
	}
	return 0
}

// next says when there is something to do though nothing arrives.
func (in *intake) next(trip time.Duration, now unit.Instant) unit.Instant {
	next := in.arrivalsDue()
	for _, t := range in.tracks {
		next = min(next, t.next(trip))
		for _, s := range t.streams {
			if s != nil && s.known && s.since(in.upstream.reported) != [2]*feedback.Receiver{} {
				next = min(next, max(in.upstream.reported.Add(reportEvery), now))
			}
		}
	}
	return next
}

// arrivalsDue says when arrivals are to be reported.
func (in *intake) arrivalsDue() unit.Instant {
	switch {
	case in.arrivals != nil:
		return in.arrivals.Next()
	case in.streamed != nil:
		return in.streamed.Next()
	}
	return unit.Far
}

// hasten brings the next look forward to when a track that got something wants it.
func (in *intake) hasten(t *Track, trip time.Duration) {
	t.despair()
	in.upstream.due = min(in.upstream.due, t.next(trip))
}
