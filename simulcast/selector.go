package simulcast

// Selector decides which packets of a source one subscriber gets. It is a value
// without any numbers of the outgoing stream; those are the Rewriter's.
//
// What it does on the first packet of a frame, by what the packet is:
//
//	of another stream   the wanted one, key frame start, in order   switch
//	                    anything else                               drop
//	of the present one  paused or shed to nothing                   leave it
//	                    key frame                                   all that is wanted
//	                    temporal layer wanted lower                 go down at once
//	                    may go up here                              go up
//	                    spatial layer (SVC) wanted lower            go down at once
//	                    spatial layer up, independent               go up by one
//	                    of a lower one that the chosen does not     left out; then it takes
//	                    need (spare.go)                             a key frame to go down
//
// The rest of a frame has its first packet's fate, since nothing changes in
// between.
type Selector struct {
	target Layer
	shed   int8 // highest temporal layer until the next switch or aim

	version    uint32 // of the source when want was chosen
	want       int8   // stream that target comes to, -1 none
	stream     int8   // present stream, -1 none
	generation uint8
	// spatial is the highest layer forwarded inside the stream (SVC), temporal
	// the highest temporal one.
	spatial, temporal int8
	spares            spares
	borders           [borders]border // where those changed, the newest first
}

// borders is how many changes of the highest layers are remembered: of ten in a
// second, longer than anything is repaired.
const borders = 16

// border is where other layers became the highest that are forwarded: before this
// number in the stream it was these. What has this timestamp is behind it too: the
// first packet of a super-frame may be missing yet.
type border struct {
	set       bool
	number    uint32
	timestamp uint32
	before    heights
}

// heights are the highest layers that are forwarded, and the spatial one that the
// receiver is to show.
type heights struct {
	Layer
	shown int8
}

func (s *Selector) heights() heights {
	return heights{Layer{s.spatial, s.temporal}, s.spares.shown}
}

// follows reports whether a packet is behind the border.
func (b *border) follows(p *Packet) bool {
	return int32(p.number-b.number) >= 0 || p.Timestamp == b.timestamp
}

// everything is above all layers.
const everything = 127

// NewSelector gives a selector that wants nothing yet.
func NewSelector() Selector {
	return Selector{target: None, shed: everything, want: -1, stream: -1}
}

// Aim sets the layer that is wanted from now on; None, or any
// layer below 0, pauses at the end of the present frame. Only the last aim counts, and one that is already met cancels
// those before. It is the allocator's or the subscriber's wish: which stream it
// comes to is the Source's knowledge.
func (s *Selector) Aim(target Layer) {
	if target.Spatial < 0 {
		target = None
	}
	if target == s.target {
		return
	}
	s.target, s.shed, s.version = target, everything, 0
}

// Shed lowers what is sent, from the next frame to the next switch or Aim, to the
// temporal layers up to one or, with -1, to nothing: capacity fell, and the lower
// layer's key frame is not here yet. Any layer above all ends it. Audio is not shed.
func (s *Selector) Shed(temporal int8) { s.shed = temporal }

// Current says what is being forwarded: the spatial layer by the order the
// source's streams have now, or inside the only stream.
func (s *Selector) Current(source *Source) Layer {
	if s.stream < 0 {
		return None
	}
	if source.known <= 1 {
		return Layer{min(s.spatial, source.streams[s.stream].crest.top), s.temporal}
	}
	rank, _ := source.Layer(uint8(s.stream))
	return Layer{rank, s.temporal}
}

// Waiting says which stream's key frame the subscriber waits for, if any. The
// caller asks its publisher, once for all who wait.
func (s *Selector) Waiting(source *Source) (stream uint8, ok bool) {
	s.refresh(source)
	if s.want < 0 || s.target == None {
		return 0, false
	}
	t := &source.streams[s.want]
	up := source.known == 1 && s.target.Spatial > s.spatial && t.crest.top > s.spatial
	return uint8(s.want), s.want != s.stream || s.generation != t.generation || up || s.broken(source)
}

// Shows reports whether the subscriber gets something that can be decoded at present.
// When it waits for a key frame all the same, that is of another layer.
func (s *Selector) Shows(source *Source) bool { return s.flows(source) && !s.broken(source) }

// Held says what is sent of the present stream: the highest layers, and a mask of
// those spatial layers below that are left out.
func (s *Selector) Held() (highest Layer, lacking uint8) {
	return Layer{s.spatial, s.temporal}, s.spares.lacking
}

// refresh chooses the stream anew when the aim or the source has changed.
func (s *Selector) refresh(source *Source) {
	if s.version == source.version {
		return
	}
	s.version = source.version
	if s.target == None {
		s.want = -1
		return
	}
	s.want = source.choose(s.target.Spatial, s.stream)
}

// Choose decides about an observed packet. A verdict on a late packet only says
// whether it would have been wanted: the Rewriter knows what its number was held
// for.
func (s *Selector) Choose(source *Source, p *Packet) (Verdict, Reason) {
	if p.place == stale {
		return Drop, Stale
	}
	if s.version != source.version {
		s.refresh(source)
	}
	if int8(p.Stream) != s.stream || p.generation != s.generation {
		return s.enter(source, p)
	}
	if p.Info.Padding {
		return Drop, Padded
	}
	if p.place >= first && s.paused(p) {
		s.stream = -1
		return Drop, Paused
	}
	s.move(source, p)
	if s.forgot(p) {
		return Drop, Old
	}
	highest := s.highest(p)
	if p.Info.Spatial > highest.Spatial {
		return Drop, Higher
	}
	if p.Info.Temporal > highest.Temporal {
		return Drop, Thinned
	}
	if p.Info.Needless != 0 || highest.shown < 0 {
		return s.spares.choose(p, highest.shown)
	}
	return Forward, Kept
}

