package party

import (
	"math/rand/v2"

	"meshfocus/bench/clip"
)

// A camera makes pictures of three sizes, an encoder frames at these rates of bits:
// about what Chromium gives the layers of 720p.
var filmRates = map[uint16]float64{320: 150_000, 640: 500_000, 1280: 1_500_000}

const (
	// keyTimes is how much larger a key frame is than others, and uneven by how much
	// those are larger or smaller than their mean, either way.
	keyTimes = 4
	uneven   = 0.4
	// part is the most of a frame that a packet carries, behind the descriptor.
	part = PayloadSize - described
	// described is the size of a descriptor.
	described = 6
	// soundEvery is the time of a packet of sound.
	soundEvery = int64(20e6)
)

// film is what a faithful publisher shows: frames that can be decoded, as large as
// an encoder makes them. Each packet that has room behind what a decoder reads says
// there when its frame was captured.
type film struct {
	frames [][]byte
	mean   float64 // bytes of a frame
	random *rand.Rand
	next   int // of frames

	frame    []byte // what is left of the one that is being sent
	real     int    // bytes of it that a decoder reads
	parts    int    // packets that are left
	captured int64
}

// newFilm makes that of a picture by its width.
func newFilm(width uint16, seed uint64) *film {
	return &film{
		frames: clip.VP8(int(width)), mean: filmRates[width] / 8 / float64(frames),
		random: rand.New(rand.NewPCG(seed, uint64(width))),
	}
}

// capture takes the next frame, a key frame if one is wanted, and says in how many
// packets it leaves.
func (f *film) capture(now int64, key bool) (packets int) {
	size := f.mean * (1 + uneven*(2*f.random.Float64()-1))
	if key {
		f.next, size = 0, size*keyTimes
	}
	made := f.frames[f.next]
	f.next++
	if f.next == len(f.frames) {
		f.next = 1 // another key frame comes when it is asked for
	}
	f.real, f.captured = len(made), now
	f.frame = make([]byte, max(int(size), len(made)+clip.StampSize))
	copy(f.frame, made)
	f.parts = (len(f.frame) + part - 1) / part
	return f.parts
}

// take writes the next part of the frame behind a descriptor and gives the size of
// both.
func (f *film) take(payload []byte) int {
	size := len(f.frame) / f.parts
	copy(payload[described:], f.frame[:size])
	f.frame, f.parts = f.frame[size:], f.parts-1
	if f.real <= size-clip.StampSize {
		clip.Stamp(payload[:described+size], f.captured)
	}
	f.real = max(f.real-size, 0)
	return described + size
}

// newVoice makes the source of a publisher's sound.
func newVoice(ssrc uint32) *source {
	s := newSource(ssrc, 0, 1)
	s.sound = clip.Opus()
	return s
}

// say gives the next packet of a sound.
func (s *source) say(now int64, w *wire) (header, payload []byte) {
	p := clip.Padded(s.payload[:0], s.sound[int(s.packets)%len(s.sound)])
	clip.Stamp(p, now)
	s.timestamp += clip.SoundEvery
	header = appendElements(s.begin(w.voice.media, false), now, w.voice, w.voiceMid, 0, "", 0)
	s.sequence++
	s.packets++
	s.octets += uint32(len(p))
	return header, p
}
