package congestion

import (
	"math/rand/v2"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

const (
	// packetMost is the largest IP packet: a datagram of 1200 bytes.
	packetMost = 1200 + 28
	// follow is how often an encoder looks at its target: it follows within that
	// (RFC 8867, section 4.3).
	follow = 100 * time.Millisecond
	// framesLeast are made in a second at the lowest rates, framesMost at most.
	framesLeast, framesMost = 10, 30
	// spread is how much frames differ from the average, to either side.
	spread = 0.05
	// soundEvery and soundSize make 20 kbit/s of IP packets.
	soundEvery = 20 * time.Millisecond
	soundSize  = 50
	// SoundRate is the audio of every flow, never adapted.
	SoundRate = 20 * unit.Kilobit
)

// video is an encoder whose rate can be told.
type video struct {
	least, most unit.BitRate
	slow        float64 // frames a second at the lowest rates
	every       time.Duration
	luck        *rand.Rand
	rate        unit.BitRate // what it makes at present
	look        unit.Instant // when it looks at the target
	next        unit.Instant // when the next frame is captured
	frame       int64
}

// newVideo starts at the least rate. When it looks and captures is drawn.
func newVideo(spec *Flow, luck *rand.Rand, now unit.Instant) video {
	v := video{
		least: spec.Least, most: spec.Most, slow: spec.Frames, every: spec.Follow, luck: luck, rate: spec.Least,
	}
	if v.slow == 0 {
		v.slow = framesLeast
	}
	if v.every == 0 {
		v.every = follow
	}
	v.look = now.Add(time.Duration(luck.Int64N(int64(v.every))))
	v.next = now.Add(time.Duration(luck.Int64N(int64(33 * time.Millisecond))))
	return v
}

// gap is from frame to frame: 10 a second (or slow) below 167 kbit/s, 30 from 500
// on.
func (v *video) gap() time.Duration {
	perSecond := min(max(framesMost*float64(v.rate)/float64(500*unit.Kilobit), v.slow), framesMost)
	return time.Duration(float64(time.Second) / perSecond)
}

// follow takes a target, if it is time to look.
func (v *video) follow(target func(unit.Instant) unit.BitRate, now unit.Instant) {
	if now.Before(v.look) {
		return
	}
	v.look = v.look.Add(v.every)
	v.rate = min(max(target(now), v.least), v.most)
}

// capture cuts the frame that is due into packets.
func (v *video) capture(now unit.Instant, offer func(Packet, unit.Instant)) {
	gap := v.gap()
	drawn := 1 - spread + 2*spread*v.luck.Float64()
	left := max(int(float64(v.rate.Bytes(gap))*drawn), 100)
	count := (left + packetMost - 1) / packetMost
	for i := range count {
		size := left / (count - i) // of equal size, as libwebrtc cuts
		left -= size
		offer(Packet{
			Kind: discrete.Video, Size: size, Frame: v.frame, Index: int32(i), Last: i == count-1, Captured: now,
		}, now)
	}
	v.frame++
	v.next = v.next.Add(gap)
}
