package lane

import (
	"time"

	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
)

const (
	// silence is the quietest level there is (RFC 6464 section 3), in -dBov.
	silence = 127
	// speech is for how long somebody speaks after the last packet with voice:
	// longer than the pauses between words.
	speech = 300 * time.Millisecond
)

// level is how loud a track is, smoothed: up at once by half, down by an eighth
// a packet, so that a word is seen and a gap between two is not.
type level struct {
	known bool
	// smooth is in 1/16 of -dBov.
	smooth int32
	voice  unit.Instant
}

// hear takes the audio level extension of a packet, a byte of |V| level |.
func (l *level) hear(value byte, now unit.Instant) {
	heard := int32(value&0x7F) * 16
	switch {
	case !l.known:
		l.known, l.smooth = true, heard
	case heard < l.smooth: // louder
		l.smooth -= (l.smooth - heard + 1) / 2
	default:
		l.smooth += (heard - l.smooth + 7) / 8
	}
	if value&0x80 != 0 {
		l.voice = now
	}
}

// speaking reports whether there was voice lately.
func (l *level) speaking(now unit.Instant) bool {
	return l.voice != unit.Never && now.Sub(l.voice) < speech
}

// listen takes the level of a packet and tells it to all who ask.
func (t *Track) listen(p *packet.Packet) {
	value := p.Value(packet.AudioLevel)
	if len(value) == 0 {
		return
	}
	t.level.hear(value[0], p.Arrived)
	told := uint64(t.level.smooth / 16)
	if t.level.speaking(p.Arrived) {
		told |= 1 << 8
	}
	t.levelled.Store(told)
	t.levelAt.Store(int64(p.Arrived))
}

// Level says how loud the track is by its audio level extension (RFC 6464): db
// from 0, the loudest, to 127, silent; whether somebody speaks; and when that was
// so. at is unit.Never if no packet has told.
func (t *Track) Level() (db int8, speaking bool, at unit.Instant) {
	at = unit.Instant(t.levelAt.Load())
	if at == unit.Never {
		return silence, false, at
	}
	told := t.levelled.Load()
	return int8(told & 0x7F), told&(1<<8) != 0, at
}
