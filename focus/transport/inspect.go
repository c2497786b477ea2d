package transport

import (
	"encoding/binary"

	"github.com/pion/rtp/codecs"
)

// Inspect says of an encoded frame whether decoding can start with it and, if
// its header tells, the size of the picture in pixels (0 if not). It never
// fails: what is not a frame of the codec is no key frame.
func Inspect(codec Codec, frame []byte) (key bool, width, height int) {
	switch codec {
	case Opus:
		return len(frame) > 0, 0, 0
	case VP8:
		return inspectVP8(frame)
	case VP9:
		return inspectVP9(frame)
	case H264:
		return inspectH264(frame)
	case AV1:
		return inspectAV1(frame)
	}
	return false, 0, 0
}

// inspectPayload does the same for the payload of one RTP packet; only the
// first of a frame can tell.
func inspectPayload(codec Codec, payload []byte) (key bool, width, height int) {
	switch codec {
	case VP8:
		var packet codecs.VP8Packet
		if data, err := packet.Unmarshal(payload); err == nil && packet.S == 1 && packet.PID == 0 {
			return inspectVP8(data)
		}
	case VP9:
		var packet codecs.VP9Packet
		if _, err := packet.Unmarshal(payload); err == nil {
			return packet.B && !packet.P, 0, 0
		}
	case H264:
		var packet codecs.H264Packet
		if data, err := packet.Unmarshal(payload); err == nil {
			return inspectH264(data)
		}
	case AV1:
		// RTP Payload Format For AV1 section 4.4: N marks the first packet of
		// a coded video sequence, which begins with a key frame.
		return len(payload) > 1 && payload[0]&0x08 != 0, 0, 0
	case Opus:
		return true, 0, 0
	}
	return false, 0, 0
}

// inspectVP8 reads the frame tag (RFC 6386 section 9.1).
func inspectVP8(frame []byte) (bool, int, int) {
	if len(frame) < 10 || frame[0]&1 != 0 || frame[3] != 0x9d || frame[4] != 0x01 || frame[5] != 0x2a {
		return false, 0, 0
	}
	width := int(binary.LittleEndian.Uint16(frame[6:]) & 0x3fff)
	height := int(binary.LittleEndian.Uint16(frame[8:]) & 0x3fff)
	return true, width, height
}

// inspectVP9 reads the uncompressed header (VP9 bitstream specification
// section 6.2) of the first frame.
func inspectVP9(frame []byte) (bool, int, int) {
	b := bits{data: frame}
	if b.read(2) != 2 { // frame_marker
		return false, 0, 0
	}
	profile := b.read(1) | b.read(1)<<1
	if profile == 3 {
		b.read(1)
	}
	if b.read(1) == 1 { // show_existing_frame
		return false, 0, 0
	}
	if b.read(1) != 0 || b.failed { // frame_type: 0 is a key frame
		return false, 0, 0
	}
	b.read(2) // show_frame, error_resilient_mode
	if b.read(24) != 0x498342 {
		return false, 0, 0
	}
	if profile >= 2 {
		b.read(1) // ten_or_twelve_bit
	}
	const rgb = 7
	if space := b.read(3); space != rgb {
		b.read(1) // color_range
		if profile == 1 || profile == 3 {
			b.read(3)
		}
	} else if profile == 1 || profile == 3 {
		b.read(1)
	}
	width, height := int(b.read(16))+1, int(b.read(16))+1
	if b.failed {
		return false, 0, 0
	}
	return true, width, height
}

// NAL unit types (ITU-T H.264 table 7-1).
const (
	nalIDR = 5
	nalSPS = 7
	nalPPS = 8
)

// inspectH264 looks for an IDR picture; the size is in the parameter set
// before it. A parameter set alone counts too: packetisers send it on its own.
func inspectH264(frame []byte) (key bool, width, height int) {
	for nal := range annexB(frame) {
		switch nal[0] & 0x1f {
		case nalIDR:
			key = true
		case nalSPS:
			key = true
			width, height = sizeFromSPS(nal)
		}
	}
	return key, width, height
}

// annexB gives the NAL units between start codes (ITU-T H.264 annex B), none
// of them empty.
func annexB(stream []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		start := -1
		for i := 0; i+2 < len(stream); i++ {
			if stream[i] != 0 || stream[i+1] != 0 || stream[i+2] != 1 {
				continue
			}
			if start >= 0 && !giveNAL(stream[start:i], yield) {
				return
			}
			start = i + 3
			i += 2
		}
		if start >= 0 && start < len(stream) {
			giveNAL(stream[start:], yield)
		}
	}
}

// giveNAL yields a unit without the zeros that belong to the next start code.
func giveNAL(nal []byte, yield func([]byte) bool) bool {
	for len(nal) > 0 && nal[len(nal)-1] == 0 {
		nal = nal[:len(nal)-1]
	}
	return len(nal) == 0 || yield(nal)
}

