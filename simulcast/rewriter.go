package simulcast

import (
	"time"

	"meshfocus/internal/unit"
)

const (
	// nudged is by how many frames the time of a switch may lie behind what was
	// sent and still be put right by a tick.
	nudged = 2
	// patience is how many key frames may be refused because their time lies
	// further behind.
	patience = 2
	// farAhead is by how much the time a sender report gives may exceed what
	// passed by our clock, in milliseconds: half of what is called out of sync.
	farAhead = 250
	// ambiguous is how late a picture ID of seven bits does not tell any more
	// which picture is meant: 64 of them, of 60 in a second.
	ambiguous = time.Second
	// believable bounds, in seconds, how much two sender reports may disagree
	// with their arrivals, and timestamps inside a stream with our clock.
	believable = 2
)

// Rewriter gives the packets that are forwarded the numbers of one outgoing
// stream, as if one encoder had sent it. A number missing upstream is held for
// the packet that may still come; one of a packet that is not forwarded is not.
//
// Within one generation of one stream all numbers differ from the source's by
// offsets. That of the sequence changes with each packet dropped, that of VP8's
// picture IDs with each picture dropped (a receiver waits for missing ones); the
// others stay, since frames refer to each other by them.
type Rewriter struct {
	started    bool
	marked     bool // the last packet sent ended its frame
	stream     uint8
	generation uint8
	refused    uint8
	owed       Extensions

	first, highest uint32 // source numbers since the switch
	offset         uint16
	ledger         ledger

	timestamp uint32       // of the newest frame, forwarded or not
	at        unit.Instant // when it came
	stamp     uint32       // output timestamp less the source's
	sent      uint32       // newest timestamp sent

	pictureBits uint8
	tl0, tl0s   uint8  // TL0PICIDX of the source, and its offset
	frame       uint16 // frame number of the source
	frames      uint16 // and its offset
	pictureID   int32  // of the newest picture, and the same unwrapped
	picture     uint32
	pictures    uint32 // its offset

	// the newest frame, to know whose part a missing packet was
	layer         uint8
	fate          fate
	ended         bool   // its last packet is known
	below         bool   // it was dropped, but not what is above it in its picture
	missing       uint32 // packets that did not come since
	fresh         bool   // the present packet begins another timestamp
	consecutive   bool   // the present packet's frame is the next after the last
	pictureCounts bool   // a picture that is dropped has its ID taken away (VP8)
}

// NewRewriter gives a rewriter whose first packet has these numbers.
func NewRewriter(sequence uint16, timestamp uint32) Rewriter {
	return Rewriter{offset: sequence - 1, sent: timestamp, marked: true}
}

// Rewrite numbers a packet of the present stream. Reason is the Selector's, and
// top the highest layers it forwards; the end of the spatial one gets the marker.
// The answer is written to out, which is empty: copied, it would cost as much
// again.
func (r *Rewriter) Rewrite(source *Source, p *Packet, reason Reason, top Layer, out *Outgoing) {
	if p.place == late {
		r.repair(source, p, reason, top, out)
		return
	}
	fate := kept
	switch {
	case reason == Padded:
		fate = padded
	case reason != Kept:
		fate = unwanted
	}
	r.advance(source, p, fate)
	if r.below = reason == Lower; fate != kept {
		r.owed |= p.Carries
		out.Reason = reason
		return
	}
	r.number(out, p, &span{offset: r.offset, pictures: r.pictures}, top)
	r.sent, r.marked = out.Timestamp, out.Marker
	out.Owed, r.owed = r.owed&^p.Carries, 0
}

// number applies the offsets, of which the span has two, to a packet's numbers.
func (r *Rewriter) number(out *Outgoing, p *Packet, at *span, top Layer) {
	i := &p.Info
	out.Verdict = Forward
	out.Sequence = uint16(p.number) + at.offset
	out.Timestamp = p.Timestamp + r.stamp
	out.Marker = p.Marker || i.End && i.Spatial == top.Spatial && layered(i.Codec)
	out.TL0, out.PictureID, out.FrameNumber = Absent, Absent, Absent
	if i.PictureID >= 0 {
		picture := r.picture + uint32(r.pictureStep(i)) + at.pictures
		out.PictureID = int32(picture & (1<<r.pictureBits - 1))
		out.PictureBits = r.pictureBits
	}
	if i.TL0 >= 0 {
		out.TL0 = int16(uint8(i.TL0) + r.tl0s)
	}
	if i.FrameNumber >= 0 {
		out.FrameNumber = int32(uint16(i.FrameNumber) + r.frames)
	}
}

