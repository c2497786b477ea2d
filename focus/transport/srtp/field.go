package srtp

import "encoding/binary"

// element is one of GCM's numbers: of the field of 2^128 elements, in the order
// of bits of NIST SP 800-38D section 6.3, where the first bit of the first byte
// is the factor of 1, the next that of x, and so on. Adding is exclusive or.
type element struct{ high, low uint64 }

func newElement(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (e element) plus(f element) element { return element{e.high ^ f.high, e.low ^ f.low} }

// shifted multiplies with x n times.
func (e element) shifted(n int) element {
	for range n {
		carry := e.low & 1
		e.low = e.low>>1 | e.high<<63
		e.high = e.high>>1 ^ carry*(0xe1<<56) // x^128 = x^7 + x^2 + x + 1
	}
	return e
}

func (e element) times(f element) element {
	m := newMultiples(f)
	return m.times(m.times(element{}, e.low, 16), e.high, 16)
}

// inverse gives what multiplies with e to 1: e to the power of 2^128 - 2, which
// is the product of e^2, e^4 and so on to e^(2^127).
func (e element) inverse() element {
	product := element{high: 1 << 63} // 1
	for range 127 {
		e = e.times(e)
		product = product.times(e)
	}
	return product
}

// multiples is a number times each of four bits, for multiplying by steps of
// them.
type multiples [16]element

func newMultiples(e element) multiples {
	var m multiples
	for bit := 8; bit > 0; bit >>= 1 { // 8 is the factor of 1, see element
		for i := range m {
			if i&bit != 0 {
				m[i] = m[i].plus(e)
			}
		}
		e = e.shifted(1)
	}
	return m
}

// overflow is what four bits become that are shifted beyond x^127: the upper
// sixteen bits of a number.
var overflow = [16]uint16{
	0x0000, 0x1c20, 0x3840, 0x2460, 0x7080, 0x6ca0, 0x48c0, 0x54e0,
	0xe100, 0xfd20, 0xd940, 0xc560, 0x9180, 0x8da0, 0xa9c0, 0xb5e0,
}

// times multiplies with the lowest steps·4 bits of factor, the first of them
// the factor of 1, and adds sum shifted by as many bits: so that a longer
// factor is multiplied by parts, from its end.
func (m *multiples) times(sum element, factor uint64, steps int) element {
	for range steps {
		over := overflow[sum.low&15]
		part := &m[factor&15]
		sum.low = sum.low>>4 ^ sum.high<<60 ^ part.low
		sum.high = sum.high>>4 ^ uint64(over)<<48 ^ part.high
		factor >>= 4
	}
	return sum
}
