package packet

import "errors"

// Why a packet is refused; whoever meets one of these drops the packet and
// counts it. They are returned as they are, without wrapping.
var (
	// ErrShort: it ends within its header.
	ErrShort = errors.New("packet: ends within the RTP header")
	// ErrLong: it is longer than any datagram, so that offsets would not fit.
	ErrLong = errors.New("packet: longer than a datagram can be")
	// ErrVersion: its version is not 2, so it is no RTP.
	ErrVersion = errors.New("packet: not RTP version 2")
	// ErrExtension: an element of the header extension reaches beyond it.
	ErrExtension = errors.New("packet: header extension reaches beyond its end")
	// ErrPadding: there is more padding than payload, or a length of 0.
	ErrPadding = errors.New("packet: padding of impossible length")
)

// ErrNumber: a number that header extensions cannot have, or that two meanings
// would share. RFC 8285 leaves 1 to 14 and 16 to 255; 15 is for nobody.
var ErrNumber = errors.New("packet: impossible number of a header extension")
