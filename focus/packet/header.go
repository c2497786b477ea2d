package packet

import (
	"encoding/binary"
	"math"
)

// HeaderLen is the length of an RTP header without contributing sources and
// extension.
const HeaderLen = 12

// Profiles of header extensions (RFC 8285 sections 4.2 and 4.3). The lowest four
// bits of the second are free for applications.
const (
	oneByteProfile = 0xBEDE
	twoByteProfile = 0x1000
	twoByteMask    = 0xFFF0
)

// Header is an RTP header as offsets into the packet it was parsed from.
type Header struct {
	SSRC, Timestamp uint32
	Sequence        uint16
	PayloadType     uint8
	Marker          bool
	// ExtensionAt and ExtensionEnd bound the elements of the header extension
	// (after its profile and length); equal if there is none. TwoByte is
	// RFC 8285 section 4.3's form of them.
	ExtensionAt, ExtensionEnd uint16
	TwoByte                   bool
	// PayloadAt and PayloadEnd bound the payload without padding.
	PayloadAt, PayloadEnd uint16
}

// Parse reads the header of an RTP packet that is in the clear:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|V=2|P|X|  CC   |M|     PT      |       sequence number         |
//	|                           timestamp                           |
//	|                             SSRC                              |
//	|              CC contributing sources, 4 bytes each            |
//	|     if X: profile             |       length, in words        |
//	|     elements, length words …                                  |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// Contributing sources are passed over. Extensions of other profiles than
// RFC 8285's count as none. The error is ErrShort, ErrLong, ErrVersion,
// ErrExtension or ErrPadding; the Header is then worthless.
func Parse(data []byte) (Header, error) {
	if len(data) < HeaderLen {
		return Header{}, ErrShort
	}
	if len(data) > math.MaxUint16 {
		return Header{}, ErrLong
	}
	first := data[0]
	if first>>6 != 2 {
		return Header{}, ErrVersion
	}
	h := Header{
		Marker:      data[1]&0x80 != 0,
		PayloadType: data[1] & 0x7F,
		Sequence:    binary.BigEndian.Uint16(data[2:]),
		Timestamp:   binary.BigEndian.Uint32(data[4:]),
		SSRC:        binary.BigEndian.Uint32(data[8:]),
	}
	at := HeaderLen + 4*int(first&0x0F)
	if first&0x10 != 0 {
		var err error
		if at, err = h.parseExtension(data, at); err != nil {
			return Header{}, err
		}
	}
	end := len(data)
	if at > end {
		return Header{}, ErrShort
	}
	if first&0x20 != 0 {
		padding := int(data[end-1])
		if padding == 0 || padding > end-at {
			return Header{}, ErrPadding
		}
		end -= padding
	}
	h.PayloadAt, h.PayloadEnd = uint16(at), uint16(end)
	return h, nil
}

// parseExtension finds the elements behind the contributing sources and gives
// where the payload begins.
func (h *Header) parseExtension(data []byte, at int) (int, error) {
	if at+4 > len(data) {
		return 0, ErrShort
	}
	profile := binary.BigEndian.Uint16(data[at:])
	end := at + 4 + 4*int(binary.BigEndian.Uint16(data[at+2:]))
	if end > len(data) {
		return 0, ErrExtension
	}
	h.TwoByte = profile&twoByteMask == twoByteProfile
	if h.TwoByte || profile == oneByteProfile {
		h.ExtensionAt, h.ExtensionEnd = uint16(at+4), uint16(end)
	}
	return end, nil
}

// Payload gives the payload without padding, of the data that h was read from.
func (h *Header) Payload(data []byte) []byte { return data[h.PayloadAt:h.PayloadEnd] }

// Restore makes a packet of a retransmission stream read as what it was before
// it was sent again (RFC 4588 section 4): with the original SSRC and payload
// type, which the session description ties to those of the stream, and with the
// original number, which stands before the payload. It reports false for one
// that carries nothing, as probes for capacity do; h stays as it was then.
func (h *Header) Restore(data []byte, ssrc uint32, payloadType uint8) bool {
	if h.PayloadEnd-h.PayloadAt < 2 {
		return false
	}
	h.Sequence = binary.BigEndian.Uint16(data[h.PayloadAt:])
	h.PayloadAt += 2
	h.SSRC, h.PayloadType = ssrc, payloadType
	return true
}

// AppendOriginal appends what stands before the payload of a packet that is sent
// again: the number it had (RFC 4588 section 4).
func AppendOriginal(dst []byte, sequence uint16) []byte {
	return binary.BigEndian.AppendUint16(dst, sequence)
}

// AppendPadding appends n bytes of padding, 1 to 255, as a header with
// Fields.Padding announces them.
func AppendPadding(dst []byte, n uint8) []byte {
	for range n - 1 {
		dst = append(dst, 0)
	}
	return append(dst, n)
}
