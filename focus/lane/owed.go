package lane

import (
	"bytes"

	"meshfocus/focus/packet"
	"meshfocus/simulcast"
	"meshfocus/simulcast/dependency"
)

// longestElement is what one header extension can hold (RFC 8285 section 4.3).
const longestElement = 255

// owed is the newest values of header extensions that must not get lost with a
// packet that is not forwarded.
type owed struct {
	orientation []byte
	structure   bool // a structure has come
}

// extras is what a subscriber is owed of header extensions with one packet. It
// does not change.
type extras struct {
	// orientation is nil if there is none.
	orientation []byte
	// descriptor is the packet's own with what is owed in it; nil if it is to stay
	// as it is.
	descriptor []byte
}

// remember notes what a packet carries that must not get lost, and says which.
func (o *owed) remember(p *packet.Packet, d *dependency.Descriptor) simulcast.Extensions {
	var carries simulcast.Extensions
	if value := p.Value(packet.Orientation); value != nil {
		carries |= simulcast.Orientation
		if !bytes.Equal(o.orientation, value) {
			o.orientation = bytes.Clone(value)
		}
	}
	if d == nil {
		return carries
	}
	if d.Attached {
		carries |= simulcast.Structure
		o.structure = true
	}
	if d.HasActive {
		carries |= simulcast.Active
	}
	return carries
}

// owing is what is to go along with a packet.
type owing struct {
	owed simulcast.Extensions
	// active are the decode targets to tell, if tell.
	active uint32
	tell   bool
}

// made is what was made for those who are owed the same.
type made struct {
	owing
	extras *extras
}

// extra gives what goes along with the packet for who is owed something. It is made
// when the first is, for all whom it suits.
func (a *arrival) extra(owing owing) *extras {
	for i := range a.made {
		if a.made[i].owing == owing {
			return a.made[i].extras
		}
	}
	made := made{owing, &extras{}}
	if owing.owed&simulcast.Orientation != 0 {
		made.extras.orientation = a.stream.owed.orientation
	}
	made.extras.descriptor = a.stream.describe(a.packet, owing)
	a.made = append(a.made, made)
	return made.extras
}

// describe makes the packet's descriptor anew, with the structure and the active
// decode targets for who has not got them, or with those targets that a subscriber is
// sent. It is nil if there is none, if it may stay, or if it would be too long.
func (s *stream) describe(p *packet.Packet, owing owing) []byte {
	value := p.Value(packet.Descriptor)
	attach := owing.owed&simulcast.Structure != 0
	if value == nil || s.dependency == nil || !s.owed.structure || owing.owed&(simulcast.Structure|simulcast.Active) == 0 && !owing.tell {
		return nil
	}
	var d dependency.Descriptor
	if s.dependency.Parse(value, &d) != nil {
		return nil
	}
	change := dependency.Rewrite{Number: d.Number, HasActive: true, Active: d.Active}
	if owing.tell {
		change.Active = owing.active
	}
	if attach && !d.Attached {
		change.Structure = s.dependency.Structure()
	}
	whole := d.Append(nil, value, change)
	if len(whole) > longestElement {
		return nil
	}
	return whole
}
