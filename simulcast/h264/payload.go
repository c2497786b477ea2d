// Package h264 says of an H.264 payload whether decoding can begin with it:
// RFC 6184 in single NAL unit and non-interleaved mode, which is single units,
// STAP-A and FU-A.
//
// There is nothing to rewrite in such a payload, and no layer in it: streams of
// simulcast differ in their SSRC, temporal layers are known by the dependency
// descriptor only. The read loop calls Inspect once for a packet. All functions
// are pure, allocate nothing and take any input.
package h264

import (
	"encoding/binary"

	"meshfocus/focus/transport/frame"
	"meshfocus/simulcast"
)

// Types of packets beside those of single units (RFC 6184 section 5.2).
const (
	typeSTAPA = 24
	typeFUA   = 28
)

// Units walks over the NAL units of a payload: the only one, those that are
// aggregated, or a fragment of one. The zero value has none; Reset begins.
//
//	single    | NAL unit                                   |
//	STAP-A    | 24 | length 16 | NAL unit | length 16 | …  |
//	FU-A      | 28 |S|E|R| type | fragment                 |
type Units struct {
	rest []byte
	kind byte // of the packet
}

// Unit is a NAL unit or a fragment of one.
type Unit struct {
	// Type is nal_unit_type (ITU-T H.264 table 7-1; frame.NALIDR and those
	// beside it).
	Type byte
	// Start and End: the unit's first and last bytes are here. Both, unless it
	// is a fragment.
	Start, End bool
	// Whole is the unit with its header, nil for a fragment. Body is what
	// follows the header, or the fragment.
	Whole, Body []byte
}

// Reset begins with a payload. It fails with ErrShort or ErrType.
func (u *Units) Reset(payload []byte) error {
	*u = Units{}
	if len(payload) < 2 {
		return ErrShort
	}
	kind := payload[0] & 0x1f
	switch {
	case kind >= 1 && kind < typeSTAPA:
		u.rest = payload
	case kind == typeSTAPA:
		u.rest = payload[1:]
	case kind != typeFUA:
		return ErrType
	case len(payload) == 2:
		return ErrShort
	default:
		u.rest = payload[1:]
	}
	u.kind = kind
	return nil
}

// set makes u a unit that is not in fragments.
func (u *Unit) set(nal []byte) {
	u.Type, u.Start, u.End = frame.NALType(nal), true, true
	u.Whole, u.Body = nal, nal[1:]
}

// Next puts the next unit into unit; false after the last. The error is
// ErrShort: units that came before were good.
func (u *Units) Next(unit *Unit) (bool, error) {
	if len(u.rest) == 0 {
		return false, nil
	}
	rest := u.rest
	u.rest = nil
	switch u.kind {
	case typeSTAPA:
		if len(rest) < 2 {
			return false, ErrShort
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		if end == 2 || end > len(rest) {
			return false, ErrShort
		}
		u.rest = rest[end:]
		unit.set(rest[2:end])
	case typeFUA:
		head := rest[0]
		unit.Type, unit.Start, unit.End = head&0x1f, head&0x80 != 0, head&0x40 != 0
		unit.Whole, unit.Body = nil, rest[1:]
	default:
		unit.set(rest)
	}
	return true, nil
}

// Inspect says into info what a packet's payload tells of its place in the
// stream; marker is that of the RTP header. A packet without payload is
// Padding. The error is that of Units; such a packet is to be dropped.
//
// Key is a packet with a parameter set, or with the first bytes of an IDR
// picture. A key frame whose parameter sets have packets of their own has
// several such packets, of one timestamp: the first of them is where to begin.
//
// Start is a packet that may be the first of a picture: it begins with a
// delimiter, parameter sets, further information or the first slice. The
// latter is told by its header, which is not in the clear when the stream is
// encrypted end to end: Start is a guess then, Key is not.
func Inspect(payload []byte, marker bool, info *simulcast.Info) error {
	*info = simulcast.Plain(simulcast.H264)
	info.End = marker
	if len(payload) == 0 {
		info.End, info.Padding = false, true
		return nil
	}
	var units Units
	if err := units.Reset(payload); err != nil {
		return err
	}
	var unit Unit
	for first := true; ; first = false {
		ok, err := units.Next(&unit)
		if !ok {
			return err
		}
		if first {
			info.Start = unit.beginsPicture()
		}
		unit.note(info)
	}
}

// note writes what one unit tells of its packet.
func (u *Unit) note(info *simulcast.Info) {
	switch u.Type {
	case frame.NALIDR:
		info.Key = info.Key || u.Start
	case frame.NALSPS:
		info.Key = info.Key || u.Start
		if sps := frame.ParseSPS(u.Whole); sps.Width > 0 {
			info.Width, info.Height = uint16(sps.Width), uint16(sps.Height)
		}
	}
}

// beginsPicture reports whether the unit may be the first of an access unit
// (ITU-T H.264 section 7.4.1.2.3).
func (u *Unit) beginsPicture() bool {
	const partitionA, prefix, reserved = 2, 14, 18
	switch kind := u.Type; {
	case !u.Start:
		return false
	case kind == frame.NALSlice, kind == frame.NALIDR, kind == partitionA:
		return len(u.Body) > 0 && u.Body[0]&0x80 != 0 // first_mb_in_slice is 0
	case kind >= frame.NALSEI && kind <= frame.NALDelimiter, kind >= prefix && kind <= reserved:
		return true
	}
	return false
}
