package mediafile

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/focus/transport/frame"
)

// defaultFrameRate is for streams that do not say theirs.
const defaultFrameRate = 30

// readAnnexB indexes an H.264 elementary stream by access units (ITU-T H.264
// section 7.4.1.2.3). It has no times: the frame rate is the one of its timing
// information.
func readAnnexB(c *Clip, size int64) error {
	c.codec = transport.H264
	units, err := findNALs(io.NewSectionReader(c.file, 0, size))
	if err != nil {
		return err
	}
	var sps frame.SPS
	var current entry
	pictured := false
	finish := func(end int64) {
		if pictured {
			current.size = int(end - current.offset)
			c.entries = append(c.entries, current)
		}
		current, pictured = entry{offset: end}, false
	}
	for i, unit := range units {
		if pictured && unit.beginsAccess() {
			finish(unit.offset)
		}
		end := size
		if i+1 < len(units) {
			end = units[i+1].offset
		}
		if end-current.offset > maxSample {
			return fmt.Errorf("%w: H.264 access unit of more than %d bytes", ErrBroken, maxSample)
		}
		switch unit.kind {
		case frame.NALSPS:
			current.key = true
			if sps.Width == 0 {
				sps = c.readSPS(unit, end)
			}
		case frame.NALIDR:
			current.key, pictured = true, true
		case frame.NALSlice:
			pictured = true
		}
	}
	finish(size)
	if len(c.entries) > 0 && sps.Width == 0 {
		return fmt.Errorf("%w: H.264 without a sequence parameter set", ErrBroken)
	}
	c.setTimes(sps)
	return nil
}

// setTimes spreads the pictures over time and notes their size.
func (c *Clip) setTimes(sps frame.SPS) {
	c.width, c.height = sps.Width, sps.Height
	rate := sps.FrameRate
	if rate < 1 || rate > 240 {
		rate = defaultFrameRate
	}
	for i := range c.entries {
		c.entries[i].at = time.Duration(float64(i) * float64(time.Second) / rate)
	}
}

func (c *Clip) readSPS(unit nal, end int64) frame.SPS {
	data := make([]byte, min(end-unit.offset, 1024))
	n, _ := c.file.ReadAt(data, unit.offset)
	for each := range frame.NALs(data[:n]) {
		return frame.ParseSPS(each)
	}
	return frame.SPS{}
}

// nal is a unit of the stream: where its start code begins, what it is.
type nal struct {
	offset int64
	kind   byte
	first  bool // a slice with the first macroblock
}

// beginsAccess reports whether the unit, coming after a picture, belongs to
// the next one.
func (n nal) beginsAccess() bool {
	switch n.kind {
	case frame.NALDelimiter, frame.NALSPS, frame.NALPPS, frame.NALSEI:
		return true
	case frame.NALSlice, frame.NALIDR:
		return n.first
	}
	return false
}

// findNALs finds the start codes of a stream.
func findNALs(stream io.Reader) ([]nal, error) {
	reader := bufio.NewReaderSize(stream, 1<<16)
	var units []nal
	zeros := 0
	for offset := int64(0); ; offset++ {
		b, err := reader.ReadByte()
		if err == io.EOF {
			return units, nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case b == 0:
			zeros++
			continue
		case b == 1 && zeros >= 2:
			head, _ := reader.Peek(2) // shorter at the end of the file
			if len(head) == 2 {
				// The first macroblock has number 0, coded as one bit 1.
				units = append(units, nal{offset: offset - int64(min(zeros, 3)), kind: frame.NALType(head), first: head[1]&0x80 != 0})
			}
		}
		zeros = 0
	}
}
