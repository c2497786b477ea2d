package frame

// VP9 reads the uncompressed header (VP9 bitstream specification
// section 6.2) of the first frame.
func VP9(frame []byte) Header {
	b := bits{data: frame}
	if b.read(2) != 2 { // frame_marker
		return Header{}
	}
	profile := b.read(1) | b.read(1)<<1
	if profile == 3 {
		b.read(1)
	}
	if b.read(1) == 1 { // show_existing_frame
		return Header{}
	}
	if b.read(1) != 0 || b.failed { // frame_type: 0 is a key frame
		return Header{}
	}
	b.read(2) // show_frame, error_resilient_mode
	if b.read(24) != 0x498342 {
		return Header{}
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
		return Header{}
	}
	return Header{true, width, height}
}
