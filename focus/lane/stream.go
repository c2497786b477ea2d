package lane

import (
	"sync/atomic"
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
	"meshfocus/simulcast/dependency"
	"meshfocus/simulcast/vp9"
)

const (
	// kept is how long packets can be had again: longer than anybody waits for a
	// frame of a call (history.NewRing).
	kept = time.Second
	// keptVideo and keptAudio bound how many: a second of 10 Mbit/s, and of 20 ms
	// packets with as much for redundancy.
	keptVideo, keptAudio = 1024, 64
)

// adoptMost is how many SSRCs a stream may take within adoptWithin: simulcast's
// Source remembers as many.
const (
	adoptMost   = 8
	adoptWithin = 10 * time.Second
)

// usurped is for how long a stream must be silent until an SSRC that it had
// before may have it again (simulcast.Source waits as long).
const usurped = 2 * time.Second

// stream is one encoding of a track: what is known of the SSRC it has at
// present, and what outlives the SSRC. It is guarded by its track's guard.
type stream struct {
	index uint8  // set once
	rid   string // set once
	track *Track // set once
	// clock is a copy of ticks for send loops, nil while it knows nothing.
	clock atomic.Pointer[feedback.Clock]
	delay saidDelay

	known  bool // it has an SSRC
	ssrc   uint32
	format Format // of the last packet

	receiver *feedback.Receiver
	repairs  *feedback.Receiver // of its retransmissions, nil before the first
	missing  *feedback.Missing  // nil if nothing may be asked for again
	ticks    *feedback.Clock
	lateness lateness // of a local source
	numbers  packet.Unwrapper[uint16]
	ring     *history.Ring
	// Of the dependency descriptor; nil until one came.
	dependency *dependency.State

	adopted [adoptMost]unit.Instant // when the last SSRCs were taken
	last    unit.Instant            // packet
	began   begun                   // key frame
	owed    owed
	meter   meter
	costs   [simulcast.Streams]allocate.Meter // by spatial layer inside
	told    feedback.Info
	width   uint16
	height  uint16
	sizes   []Size // of the spatial layers inside, replaced as a whole
}

// begun is the last key frame that began.
type begun struct {
	yes       bool
	timestamp uint32
}

// stream gives the track's stream of an index, made when first asked for.
func (t *Track) stream(index uint8, rid string) *stream {
	if t.streams[index] == nil {
		limit := keptVideo
		if t.config.Kind == Audio {
			limit = keptAudio
		}
		t.streams[index] = &stream{index: index, rid: rid, track: t, ring: history.NewRing(kept, limit)}
	}
	return t.streams[index]
}

// mayAdopt reports whether the stream may have another SSRC: whoever changes it
// without end makes us allocate without end.
func (s *stream) mayAdopt(now unit.Instant) bool {
	oldest := s.adopted[adoptMost-1]
	return oldest == unit.Never || now.Sub(oldest) >= adoptWithin
}

// adopt gives the stream its first or another SSRC. What was known of numbers and
// times is forgotten; what can be sent again stays.
func (s *stream) adopt(ssrc uint32, format Format, now unit.Instant) {
	copy(s.adopted[1:], s.adopted[:])
	s.adopted[0] = now
	s.known, s.ssrc, s.format = true, ssrc, format
	s.receiver, s.repairs = feedback.NewReceiver(ssrc, max(format.Clock, 1)), nil
	s.ticks, s.lateness = feedback.NewClock(max(format.Clock, 1)), lateness{}
	s.numbers = packet.Unwrapper[uint16]{}
	s.dependency, s.owed.structure, s.began, s.told = nil, false, begun{}, feedback.Info{}
	s.missing = nil
	if format.Nack {
		s.missing = feedback.NewMissing(limits(s.track.config.Kind))
	}
}

// repaired notes a packet of the stream's retransmissions, which are a source of their
// own (RFC 4588 section 4, session or SSRC multiplexing): its peer is told of them too.
func (s *stream) repaired(h *packet.Header, now unit.Instant) {
	if s.repairs == nil || s.repairs.SSRC() != h.SSRC {
		s.repairs = feedback.NewReceiver(h.SSRC, max(s.format.Clock, 1))
	}
	s.repairs.Arrived(h.Sequence, h.Timestamp, now)
}

// since gives what there is to report of the stream and of its retransmissions: nil
// for what has not sent anything since an instant.
func (s *stream) since(reported unit.Instant) (receivers [2]*feedback.Receiver) {
	if s.last >= reported {
		receivers[0] = s.receiver
	}
	if s.repairs != nil && s.repairs.Last() >= reported {
		receivers[1] = s.repairs
	}
	return receivers
}

func limits(kind Kind) feedback.Limits {
	if kind == Audio {
		return feedback.AudioLimits()
	}
	return feedback.VideoLimits()
}

// tell gives the send loops what the stream's clock knows by now.
func (s *stream) tell() {
	if s.ticks != nil && s.ticks.Known() {
		told := *s.ticks
		s.clock.Store(&told)
	}
}

// info says of a packet which stream it is of.
func (s *stream) info(source *simulcast.Source) StreamInfo {
	spatial, _ := source.Layer(s.index)
	return StreamInfo{Stream: s.index, Spatial: spatial, RID: s.rid, SSRC: s.ssrc, Format: s.format, Reported: s.told}
}

// size notes how large the pictures of a key frame are, those of all spatial layers inside
// if there are several.
func (s *stream) size(p *packet.Packet, info *simulcast.Info) {
	s.width, s.height = info.Width, info.Height
	var sizes []Size
	if p.Value(packet.Descriptor) != nil && s.dependency != nil {
		if all := s.dependency.Structure(); all != nil && all.HasSizes && all.SpatialCount > 1 {
			for _, size := range all.Sizes[:all.SpatialCount] {
				sizes = append(sizes, Size(size))
			}
		}
	} else if info.Codec == simulcast.VP9 {
		for _, size := range vp9.Sizes(p.Payload()) {
			sizes = append(sizes, Size(size))
		}
	}
	if len(sizes) < 2 {
		s.sizes = nil
		return
	}
	s.sizes = sizes
	s.width, s.height = sizes[len(sizes)-1].Width, sizes[len(sizes)-1].Height
}

// state says what is known of the stream.
func (s *stream) state(source *simulcast.Source) LayerState {
	spatial, flowing := source.Layer(s.index)
	state := LayerState{
		Stream: s.index, Spatial: spatial, RID: s.rid, SSRC: s.ssrc, Codec: s.format.Codec,
		Flowing: flowing, Width: s.width, Height: s.height, Sizes: s.sizes,
		Rates: s.meter.rates, Pictures: s.meter.pictures,
		Received: s.receiver.Stats(), Reported: s.told, LastPacket: s.last,
	}
	if s.missing != nil {
		state.Repair = s.missing.Stats()
	}
	return state
}
