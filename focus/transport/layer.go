package transport

import (
	"time"

	"github.com/pion/rtp"
)

// layer is one encoding of a RemoteTrack. Frames are put together whether readers
// of the track get this layer or not.
type layer struct {
	of   *RemoteTrack // set once
	rid  string       // set once; "" of a sender with one encoding
	ssrc uint32       // set once

	// Owned by the lane's read loop.
	frames *assembler

	// Guarded by of.mu.
	codec  Codec
	stats  LayerStats
	jitter jitter
	clock  senderClock
}

// take puts a packet where its frame is made. The payload is copied.
func (l *layer) take(header *rtp.Header, payload []byte, codec Codec, now time.Time) {
	payload = append([]byte(nil), payload...)
	l.useCodec(codec)
	l.count(header, len(payload), now)
	l.frames.push(header, payload, now)
	for {
		sample, ok := l.frames.pop(now)
		if !ok {
			break
		}
		l.of.deliver(l, sample)
	}
	l.of.mu.Lock()
	l.stats.Lost, l.stats.Late, l.stats.Broken = l.frames.stats.Lost, l.frames.stats.Late, l.frames.stats.Broken
	l.of.mu.Unlock()
}

// count notes a packet. Padding, as browsers probe with, is no sign that the
// layer lives.
func (l *layer) count(header *rtp.Header, size int, now time.Time) {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.stats.Packets++
	l.stats.Bytes += uint64(size)
	if size > 0 {
		l.stats.LastSeen = now
		l.stats.Jitter = l.jitter.add(header.Timestamp, l.codec.ClockRate(), now)
	}
}

// useCodec sees to it that frames are put together for the codec of the
// packet at hand.
func (l *layer) useCodec(codec Codec) {
	if l.frames != nil && l.frames.codec == codec {
		return
	}
	fresh := newAssembler(codec)
	if l.frames != nil {
		fresh.stats = l.frames.stats
	}
	l.frames = fresh
	l.of.mu.Lock()
	l.codec = codec
	l.of.mu.Unlock()
}

// frame counts a frame and completes what is known of it. l.of.mu is held.
func (l *layer) frame(sample *Sample) {
	l.stats.Frames++
	if sample.KeyFrame {
		l.stats.KeyFrames++
		if l.stats.FirstKeyFrame.IsZero() {
			l.stats.FirstKeyFrame = sample.Arrived
		}
	}
	if sample.Width > 0 {
		l.stats.Width, l.stats.Height = sample.Width, sample.Height
	}
	sample.Captured = l.clock.at(sample.Timestamp, sample.Codec.ClockRate())
}

// area is of the last key frame, in pixels. l.of.mu is held.
func (l *layer) area() int { return l.stats.Width * l.stats.Height }

// snapshot gives the counters. l.of.mu is held.
func (l *layer) snapshot() LayerStats {
	stats := l.stats
	stats.RID, stats.SSRC, stats.Codec = l.rid, l.ssrc, l.codec
	return stats
}

// keepTime takes in a sender's report: an instant on its clock, in 32.32
// seconds since 1900, and the RTP timestamp of that instant.
func (l *layer) keepTime(ntp uint64, timestamp uint32) {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.clock = senderClock{known: true, ntp: ntp, rtp: timestamp}
}

// senderClock relates RTP timestamps to the sender's clock (RFC 3550 section
// 6.4.1); what two tracks of one sender have in common.
type senderClock struct {
	known bool
	ntp   uint64 // 32.32 seconds since 1900
	rtp   uint32
}

// at gives the sender's time of a timestamp; zero if no report came yet.
func (c senderClock) at(timestamp, clock uint32) time.Time {
	if !c.known || clock == 0 {
		return time.Time{}
	}
	seconds, fraction := int64(c.ntp>>32), int64(c.ntp&0xffffffff)
	reported := time.Unix(seconds+ntpEpoch, fraction*int64(time.Second)>>32)
	return reported.Add(time.Duration(int32(timestamp-c.rtp)) * time.Second / time.Duration(clock))
}

// jitter is the interarrival jitter of RFC 3550 section 6.4.1.
type jitter struct {
	started bool
	arrived time.Time
	rtp     uint32
	value   float64 // seconds
}

func (j *jitter) add(timestamp, clock uint32, now time.Time) time.Duration {
	if clock == 0 {
		return 0
	}
	if j.started && int32(timestamp-j.rtp) < 0 { // sent again, or overtaken
		return time.Duration(j.value * float64(time.Second))
	}
	if j.started && timestamp != j.rtp { // packets of one frame share the timestamp
		d := now.Sub(j.arrived).Seconds() - float64(int32(timestamp-j.rtp))/float64(clock)
		j.value += (max(d, -d) - j.value) / 16
	}
	if !j.started || timestamp != j.rtp {
		j.started, j.arrived, j.rtp = true, now, timestamp
	}
	return time.Duration(j.value * float64(time.Second))
}