// advance takes note of a packet newer than all before.
func (r *Rewriter) advance(source *Source, p *Packet, fate fate) {
	gap := p.number - r.highest - 1
	pictures := r.pictures
	r.missing += gap
	if fate != padded {
		r.follow(source, p, r.missing)
		r.missing = 0
	}
	if gap != 0 {
		r.miss(p, gap, pictures, fate)
	}
	r.highest = p.number
	r.ledger.see(p.number)
	if fate == unwanted && r.pictureCounts {
		r.pictures--
	}
	if fate != kept {
		r.offset--
	}
	if !r.ledger.covers(p, fate) || fate == kept && r.pictures != pictures {
		r.ledger.open(p, p.number, fate, r.offset, r.pictures)
	}
	if fate != padded {
		r.layer, r.fate, r.ended = layerOf(p), fate, p.ends()
	}
}

// ends reports whether nothing follows of what the packet's number is of: a frame
// of one spatial layer if those are numbered, else a picture of all layers.
func (p *Packet) ends() bool {
	if p.Info.FrameNumber >= 0 {
		return p.Info.End
	}
	return p.Marker
}

// miss decides about numbers that did not arrive: they are held, unless they can
// only have been of a frame that is dropped anyway. That is so between two
// packets of it, after one that had not ended when the next frame starts, and
// before one whose start is missing after the one before had ended.
func (r *Rewriter) miss(p *Packet, gap, pictures uint32, fate fate) {
	r.ledger.miss(r.highest, gap)
	same := !r.fresh && layerOf(p) == r.layer
	tail := r.fate == unwanted && !r.ended && p.Info.Start && r.consecutive && (!r.below || p.Info.FrameNumber >= 0)
	head := fate == unwanted && r.ended && !p.Info.Start && r.consecutive
	switch {
	case r.fate == unwanted && fate == unwanted && same, tail:
		r.offset -= uint16(gap)
		if !r.ledger.dropping() {
			r.ledger.open(p, r.highest+1, padded, r.offset, pictures)
		}
	case head:
		r.offset -= uint16(gap)
		r.ledger.open(p, r.highest+1, unwanted, r.offset, pictures)
	case r.ledger.dropping():
		r.ledger.open(p, r.highest+1, kept, r.offset, pictures)
	}
}

// follow keeps the offsets true where the source's own numbers are not: after a
// restart of the encoder that left the SSRC as it was.
func (r *Rewriter) follow(source *Source, p *Packet, gap uint32) {
	i := &p.Info
	r.consecutive, r.pictureCounts = false, false
	r.fresh = p.Timestamp != r.timestamp
	if i.PictureID >= 0 && i.PictureID != r.pictureID {
		r.turn(p, gap)
	}
	if p.place >= first && i.Key && i.Start {
		r.align(i, gap)
	}
	if i.TL0 >= 0 {
		r.tl0 = uint8(i.TL0)
	}
	if i.FrameNumber >= 0 {
		r.consecutive = uint16(i.FrameNumber)-r.frame == 1
		r.frame = uint16(i.FrameNumber)
	}
	if !r.fresh {
		return
	}
	if forward := int32(p.Timestamp - r.timestamp); forward < 0 || forward > int32(believable*source.clock) {
		r.restamp(source, p, int64(forward))
	}
	r.timestamp, r.at = p.Timestamp, p.At
}

