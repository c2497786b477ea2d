package dependency

import (
	"encoding/binary"

	"meshfocus/simulcast"
)

// Descriptor is what the extension of one packet says of the packet's frame.
type Descriptor struct {
	// Start and End: the first and the last packet of the frame.
	Start, End bool
	// Number is the frame's, Template the identifier of its template.
	Number   uint16
	Template uint8
	// Attached: the packet brings a structure, as the first of a key frame
	// does. HasActive: it tells the active decode targets.
	Attached, HasActive bool
	// Active is the mask of the decode targets that are active at this frame,
	// told now or before. Parts is that of the chains the frame is part of;
	// chains without active targets do not count.
	Active, Parts uint32
	// UpSwitch: a receiver of fewer temporal layers may go up to the frame's.
	UpSwitch bool
	// Reach: whoever gets the frame may go up to this temporal layer with it,
	// even if the frame itself is of a lower one.
	Reach int8
	// Size is that of pictures of the spatial layer, 0 if the structure says
	// nothing.
	Size Size
	// Needless is the mask of higher spatial layers whose receivers can do without
	// the frame, Silent of those of which no decode target is active.
	Needless, Silent uint8
	Frame

	// Where things stand, for Append and PatchActive.
	targets      uint8  // width of the mask
	customs      uint8  // the lowest three bits: custom_dtis_flag and the two after
	activeAt     uint16 // bit where the mask stands, or would stand
	bitsOfFields uint16 // bits in all, without zero_padding
}

// The layout of the mandatory fields, and of the flags behind them (section
// A.8.2), in bits.
const (
	mandatorySize = 3 // bytes
	bitStart      = 0x80
	bitEnd        = 0x40
	maskTemplate  = 0x3f
	flagsAt       = 8 * mandatorySize
	flagsEnd      = flagsAt + 5
	flagAttached  = 0x10
	flagActive    = 0x08
	maskCustoms   = 0x07
	customDTIs    = 0x04
	customDiffs   = 0x02
	customChains  = 0x01
)

// parseMandatory reads mandatory_descriptor_fields.
func (d *Descriptor) parseMandatory(data []byte) error {
	if len(data) < mandatorySize {
		return ErrShort
	}
	d.Start, d.End = data[0]&bitStart != 0, data[0]&bitEnd != 0
	d.Template = data[0] & maskTemplate
	d.Number = binary.BigEndian.Uint16(data[1:])
	return nil
}

// parseCustom reads what stands in place of the template's fields.
func (d *Descriptor) parseCustom(r *reader, s *Structure) error {
	if d.customs&customDTIs != 0 {
		parseIndications(r, &d.Frame, s.TargetCount)
	}
	if d.customs&customDiffs != 0 && !d.parseDiffs(r) {
		return ErrBounds
	}
	if d.customs&customChains != 0 {
		for chain := range int(s.ChainCount) {
			d.ChainDiffs[chain] = uint8(r.read(8))
		}
	}
	if r.failed {
		return ErrShort
	}
	return nil
}

// parseDiffs reads frame_fdiffs; false if there are more than can be.
func (d *Descriptor) parseDiffs(r *reader) bool {
	d.DiffCount, d.Diffs = 0, [MaxDiffs]uint16{}
	for {
		size := r.read(2) // next_fdiff_size
		if size == 0 {
			return true
		}
		if d.DiffCount == MaxDiffs {
			return false
		}
		d.Diffs[d.DiffCount] = uint16(r.read(4*int(size))) + 1
		d.DiffCount++
	}
}

// complete says what follows from the fields.
func (d *Descriptor) complete(s *Structure, active uint32) {
	d.Active, d.targets = active, s.TargetCount
	d.Parts = d.parts
	if d.customs&customDTIs != 0 || active != s.All() {
		d.Parts = s.partOf(&d.Frame, active)
	}
	d.UpSwitch, d.Reach = d.Switches&d.own != 0, d.reach
	d.Needless, d.Silent = d.needless, 0
	if d.customs&customDTIs != 0 {
		d.Reach, d.Needless = s.reachOf(&d.Frame), s.needlessOf(&d.Frame)
	}
	if active != s.All() {
		d.Silent = ^s.spatialsOf(active)
	}
	if s.HasSizes {
		d.Size = s.Sizes[d.Spatial]
	}
}

