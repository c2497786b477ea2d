package judge

import (
	"github.com/pion/rtp/codecs"

	"meshfocus/simulcast"
	"meshfocus/simulcast/dependency"
)

// memory is what a receiver remembers of the pictures it could show, to tell
// whether the next one has all it refers to. A picture that says so itself
// (dependency descriptor) is believed; else it is by the numbers of the payload
// descriptor; H264, AV1 and the shortest descriptor of VP8 have none, so that
// nothing may be missing.
type memory struct {
	*Receiver
	begun bool
	torn  bool // something is missing since the newest

	state   dependency.State
	frames  map[uint16]bool // frame numbers shown
	ids     map[int64]bool  // picture IDs shown; of VP9 with the layer in the lowest three bits
	layers  [8]int64        // picture ID of the newest of each temporal layer
	newest  int64           // picture ID there was
	id      uint16          // as it came, long or short
	long    bool
	tl0     uint8
	group   [][]uint8 // VP9: how far back the pictures of the group refer
	groupAt int64
}

// miss notes a picture that is torn.
func (m *memory) miss() { m.torn = true }

// admits reports whether a whole picture can be shown, and remembers it if so.
func (m *memory) admits(u *accessUnit, report *Report) bool {
	m.torn = m.torn || !u.joined
	first := &u.packets[0]
	switch {
	case first.Descriptor != nil:
		return m.described(u, report)
	case m.codec == simulcast.VP8 && first.Payload[0]&0x80 != 0:
		return m.vp8(first, report)
	case m.codec == simulcast.VP9:
		return m.vp9(u, report)
	}
	if m.begins(first.Payload) || m.begun && !m.torn {
		m.begun, m.torn = true, false
		return true
	}
	return false
}

// described goes by the dependency descriptors of the frames in it.
func (m *memory) described(u *accessUnit, report *Report) bool {
	var now dependency.Descriptor
	ended := true
	for _, p := range u.packets {
		before := now.Number
		if m.state.Parse(p.Descriptor, &now) != nil {
			return false // of a key frame that is torn
		}
		if now.Start != ended || !now.Start && now.Number != before {
			report.fault("number %d: frame %d, start %v, after frame %d, end %v", p.Sequence, now.Number, now.Start, before, ended)
		}
		ended = now.End
		if now.Start && m.Whole {
			m.waits(&now, report)
		}
		if now.Start && !m.refers(&now) {
			return false
		}
	}
	if !ended {
		report.fault("number %d: frame %d does not end", u.packets[0].Sequence, now.Number)
	}
	return true
}

// waits looks whether the frames before of all chains with active targets are there.
func (m *memory) waits(d *dependency.Descriptor, report *Report) {
	structure := m.state.Structure()
	for target := range int(structure.TargetCount) {
		if d.Active>>target&1 == 0 || structure.ChainCount == 0 {
			continue
		}
		chain := structure.Chain[target]
		if back := d.ChainDiffs[chain]; back > 0 && !m.frames[d.Number-uint16(back)] {
			report.fault("frame %d: target %d is active, and of its chain %d frame %d is not there", d.Number, target, chain, d.Number-uint16(back))
			return
		}
	}
}

// refers reports whether all is there that a frame refers to, and remembers it.
func (m *memory) refers(d *dependency.Descriptor) bool {
	if d.Key() {
		m.frames = map[uint16]bool{}
	}
	for _, back := range d.Diffs[:d.DiffCount] {
		if !m.frames[d.Number-back] {
			return false
		}
	}
	if m.frames == nil {
		return false
	}
	m.frames[d.Number] = true
	return true
}

// vp8 goes by picture ID, TL0PICIDX and the layer sync bit, as RFC 7741 section
// 4.2 explains them and browsers apply them: a picture of a higher layer that is
// no sync waits for every ID since the newest of its layer and those below.
func (m *memory) vp8(first *arrived, report *Report) bool {
	var p codecs.VP8Packet
	data, err := p.Unmarshal(first.Payload)
	if err != nil || p.I == 0 || p.L == 0 || p.T == 0 {
		report.fault("number %d: an incomplete descriptor", first.Sequence)
		return false
	}
	long := first.Payload[2]&0x80 != 0
	if m.begun && m.long && !long {
		report.fault("number %d: picture IDs get narrower", first.Sequence)
	}
	id := m.unwrap(p.PictureID, long)
	key := len(data) > 0 && data[0]&1 == 0 // RFC 6386 section 9.1
	if !key && !(m.begun && m.hasReferences(&p, id)) {
		return false
	}
	if key {
		m.ids, m.begun = map[int64]bool{}, true
	}
	m.ids[id], m.tl0 = true, p.TL0PICIDX
	for i := range m.layers {
		if key || p.TID == 0 || i == int(p.TID) {
			m.layers[i] = id
		}
	}
	return true
}

// unwrap gives a picture ID that does not wrap. The first long one goes on by
// what its lowest seven bits do.
func (m *memory) unwrap(id uint16, long bool) int64 {
	width := 7
	if long && (m.long || !m.begun) {
		width = 15
	}
	step := int64(int16((id-m.id)<<(16-width)) >> (16 - width))
	m.long, m.id = long, id
	m.newest += step
	return m.newest
}

func (m *memory) hasReferences(p *codecs.VP8Packet, id int64) bool {
	if p.TID == 0 {
		return p.TL0PICIDX == m.tl0+1
	}
	if p.TL0PICIDX != m.tl0 || p.Y != 0 {
		return p.TL0PICIDX == m.tl0
	}
	for _, newest := range m.layers[:p.TID+1] {
		for missing := newest + 1; missing < id; missing++ {
			if !m.ids[missing] {
				return false
			}
		}
	}
	return true
}

// vp9 goes by what the descriptors of the frames in it say: in flexible mode the
// differences of picture IDs, else the group of pictures that the scalability
// structure of a key frame tells (RFC 9628 section 4.2.1).
func (m *memory) vp9(u *accessUnit, report *Report) bool {
	for _, received := range u.packets {
		var p codecs.VP9Packet
		if _, err := p.Unmarshal(received.Payload); err != nil || !p.I {
			report.fault("number %d: %v", received.Sequence, err)
			return false
		}
		if p.B && !m.admitsVP9(&p, m.unwrap(p.PictureID, true)) {
			return false
		}
	}
	return true
}

// admitsVP9 reports whether all is there that a frame refers to, and remembers it.
func (m *memory) admitsVP9(p *codecs.VP9Packet, id int64) bool {
	layer := int64(p.SID)
	if !p.P && layer == 0 {
		m.ids, m.begun = map[int64]bool{}, true
		if p.V && len(p.PGPDiff) > 0 {
			m.group, m.groupAt = p.PGPDiff, id
		}
	}
	back := p.PDiff
	if !p.F && p.P && m.begun && len(m.group) > 0 {
		back = m.group[int(id-m.groupAt)%len(m.group)]
	}
	for _, diff := range back {
		if !m.ids[(id-int64(diff))<<3|layer] {
			return false
		}
	}
	if !m.begun || p.D && !m.ids[id<<3|layer-1] || !p.F && p.P && !m.follows(p) {
		return false
	}
	m.tl0 = p.TL0PICIDX
	m.ids[id<<3|layer] = true
	return true
}

// follows reports whether TL0PICIDX is the next, or stays, as the layer wants it.
func (m *memory) follows(p *codecs.VP9Packet) bool {
	return p.TID == 0 && p.TL0PICIDX == m.tl0+1 || p.TID > 0 && p.TL0PICIDX == m.tl0
}