// turn goes on to the next picture. More IDs cannot be missing than packets are.
func (r *Rewriter) turn(p *Packet, gap uint32) {
	i := &p.Info
	if i.PictureBits > r.pictureBits {
		r.widen(i.PictureBits)
	}
	step := r.pictureStep(i)
	newest := r.picture + r.pictures
	r.picture += uint32(step)
	r.pictureID = i.PictureID
	if step < 1 || uint32(step-1) > gap {
		r.pictures = newest + 1 - r.picture
		r.first = p.number
	}
	r.consecutive = step == 1 && i.Spatial == 0
	r.pictureCounts = i.Codec == VP8
}

// pictureStep is how many pictures a packet is after the newest.
func (r *Rewriter) pictureStep(i *Info) int32 {
	shift := 32 - i.PictureBits
	return (i.PictureID - r.pictureID) << shift >> shift
}

// widen makes IDs longer from here on, going on from what the receiver saw.
func (r *Rewriter) widen(bits uint8) {
	if r.pictureBits != 0 {
		seen := (r.picture + r.pictures) & (1<<r.pictureBits - 1)
		r.pictures = seen - r.picture
	}
	r.pictureBits = bits
}

// align joins TL0PICIDX and frame number at a key frame inside a stream.
func (r *Rewriter) align(i *Info, gap uint32) {
	if step := uint8(i.TL0) - r.tl0; i.TL0 >= 0 && uint32(step-1) > gap {
		r.tl0s += 1 - step
	}
	if step := uint16(i.FrameNumber) - r.frame; i.FrameNumber >= 0 && uint32(step-1) > gap {
		r.frames += 1 - step
	}
}

// restamp answers for a timestamp that went back, or ahead by more than passed.
func (r *Rewriter) restamp(source *Source, p *Packet, forward int64) {
	passed := max(source.ticks(p.At.Sub(r.at)), 1)
	if forward > 0 && abs(forward-passed) <= believable*int64(source.clock) {
		return
	}
	r.stamp += r.timestamp + uint32(passed) - p.Timestamp
	r.first = p.number
}

func abs(v int64) int64 { return max(v, -v) }

// repair numbers a packet that comes after newer ones. It gets the number that
// was held for it, or none.
func (r *Rewriter) repair(source *Source, p *Packet, reason Reason, top Layer, out *Outgoing) {
	behind := int64(int32(r.timestamp - p.Timestamp))
	if reason == Old || r.highest-p.number >= window || int32(p.number-r.first) < 0 || p.Info.PictureBits == 7 && behind > source.ticks(ambiguous) {
		out.Reason = Old
		return
	}
	if r.ledger.saw(p.number) {
		out.Reason = Duplicate
		return
	}
	r.ledger.see(p.number)
	span, dropped := r.ledger.find(p)
	switch {
	case span == nil:
		out.Reason = Old
		return
	case span.fate != kept:
		if reason == Kept {
			reason = Thinned // while its frame was dropped
		}
		out.Reason = reason
		return
	}
	r.number(out, p, span, top)
	// A picture of which nothing was seen has had its ID held for it too, and
	// receivers of more than the lowest layer wait for it: it goes out whole.
	whole := reason == Thinned && top.Temporal > 0 && p.Info.PictureID >= 0 && p.Info.Codec == VP8
	r.sent = later(r.sent, out.Timestamp) // nothing that comes next may be before it
	if dropped || p.Info.Padding || reason != Kept && !whole {
		out.Verdict = Fill
	}
	if forward := p.Timestamp - r.timestamp; out.Verdict == Forward && int32(forward) > 0 {
		// Nothing but padding came after it: its frame is the newest.
		r.follow(source, p, r.missing)
		r.layer, r.fate, r.ended = layerOf(p), kept, p.ends()
	}
	if out.Sequence == uint16(r.highest)+r.offset { // nothing after it was sent
		r.marked = out.Marker
	}
}

