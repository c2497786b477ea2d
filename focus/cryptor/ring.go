package cryptor

import (
	"bytes"

	"meshfocus/internal/secret"
)

const (
	// Keys is how many a ring holds: what the index of a frame can name.
	Keys = 256
	// tolerance is how many frames in a row may not open before the key of
	// their index counts as wrong (client-sdk-js constants.ts,
	// DECRYPTION_FAILURE_TOLERANCE).
	tolerance = 10
	// mostInjected is how many frames in a row a server may put in
	// (client-sdk-js constants.ts, MAX_SIF_COUNT).
	mostInjected = 100
	// MaxRatchet bounds RingConfig.Ratchet: each step is a derivation.
	MaxRatchet = 32
)

// RingConfig says how lenient a ring is. The zero value takes frames of the
// keys it was given and nothing else.
type RingConfig struct {
	// Ratchet is how many ratchets of a key are tried on a frame that does not
	// open with it; Element Call's receivers try 10. What opens takes the key's
	// place. 0 for none, MaxRatchet at most.
	Ratchet int
	// Injected ends frames that the server in between puts in, in the clear:
	// black pictures and silence of LiveKit's. They are passed on without it, a
	// hundred in a row at most. It lets that server show what it likes for so
	// long; nil for servers that have no business with it.
	Injected []byte
}

// Ring opens the frames of one sender. It belongs to one loop.
type Ring struct {
	config   RingConfig
	slots    [Keys]slot
	iv       IV
	scratch  []byte // a frame without its escapes
	injected int    // in a row
	stats    Stats
}

// slot is a key of the ring with those that follow it, made when first needed.
type slot struct {
	keys     []*Key
	failures int // in a row
}

// Stats is what became of frames since the ring was made.
type Stats struct {
	Opened   uint64
	Silent   uint64 // empty, or the three bytes of silence, passed as they came
	Injected uint64 // of the server, passed in the clear
	Missing  uint64 // ErrNoKey
	Forged   uint64 // ErrForged and ErrWorn
	Broken   uint64 // all other errors
	// Wanted is the index of the key that was missing last.
	Wanted uint8
}

// NewRing makes an empty one.
func NewRing(config RingConfig) *Ring {
	config.Ratchet = min(max(config.Ratchet, 0), MaxRatchet)
	return &Ring{config: config}
}

// Set puts a raw key in, in place of an earlier one of that index. The error is
// ErrKeySize; then the earlier one stays.
func (r *Ring) Set(index uint8, raw secret.Bytes) error {
	key, err := NewKey(raw)
	if err != nil {
		return err
	}
	r.SetKey(index, key)
	return nil
}

// SetKey is Set for a key that is ready.
func (r *Ring) SetKey(index uint8, key *Key) { r.slots[index] = slot{keys: []*Key{key}} }

// Forget takes all keys out: of a sender who has left.
func (r *Ring) Forget() { r.slots = [Keys]slot{} }

// Has reports whether there is a key of the index.
func (r *Ring) Has(index uint8) bool { return len(r.slots[index].keys) > 0 }

// Stats gives what became of frames so far.
func (r *Ring) Stats() Stats { return r.stats }

// silence is 20 ms of Opus that code nothing. Senders put it in by themselves
// while they are muted, behind whoever encrypts, so it is passed in the clear:
// who could forge it could as well hold back what was sent.
var silence = []byte{0xf8, 0xff, 0xfe}

// Open appends the frame that a sealed one holds to dst, which must not share
// memory with it. What is empty or silent is passed as it is. For the errors
// see errors.go; after any of them nothing was appended.
func (r *Ring) Open(dst, sealed []byte, codec Codec) ([]byte, error) {
	if len(sealed) == 0 || codec == Opus && bytes.Equal(sealed, silence) {
		r.stats.Silent++
		return append(dst, sealed...), nil
	}
	if trailer := r.config.Injected; len(trailer) > 0 && bytes.HasSuffix(sealed, trailer) {
		return r.inject(dst, sealed[:len(sealed)-len(trailer)])
	}
	opened, err := r.open(dst, sealed, codec)
	switch err {
	case nil:
		r.stats.Opened++
		r.injected = 0
		return opened, nil
	case ErrNoKey:
		r.stats.Missing++
	case ErrForged, ErrWorn:
		r.stats.Forged++
	default:
		r.stats.Broken++
	}
	return dst, err
}

func (r *Ring) inject(dst, frame []byte) ([]byte, error) {
	if r.injected >= mostInjected || len(frame) > MaxFrame {
		r.stats.Broken++
		return dst, ErrInjected
	}
	r.injected++
	r.stats.Injected++
	return append(dst, frame...), nil
}

// open takes a frame apart from its end.
func (r *Ring) open(dst, sealed []byte, codec Codec) ([]byte, error) {
	if len(sealed) > 2*MaxFrame {
		return dst, ErrTooLarge
	}
	clear, err := Clear(codec, sealed)
	if err != nil {
		return dst, err
	}
	head, body := sealed[:clear], sealed[clear:]
	if codec.escapes() && isEscaped(body) {
		r.scratch = appendPlain(r.scratch[:0], body)
		body = r.scratch
	}
	end := len(body) - trailerSize - ivSize
	switch {
	case len(body) < trailerSize:
		return dst, ErrShort
	case body[len(body)-trailerSize] != ivSize:
		return dst, ErrTrailer
	case end < tagSize:
		return dst, ErrShort
	case end-tagSize+clear > MaxFrame:
		return dst, ErrTooLarge
	}
	r.iv = IV(body[end : end+ivSize])
	index := body[len(body)-1]
	return r.try(dst, index, head, body[:end])
}

// try opens with the key of the index, or with what follows it.
func (r *Ring) try(dst []byte, index uint8, head, cipher []byte) ([]byte, error) {
	s := &r.slots[index]
	switch {
	case len(s.keys) == 0:
		r.stats.Wanted = index
		return dst, ErrNoKey
	case s.failures >= tolerance:
		return dst, ErrWorn
	}
	start := len(dst)
	dst = append(dst, head...)
	for step := 0; step <= r.config.Ratchet; step++ {
		key := s.at(step)
		if key == nil {
			break
		}
		opened, err := key.aead.Open(dst, r.iv[:], cipher, head)
		if err == nil {
			s.keys, s.failures = s.keys[step:], 0
			return opened, nil
		}
	}
	s.failures++
	return dst[:start], ErrForged
}

// at gives the key after so many ratchets, nil when there is none.
func (s *slot) at(step int) *Key {
	for len(s.keys) <= step {
		last := s.keys[len(s.keys)-1]
		if last.phrase {
			return nil
		}
		next, err := last.Ratchet()
		if err != nil {
			return nil
		}
		s.keys = append(s.keys, next)
	}
	return s.keys[step]
}
