package packet

// Protocol is what a datagram of a media port belongs to.
type Protocol uint8

// The protocols of RFC 7983 section 7 that meet on a port; Unknown is dropped.
// Channel is TURN's channel data.
const (
	Unknown Protocol = iota
	STUN
	DTLS
	Channel
	RTP
	RTCP
)

// Demultiplex tells by the first byte what a datagram belongs to (RFC 7983), and
// RTP from RTCP by the second (RFC 5761 section 4: packet types 192 to 223).
func Demultiplex(data []byte) Protocol {
	if len(data) < 2 {
		return Unknown
	}
	switch first := data[0]; {
	case first >= 128 && first <= 191:
		if data[1] >= 192 && data[1] <= 223 {
			return RTCP
		}
		return RTP
	case first <= 3:
		return STUN
	case first >= 20 && first <= 63:
		return DTLS
	case first >= 64 && first <= 79:
		return Channel
	}
	return Unknown
}