// Join puts the first packet of another stream, or of another generation, behind
// what was sent. It refuses a key frame whose time lies far behind, if something
// still flows meanwhile. After true, Begin numbers the packet.
func (r *Rewriter) Join(source *Source, p *Packet, flowing bool) bool {
	stamp, ok := r.meet(source, p, flowing)
	if !ok {
		r.refused++
		return false
	}
	next := uint16(r.highest) + r.offset + 1
	if !r.marked && layered(p.Info.Codec) {
		next++ // the receiver shall know that the last frame is not whole
	}
	r.refused, r.stream, r.generation = 0, p.Stream, p.generation
	r.stamp = stamp - p.Timestamp
	r.timestamp, r.at = p.Timestamp, p.At
	r.offset = next - p.Sequence
	r.first, r.highest = p.number, p.number
	r.joinPictures(&p.Info)
	r.layer, r.fate, r.ended, r.missing = layerOf(p), kept, p.ends(), 0
	r.owed = Orientation
	r.started = true
	return true
}

// Begin numbers the packet that Join was told of.
func (r *Rewriter) Begin(p *Packet, top Layer, out *Outgoing) {
	r.ledger.clear()
	r.ledger.see(p.number)
	r.ledger.open(p, p.number, kept, r.offset, r.pictures)
	r.number(out, p, r.ledger.newest(), top)
	out.Verdict = Switch
	// A receiver of audio may adapt its delay where a talk spurt begins
	// (RFC 3551 section 4.1).
	out.Marker = out.Marker || p.Info.Codec == Opus
	r.sent, r.marked = out.Timestamp, out.Marker
	out.Owed, r.owed = r.owed&^p.Carries, 0
}

// joinPictures lets the numbers of pictures and frames go on by one.
func (r *Rewriter) joinPictures(i *Info) {
	if i.PictureID >= 0 {
		known := r.pictureBits != 0
		if i.PictureBits > r.pictureBits {
			r.widen(i.PictureBits)
		}
		newest := r.picture + r.pictures
		r.pictureID, r.picture = i.PictureID, uint32(i.PictureID)
		r.pictures = 0
		if known {
			r.pictures = newest + 1 - r.picture
		}
	}
	if i.TL0 >= 0 {
		if r.started {
			r.tl0s += r.tl0 + 1 - uint8(i.TL0)
		}
		r.tl0 = uint8(i.TL0)
	}
	if i.FrameNumber >= 0 {
		if r.started {
			r.frames += r.frame + 1 - uint16(i.FrameNumber)
		}
		r.frame = uint16(i.FrameNumber)
	}
}

// meet gives the timestamp a stream is joined with: what the sender reports of
// both streams say, else what passed by our clock.
func (r *Rewriter) meet(source *Source, p *Packet, flowing bool) (uint32, bool) {
	if !r.started {
		return r.sent, true
	}
	passed := max(source.ticks(p.At.Sub(r.at)), 1)
	byClock := later(r.timestamp+r.stamp+uint32(passed), r.sent+1)
	stamp, ok := r.translate(source, p)
	if !ok || int64(int32(stamp-byClock)) > source.ticks(farAhead*time.Millisecond) {
		return byClock, true
	}
	ahead := int64(int32(stamp - r.sent))
	if ahead > 0 {
		return stamp, true
	}
	frames := nudged * source.ticks(source.streams[p.Stream].interval)
	if -ahead > frames && flowing && r.refused < patience {
		return 0, false
	}
	return r.sent + 1, true
}

// later gives the later of two timestamps.
func later(a, b uint32) uint32 {
	if int32(a-b) > 0 {
		return a
	}
	return b
}

// translate gives the output timestamp of a packet of another stream by the
// sender reports of both, if they can be believed: the clock they are of may
// have been set in between.
func (r *Rewriter) translate(source *Source, p *Packet) (uint32, bool) {
	old, next := &source.streams[r.stream], &source.streams[p.Stream]
	a, b := &old.report, &next.report
	if old.generation != r.generation || a.At == unit.Never || b.At == unit.Never {
		return 0, false
	}
	apart := int64(b.NTP - a.NTP)
	arrived := int64(b.At.Sub(a.At))
	if abs(apart) > 3600<<32 || abs(apart>>32*1e9-arrived) > (believable+1)*1e9 {
		return 0, false
	}
	ticks := apart * int64(source.clock) >> 32
	return p.Timestamp - b.Timestamp + a.Timestamp + uint32(ticks) + r.stamp, true
}