// sizeFromSPS reads a sequence parameter set (ITU-T H.264 section 7.3.2.1.1).
func sizeFromSPS(nal []byte) (width, height int) {
	b := bits{data: unescape(nal)}
	b.read(8)
	profile := b.read(8)
	b.read(16)
	b.golomb() // seq_parameter_set_id
	chroma := uint32(1)
	if highProfile(profile) {
		chroma = b.golomb()
		if chroma == 3 {
			b.read(1)
		}
		b.golomb() // bit_depth_luma_minus8
		b.golomb() // bit_depth_chroma_minus8
		b.read(1)
		if b.read(1) == 1 { // scaling matrices: nobody in WebRTC sends them
			return 0, 0
		}
	}
	b.golomb() // log2_max_frame_num_minus4
	switch b.golomb() {
	case 0:
		b.golomb()
	case 1:
		b.read(1)
		b.golomb()
		b.golomb()
		for range min(b.golomb(), 255) {
			b.golomb()
		}
	}
	b.golomb() // max_num_ref_frames
	b.read(1)
	columns, rows := b.golomb()+1, b.golomb()+1
	framesOnly := b.read(1)
	if framesOnly == 0 {
		b.read(1)
	}
	b.read(1) // direct_8x8_inference_flag
	var left, right, top, bottom uint32
	if b.read(1) == 1 { // frame_cropping_flag
		left, right, top, bottom = b.golomb(), b.golomb(), b.golomb(), b.golomb()
	}
	unitX, unitY := cropUnits(chroma, framesOnly)
	width = int(columns)*16 - int(left+right)*unitX
	height = int(2-framesOnly)*int(rows)*16 - int(top+bottom)*unitY
	if b.failed || width <= 0 || height <= 0 || width > 1<<14 || height > 1<<14 {
		return 0, 0
	}
	return width, height
}

func highProfile(profile uint32) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

// cropUnits gives CropUnitX and CropUnitY (section 7.4.2.1.1).
func cropUnits(chroma, framesOnly uint32) (x, y int) {
	x, y = 1, int(2-framesOnly)
	if chroma == 1 || chroma == 2 {
		x = 2
	}
	if chroma == 1 {
		y *= 2
	}
	return x, y
}

// unescape takes out emulation prevention bytes (section 7.4.1.1).
func unescape(nal []byte) []byte {
	plain := make([]byte, 0, len(nal))
	zeros := 0
	for _, c := range nal {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		plain = append(plain, c)
	}
	return plain
}

// OBU types (AV1 specification section 6.2.2).
const obuSequenceHeader = 1

// inspectAV1 looks for a sequence header: encoders write it before every key
// frame, and decoding cannot start without.
func inspectAV1(frame []byte) (key bool, width, height int) {
	for obuType, body := range obus(frame) {
		if obuType == obuSequenceHeader {
			width, height = sizeFromSequenceHeader(body)
			return true, width, height
		}
	}
	return false, 0, 0
}

// obus gives type and body of each OBU (AV1 specification section 5.3); it
// ends at the first that is not one.
func obus(stream []byte) func(yield func(byte, []byte) bool) {
	return func(yield func(byte, []byte) bool) {
		for len(stream) > 0 {
			head := stream[0]
			size := 1
			if head&0x04 != 0 { // obu_extension_flag
				size = 2
			}
			if head&0x80 != 0 || len(stream) < size { // obu_forbidden_bit
				return
			}
			body := stream[size:]
			if head&0x02 != 0 { // obu_has_size_field
				length, n := leb128(body)
				if n == 0 || length > uint64(len(body)-n) {
					return
				}
				body, stream = body[n:n+int(length)], body[n+int(length):]
			} else {
				stream = nil
			}
			if !yield(head>>3&0x0f, body) {
				return
			}
		}
	}
}

// leb128 reads a length (section 4.10.5); n is 0 if there is none.
func leb128(data []byte) (value uint64, n int) {
	for i := 0; i < 8 && i < len(data); i++ {
		value |= uint64(data[i]&0x7f) << (7 * i)
		if data[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

// sizeFromSequenceHeader reads max_frame_width and max_frame_height (section
// 5.5.1). Streams with timing information, which nobody sends here, give 0.
func sizeFromSequenceHeader(body []byte) (width, height int) {
	b := bits{data: body}
	b.read(3) // seq_profile
	b.read(1) // still_picture
	if b.read(1) == 1 {
		b.read(5) // reduced_still_picture_header: seq_level_idx
	} else {
		if b.read(1) == 1 { // timing_info_present_flag
			return 0, 0
		}
		delay := b.read(1) // initial_display_delay_present_flag
		for range b.read(5) + 1 {
			b.read(12)         // operating_point_idc
			if b.read(5) > 7 { // seq_level_idx
				b.read(1) // seq_tier
			}
			if delay == 1 && b.read(1) == 1 {
				b.read(4)
			}
		}
	}
	widthBits, heightBits := int(b.read(4))+1, int(b.read(4))+1
	width, height = int(b.read(widthBits))+1, int(b.read(heightBits))+1
	if b.failed {
		return 0, 0
	}
	return width, height
}