// move changes the highest layers where a packet allows it.
func (s *Selector) move(source *Source, p *Packet) {
	if p.place == late {
		return
	}
	before := s.heights()
	if p.place >= first {
		s.lower(source)
	}
	if p.Info.Start {
		s.raise(source, p)
	}
	if before != s.heights() {
		copy(s.borders[1:], s.borders[:])
		s.borders[0] = border{true, p.number, p.Timestamp, before}
	}
}

// has reports whether a packet is of the present stream.
func (s *Selector) has(p *Packet) bool {
	return p.place != stale && int8(p.Stream) == s.stream && p.generation == s.generation
}

// flows reports whether frames of the present stream still arrive.
func (s *Selector) flows(source *Source) bool {
	return s.stream >= 0 && source.streams[s.stream].flowing &&
		source.streams[s.stream].generation == s.generation
}

// highest is the highest spatial and temporal layer forwarded inside the stream.
// What is late is chosen as those around it were: half a frame is worth nothing,
// and neither is one that refers to what was not sent.
func (s *Selector) highest(p *Packet) heights {
	highest := s.heights()
	if p.place != late {
		return highest
	}
	for i := range s.borders {
		b := &s.borders[i]
		if !b.set || b.follows(p) {
			break
		}
		highest = b.before
	}
	return highest
}

// forgot reports whether it is not known any more what was chosen around a packet.
func (s *Selector) forgot(p *Packet) bool {
	oldest := &s.borders[borders-1]
	return p.place == late && oldest.set && !oldest.follows(p)
}

// layered reports whether packets of a codec have to wait for key frames.
func layered(codec Codec) bool { return codec != Opus && codec != Other }

func (s *Selector) paused(p *Packet) bool {
	return s.target == None || s.shed < 0 && layered(p.Info.Codec)
}

// enter answers for a packet of a stream, or of a generation of it, that is not
// the present one.
func (s *Selector) enter(source *Source, p *Packet) (Verdict, Reason) {
	switch {
	case s.target == None:
		return Drop, Paused
	case p.Info.Padding:
		return Drop, Padded
	case int8(p.Stream) != s.want:
		return Drop, OtherLayer
	case !p.begins():
		return Drop, Awaited
	}
	return Switch, Kept
}

// begins reports whether a stream can be entered with the packet. The first of
// a frame that came late or is missing makes its key frame useless. H.264 has no
// mark of a frame's first packet: if the one before is missing, that may have
// been the parameter sets.
func (p *Packet) begins() bool {
	switch {
	case p.place < first:
		return false
	case !layered(p.Info.Codec):
		return true
	case p.Info.Codec == H264 && p.place == firstAfterLoss:
		return false
	default:
		return p.Info.Key && p.Info.Start
	}
}

// Enter makes the packet's stream the present one, after Choose said Switch and
// the Rewriter agreed.
func (s *Selector) Enter(source *Source, p *Packet) {
	s.stream, s.generation = int8(p.Stream), p.generation
	s.shed, s.borders = everything, [borders]border{}
	s.settle(source)
}

// settle takes all that is wanted, as a key frame allows.
func (s *Selector) settle(source *Source) {
	s.temporal = s.ceiling()
	s.spatial = everything
	if source.known <= 1 {
		s.spatial = max(s.target.Spatial, 0)
	}
	s.spares = spares{}
}

// ceiling is the highest temporal layer that is wanted.
func (s *Selector) ceiling() int8 { return max(min(s.target.Temporal, s.shed), 0) }

// lower goes down at the border of a super-frame, which needs nobody's leave unless
// frames of that layer have been left out.
// While a higher stream is awaited the present one stays as it is; while a lower
// one is, its temporal layers hold for the present one too.
func (s *Selector) lower(source *Source) {
	if s.target.Temporal < s.temporal && !s.climbing(source) {
		s.temporal = max(s.target.Temporal, 0)
	}
	s.temporal = min(s.temporal, max(s.shed, 0))
	top := source.streams[s.stream].crest.top
	if source.known <= 1 && s.target.Spatial < s.spatial && !s.spares.lacks(min(s.target.Spatial, top)) {
		s.spatial = max(s.target.Spatial, 0)
	}
	s.spares.show(min(s.spatial, top))
}

func (s *Selector) climbing(source *Source) bool {
	if s.want == s.stream || s.want < 0 {
		return false
	}
	present, _ := source.Layer(uint8(s.stream))
	wanted, _ := source.Layer(uint8(s.want))
	return wanted > present
}

// raise goes up where the first packet of a frame says that one may.
func (s *Selector) raise(source *Source, p *Packet) {
	i := &p.Info
	if i.Key {
		s.settle(source)
		return
	}
	if i.Independent && i.Spatial == s.spatial+1 && i.Spatial <= s.target.Spatial && s.spares.climb(i.Spatial) {
		s.spatial = i.Spatial
	}
	if p.place >= first && s.ceiling() > s.temporal {
		s.temporal = s.reach(i)
	}
}

// reach says how high a frame with the codec's sign for going up allows to go.
func (s *Selector) reach(i *Info) int8 {
	gets := i.Temporal <= s.temporal
	switch {
	case i.FrameNumber != Absent: // switch indications: decodable from here
		if gets || i.UpSwitch && i.Temporal <= s.ceiling() {
			return max(s.temporal, min(max(i.Temporal, i.Reach), s.ceiling()))
		}
	case !i.UpSwitch:
	case i.Codec == VP9: // U: nothing later refers above this layer's past
		if gets {
			return s.ceiling()
		}
	case i.Temporal == s.temporal+1: // Y: refers to the lowest layer alone
		return i.Temporal
	}
	return s.temporal
}
