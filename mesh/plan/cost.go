package plan

import (
	"math"

	"meshfocus/internal/unit"
)

// Cost is what forwarding takes of its machine.
type Cost struct {
	Up, Down unit.BitRate
	Packets  float64 // that leave in a second
	Cores    float64
	Memory   int64 // bytes, beside the process itself
}

// What a packet that leaves takes of our focus, in µs, at a low and a high rate of
// all packets, as measured: docs/benchmarks.md, "12.5 k/s" and "100 k/s, even". In
// between it goes by the logarithm, since the more come the more leave together.
const (
	lowRate, lowMicros   = 12_500, 9.84
	highRate, highMicros = 100_000, 3.34
	// perSubscriber is what a subscriber of a picture and a voice takes: 220 kB with
	// a connection of its own (docs/benchmarks.md), and perTrack what each further track does.
	perSubscriber, perTrack = 220_000, 133_000
	// payload of a full packet, without headers; frames and voices are packets a second.
	payload, frames, voices = 1100, 30, 50
)

// micros is what a packet takes at a rate.
func micros(packets float64) float64 {
	at := math.Log(packets/lowRate) / math.Log(float64(highRate)/lowRate)
	return lowMicros + (highMicros-lowMicros)*min(max(at, 0), 1)
}

// packetsOf is how many a picture of a rate is in a second: a frame is at least one,
// and its last is half full in the mean.
func packetsOf(rate unit.BitRate) float64 {
	if rate <= 0 {
		return 0
	}
	return frames/2 + max(float64(rate)/8/payload, frames/2)
}

func costOf(o Outcome) (c Cost) {
	for viewer, row := range o.Sees {
		c.Up += o.Down[viewer]
		c.Down += o.Up[viewer]
		c.Memory += perSubscriber
		for sender, s := range row {
			if viewer == sender {
				continue
			}
			c.Packets += packetsOf(s.Rate)
			if s.Sound {
				c.Packets += voices
			}
			c.Memory += perTrack
		}
	}
	c.Cores = c.Packets * micros(c.Packets) / 1e6
	return c
}

// Forwarding is what so many packets a second take of a core, and of each packet in µs.
func Forwarding(packets float64) (cores, each float64) {
	each = micros(packets)
	return packets * each / 1e6, each
}
