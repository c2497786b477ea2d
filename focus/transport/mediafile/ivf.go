package mediafile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"meshfocus/focus/transport"
)

// The IVF container, little-endian, as libvpx writes it:
//
//	0  "DKIF"  4 version  6 header length  8 fourcc  12 width  14 height
//	16 time base denominator  20 numerator  24 frames  28 unused
//
// and for each frame: 0 length, 4 time in units of the time base (64 bits).
const (
	ivfHeader      = 32
	ivfFrameHeader = 12
)

var ivfCodecs = map[string]transport.Codec{"VP80": transport.VP8, "VP90": transport.VP9, "AV01": transport.AV1}

// readIVF indexes an IVF file.
func readIVF(c *Clip, size int64) error {
	head := make([]byte, ivfHeader)
	if _, err := c.file.ReadAt(head, 0); err != nil {
		return fmt.Errorf("%w: the IVF header is cut short", ErrBroken)
	}
	codec, known := ivfCodecs[string(head[8:12])]
	if !known {
		return fmt.Errorf("%w: IVF with codec %q, wanted is VP80, VP90 or AV01", ErrUnknownFormat, head[8:12])
	}
	c.codec = codec
	denominator, numerator := binary.LittleEndian.Uint32(head[16:]), binary.LittleEndian.Uint32(head[20:])
	if denominator == 0 || numerator == 0 {
		return fmt.Errorf("%w: IVF time base %d/%d", ErrBroken, numerator, denominator)
	}
	offset := int64(max(binary.LittleEndian.Uint16(head[6:]), ivfHeader))
	for offset < size {
		e, next, err := c.ivfFrame(offset, size)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			break // a recording that was cut off: what is whole can be played
		}
		if err != nil {
			return err
		}
		var ok bool
		if e.at, ok = ticks(uint64(e.at), numerator, denominator); !ok {
			return fmt.Errorf("%w: time of frame %d", ErrBroken, len(c.entries))
		}
		offset = next
		if e.size > 0 { // an encoder that dropped a frame writes an empty one
			c.entries = append(c.entries, e)
		}
	}
	return nil
}

// ivfFrame reads the header of a frame and as much of the frame as tells
// whether it is a key frame. The time is still in units of the time base.
func (c *Clip) ivfFrame(offset, size int64) (entry, int64, error) {
	head := make([]byte, ivfFrameHeader)
	if _, err := c.file.ReadAt(head, offset); err != nil {
		return entry{}, 0, io.ErrUnexpectedEOF
	}
	length := binary.LittleEndian.Uint32(head)
	if length > maxSample {
		return entry{}, 0, fmt.Errorf("%w: frame %d of %d bytes", ErrBroken, len(c.entries), length)
	}
	e := entry{at: time.Duration(binary.LittleEndian.Uint64(head[4:])), offset: offset + ivfFrameHeader, size: int(length)}
	next := e.offset + int64(length)
	if next > size {
		return entry{}, 0, io.ErrUnexpectedEOF
	}
	// All that tells is at the begin: of AV1 the sequence header, which
	// stands before the picture.
	begin := make([]byte, min(length, 256))
	if _, err := c.file.ReadAt(begin, e.offset); err != nil && length > 0 {
		return entry{}, 0, fmt.Errorf("frame %d: %w", len(c.entries), err)
	}
	header := transport.Inspect(c.codec, begin)
	e.key = header.Key
	if c.width == 0 {
		c.width, c.height = header.Width, header.Height
	}
	return e, next, nil
}

// ticks turns a count of units into a duration; false if it is absurd.
func ticks(count uint64, numerator, denominator uint32) (time.Duration, bool) {
	high, low := bits.Mul64(count, uint64(numerator)*uint64(time.Second))
	if high >= uint64(denominator) {
		return 0, false
	}
	value, _ := bits.Div64(high, low, uint64(denominator))
	return time.Duration(value), value < uint64(1000*time.Hour)
}
