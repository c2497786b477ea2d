package lane

import (
	"meshfocus/focus/feedback"
	"meshfocus/focus/history"
	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

const (
	// sentVideo and sentAudio are a second of 4 Mbit/s, and of 20 ms packets
	// (history.NewSent).
	sentVideo, sentAudio = 512, 64
	// sentRepeats is of how many retransmissions it is known which departure they
	// were.
	sentRepeats = 128
)

// sent is what the send loop knows of one subscription.
type sent struct {
	began   bool
	removed bool // what still comes is dropped
	mid     []byte
	known   bool // the subscriber has reported: it knows what the SSRC is
	delay   toldDelay

	packets *history.Sent[leaving] // nil before the first packet
	sender  feedback.Sender
	again   feedback.Sender // of the retransmissions
	stream  *stream         // of the last packet
	added   uint32          // to its timestamps

	skip      skip
	padding   uint8   // payload type of retransmissions, 0 for none
	timestamp uint32  // of the last packet
	whole     bool    // the last packet ended its frame
	emptied   bool    // and is to wait until little waits
	ladder    *copied // what the layers cost, nil before anything is estimated

	repeat  uint16 // next number of the retransmissions
	repeats *[sentRepeats]repeated
	intra   feedback.IntraNumber
}

// leaving is what a packet left with, as far as its publisher did not say it. It is
// 24 bytes, so that what history.Sent keeps of a packet is one line of the cache:
// remembering is a write to memory that has long been cold.
type leaving struct {
	extras      *extras
	timestamp   uint32
	pictureID   int16 // 15 bits, or Absent
	tl0         int16
	frame       uint16 // if numbered
	departure   uint16 // its transport-wide number
	codec       simulcast.Codec
	pictureBits uint8
	marks       marks
}

// marks are what is true of a packet.
type marks uint8

const (
	marked   marks = 1 << iota // the marker bit
	doubled                    // redundant sound
	numbered                   // it has a frame number
	needed                     // other frames need its own
)

func (m marks) has(one marks) bool { return m&one != 0 }

// repeated is which departure a retransmission was.
type repeated struct {
	sequence, departure uint16
	used                bool
}

func leavingOf(p *parcel) leaving {
	with := leaving{
		extras: p.extras, timestamp: p.out.Timestamp,
		pictureID: int16(p.out.PictureID), tl0: p.out.TL0, frame: uint16(p.out.FrameNumber),
		codec: p.codec, pictureBits: p.out.PictureBits,
	}
	if p.out.Marker {
		with.marks |= marked
	}
	if p.red {
		with.marks |= doubled
	}
	if p.needed {
		with.marks |= needed
	}
	if p.out.FrameNumber != simulcast.Absent {
		with.marks |= numbered
	}
	return with
}

// begin makes what is needed from the first packet on.
func (t *sent) begin(s *Subscription) {
	room := sentVideo
	if s.kind == Audio {
		room = sentAudio
	}
	t.packets, t.mid, t.began = history.NewSent[leaving](room), []byte(s.config.MID), true
}

// remember notes what left, so that it can be sent again.
func (t *sent) remember(out *simulcast.Outgoing, p *packet.Packet, with leaving) {
	if out.Verdict == simulcast.Switch {
		t.packets.Border(out.Sequence)
	}
	handle := packet.Handle{}
	if out.Verdict != simulcast.Fill {
		handle = p.Handle()
	}
	t.packets.Add(out.Sequence, handle, with)
}

// nextRepeat gives the number of the next retransmission, which departs under a
// transport-wide number.
func (t *sent) nextRepeat(departure uint16) uint16 {
	if t.repeats == nil {
		t.repeats = new([sentRepeats]repeated)
	}
	number := t.repeat
	t.repeat++
	t.repeats[number%sentRepeats] = repeated{number, departure, true}
	return number
}

// departureOf finds which departure a retransmission was.
func (t *sent) departureOf(number uint16) (departure uint16, ok bool) {
	if t.repeats == nil {
		return 0, false
	}
	found := t.repeats[number%sentRepeats]
	return found.departure, found.used && found.sequence == number
}

// enlist takes a subscription to those that reports may speak of.
func (o *outlet) enlist(s *Subscription) {
	o.subs = append(o.subs, s)
	number, ok := o.repeats[s.config.RTX]
	if !ok {
		number = anyBeginning().sequence
	}
	s.sent.repeat = number
}

// strike takes it out; its retransmissions' numbers go on when the SSRC is used again.
func (o *outlet) strike(s *Subscription) {
	s.sent.removed = true
	o.subs = without(o.subs, s)
	if o.repeats == nil {
		o.repeats = make(map[uint32]uint16)
	}
	o.repeats[s.config.RTX] = s.sent.repeat
}

// find gives the subscription with an SSRC, and whether it is that of its
// retransmissions.
func (o *outlet) find(ssrc uint32) (s *Subscription, repeats bool) {
	for _, s := range o.subs {
		switch ssrc {
		case s.config.SSRC:
			return s, false
		case s.config.RTX:
			return s, s.config.RTX != 0
		}
	}
	return nil, false
}

// allowance is how many bytes may be sent again: a share of what was sent, and a
// burst after a time without loss. Whoever asks for everything three times does not
// get four times the rate.
type allowance struct{ bytes int }

const (
	// repairShare is of how many bytes one may be sent again: half, which is above
	// what a loss of a fifth both ways takes (0.39, see feedback.VideoLimits).
	repairShare = 2
	// repairBurst is 100 packets.
	repairBurst = 120_000
)

func (a *allowance) earn(bytes int) { a.bytes = max(a.bytes-bytes/repairShare, 0) }

// spend reports whether so many bytes may be sent again, and takes them.
func (a *allowance) spend(bytes int) bool {
	if a.bytes+bytes > repairBurst {
		return false
	}
	a.bytes += bytes
	return true
}
