package party

import "encoding/binary"

// held is how many packets a source can send again, a power of two: an eighth of
// a second of the fastest, and servers ask within some milliseconds.
const held = 256

// kept is what a source has sent last.
type kept struct {
	packets  [held]keptPacket
	sequence uint16 // the next of what is sent again
	payload  [2 + PayloadSize]byte
	header   [64]byte
}

type keptPacket struct {
	sequence  uint16
	timestamp uint32
	sent      bool
	last      bool // of its frame
	size      int
	payload   [PayloadSize]byte
}

func (k *kept) keep(sequence uint16, timestamp uint32, last bool, payload []byte) {
	p := &k.packets[sequence%held]
	p.sequence, p.timestamp, p.last, p.sent = sequence, timestamp, last, true
	p.size = copy(p.payload[:], payload)
}

// repeat gives header and payload of a packet that is sent again (RFC 4588
// section 4), false if it is not held any more or there is no way for it.
func (s *source) repeat(sequence uint16, now int64, w *wire, number uint16) (header, payload []byte, ok bool) {
	k := &s.kept
	p := &k.packets[sequence%held]
	if !p.sent || p.sequence != sequence || w.out.repair == 0 {
		return nil, nil, false
	}
	binary.BigEndian.PutUint16(k.payload[:], sequence)
	copy(k.payload[2:], p.payload[:p.size])
	h := k.header[:12]
	h[0], h[1] = 0x80, w.out.repair
	if p.last {
		h[1] |= 0x80
	}
	binary.BigEndian.PutUint16(h[2:], k.sequence)
	binary.BigEndian.PutUint32(h[4:], p.timestamp)
	binary.BigEndian.PutUint32(h[8:], s.again)
	k.sequence++
	return appendElements(h, now, w.out, w.mid, w.out.repaired, s.rid, number, nil), k.payload[:2+p.size], true
}
