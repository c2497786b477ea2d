package turn

import "errors"

// What a caller may want to tell apart.
var (
	// ErrConfig: with this Config no relay can be.
	ErrConfig = errors.New("relay")
	// errFamily, errTransport and errPorts are what clients are refused for;
	// they hear 508 (Insufficient Capacity).
	errFamily    = errors.New("this relay has no address of that family")
	errTransport = errors.New("this relay has UDP alone")
	errPorts     = errors.New("no port is free")
)
