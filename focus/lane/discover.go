package lane

import "meshfocus/focus/packet"

// discover finds out where packets of an SSRC go that was not announced, or that
// its stream has given up: by the names that its packets carry at first (RFC 8843
// section 9.2, RFC 8852), else by payload type. It is nil if nobody can know, or
// if the peer has begun too many.
func (in *intake) discover(p *packet.Packet) *inflow {
	meaning := &in.payloads[p.Header.PayloadType&0x7F]
	if meaning.format == nil {
		return nil
	}
	known := in.routes.find(p.Header.SSRC)
	if known != nil && !known.mayReturn(p) {
		return nil
	}
	section := in.sectionOf(p, meaning)
	if section == nil {
		return nil
	}
	if known != nil { // its names need not be told again
		known.retired = false
		return known
	}
	name := p.Value(packet.RID)
	if meaning.rtx {
		name = p.Value(packet.RepairedRID)
	}
	index, ok := section.index(string(name))
	if !ok {
		return nil
	}
	stream := section.track.stream(index, section.rid(index))
	if !in.routes.set(p.Header.SSRC, stream, meaning.rtx) {
		return nil
	}
	return in.routes.find(p.Header.SSRC)
}

// mayReturn reports whether an SSRC that its stream has given up may have it again:
// when the one that came after has gone silent.
func (f *inflow) mayReturn(p *packet.Packet) bool {
	return !f.repair && p.Arrived.Sub(f.stream.last) >= usurped
}

// sectionOf finds the section of a packet by its name, else by its payload type. The
// latter is not enough where SSRCs were announced: it may be the last of a track that
// has ended.
func (in *intake) sectionOf(p *packet.Packet, meaning *payload) *section {
	mid := p.Value(packet.MID)
	for i := range in.sections {
		if s := &in.sections[i]; mid != nil && s.mid == string(mid) {
			if !s.offers(p.Header.PayloadType & 0x7F) {
				return nil
			}
			return s
		}
	}
	if mid != nil || meaning.section < 0 || in.sections[meaning.section].announced {
		return nil
	}
	return &in.sections[meaning.section]
}

// change gives a stream the SSRC of a packet. What came before leaves first, for
// it is read with what is about to be forgotten. It is false if the stream has
// changed too often.
func (in *intake) change(r *reader, s *stream, p *packet.Packet, format *Format) bool {
	if !s.mayAdopt(p.Arrived) {
		in.stats.Unknown++
		return false
	}
	s.track.forward(r)
	if s.known {
		if before := in.routes.find(s.ssrc); before != nil {
			before.retired = true
		}
	}
	s.adopt(p.Header.SSRC, *format, p.Arrived)
	s.clock.Store(nil)
	in.upstream.due = p.Arrived
	if now := in.routes.find(s.ssrc); now != nil {
		now.retired = false
	}
	return true
}
