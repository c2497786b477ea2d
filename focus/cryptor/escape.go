package cryptor

// escape is the byte between two zeros and one that would make them look like
// the beginning of a unit (ITU-T H.264 section 7.4.1).
const escape = 3

// mustEscape reports whether two zeros are followed by a byte up to 3.
func mustEscape(data []byte) bool {
	zeros := 0
	for _, b := range data {
		if b <= escape && zeros >= 2 {
			return true
		}
		if b != 0 {
			zeros = 0
		} else {
			zeros++
		}
	}
	return false
}

// appendEscaped appends data with an escape before each such byte.
func appendEscaped(dst, data []byte) []byte {
	zeros := 0
	for _, b := range data {
		if b <= escape && zeros >= 2 {
			dst = append(dst, escape)
			zeros = 0
		}
		dst = append(dst, b)
		if b != 0 {
			zeros = 0
		} else {
			zeros++
		}
	}
	return dst
}

// isEscaped reports whether there is an escape in the data.
func isEscaped(data []byte) bool {
	for i := 2; i < len(data); i++ {
		if data[i] == escape && data[i-1] == 0 && data[i-2] == 0 {
			return true
		}
	}
	return false
}

// appendPlain appends data without its escapes.
func appendPlain(dst, data []byte) []byte {
	zeros := 0
	for _, b := range data {
		if b == escape && zeros >= 2 {
			zeros = 0
			continue
		}
		dst = append(dst, b)
		if b != 0 {
			zeros = 0
		} else {
			zeros++
		}
	}
	return dst
}
