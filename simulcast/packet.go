package simulcast

import "meshfocus/internal/unit"

// Extensions is a set of header extensions that may not get lost with a packet
// that is not forwarded.
type Extensions uint8

// Orientation is the video orientation (3GPP TS 26.114, section 7.4.5).
// Structure is the template structure of the dependency descriptor, Active its
// set of active decode targets.
const (
	Orientation Extensions = 1 << iota
	Structure
	Active
)

// Packet is what Source and Output are told of one packet. The read loop fills
// the exported fields, Source.Observe the others; then it is only read, by as
// many Outputs as there are subscribers.
type Packet struct {
	Info Info
	// At is when the packet arrived.
	At unit.Instant
	// SSRC, Timestamp, Sequence and Marker are those of the RTP header; of a
	// repaired packet those of the original (RFC 4588).
	SSRC, Timestamp uint32
	Sequence        uint16
	Marker          bool
	// Stream says which encoding of the source the packet is of: an index the
	// publisher's track gives each rid when it first sees it, below Streams.
	// It says nothing of size and stays when the SSRC changes.
	Stream uint8
	// Carries says which of the extensions that must not get lost it has.
	Carries Extensions

	// number is the sequence number unwrapped, within one generation of one
	// stream; generation counts the stream's restarts.
	number     uint32
	generation uint8
	place      place
}

// place is where a packet stands in its stream, found out once for all.
type place uint8

const (
	// stale: of an SSRC that was replaced, or a number that makes no sense.
	stale place = iota
	// late: not newer than one seen already. A duplicate is late too.
	late
	// inside: the newest so far, but not the first of its frame.
	inside
	// first: the newest, and the first of its timestamp that arrived.
	first
	// firstAfterLoss is first, but the packet before it is missing.
	firstAfterLoss
)

// Verdict is what is to be done with a packet for one subscriber.
type Verdict uint8

// The verdicts. With Drop, Outgoing has nothing but the reason.
const (
	Drop Verdict = iota
	// Forward sends the packet with the numbers given.
	Forward
	// Switch is Forward for the first packet after a change of layer, a restart
	// or a pause. Whoever remembers what was sent takes it as a border: what
	// has lower output numbers is not worth repairing any more.
	Switch
	// Fill sends an empty packet with the numbers given: the one that came late
	// is not wanted, but its number was held for it, and the receiver would go
	// on asking for it.
	Fill
)

// Reason is why a packet was dropped, for counters.
type Reason uint8

// The reasons; Reasons is how many there are.
const (
	Kept Reason = iota
	// Padded: it has no payload.
	Padded
	// Duplicate: it arrived before.
	Duplicate
	// Old: later than anyone waits for, or older than the switch.
	Old
	// Stale: of an SSRC that was replaced, or with a senseless number.
	Stale
	// OtherLayer: of an encoding that the subscriber does not get.
	OtherLayer
	// Thinned: of a temporal layer above the one chosen.
	Thinned
	// Higher: of a spatial layer above the one chosen (SVC).
	Higher
	// Lower: of a spatial layer below the one chosen, which needs nothing of it
	// (SVC with prediction between layers at key frames alone).
	Lower
	// Awaited: nothing is sent until a key frame starts.
	Awaited
	// Paused: the subscriber gets nothing for now.
	Paused
	// Behind: a key frame whose time lies too far behind what was sent.
	Behind

	Reasons
)

var reasonNames = [Reasons]string{
	"kept", "padded", "duplicate", "old", "stale", "other layer",
	"thinned", "higher", "lower", "awaited", "paused", "behind",
}

// String names the reason in a word or two.
func (r Reason) String() string {
	if r < Reasons {
		return reasonNames[r]
	}
	return "unknown"
}

// Outgoing is a packet's share in the stream to one subscriber: the verdict and
// the numbers it leaves with.
type Outgoing struct {
	Verdict Verdict
	Reason  Reason
	// Marker is the marker bit to send: with SVC on the last packet that is
	// forwarded of a super-frame.
	Marker bool
	// PictureBits is the width PictureID is to be written with, 7 or 15. It may
	// be more than the packet came with, never less.
	PictureBits uint8
	Sequence    uint16
	// TL0, PictureID and FrameNumber are Absent if the packet has none.
	TL0         int16
	Timestamp   uint32
	PictureID   int32
	FrameNumber int32
	// Owed is the set of extensions whose newest value has to be added, because
	// the packet that carried it was not forwarded.
	Owed Extensions
}
