package link

import "errors"

var (
	// ErrClosed: the Link or the Port was closed; nothing can be done with it
	// any more.
	ErrClosed = errors.New("link is closed")
	// ErrWrongState: the Link was told to connect twice, to restart before it
	// was told to connect, or to resume without a restart.
	ErrWrongState = errors.New("link is in another state")
	// ErrBadCandidate: a candidate could not be read, or names no address.
	ErrBadCandidate = errors.New("unusable ICE candidate")
	// ErrTooMany: more candidates than one generation takes.
	ErrTooMany = errors.New("too many ICE candidates")
	// ErrFingerprint: a fingerprint could not be read, none of those given
	// has a hash function that is good enough, or the certificate that the
	// peer showed is another.
	ErrFingerprint = errors.New("fingerprint of the peer's certificate")
	// ErrNoProfile: DTLS came about, but the peer did not say how it protects
	// media. One that says, and knows nothing that we know, makes the handshake
	// fail with Pion's words.
	ErrNoProfile = errors.New("no SRTP protection profile")
	// ErrNoPath: there is no way to the peer at the moment. What was to be
	// written is lost.
	ErrNoPath = errors.New("no path to the peer")
)
