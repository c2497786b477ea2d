package party

import (
	"math/rand/v2"
	"time"

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
)

// film is what a faithful publisher shows: frames that can be decoded, as large as
// an encoder makes them, or those of a file as they are. Each packet that has room behind
// what a decoder reads says there when its frame was captured.
type film struct {
	from   int        // number of the publisher
	file   *clip.Film // nil: ours
	frames [][]byte   // of ours
	layers [][][]byte // of ours, if it is in layers
	mean   float64    // bytes of a frame
	random *rand.Rand
	next   int // of frames

	cutter   *clip.Cutter
	left     []clip.Payload // of the frame that is being sent
	captured int64
}

// newFilm makes that of a file, or of a picture by its size.
func newFilm(from int, config Config, width, height uint16) *film {
	if file := config.Film; file != nil {
		return &film{from: from, file: file, cutter: clip.NewCutter(file.Codec, PayloadSize, file.Width, file.Height)}
	}
	if config.Scalable {
		return &film{from: from, layers: clip.Layered(), cutter: clip.NewCutter(clip.VP9, PayloadSize, int(width), int(height))}
	}
	return &film{
		from: from, frames: clip.Frames(config.Codec, int(width)), cutter: clip.NewCutter(config.Codec, PayloadSize, int(width), int(height)),
		mean: filmRates[width] / 8 / float64(frames), random: rand.New(rand.NewPCG(config.Seed, uint64(width))),
	}
}

// lasts says for how many ns the next frame is shown, a key frame if one is wanted.
func (f *film) lasts(key bool) int64 {
	if f.file == nil {
		return int64(time.Second) / frames
	}
	return int64(f.file.Frames[f.at(key)].Lasts)
}

// at is the number of a file's next frame: if a key frame is wanted, of the next that
// there is.
func (f *film) at(key bool) int {
	if key {
		return f.file.Key(f.next)
	}
	return f.next
}

// capture takes the next frame, a key frame if one is wanted, and says in how many
// packets it leaves.
func (f *film) capture(now int64, key bool) (packets int) {
	f.captured = now
	if f.file != nil {
		made := f.file.Frames[f.at(key)]
		f.next = (f.at(key) + 1) % len(f.file.Frames)
		f.left = f.cutter.Cut(made.Data, made.Key, 0)
		return len(f.left)
	}
	if key {
		f.next = 0
	}
	at := f.next
	if f.next++; f.next == max(len(f.frames), len(f.layers)) {
		f.next = 1 // another key frame comes when it is asked for
	}
	if f.layers != nil {
		f.left = f.cutter.CutLayers(f.layers[at], key)
		return len(f.left)
	}
	size := f.mean * (1 + uneven*(2*f.random.Float64()-1))
	if key {
		size *= keyTimes
	}
	f.left = f.cutter.Cut(f.frames[at], key, int(size))
	return len(f.left)
}

// take writes the next payload of the frame and gives its size.
func (f *film) take(payload []byte) int {
	f.left[0].Stamp(f.from, f.captured)
	size := copy(payload, f.left[0].Bytes)
	f.left = f.left[1:]
	return size
}

// newVoice makes the source of a publisher's sound; nil is ours.
func newVoice(ssrc uint32, sound *clip.Sound) *source {
	s := newSource(ssrc, 0, 1)
	if s.sound = sound; sound == nil {
		s.sound = clip.Opus()
	}
	return s
}

// level is how loud a sound is said to be: that somebody speaks, at -20 dB below the
// loudest there is, or silence (RFC 6464 section 3).
func (s *source) level() []byte {
	const voice, loud, silence = 0x80, 20, 127
	if s.silent {
		return []byte{silence}
	}
	return []byte{voice | loud}
}

// say gives the next packet of a sound.
func (s *source) say(now int64, w *wire) (header, payload []byte) {
	p, room := clip.Padded(s.payload[:0], s.sound.At(int(s.packets)).Data)
	if room {
		clip.Stamp(p, s.from, now)
	}
	s.pass()
	header = appendElements(s.begin(w.voice.media, false), now, w.voice, w.voiceMid, 0, "", 0, s.level())
	s.sequence++
	s.packets++
	s.octets += uint32(len(p))
	return header, p
}
