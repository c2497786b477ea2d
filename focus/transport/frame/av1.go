package frame

import "iter"

// OBU types (AV1 specification section 6.2.2).
const (
	OBUSequenceHeader    = 1
	OBUTemporalDelimiter = 2
)

// OBU is one open bitstream unit.
type OBU struct {
	Type byte
	Raw  []byte // with header and size
	Body []byte // without
}

// OBUs gives the units of a temporal unit (section 5.3); it ends at the first
// that is not one.
func OBUs(stream []byte) iter.Seq[OBU] {
	return func(yield func(OBU) bool) {
		for len(stream) > 0 {
			head, size := stream[0], 1
			if head&0x04 != 0 { // obu_extension_flag
				size = 2
			}
			if head&0x80 != 0 || len(stream) < size { // obu_forbidden_bit
				return
			}
			end := len(stream)
			if head&0x02 != 0 { // obu_has_size_field
				length, n := LEB128(stream[size:])
				size += n
				if n == 0 || length > uint64(len(stream)-size) {
					return
				}
				end = size + int(length)
			}
			unit := OBU{Type: head >> 3 & 0x0f, Raw: stream[:end], Body: stream[size:end]}
			stream = stream[end:]
			if !yield(unit) {
				return
			}
		}
	}
}

// AV1 looks for a sequence header: encoders write it before every key frame,
// and decoding cannot start without.
func AV1(unit []byte) Header {
	for obu := range OBUs(unit) {
		if obu.Type != OBUSequenceHeader {
			continue
		}
		s := readSequence(obu.Body)
		return Header{Key: true, Width: s.width, Height: s.height}
	}
	return Header{}
}

// WithoutDelimiters takes the temporal delimiters out, as RTP and Matroska
// want it.
func WithoutDelimiters(unit []byte) []byte {
	plain := make([]byte, 0, len(unit))
	for obu := range OBUs(unit) {
		if obu.Type != OBUTemporalDelimiter {
			plain = append(plain, obu.Raw...)
		}
	}
	return plain
}

// AV1Config makes the codec configuration record (AV1 codec ISO media file
// format binding section 2.3) from the sequence header of a temporal unit;
// nil if it has none.
func AV1Config(unit []byte) []byte {
	for obu := range OBUs(unit) {
		if obu.Type != OBUSequenceHeader {
			continue
		}
		s := readSequence(obu.Body)
		if s.width == 0 {
			return nil
		}
		record := []byte{0x81, byte(s.profile<<5 | s.level), byte(s.tier<<7 | s.colour), 0}
		return append(record, obu.Raw...)
	}
	return nil
}

// LEB128 reads a length (section 4.10.5) of n bytes; n is 0 if there is none.
func LEB128(data []byte) (value uint64, n int) {
	for i := 0; i < 8 && i < len(data); i++ {
		value |= uint64(data[i]&0x7f) << (7 * i)
		if data[i]&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

// sequence is what is read of a sequence header.
type sequence struct {
	profile, level, tier uint32
	colour               uint32 // the third byte of the configuration record, without the tier
	width, height        int    // 0: could not be read
}

// readSequence reads a sequence header (section 5.5.1). Streams with timing
// information, which nobody sends in real time, are left unread.
func readSequence(body []byte) sequence {
	b := bits{data: body}
	s := sequence{profile: b.read(3)}
	b.read(1) // still_picture
	reduced := b.read(1)
	if reduced == 1 {
		s.level = b.read(5)
	} else if !s.readOperatingPoints(&b) {
		return sequence{}
	}
	widthBits, heightBits := int(b.read(4))+1, int(b.read(4))+1
	width, height := int(b.read(widthBits))+1, int(b.read(heightBits))+1
	skipTools(&b, reduced)
	s.colour = readColour(&b, s.profile)
	if b.failed {
		return sequence{}
	}
	s.width, s.height = width, height
	return s
}

func (s *sequence) readOperatingPoints(b *bits) bool {
	if b.read(1) == 1 { // timing_info_present_flag
		return false
	}
	delay := b.read(1) // initial_display_delay_present_flag
	for i := range b.read(5) + 1 {
		b.read(12) // operating_point_idc
		level, tier := b.read(5), uint32(0)
		if level > 7 {
			tier = b.read(1)
		}
		if i == 0 {
			s.level, s.tier = level, tier
		}
		if delay == 1 && b.read(1) == 1 {
			b.read(4)
		}
	}
	return true
}

// skipTools reads over the flags between the size and the colours.
func skipTools(b *bits, reduced uint32) {
	if reduced == 0 && b.read(1) == 1 { // frame_id_numbers_present_flag
		b.read(7)
	}
	b.read(3) // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
	if reduced == 0 {
		b.read(4)           // interintra, masked, warped, dual filter
		if b.read(1) == 1 { // enable_order_hint
			b.read(2)
			skipScreenTools(b)
			b.read(3) // order_hint_bits_minus_1
		} else {
			skipScreenTools(b)
		}
	}
	b.read(3) // enable_superres, enable_cdef, enable_restoration
}

// skipScreenTools reads over the choices for screen content.
func skipScreenTools(b *bits) {
	const choose = 2 // SELECT_SCREEN_CONTENT_TOOLS
	tools := uint32(choose)
	if b.read(1) == 0 {
		tools = b.read(1)
	}
	if tools > 0 && b.read(1) == 0 { // seq_choose_integer_mv
		b.read(1)
	}
}

// readColour reads the colour configuration (section 5.5.2) into the form of
// the configuration record: high_bitdepth, twelve_bit, monochrome, both
// subsamplings, sample position.
func readColour(b *bits, profile uint32) uint32 {
	high, twelve, mono := b.read(1), uint32(0), uint32(0)
	if profile == 2 && high == 1 {
		twelve = b.read(1)
	}
	if profile != 1 {
		mono = b.read(1)
	}
	primaries, transfer, matrix := uint32(2), uint32(2), uint32(2)
	if b.read(1) == 1 { // color_description_present_flag
		primaries, transfer, matrix = b.read(8), b.read(8), b.read(8)
	}
	subX, subY, position := uint32(1), uint32(1), uint32(0)
	switch {
	case mono == 1:
		b.read(1) // color_range
	case primaries == 1 && transfer == 13 && matrix == 0: // sRGB
		subX, subY = 0, 0
	default:
		b.read(1)
		subX, subY = subsampling(b, profile, twelve)
		if subX == 1 && subY == 1 {
			position = b.read(2)
		}
	}
	return high<<6 | twelve<<5 | mono<<4 | subX<<3 | subY<<2 | position
}

func subsampling(b *bits, profile, twelve uint32) (x, y uint32) {
	switch {
	case profile == 0:
		return 1, 1
	case profile == 1:
		return 0, 0
	case twelve == 0:
		return 1, 0
	}
	if x = b.read(1); x == 1 {
		y = b.read(1)
	}
	return x, y
}
