package h264

import "errors"

// Why a payload is dropped.
var (
	// ErrShort: the payload ends within its headers, or a unit goes beyond it.
	ErrShort = errors.New("h264: payload ends within its units")
	// ErrType: a packet type that WebRTC does not use: interleaved ones
	// (STAP-B, MTAP, FU-B), and those without meaning.
	ErrType = errors.New("h264: packet type of interleaved mode, or of none")
)
