package feedback

import (
	"encoding/binary"
	"iter"

	"meshfocus/internal/unit"
)

// Kind is what one RTCP packet is.
type Kind uint8

// The kinds that are read; everything else is passed over.
const (
	SenderReport    Kind = iota + 1 // Sender, Info, Reports
	ReceiverReport                  // Sender, Reports
	Description                     // Names
	Goodbye                         // Sources
	Nack                            // Sender, Media, Lost
	TransportReport                 // Sender, Transport: draft-holmer
	StreamReport                    // Sender, Streams: RFC 8888
	PictureLoss                     // Sender, Media
	FullIntra                       // Sender, Requests
	MaximumRate                     // Sender, Rate, Sources: REMB
)

var kindNames = [...]string{"", "sender report", "receiver report", "description", "goodbye", "NACK",
	"transport-wide feedback", "congestion feedback", "picture loss", "full intra request", "maximum rate"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Message is one RTCP packet of a datagram, checked as a whole, so that no
// question to it fails. It lies in the datagram and is valid as long as that.
// Its lists are empty for kinds that have none.
type Message struct {
	Kind Kind
	// Sender is the SSRC of who sent it, Media that of the stream it is about.
	Sender, Media uint32

	head []byte // the fixed part after the SSRCs
	list []byte // what is repeated
}

// Info is what a sender report says of its stream: NTP and Timestamp are one
// instant, Packets and Octets (of payload) were sent until then.
type Info struct {
	NTP             NTP
	Timestamp       uint32
	Packets, Octets uint32
}

// Info gives the sender's part of a sender report.
func (m Message) Info() Info {
	if m.Kind != SenderReport {
		return Info{}
	}
	return Info{
		NTP:       NTP(binary.BigEndian.Uint64(m.head)),
		Timestamp: binary.BigEndian.Uint32(m.head[8:]),
		Packets:   binary.BigEndian.Uint32(m.head[12:]),
		Octets:    binary.BigEndian.Uint32(m.head[16:]),
	}
}

// Reports gives the report blocks of a sender or receiver report.
func (m Message) Reports() iter.Seq[Report] {
	return func(yield func(Report) bool) {
		if m.Kind != SenderReport && m.Kind != ReceiverReport {
			return
		}
		for b := m.list; len(b) >= reportSize; b = b[reportSize:] {
			if !yield(reportFrom(b)) {
				return
			}
		}
	}
}

// Lost gives the sequence numbers that a NACK asks for. A number may come
// twice if the peer says it twice.
func (m Message) Lost() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		if m.Kind != Nack {
			return
		}
		for b := m.list; len(b) >= 4; b = b[4:] {
			number := binary.BigEndian.Uint16(b)
			if !yield(number) {
				return
			}
			for mask := binary.BigEndian.Uint16(b[2:]); mask != 0; mask >>= 1 {
				number++
				if mask&1 != 0 && !yield(number) {
					return
				}
			}
		}
	}
}

// Requests gives the streams a full intra request is about, with the number
// of the request; see IntraNumber.
func (m Message) Requests() iter.Seq2[uint32, uint8] {
	return func(yield func(uint32, uint8) bool) {
		if m.Kind != FullIntra {
			return
		}
		for b := m.list; len(b) >= 8; b = b[8:] {
			if !yield(binary.BigEndian.Uint32(b), b[4]) {
				return
			}
		}
	}
}

// Sources gives the SSRCs that say goodbye, or that a maximum rate is for.
func (m Message) Sources() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if m.Kind != Goodbye && m.Kind != MaximumRate {
			return
		}
		for b := m.list; len(b) >= 4; b = b[4:] {
			if !yield(binary.BigEndian.Uint32(b)) {
				return
			}
		}
	}
}

// Names gives the canonical name (CNAME) of each source that a description
// names. The bytes lie in the datagram.
func (m Message) Names() iter.Seq2[uint32, []byte] {
	return func(yield func(uint32, []byte) bool) {
		if m.Kind != Description {
			return
		}
		for rest := m.list; len(rest) > 0; {
			source := binary.BigEndian.Uint32(rest)
			name, size, ok := chunkName(rest)
			if !ok || name != nil && !yield(source, name) {
				return
			}
			rest = rest[size:]
		}
	}
}

// chunkName reads one chunk of a description (RFC 3550 section 6.5): its
// CNAME, nil without one, and its size with padding.
func chunkName(chunk []byte) (name []byte, size int, ok bool) {
	const end, canonical = 0, 1
	if len(chunk) < 8 {
		return nil, 0, false
	}
	at := 4
	for at < len(chunk) {
		if chunk[at] == end {
			size = at&^3 + 4
			return name, size, size <= len(chunk)
		}
		if at+2 > len(chunk) || at+2+int(chunk[at+1]) > len(chunk) {
			return nil, 0, false
		}
		next := at + 2 + int(chunk[at+1])
		if chunk[at] == canonical {
			name = chunk[at+2 : next : next]
		}
		at = next
	}
	return nil, 0, false
}

// Rate gives the bit rate of a REMB.
func (m Message) Rate() unit.BitRate {
	if m.Kind != MaximumRate {
		return 0
	}
	exponent := m.head[0] >> 2
	mantissa := int64(m.head[0]&3)<<16 | int64(binary.BigEndian.Uint16(m.head[1:]))
	if mantissa == 0 || exponent < 64-18 {
		return unit.BitRate(mantissa << exponent)
	}
	return 1<<63 - 1
}
