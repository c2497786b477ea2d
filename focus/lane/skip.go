package lane

import "meshfocus/simulcast"

// skip closes the gap in the numbers of a subscription of which a part was left out
// after it was numbered: what comes behind moves up. The zero skip moves nothing.
//
//	numbered  … 7 8 9 │10 11 12 13│14 15 …     10 to 13 are left out: first 10, next 14
//	leaves as … 7 8 9 │           │10 11 …     14 is a key frame's
//
// Late ones with numbers between are left out as well, and those from before the gap
// before: no number may leave twice (RFC 3711 section 9.1).
type skip struct {
	skipping    bool // until a stream begins anew
	used        bool
	lowest      uint16 // nothing below leaves any more
	first, next uint16
	before      uint16 // by how much what is below first moves up
	after       uint16 // and what is from next on
	cut         bool   // a frame was cut off: one number stays empty (point 2 of the checklist)
}

// begin leaves out what was numbered from first on. cut: of the frame before, a part
// has left.
func (k *skip) begin(first uint16, cut bool) {
	if !k.used {
		k.lowest = first - 1<<14
	} else {
		k.lowest = k.next
	}
	k.used, k.skipping, k.cut = true, true, cut
	k.first, k.next, k.before = first, first, k.after
	k.extend(first)
}

// extend leaves out one more.
func (k *skip) extend(number uint16) {
	if int16(number+1-k.next) > 0 {
		k.next = number + 1
	}
	k.after = k.before + (k.next - k.first)
	if k.cut {
		k.after--
	}
}

// passes reports whether a packet is to wait, or is left out as those before it.
func (k *skip) passes(verdict simulcast.Verdict, number uint16) bool {
	if !k.skipping {
		return true
	}
	if verdict == simulcast.Switch {
		k.skipping = false
		return true
	}
	if int16(number-k.first) >= 0 {
		k.extend(number)
	}
	return false
}

// number gives the number that a packet leaves with, false if it is not to leave.
func (k *skip) number(numbered uint16) (number uint16, ok bool) {
	switch {
	case !k.used:
		return numbered, true
	case int16(numbered-k.next) >= 0:
		return numbered - k.after, true
	case int16(numbered-k.first) >= 0 || int16(numbered-k.lowest) < 0:
		return 0, false
	}
	return numbered - k.before, true
}
