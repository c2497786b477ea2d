package frame

import "encoding/binary"

// VP8 reads the frame tag (RFC 6386 section 9.1).
func VP8(frame []byte) Header {
	if len(frame) < 10 || frame[0]&1 != 0 || frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a {
		return Header{}
	}
	width := int(binary.LittleEndian.Uint16(frame[6:]) & 0x3fff)
	height := int(binary.LittleEndian.Uint16(frame[8:]) & 0x3fff)
	return Header{true, width, height}
}
