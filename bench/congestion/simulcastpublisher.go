package congestion

import (
	"math/rand/v2"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

const (
	pictureTime = time.Second / 30
	// keySize is a key frame in average frames; keyDelay is from asking to its start.
	keySize  = 6
	keyDelay = 80 * time.Millisecond
	// early is for how long a publisher has been sending when the subscriber comes.
	early = 4 * time.Second
	// vpxClock ticks RTP timestamps.
	vpxClock = 90_000
)

// pattern is the temporal layer of each frame; weight is the size of one of each
// layer in average frames, so that layers up to one take 40, 60 and 100 %.
var (
	pattern = [...]int8{0, 2, 1, 2}
	weight  = [...]float64{1.6, 0.8, 0.8}
)

// picture is one encoded frame of one layer, and what becomes of it at the viewer.
type picture struct {
	layer, temporal int8
	key             bool
	needs           *picture // nil: none
	packets, bytes  int

	// At the viewer. order counts what was begun to be forwarded; first is the
	// sequence number of its first packet.
	order     int
	first     int64
	came      int
	delivered int // bytes, repeated ones as well
	decoded   bool
}

// publisher sends one track in three layers.
type publisher struct {
	stage  *stage
	track  int
	luck   *rand.Rand
	next   unit.Instant // frame
	key    unit.Instant // when one begins that was asked for, unit.Far if none was
	phase  int
	layers [len(layerRates)]encoding
	asked  int
}

// encoding is one layer's numbers and what its next frames refer to.
type encoding struct {
	sequence uint16
	picture  int32
	tl0      uint8
	base     *picture // newest of temporal layer 0
	middle   *picture // newest of temporal layer 1, if it is newer than base
}

func newPublisher(st *stage, track int) *publisher {
	p := &publisher{stage: st, track: track, luck: st.luck(flowLuck + uint64(track)), key: unit.Far}
	for i := range p.layers {
		p.layers[i] = encoding{sequence: uint16(p.luck.Uint32()), picture: int32(p.luck.Uint32() & 0x7fff), tl0: uint8(p.luck.Uint32())}
	}
	p.next = discrete.At(-early).Add(time.Duration(p.luck.Int64N(int64(pictureTime))))
	p.key = p.next
	return p
}

// start captures what was before the run began.
func (p *publisher) start() {
	for p.due() < discrete.Start {
		p.capture(p.due())
	}
	p.stage.clock.At(p.due(), p)
}

// ask requests a key frame of all layers.
func (p *publisher) ask(now unit.Instant) {
	p.asked++
	p.key = min(p.key, now.Add(keyDelay))
	p.stage.clock.At(p.key, p)
}

// due is when the next frame is captured. A camera makes none just before another:
// one that would come within half a frame time of a key frame is not made.
func (p *publisher) due() unit.Instant {
	if p.next.Add(pictureTime/2) > p.key {
		return p.key
	}
	return p.next
}

// Wake captures a frame of each layer if it is time.
func (p *publisher) Wake(now unit.Instant) {
	if now < p.due() {
		return
	}
	p.capture(now)
	p.stage.clock.At(p.due(), p)
}

func (p *publisher) capture(now unit.Instant) {
	key := now >= p.key
	if key {
		p.phase, p.key = 0, unit.Far
	}
	temporal := pattern[p.phase%len(pattern)]
	p.phase++
	p.next = now.Add(pictureTime)
	for i := range p.layers { // the lowest first, as browsers do
		p.encode(int8(i), temporal, key, now)
	}
}

// encode cuts one frame of a layer into packets, and hands them to the focus.
func (p *publisher) encode(layer, temporal int8, key bool, now unit.Instant) {
	e := &p.layers[layer]
	average := float64(layerRates[layer].Bytes(pictureTime))
	drawn := 0.9 + 0.2*p.luck.Float64()
	size := average * weight[temporal] * drawn
	if key {
		size = average * keySize * drawn
	}
	pic := &picture{layer: layer, temporal: temporal, key: key, bytes: max(int(size), 60)}
	e.refer(pic)
	e.picture = (e.picture + 1) & 0x7fff
	left := pic.bytes
	pic.packets = (left + packetMost - 1) / packetMost
	for i := range pic.packets {
		part := left / (pic.packets - i)
		left -= part
		info := simulcast.Plain(simulcast.VP8)
		info.Temporal, info.Start, info.End, info.Key = temporal, i == 0, i == pic.packets-1, key && i == 0
		info.UpSwitch = temporal > 0 // no frame here refers to one of layer 2
		info.PictureID, info.PictureBits, info.TL0 = e.picture, 15, int16(e.tl0)
		at := simulcast.Packet{
			Info: info, At: now, SSRC: uint32(100*p.track) + uint32(layer) + 1, Stream: uint8(layer),
			Timestamp: uint32(discrete.Since(now.Add(early)) * vpxClock / time.Second), Sequence: e.sequence, Marker: info.End,
		}
		e.sequence++
		p.stage.focus.take(p.track, &at, pic, part, now)
	}
}

// refer says what a frame needs, and what later ones do.
func (e *encoding) refer(pic *picture) {
	switch {
	case pic.temporal == 0:
		if !pic.key {
			pic.needs = e.base
		}
		e.tl0++
		e.base, e.middle = pic, nil
	case pic.temporal == 1:
		pic.needs = e.base
		e.middle = pic
	case e.middle != nil:
		pic.needs = e.middle
	default:
		pic.needs = e.base
	}
}
