package lane

import (
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
	"meshfocus/simulcast/av1"
	"meshfocus/simulcast/dependency"
	"meshfocus/simulcast/h264"
	"meshfocus/simulcast/opus"
	"meshfocus/simulcast/vp8"
	"meshfocus/simulcast/vp9"
)

// accept takes a packet of a stream, original or restored, into the track's burst.
// It is false if the payload or the dependency descriptor breaks the rules: then the
// packet stays the caller's. The caller holds the track's guard.
func (t *Track) accept(r *reader, s *stream, p *packet.Packet, format *Format, red bool) bool {
	if beginsStructure(p.Value(packet.Descriptor)) {
		t.forward(r) // what came before is to be read with the structure before
	}
	p.Number = s.numbers.Unwrap(p.Header.Sequence)
	h := &p.Header
	t.burst = append(t.burst, arrival{packet: p, stream: s, codec: format.Codec, red: red})
	a := &t.burst[len(t.burst)-1]
	a.told = simulcast.Packet{
		At: p.Arrived, SSRC: s.ssrc, Timestamp: h.Timestamp, Sequence: h.Sequence, Marker: h.Marker,
		Stream: s.index,
	}
	described, ok := t.inspect(s, p, &a.told.Info, format.Codec)
	if !ok {
		*a = arrival{}
		t.burst = t.burst[:len(t.burst)-1]
		return false
	}
	a.told.Carries = s.owed.remember(p, described)
	s.delay.remember(p)
	t.source.Observe(&a.told)
	t.note(s, a)
	s.ring.Add(p)
	for _, sink := range *t.sinks.Load() {
		sink.Packet(p, s.info(t.source), &a.told.Info)
	}
	return true
}

// inspect reads what payload and descriptor say. The descriptor is nil without one.
func (t *Track) inspect(s *stream, p *packet.Packet, info *simulcast.Info, codec simulcast.Codec) (*dependency.Descriptor, bool) {
	if inspect(codec, p.Payload(), p.Header.Marker, info) != nil {
		return nil, false
	}
	value := p.Value(packet.Descriptor)
	if value == nil || t.config.Kind == Audio {
		return nil, true
	}
	if s.dependency == nil {
		s.dependency = new(dependency.State)
	}
	d := &t.descriptor
	switch err := s.dependency.Parse(value, d); err {
	case nil:
		d.Apply(info)
		return d, true
	case dependency.ErrTemplate:
		t.keyFrames.Want(int8(s.index)) // the key frame that brought it was lost
	}
	return nil, false
}

// inspect has the codec's package read a payload.
func inspect(codec simulcast.Codec, payload []byte, marker bool, info *simulcast.Info) error {
	switch codec {
	case simulcast.VP8:
		return vp8.Inspect(payload, marker, info)
	case simulcast.VP9:
		return vp9.Inspect(payload, info)
	case simulcast.H264:
		return h264.Inspect(payload, marker, info)
	case simulcast.AV1:
		return av1.Inspect(payload, marker, info)
	case simulcast.Opus:
		opus.Inspect(payload, info)
	default:
		*info = simulcast.Plain(codec)
		info.Start, info.End, info.Padding = true, marker, len(payload) == 0
	}
	return nil
}

// beginsStructure reports whether a dependency descriptor brings a structure: the
// first bit behind its three bytes (AV1 RTP specification, A.8.2).
func beginsStructure(descriptor []byte) bool {
	return len(descriptor) > 3 && descriptor[3]&0x80 != 0
}

// note keeps the books of a packet that was accepted.
func (t *Track) note(s *stream, a *arrival) {
	p, info := a.packet, &a.told.Info
	s.last = p.Arrived
	size := len(p.Payload())
	t.stats.Bytes += int64(size)
	frame := !info.Padding && info.Start && info.Spatial == 0
	if frame {
		t.stats.Frames++
	}
	s.meter.count(size, info.Temporal, frame, p.Arrived)
	if t.config.Kind == Audio {
		t.listen(p)
		return
	}
	if t.priced.Load() {
		t.price(s, a)
	}
	if !info.Padding {
		t.bare = info.Codec == simulcast.VP8 && info.PictureID == simulcast.Absent && info.FrameNumber != simulcast.Absent
	}
	if value := p.Value(packet.LayersAllocation); value != nil {
		t.allot(value)
	}
	if info.Width != 0 {
		s.size(p, info)
	}
	if info.Key && info.Start && !info.Padding {
		t.begun(s, p)
	}
}

// begun notes that a key frame begins.
func (t *Track) begun(s *stream, p *packet.Packet) {
	if s.began.yes && s.began.timestamp == p.Header.Timestamp {
		return
	}
	s.began = begun{true, p.Header.Timestamp}
	t.keyFrames.Started(int8(s.index), p.Arrived)
	if s.missing != nil && s.format.Codec != simulcast.H264 {
		// H.264 may have parameter sets in a packet before, which is then missing.
		s.missing.Overtaken(p.Header.Sequence)
	}
}
