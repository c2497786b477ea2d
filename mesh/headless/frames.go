package headless

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"meshfocus/focus/cryptor"
	"meshfocus/focus/record"
	"meshfocus/focus/transport"
	"meshfocus/focus/transport/frame"
	"meshfocus/focus/transport/mediafile"
	"meshfocus/internal/secret"
	"meshfocus/mesh"
	"meshfocus/signalling/message"
)

// ratchets is how many ratchets of a key are tried, as Element Call does.
const ratchets = 10

// unreadStays is how long after the last frame that did not open a peer counts
// as one whose frames cannot be read.
const unreadStays = 3 * time.Second

// frames encrypts what we send and opens what we receive, sample by sample, so
// that it lies above whatever carries the packets.
//
// The registry's loop tells it of keys, the source and the loops that read
// tracks use them: a mutex guards all of it, and is held for one frame.
type frames struct {
	log        *slog.Logger // set once
	everywhere bool         // set once: not only what a focus forwards

	mu     sync.Mutex
	sealer *cryptor.Sealer // nil before the first key
	rings  map[message.Party]*opener
}

// opener is what is known of a peer's frames.
type opener struct {
	*cryptor.Ring
	err error // of the last frame that did not open
	at  time.Time
}

func newFrames(log *slog.Logger) *frames {
	return &frames{log: log, rings: map[message.Party]*opener{}}
}

// Use is mesh.Frames's.
func (f *frames) Use(index uint8, raw secret.Bytes) {
	key, err := cryptor.NewKey(raw)
	if err != nil {
		f.log.Error("our own key is of no use", "err", err) // cannot happen: mesh makes them of the right size
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sealer = cryptor.NewSealer(index, key)
}

// Take is mesh.Frames's.
func (f *frames) Take(from message.Party, index uint8, raw secret.Bytes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ring(from).Set(index, raw); err != nil {
		f.log.Warn("a media key is of no use", "party", from.String(), "err", err)
	}
}

// Forget is mesh.Frames's.
func (f *frames) Forget(from message.Party) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.rings, from)
}

// ring is called under mu.
func (f *frames) ring(of message.Party) *opener {
	ring := f.rings[of]
	if ring == nil {
		ring = &opener{Ring: cryptor.NewRing(cryptor.RingConfig{Ratchet: ratchets})}
		f.rings[of] = ring
	}
	return ring
}

// codecs are those whose frames can be encrypted.
var codecs = map[transport.Codec]cryptor.Codec{
	transport.Opus: cryptor.Opus, transport.VP8: cryptor.VP8, transport.VP9: cryptor.VP9, transport.H264: cryptor.H264,
	transport.AV1: cryptor.AV1,
}

// canSend says why a source cannot be encrypted; nil if it can. Pion's
// packetisers of VP9 and AV1 read more of a frame than stays clear.
func canSend(source mediafile.Source) error {
	const right = "a file of VP8, H.264 or Opus can be"
	switch codec := source.Codec(); {
	case codec == transport.VP9, codec == transport.AV1:
		return fmt.Errorf("%s: %s cannot be encrypted from end to end; %s", source.Name(), codec, right)
	}
	if _, isInput := source.(*mediafile.Input); isInput {
		return fmt.Errorf("%s: RTP that was made elsewhere cannot be encrypted from end to end; %s", source.Name(), right)
	}
	return nil
}

// sealed is a writer that encrypts. It belongs to its source.
type sealed struct {
	*transport.LocalLayer
	frames    *frames
	stream    *cryptor.Stream
	timestamp time.Duration
}

// seal gives the writer of a layer. The streams of all layers have numbers of
// their own in the place of an SSRC, which each connection has another of.
func (f *frames) seal(layer *transport.LocalLayer) mediafile.Writer {
	return &sealed{LocalLayer: layer, frames: f, stream: cryptor.NewStream(rand.Uint32(), uint16(rand.Uint32N(0xffff)))}
}

