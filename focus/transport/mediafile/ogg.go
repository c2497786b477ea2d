package mediafile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"meshfocus/focus/transport"
)

// Ogg pages (RFC 3533 section 6): "OggS", version, flags, 64-bit position,
// serial number, page number, checksum, number of segments, their lengths.
const (
	oggHeader    = 27
	oggContinued = 0x01
)

// readOgg indexes the first Opus stream of an Ogg file (RFC 7845).
func readOgg(c *Clip, size int64) error {
	c.codec = transport.Opus
	pages := &oggPages{reader: bufio.NewReaderSize(io.NewSectionReader(c.file, 0, size), 1<<16)}
	if err := pages.readHead(); err != nil {
		return err
	}
	var at time.Duration
	for number := 0; ; number++ {
		packet, err := pages.packet()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break // a file that was cut off: what is whole can be played
		}
		if err != nil {
			return err
		}
		if number == 0 && bytes.HasPrefix(packet.data, []byte("OpusTags")) || len(packet.data) == 0 {
			continue
		}
		duration, ok := opusDuration(packet.data)
		if !ok {
			return fmt.Errorf("%w: packet %d is not Opus", ErrBroken, number)
		}
		e := entry{at: at, offset: packet.offset, size: len(packet.data), key: true}
		if packet.split {
			e.data = packet.data
		}
		c.entries = append(c.entries, e)
		at += duration
	}
	c.length = at
	return nil
}

// oggPages walks the packets of one stream.
type oggPages struct {
	reader *bufio.Reader
	offset int64
	serial uint32
	ready  []oggPacket
	part   *oggPacket // goes on in the next page
}

type oggPacket struct {
	data   []byte
	offset int64
	split  bool // over pages
}

// readHead reads up to the identification header of the Opus stream (RFC 7845
// section 5.1). Other streams, such as pictures of a cover, are passed over.
func (p *oggPages) readHead() error {
	for {
		packet, serial, err := p.page(true)
		if err != nil {
			return fmt.Errorf("%w: no Opus in this Ogg file", ErrBroken)
		}
		if len(packet) == 0 || !bytes.HasPrefix(packet[0].data, []byte("OpusHead")) {
			if len(packet) > 0 && bytes.HasPrefix(packet[0].data, []byte("\x01vorbis")) {
				return fmt.Errorf("%w: this Ogg file has Vorbis, not Opus (ffmpeg -i FILE -c:a libopus OUT.opus)", ErrUnknownFormat)
			}
			continue
		}
		head := packet[0].data
		if len(head) < 19 || head[8]>>4 != 0 {
			return fmt.Errorf("%w: Opus header", ErrBroken)
		}
		if head[18] != 0 || head[9] < 1 || head[9] > 2 {
			return fmt.Errorf("%w: Opus with %d channels, wanted is mono or stereo", ErrUnknownFormat, head[9])
		}
		p.serial = serial
		p.ready = packet[1:]
		return nil
	}
}

// packet gives the next packet of the stream.
func (p *oggPages) packet() (oggPacket, error) {
	for len(p.ready) == 0 {
		packets, _, err := p.page(false)
		if err != nil {
			return oggPacket{}, err
		}
		p.ready = packets
	}
	packet := p.ready[0]
	p.ready = p.ready[1:]
	return packet, nil
}

// page reads one page and gives the packets that end in it; none if it is of
// another stream than ours.
func (p *oggPages) page(any bool) ([]oggPacket, uint32, error) {
	var head [oggHeader]byte
	if _, err := io.ReadFull(p.reader, head[:]); err != nil {
		return nil, 0, err
	}
	if !bytes.HasPrefix(head[:], []byte("OggS")) || head[4] != 0 {
		return nil, 0, fmt.Errorf("%w: at byte %d an Ogg page should begin", ErrBroken, p.offset)
	}
	lengths := make([]byte, head[26])
	if _, err := io.ReadFull(p.reader, lengths); err != nil {
		return nil, 0, io.ErrUnexpectedEOF
	}
	total := 0
	for _, length := range lengths {
		total += int(length)
	}
	body := make([]byte, total)
	if _, err := io.ReadFull(p.reader, body); err != nil {
		return nil, 0, io.ErrUnexpectedEOF
	}
	offset := p.offset + oggHeader + int64(len(lengths))
	p.offset = offset + int64(total)
	serial := binary.LittleEndian.Uint32(head[14:])
	if !any && serial != p.serial {
		return nil, serial, nil
	}
	if head[5]&oggContinued == 0 {
		p.part = nil
	}
	packets, err := p.cut(lengths, body, offset)
	return packets, serial, err
}

// cut cuts a page into packets by its lacing values (RFC 3533 section 5): a
// packet ends with a segment of less than 255 bytes.
func (p *oggPages) cut(lengths, body []byte, offset int64) ([]oggPacket, error) {
	var packets []oggPacket
	current := oggPacket{offset: offset}
	if p.part != nil {
		current = *p.part
		current.split = true
		p.part = nil
	}
	for i, length := range lengths {
		current.data = append(current.data, body[:length]...)
		body, offset = body[length:], offset+int64(length)
		if len(current.data) > maxSample {
			return nil, fmt.Errorf("%w: Ogg packet of more than %d bytes", ErrBroken, maxSample)
		}
		if length < 255 {
			packets = append(packets, current)
			current = oggPacket{offset: offset}
		} else if i == len(lengths)-1 {
			p.part = &current
		}
	}
	return packets, nil
}

// opusDuration reads how much sound a packet holds (RFC 6716 section 3.1 and
// 3.2).
func opusDuration(packet []byte) (time.Duration, bool) {
	if len(packet) == 0 {
		return 0, false
	}
	configuration := packet[0] >> 3
	var length time.Duration
	switch {
	case configuration < 12: // SILK
		length = []time.Duration{10, 20, 40, 60}[configuration%4] * time.Millisecond
	case configuration < 16: // hybrid
		length = []time.Duration{10, 20}[configuration%2] * time.Millisecond
	default: // CELT
		length = []time.Duration{2500, 5000, 10000, 20000}[configuration%4] * time.Microsecond
	}
	count := time.Duration(1)
	switch packet[0] & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(packet) < 2 {
			return 0, false
		}
		count = time.Duration(packet[1] & 0x3f)
	}
	total := length * count
	return total, total > 0 && total <= 120*time.Millisecond
}
