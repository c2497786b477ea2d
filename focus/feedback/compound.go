package feedback

import "encoding/binary"

// Packet types and formats (RFC 3550 section 12.1, RFC 4585 sections 6.2 and
// 6.3, RFC 5104, RFC 8888).
const (
	typeSender      = 200
	typeReceiver    = 201
	typeDescription = 202
	typeGoodbye     = 203
	typeTransport   = 205
	typePayload     = 206

	formatNack      = 1
	formatStreams   = 11
	formatTransport = 15

	formatLoss  = 1
	formatIntra = 4
	formatOther = 15 // "application layer", of which REMB is one
)

// statusMost is how many packets the transport-wide reports of one datagram
// may speak of. A few bytes can claim 65535; a quarter of a second at 500 Mbit/s
// is less than this.
const statusMost = 16384

// Compound is a datagram of RTCP that is being read, compound or of reduced
// size (RFC 5506).
type Compound struct {
	// Faults counts packets that broke the rules so far: such a one is passed
	// over, and what follows is read if its beginning can be found.
	Faults int

	rest     []byte
	statuses int
}

// Read begins to read a datagram, in the clear.
func Read(datagram []byte) Compound { return Compound{rest: datagram} }

// Next gives the next packet of a known kind, false at the end.
func (c *Compound) Next() (Message, bool) {
	for len(c.rest) > 0 {
		if len(c.rest) < 4 || c.rest[0]>>6 != 2 {
			return c.stop()
		}
		size := (int(binary.BigEndian.Uint16(c.rest[2:])) + 1) * 4
		if size > len(c.rest) {
			return c.stop()
		}
		whole := c.rest[:size]
		c.rest = c.rest[size:]
		body, ok := unpadded(whole)
		if !ok {
			c.Faults++
			continue
		}
		m, ok := c.parse(whole[0]&0x1f, whole[1], body)
		if !ok {
			c.Faults++
		} else if m.Kind != 0 {
			return m, true
		}
	}
	return Message{}, false
}

// stop ends at a place where no packet can begin.
func (c *Compound) stop() (Message, bool) {
	c.Faults++
	c.rest = nil
	return Message{}, false
}

// unpadded gives what follows the first word, without padding. Padding belongs
// to the last packet of a compound and is whole words (RFC 3550 section 6.4.1),
// but libwebrtc fills transport-wide reports up with it, by one to three bytes.
func unpadded(whole []byte) ([]byte, bool) {
	body := whole[4:]
	if whole[0]&0x20 == 0 {
		return body, true
	}
	if len(body) == 0 {
		return nil, false
	}
	padding := int(body[len(body)-1])
	if padding == 0 || padding > len(body) {
		return nil, false
	}
	return body[:len(body)-padding], true
}

// parse checks one packet; Kind 0 is one that nobody here reads.
func (c *Compound) parse(count, kind uint8, body []byte) (Message, bool) {
	switch kind {
	case typeSender:
		return parseReport(SenderReport, body, 20, count)
	case typeReceiver:
		return parseReport(ReceiverReport, body, 0, count)
	case typeDescription:
		return parseDescription(body, count)
	case typeGoodbye:
		size := int(count) * 4
		if len(body) < size {
			return Message{}, false
		}
		return Message{Kind: Goodbye, list: body[:size]}, true
	case typeTransport, typePayload:
		if len(body) < 8 {
			return Message{}, false
		}
		m := Message{Sender: binary.BigEndian.Uint32(body), Media: binary.BigEndian.Uint32(body[4:])}
		if kind == typeTransport {
			return c.parseTransport(m, count, body)
		}
		return parsePayload(m, count, body[8:])
	}
	return Message{}, true
}

func parseReport(kind Kind, body []byte, head int, count uint8) (Message, bool) {
	size := 4 + head + int(count)*reportSize
	if len(body) < size {
		return Message{}, false
	}
	return Message{
		Kind: kind, Sender: binary.BigEndian.Uint32(body),
		head: body[4 : 4+head], list: body[4+head : size],
	}, true
}

func parseDescription(body []byte, count uint8) (Message, bool) {
	at := 0
	for range count {
		_, size, ok := chunkName(body[at:])
		if !ok {
			return Message{}, false
		}
		at += size
	}
	return Message{Kind: Description, list: body[:at]}, true
}

// parseTransport reads transport-layer feedback (RFC 4585 section 6.2).
func (c *Compound) parseTransport(m Message, format uint8, body []byte) (Message, bool) {
	switch format {
	case formatNack:
		m.Kind, m.list = Nack, body[8:]
		return m, len(m.list) > 0
	case formatTransport:
		m.Kind = TransportReport
		if len(body) < 16 {
			return Message{}, false
		}
		m.head, m.list = body[8:16], body[16:]
		c.statuses += int(binary.BigEndian.Uint16(m.head[2:]))
		return m, c.statuses <= statusMost && transportFits(m.head, m.list)
	case formatStreams:
		m.Kind, m.Media = StreamReport, 0
		m.head, m.list = body[len(body)-4:], body[4:len(body)-4]
		return m, streamsFit(m.list)
	}
	return Message{}, true
}

// parsePayload reads payload-specific feedback (RFC 4585 section 6.3).
func parsePayload(m Message, format uint8, list []byte) (Message, bool) {
	switch format {
	case formatLoss:
		m.Kind = PictureLoss
		return m, true
	case formatIntra:
		m.Kind, m.list = FullIntra, list
		return m, len(list) > 0 && len(list)%8 == 0
	case formatOther:
		if len(list) < 8 || string(list[:4]) != "REMB" {
			return Message{}, true
		}
		m.Kind, m.head, m.list = MaximumRate, list[5:8], list[8:]
		return m, len(m.list) == int(list[4])*4
	}
	return Message{}, true
}
