package frame

import (
	"encoding/binary"
	"iter"
)

// NAL unit types (ITU-T H.264 table 7-1).
const (
	NALSlice     = 1
	NALIDR       = 5
	NALSEI       = 6
	NALSPS       = 7
	NALPPS       = 8
	NALDelimiter = 9
)

// NALType gives the type of a unit, 0 for an empty one.
func NALType(nal []byte) byte {
	if len(nal) == 0 {
		return 0
	}
	return nal[0] & 0x1f
}

// H264 looks through an access unit in annex B form for an IDR picture; the
// size is in the parameter set before it. A parameter set alone counts as a
// key frame too: packetisers send it on its own.
func H264(unit []byte) Header {
	var h Header
	for nal := range NALs(unit) {
		switch NALType(nal) {
		case NALIDR:
			h.Key = true
		case NALSPS:
			h.Key = true
			sps := ParseSPS(nal)
			h.Width, h.Height = sps.Width, sps.Height
		}
	}
	return h
}

// fillerUnit is a unit of bytes that mean nothing.
const fillerUnit = 12

// Canonical gives an access unit as it comes out of RTP again: without
// delimiters and filler, which packetisers leave out, and every unit behind a
// start code of four bytes. Who authenticates an access unit has to do it in
// this form, since start codes do not travel.
func Canonical(unit []byte) []byte {
	out := make([]byte, 0, len(unit)+8)
	for nal := range NALs(unit) {
		if kind := NALType(nal); kind != NALDelimiter && kind != fillerUnit {
			out = append(append(out, 0, 0, 0, 1), nal...)
		}
	}
	return out
}

// NALs gives the units between start codes (annex B), none of them empty.
func NALs(stream []byte) iter.Seq[[]byte] {
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

// AVC turns an access unit from annex B into lengths of four bytes and units,
// as MP4 and Matroska store it (ISO/IEC 14496-15 section 5.3).
func AVC(unit []byte) []byte {
	stored := make([]byte, 0, len(unit)+8)
	for nal := range NALs(unit) {
		stored = binary.BigEndian.AppendUint32(stored, uint32(len(nal)))
		stored = append(stored, nal...)
	}
	return stored
}

// AVCConfig makes the decoder configuration record (ISO/IEC 14496-15 section
// 5.3.3.1) from the parameter sets of an access unit; nil if it has none.
func AVCConfig(unit []byte) []byte {
	var sps, pps []byte
	for nal := range NALs(unit) {
		switch {
		case NALType(nal) == NALSPS && sps == nil:
			sps = nal
		case NALType(nal) == NALPPS && pps == nil:
			pps = nal
		}
	}
	if len(sps) < 4 || pps == nil || len(sps) > 0xffff || len(pps) > 0xffff {
		return nil
	}
	record := []byte{1, sps[1], sps[2], sps[3], 0xff, 0xe1} // lengths of 4 bytes, one SPS
	record = binary.BigEndian.AppendUint16(record, uint16(len(sps)))
	record = append(record, sps...)
	record = append(record, 1)
	record = binary.BigEndian.AppendUint16(record, uint16(len(pps)))
	return append(record, pps...)
}

// SPS is what is read of a sequence parameter set; 0 means unknown.
type SPS struct {
	Width, Height int
	// FrameRate is pictures a second from the timing information.
	FrameRate float64
}

// ParseSPS reads a sequence parameter set (section 7.3.2.1.1 and, for the
// frame rate, annex E.1.1).
func ParseSPS(nal []byte) SPS {
	b := bits{data: nal, escaped: true}
	b.read(8)
	profile := b.read(8)
	b.read(16)
	b.golomb() // seq_parameter_set_id
	chroma := uint32(1)
	if highProfile(profile) {
		var ok bool
		if chroma, ok = readChroma(&b); !ok {
			return SPS{}
		}
	}
	skipOrder(&b)
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
	width := int(columns)*16 - int(left+right)*unitX
	height := int(2-framesOnly)*int(rows)*16 - int(top+bottom)*unitY
	const most = 1 << 14 // no level allows more
	if b.failed || width <= 0 || height <= 0 || width > most || height > most {
		return SPS{}
	}
	sps := SPS{Width: width, Height: height}
	if b.read(1) == 1 { // vui_parameters_present_flag
		sps.FrameRate = readFrameRate(&b)
	}
	return sps
}

// readChroma reads what only the high profiles have; false for scaling
// matrices, which nobody uses in real time.
func readChroma(b *bits) (uint32, bool) {
	chroma := b.golomb()
	if chroma == 3 {
		b.read(1)
	}
	b.golomb() // bit_depth_luma_minus8
	b.golomb() // bit_depth_chroma_minus8
	b.read(1)
	return chroma, b.read(1) == 0
}

// skipOrder reads over the frame number and picture order parameters.
func skipOrder(b *bits) {
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
}

// readFrameRate reads the usability information as far as the timing.
func readFrameRate(b *bits) float64 {
	if b.read(1) == 1 && b.read(8) == 255 { // aspect_ratio_idc is Extended_SAR
		b.read(32)
	}
	if b.read(1) == 1 { // overscan_info_present_flag
		b.read(1)
	}
	if b.read(1) == 1 { // video_signal_type_present_flag
		b.read(4)
		if b.read(1) == 1 {
			b.read(24)
		}
	}
	if b.read(1) == 1 { // chroma_loc_info_present_flag
		b.golomb()
		b.golomb()
	}
	if b.read(1) == 0 { // timing_info_present_flag
		return 0
	}
	units, scale := b.read(32), b.read(32)
	if b.failed || units == 0 || scale == 0 {
		return 0
	}
	return float64(scale) / float64(units) / 2 // two fields a picture
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