// Key reports whether decoding can begin with the packet: it starts a frame
// that stands alone, and brings the structure.
func (d *Descriptor) Key() bool { return d.Start && d.Attached && d.DiffCount == 0 }

// independent reports whether the frame refers to its own super-frame at most,
// and may be switched to. The layers of a super-frame follow each other, so that
// a frame of spatial layer n is at most n behind the lowest.
func (d *Descriptor) independent() bool {
	for _, diff := range d.Diffs[:d.DiffCount] {
		if diff > uint16(d.Spatial) {
			return false
		}
	}
	return d.UpSwitch
}

// Apply writes what the descriptor says over what the payload said of the same
// packet. One without payload stays as it is.
func (d *Descriptor) Apply(info *simulcast.Info) {
	if info.Padding {
		return
	}
	info.Start, info.End, info.Key = d.Start, d.End, d.Key()
	info.Spatial, info.Temporal = d.Spatial, d.Temporal
	info.UpSwitch, info.Reach, info.Independent = d.UpSwitch, d.Reach, d.independent()
	info.FrameNumber = int32(d.Number)
	info.Targets, info.Switches, info.Chains, info.Active = d.Targets, d.Switches, d.Parts, d.Active
	info.Needless, info.Silent = d.Needless, d.Silent
	if d.Attached && d.Size != (Size{}) {
		info.Width, info.Height = d.Size.Width, d.Size.Height
	}
}

// PatchNumber writes the frame number over that of an extension's bytes, if
// they are one.
func PatchNumber(data []byte, number uint16) {
	if len(data) >= mandatorySize {
		binary.BigEndian.PutUint16(data[1:], number)
	}
}

// PatchActive writes the mask of active decode targets over that of data, which
// are the bytes d was read from, or a copy. It reports false if there is none:
// then it takes Append.
func (d *Descriptor) PatchActive(data []byte, active uint32) bool {
	if !d.HasActive || len(data)*8 < int(d.bitsOfFields) {
		return false
	}
	for bit := range int(d.targets) {
		at := int(d.activeAt) + bit
		mask := byte(0x80) >> (at % 8)
		data[at/8] &^= mask
		if active>>(int(d.targets)-1-bit)&1 != 0 {
			data[at/8] |= mask
		}
	}
	return true
}

// Rewrite is what is to be different in a descriptor.
type Rewrite struct {
	Number uint16
	// HasActive: Active is told. Without it the mask stays, or stays away.
	HasActive bool
	Active    uint32
	// Structure, if not nil, is attached to a descriptor that has none: it has to
	// be the one the descriptor was read with. For packets behind one that was
	// to bring it and was not sent.
	Structure *Structure
}

// Append appends the extension data, which d was read from, with changes. What
// comes is at most 255 bytes if data was, unless a structure is attached: then
// the caller looks.
func (d *Descriptor) Append(dst, data []byte, change Rewrite) []byte {
	if len(data) < mandatorySize {
		return dst
	}
	w := writer{dst: dst}
	w.write(uint32(data[0]), 8)
	w.write(uint32(change.Number), 16)
	attach := change.Structure != nil && !d.Attached
	if !attach && !change.HasActive && d.bitsOfFields == flagsAt {
		return w.dst
	}
	flags := uint32(d.customs)
	if attach || d.Attached {
		flags |= flagAttached
	}
	if change.HasActive || d.HasActive {
		flags |= flagActive
	}
	w.write(flags, flagsEnd-flagsAt)
	after := int(d.activeAt)
	if attach {
		change.Structure.append(&w)
	} else {
		w.copy(data, flagsEnd, after)
	}
	if d.HasActive {
		after += int(d.targets)
	}
	if change.HasActive {
		w.write(change.Active, int(d.targets))
	} else {
		w.copy(data, int(d.activeAt), after)
	}
	w.copy(data, after, int(d.bitsOfFields))
	return w.dst
}
