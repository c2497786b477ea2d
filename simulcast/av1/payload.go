// Package av1 says of an AV1 payload what can be known without the dependency
// descriptor: whether decoding can begin with it, and its layer. It follows RTP
// Payload Format For AV1, section 4, and knows of the units only their types
// (AV1 specification section 6.2.2), and of the sequence header the size.
//
// There is nothing to rewrite in such a payload. The read loop calls Inspect once
// for a packet; where a dependency descriptor was negotiated, package
// dependency then writes over what is known better by it: the start and the end
// of frames above all, if there are spatial layers. All functions are pure,
// allocate nothing and take any input. Sizes are in bytes.
package av1

import (
	"meshfocus/focus/transport/frame"
	"meshfocus/simulcast"
)

// Header is the aggregation header.
//
//	 0 1 2 3 4 5 6 7
//	|Z|Y| W |N|-|-|-|
type Header struct {
	// Continues is Z: the first element goes on with a unit of the packet
	// before. Continued is Y: the last goes on in the packet behind.
	Continues, Continued bool
	// Count is W: how many elements there are, the last without length; 0: each
	// has its length.
	Count uint8
	// NewSequence is N: a coded video sequence begins here, with a key frame.
	NewSequence bool
}

// Elements walks over the elements of a payload: units, or fragments of units
// at its ends. The zero value has none; Reset begins.
type Elements struct {
	Header
	rest []byte
	at   uint // elements that were given
}

// Element is a unit or a fragment.
type Element struct {
	// Type is obu_type, and Temporal and Spatial are those of the unit's
	// extension; Absent in a fragment that does not begin a unit, the layers
	// also without extension.
	Type, Temporal, Spatial int8
	// Start and End: the unit's first and last bytes are here.
	Start, End bool
	Data       []byte // with the unit's header; may be empty
}

// Reset begins with a payload. It fails with ErrShort or ErrHeader.
func (e *Elements) Reset(payload []byte) error {
	*e = Elements{}
	if len(payload) < 2 {
		return ErrShort
	}
	const bitZ, bitY, bitN = 0x80, 0x40, 0x08
	head := payload[0]
	e.Continues, e.Continued, e.NewSequence = head&bitZ != 0, head&bitY != 0, head&bitN != 0
	e.Count = head >> 4 & 3
	if e.Continues && e.NewSequence {
		return ErrHeader
	}
	e.rest = payload[1:]
	return nil
}

// Next puts the next element into element; false after the last. The error is
// ErrShort: elements that came before were good.
func (e *Elements) Next(element *Element) (bool, error) {
	if e.ended() {
		return false, nil
	}
	size := len(e.rest)
	if e.Count == 0 || e.at+1 < uint(e.Count) {
		length, n := frame.LEB128(e.rest)
		if n == 0 || length > uint64(len(e.rest)-n) {
			return false, ErrShort
		}
		e.rest, size = e.rest[n:], int(length)
	}
	element.Start, element.Data = e.at > 0 || !e.Continues, e.rest[:size]
	e.rest = e.rest[size:]
	e.at++
	element.End = !e.Continued || !e.ended()
	element.readHeader()
	return true, nil
}

// ended reports whether the last element was given.
func (e *Elements) ended() bool {
	if e.Count == 0 {
		return len(e.rest) == 0
	}
	return e.at >= uint(e.Count)
}

// readHeader reads obu_header (AV1 specification section 5.3.2).
func (e *Element) readHeader() {
	e.Type, e.Temporal, e.Spatial = simulcast.Absent, simulcast.Absent, simulcast.Absent
	if !e.Start || len(e.Data) == 0 {
		return
	}
	e.Type = int8(e.Data[0] >> 3 & 0x0f)
	const extension = 0x04 // obu_extension_flag
	if e.Data[0]&extension != 0 && len(e.Data) > 1 {
		e.Temporal, e.Spatial = int8(e.Data[1]>>5), int8(e.Data[1]>>3&3)
	}
}

// Inspect says into info what a packet's payload tells of its place in the
// stream; marker is that of the RTP header. A packet without payload is
// Padding. The error is that of Elements; such a packet is to be dropped.
//
// Key is the packet with the N bit. End is the end of the whole temporal unit,
// which is what the marker tells. Start is a packet that begins with a unit
// that may be a frame's first.
func Inspect(payload []byte, marker bool, info *simulcast.Info) error {
	*info = simulcast.Plain(simulcast.AV1)
	info.End = marker
	if len(payload) == 0 {
		info.End, info.Padding = false, true
		return nil
	}
	var elements Elements
	if err := elements.Reset(payload); err != nil {
		return err
	}
	info.Key = elements.NewSequence
	layered := false
	var element Element
	for first := true; ; first = false {
		ok, err := elements.Next(&element)
		if !ok {
			return err
		}
		if first {
			info.Start = element.beginsFrame()
		}
		if !layered && element.Spatial != simulcast.Absent {
			layered = true
			info.Spatial, info.Temporal = element.Spatial, element.Temporal
		}
		if element.Type == frame.OBUSequenceHeader && element.End && info.Key {
			size := frame.AV1(element.Data)
			info.Width, info.Height = uint16(size.Width), uint16(size.Height)
		}
	}
}

// Types of units that may be the first of a frame, beside those of package
// frame (AV1 specification section 6.2.2).
const (
	obuFrameHeader = 3
	obuMetadata    = 5
	obuFrame       = 6
)

// beginsFrame reports whether a frame may begin with the unit: all but tile
// groups, copies of a frame's header and padding.
func (e *Element) beginsFrame() bool {
	switch e.Type {
	case frame.OBUSequenceHeader, frame.OBUTemporalDelimiter, obuFrameHeader, obuMetadata, obuFrame:
		return true
	}
	return false
}