// WriteSample encrypts the sample and sends it. Before there is a key nothing is
// sent; what cannot be encrypted is not sent either.
func (w *sealed) WriteSample(sample transport.Sample) error {
	codec := w.Track().Codec()
	ticks := uint32(w.timestamp * time.Duration(codec.ClockRate()) / time.Second)
	w.timestamp += sample.Duration
	if len(sample.Data) == 0 {
		return w.LocalLayer.WriteSample(sample)
	}
	if codec == transport.H264 {
		sample.Data = frame.Canonical(sample.Data)
	}
	data, err := w.frames.encrypt(sample.Data, codecs[codec], w.stream.Next(ticks))
	switch {
	case errors.Is(err, cryptor.ErrNotFrame):
		data = nil // parameter sets alone, say; time goes on
	case err != nil:
		return fmt.Errorf("encrypt for %s: %w", w.Track().ID(), err)
	}
	sample.Data = data
	return w.LocalLayer.WriteSample(sample)
}

// WriteRTP refuses: see canSend.
func (w *sealed) WriteRTP([]byte) error {
	return errors.New("a packet that was made elsewhere cannot be encrypted from end to end")
}

func (f *frames) encrypt(frame []byte, codec cryptor.Codec, iv cryptor.IV) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sealer == nil {
		return nil, nil
	}
	return f.sealer.Seal(make([]byte, 0, len(frame)+cryptor.Overhead), frame, codec, iv)
}

// opened is a track whose samples are opened on their way to who reads.
type opened struct {
	record.Track
	frames *frames
	from   message.Party
	blind  bool // owned by the reader: samples were left out
}

func (f *frames) open(track record.Track, from message.Party) record.Track {
	return &opened{Track: track, frames: f, from: from}
}

// ReadSample gives the next sample that opens. After some that did not, it asks
// for a key frame, which decoding can go on with.
func (t *opened) ReadSample(ctx context.Context) (transport.Sample, error) {
	for {
		sample, err := t.Track.ReadSample(ctx)
		if err != nil {
			return sample, err
		}
		data, err := t.frames.decrypt(t.from, sample.Data, codecs[sample.Codec])
		if err != nil {
			t.blind = true
			continue
		}
		head := transport.Inspect(sample.Codec, data)
		sample.Data, sample.KeyFrame = data, head.Key
		if head.Width > 0 {
			sample.Width, sample.Height = head.Width, head.Height
		}
		if t.blind = t.blind && !head.Key; t.blind {
			t.RequestKeyFrame()
		}
		return sample, nil
	}
}

func (f *frames) decrypt(from message.Party, frame []byte, codec cryptor.Codec) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ring := f.ring(from)
	data, err := ring.Open(make([]byte, 0, len(frame)), frame, codec)
	if err != nil {
		ring.err, ring.at = err, time.Now()
	}
	return data, err
}

// look says what became of a peer's frames, and in words why they cannot be
// read; "" when they can, or none come.
func (f *frames) look(from message.Party) (stats cryptor.Stats, words string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ring := f.rings[from]
	if ring == nil {
		return stats, ""
	}
	if ring.err != nil && time.Since(ring.at) < unreadStays {
		words = frameWords(ring.err)
	}
	return ring.Stats(), words
}

// frameWords says why frames cannot be read.
func frameWords(err error) string {
	switch {
	case errors.Is(err, cryptor.ErrNoKey):
		return "its sound and picture are encrypted, and the key for them has not come"
	case errors.Is(err, cryptor.ErrForged), errors.Is(err, cryptor.ErrWorn):
		return "its sound and picture are encrypted with another key than the one that was sent"
	case errors.Is(err, cryptor.ErrTrailer):
		return "it sends sound and picture without the encryption that this call asks for"
	case errors.Is(err, cryptor.ErrCodec):
		return "it sends frames of a codec that cannot be encrypted from end to end"
	}
	return "its sound and picture arrive damaged"
}

// encryptsFrames decides whether the participant encrypts its frames.
func (p *Participant) encryptsFrames(ctx context.Context) (bool, error) {
	policy, forwarded := p.config.EncryptFrames, p.config.Via == ViaFocus
	encrypted := false
	if policy == mesh.FramesAuto && forwarded {
		room, err := p.account.ReadRoom(ctx, p.roomID)
		if err != nil {
			return false, err
		}
		encrypted = room.Encrypted
	}
	if !policy.Applies(encrypted, forwarded) {
		return false, nil
	}
	if !p.account.Encrypts() {
		return false, errors.New("frames cannot be encrypted while messages are not: their keys travel inside Olm; leave Olm on, or frames as they are")
	}
	return true, nil
}
