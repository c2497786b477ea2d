package srtp

import (
	"encoding/binary"
	"fmt"
)

// transform protects packets with the session keys of RTP or of RTCP. Which
// index is used, and whether it may be, is decided by whoever calls.
//
// Sealing writes to a region that begins with the header, already in its place,
// and is as long as the protected packet; the payload lies in the region right
// behind the header, or outside the region. Opening works in place and reports
// whether the tag fits; if it does not, what lies behind the header is spoiled.
type transform interface {
	sealRTP(region []byte, header int, payload []byte, ssrc uint32, index uint64)
	openRTP(packet []byte, header int, ssrc uint32, index uint64) bool
	// word is the E flag with the index; index is without the flag.
	sealRTCP(region []byte, payload []byte, ssrc uint32, word uint32)
	openRTCP(packet []byte, ssrc uint32, word uint32) bool
}

// encrypted is the E flag before the index of an SRTCP packet.
const encrypted = 1 << 31

// transforms makes what protects the RTP and the RTCP of one direction.
func (m Master) transforms() (rtp, rtcp transform, err error) {
	r, c, err := m.sessions()
	if err != nil {
		return nil, nil, err
	}
	if rtp, err = newTransform(m.profile, r); err != nil {
		return nil, nil, err
	}
	rtcp, err = newTransform(m.profile, c)
	return rtp, rtcp, err
}

func newTransform(p Profile, s session) (transform, error) {
	switch p {
	case AES128GCM, AES256GCM:
		return newGCM(s)
	case AES128CMSHA1:
		return newCounter(s)
	}
	return nil, fmt.Errorf("%w: %v", ErrProfile, p)
}

const (
	rtpHeaderLen  = 12
	rtcpHeaderLen = 8 // what SRTCP leaves in the clear: the first header and the SSRC
)

// rtpHeader finds the end of an RTP header with its contributing sources and
// its extension (RFC 3550 section 5.1); 0 if there is none.
func rtpHeader(packet []byte) int {
	if len(packet) < rtpHeaderLen || packet[0]>>6 != 2 {
		return 0
	}
	end := rtpHeaderLen + 4*int(packet[0]&0x0f)
	if packet[0]&0x10 != 0 {
		if len(packet) < end+4 {
			return 0
		}
		end += 4 + 4*int(binary.BigEndian.Uint16(packet[end+2:]))
	}
	if len(packet) < end {
		return 0
	}
	return end
}
