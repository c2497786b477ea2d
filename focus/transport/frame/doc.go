// Package frame says what the first bytes of an encoded picture tell: whether
// decoding can start with it, how large it is, and where its units begin.
//
// It decodes nothing and knows no files and no packets. VP8 follows RFC 6386,
// VP9 its bitstream specification 0.6, H.264 ITU-T H.264 with annex B, AV1 its
// bitstream specification 1.0.0; the sections stand with the functions.
//
// All functions are pure. None fails or panics on any input: bytes that are
// no frame give the zero value. Sizes are in pixels, lengths in bytes.
package frame

// Header is what a frame says of itself.
type Header struct {
	// Key: decoding can start here.
	Key bool
	// Width and Height are 0 where the frame does not say.
	Width, Height int
}
