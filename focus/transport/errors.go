package transport

import "errors"

var (
	// ErrClosed: the Conn or the Network was closed; nothing can be done
	// with it any more.
	ErrClosed = errors.New("connection is closed")
	// ErrWrongState: an offer was made or accepted while another exchange is
	// open, or an answer came without one. The Conn is as it was before.
	ErrWrongState = errors.New("negotiation is in another state")
	// ErrStale: a description came that its writer has gone back from since, or that
	// answers what we have gone back from. Nothing has changed.
	ErrStale = errors.New("session description is older than the last one")
	// ErrBadDescription: the remote description could not be used. What the
	// Conn has negotiated before is undefined afterwards: close it.
	ErrBadDescription = errors.New("unusable session description")
	// ErrBadCandidate: one candidate of a batch could not be read. The
	// others of the batch were taken.
	ErrBadCandidate = errors.New("unusable ICE candidate")
	// ErrNotNegotiated: a track was given for a medium the connection has no
	// sending side for. The connection goes on as before.
	ErrNotNegotiated = errors.New("nothing negotiated to send this on")
	// ErrCodecNotNegotiated: the other side did not agree to the codec of a
	// track. The connection goes on without it.
	ErrCodecNotNegotiated = errors.New("codec was not negotiated")
)
