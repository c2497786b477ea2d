package cryptor

import "errors"

// What may be wrong. All are values, so that refusing costs nothing; the Ring
// counts them, see Stats. After any of them Sealer and Ring go on as before.
var (
	// ErrCodec: frames of this codec cannot be sealed. AV1 cannot: its
	// packetisers read all of a frame, and LiveKit's clients refuse it too.
	ErrCodec = errors.New("cryptor: frames of this codec cannot be encrypted")
	// ErrNotFrame: the bytes that stay clear are not there.
	ErrNotFrame = errors.New("cryptor: this is no frame of its codec")
	// ErrTooLarge: over MaxFrame.
	ErrTooLarge = errors.New("cryptor: the frame is too large")
	// ErrShort: too short for what a sealed frame ends with.
	ErrShort = errors.New("cryptor: too short for an encrypted frame")
	// ErrTrailer: it does not end as an encrypted frame does. It is in the
	// clear, or encrypted in some other way.
	ErrTrailer = errors.New("cryptor: no encrypted frame of this format")
	// ErrNoKey: there is no key of the index that the frame names; it may come.
	ErrNoKey = errors.New("cryptor: the key of the frame is not known")
	// ErrForged: another key, or the frame was changed on its way.
	ErrForged = errors.New("cryptor: the frame does not open with the key that it names")
	// ErrWorn: so many frames did not open with the key of this index that none
	// is tried until another key takes its place.
	ErrWorn = errors.New("cryptor: the key of the frame is not the one that it was encrypted with")
	// ErrInjected: the server put in more frames of its own than it may.
	ErrInjected = errors.New("cryptor: too many frames of the server")
	// ErrKeySize: want 16 to 64 bytes of raw key.
	ErrKeySize = errors.New("cryptor: a key has 16 to 64 bytes")
)
