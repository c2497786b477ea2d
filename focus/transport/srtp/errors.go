package srtp

import "errors"

// Why a packet is not opened or not sealed. The hot path returns these as they
// are, without wrapping; whoever counts compares with errors.Is or ==. After
// any of them Opener and Sealer go on as if the packet had not been there.
var (
	// ErrMalformed: not RTP or RTCP of version 2, or shorter than its header
	// and the tag.
	ErrMalformed = errors.New("srtp: not a protected packet")
	// ErrForged: the tag does not fit. Altered, sealed with another key, or
	// with a rollover counter that cannot be guessed.
	ErrForged = errors.New("srtp: authentication failed")
	// ErrReplayed: this index was received, or sealed, before.
	ErrReplayed = errors.New("srtp: index used before")
	// ErrOld: this index is so far behind that nobody knows whether it was
	// used before.
	ErrOld = errors.New("srtp: index older than the window")
	// ErrExhausted: the indices of this stream are used up; the connection
	// needs new keys.
	ErrExhausted = errors.New("srtp: no index left under this key")
	// ErrStreams: these keys have seen as many SSRCs as are kept; the
	// connection needs new keys.
	ErrStreams = errors.New("srtp: too many streams under one key")
)

// What is wrong with keys.
var (
	// ErrProfile: a protection profile that this package does not know.
	ErrProfile = errors.New("srtp: unknown protection profile")
	// ErrKeyLength: keying material, key or salt has the wrong length for the
	// profile.
	ErrKeyLength = errors.New("srtp: wrong length of key or salt")
)
