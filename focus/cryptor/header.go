package cryptor

// Codec says how a frame is encoded.
type Codec uint8

// The codecs. AV1 is there to be refused by name.
const (
	Opus Codec = iota + 1
	VP8
	VP9
	H264
	H265
	AV1
)

// What of a frame stays clear.
const (
	clearOpus  = 1  // the byte that tells the configuration (RFC 6716 section 3.1)
	clearKey   = 10 // tag, start code and size (RFC 6386 section 9.1)
	clearDelta = 3  // the tag
	clearSlice = 2  // of the first slice, what H.265 needs for its header
)

// Clear says how many of the first bytes of a frame, sealed or not, stay
// readable: of Opus its first byte, of VP8 what tells a key frame and its size,
// of VP9 nothing (its payload descriptor is no part of the frame), of H.264 and
// H.265 everything up to the first slice and two bytes of that. The errors are
// ErrCodec and ErrNotFrame.
func Clear(codec Codec, frame []byte) (int, error) {
	size := 0
	switch codec {
	case Opus:
		size = clearOpus
	case VP8:
		size = clearDelta
		if len(frame) > 0 && frame[0]&1 == 0 {
			size = clearKey
		}
	case VP9:
	case H264:
		size = sliceAt(frame, isSliceH264)
	case H265:
		size = sliceAt(frame, isSliceH265)
	default:
		return 0, ErrCodec
	}
	if size < 0 || size > len(frame) {
		return 0, ErrNotFrame
	}
	return size, nil
}

// escapes reports whether what follows the clear bytes must not look as if a
// unit began in it.
func (c Codec) escapes() bool { return c == H264 || c == H265 }

// sliceAt gives the end of the clear bytes of a frame with start codes, -1
// when it has no slice or does not begin with a start code.
func sliceAt(frame []byte, isSlice func(byte) bool) int {
	begun := false
	for at := 0; at+3 < len(frame); at++ {
		if frame[at] != 0 || frame[at+1] != 0 || frame[at+2] != 1 {
			if !begun && frame[at] != 0 {
				return -1
			}
			continue
		}
		begun = true
		if at += 3; isSlice(frame[at]) {
			return at + clearSlice
		}
	}
	return -1
}

// isSliceH264: a slice of another picture or of an IDR one (ITU-T H.264 table 7-1).
func isSliceH264(first byte) bool { kind := first & 0x1f; return kind == 1 || kind == 5 }

// isSliceH265: a coded slice segment (ITU-T H.265 table 7-1).
func isSliceH265(first byte) bool {
	kind := first >> 1 & 0x3f
	return kind <= 9 || kind >= 16 && kind <= 21
}
