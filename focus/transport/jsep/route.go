package jsep

import "slices"

// Find gives the section that a new stream of packets belongs to, by the rules
// of RFC 9143 section 9.2: the mid on its packets, "" if they have none; else
// the SSRC, if it was announced; else the payload type, if it can come on one
// section only. It is -1 for streams that belong nowhere, or not yet: packets
// may overtake the description that announces them.
func (a Agreement) Find(mid string, ssrc uint32, payloadType uint8) int {
	if mid != "" {
		return slices.IndexFunc(a.Sections, func(s Section) bool { return s.Mid == mid && s.takes(payloadType) })
	}
	announced := func(s Section) bool {
		return s.takes(payloadType) && slices.ContainsFunc(s.Remote.Sources, func(o Source) bool { return o.SSRC == ssrc || o.RTX == ssrc && ssrc != 0 })
	}
	if i := slices.IndexFunc(a.Sections, announced); i >= 0 {
		return i
	}
	found := -1
	for i, s := range a.Sections {
		if !s.takes(payloadType) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// takes reports whether packets of a payload type may arrive.
func (s Section) takes(payloadType uint8) bool {
	_, _, ok := s.Format(payloadType)
	return ok && s.Direction.Receives()
}

// Format gives the format of packets that arrive with a payload type, and
// whether they are retransmissions of it.
func (s Section) Format(payloadType uint8) (f Format, repair, ok bool) {
	for _, f := range s.Formats {
		switch {
		case f.In.Media == payloadType:
			return f, false, true
		case f.In.RTX == payloadType && payloadType != 0:
			return f, true, true
		}
	}
	return Format{}, false, false
}
