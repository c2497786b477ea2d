package transport

import (
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/focus/lane"
)

// Stats is a snapshot of one connection. Counters run from its beginning;
// rates are for the reader to make from two snapshots.
type Stats struct {
	State State
	// ICE, DTLS and Signalling are the states as WebRTC names them.
	ICE, DTLS, Signalling string
	// Pair is the way media takes; zero before there is one.
	Pair CandidatePair
	// RTT is of the last connectivity check on Pair; 0 if unknown.
	RTT time.Duration
	// Sending is what left on the connection, and what its way is thought to carry
	// (ConnConfig.Adaptive).
	Sending  lane.SendingStats
	Sent     []SentStats
	Received []ReceivedStats
}

// CandidatePair says how two candidates reach each other. Kinds are "host",
// "srflx", "prflx" and "relay"; Protocol is "udp" or "tcp".
type CandidatePair struct {
	Local, Remote string
	Protocol      string
	// LocalAddress is ours, host and port.
	LocalAddress string
}

// SentStats counts one track we send.
type SentStats struct {
	Kind         Kind
	Codec        Codec
	ID, StreamID string
	SSRC         uint32
	Packets      uint64
	Bytes        uint64 // payload
	Frames       uint64
	Failed       uint64 // packets the connection refused
	Refused      bool   // the codec was not negotiated, nothing is sent
	// Layer is which of the track's layers is sent, from 0, -1 while none is; Width and
	// Height are of its pictures, 0 if unknown; Reason is why nothing better.
	Layer         int
	Width, Height int
	Reason        allocate.Reason

	// What the receiver asks and reports.
	KeyFrameRequests uint64
	Nacked           uint64        // packets asked for again
	Lost             uint32        // packets, over all
	LossFraction     float64       // 0 to 1, in the last report
	Jitter           time.Duration // RFC 3550
	RTT              time.Duration // from its reports; 0 if unknown
	Reports          uint64
}

// ReceivedStats counts one track we receive: packets and bytes over all its
// layers; frames, and all else, as readers get them.
type ReceivedStats struct {
	Kind         Kind
	Codec        Codec
	ID, StreamID string
	SSRC         uint32
	Packets      uint64
	Bytes        uint64        // payload
	Nacked       uint64        // packets asked for again
	Lost         uint64        // packets given up
	Late         uint64        // packets that came after that, or twice
	Jitter       time.Duration // RFC 3550 section 6.4.1
	Frames       uint64        // given to readers
	KeyFrames    uint64
	Broken       uint64 // frames that could not be put together
	Unread       uint64 // frames dropped because nobody read them
	// KeyFrameRequests counts those we sent.
	KeyFrameRequests uint64
	// Width and Height of the last key frame, 0 if unknown.
	Width, Height int
	Ended         bool
	// Layers are the encodings that have arrived, the smallest picture first:
	// one from a sender without simulcast, and of sound.
	Layers []LayerStats
}

// LayerStats counts one encoding of a track we receive.
type LayerStats struct {
	// RID is its name (RFC 8851), "" of a sender with one encoding.
	RID       string
	SSRC      uint32
	Codec     Codec
	Packets   uint64 // with padding
	Bytes     uint64 // payload
	Nacked    uint64
	Lost      uint64
	Late      uint64
	Jitter    time.Duration
	Frames    uint64 // put together
	KeyFrames uint64
	Broken    uint64
	// Width and Height of the last key frame, 0 if unknown.
	Width, Height int
	// FirstKeyFrame is when the first packet of the first whole key frame came; zero
	// before.
	FirstKeyFrame time.Time
	// LastSeen is when the last packet came that was not mere padding.
	LastSeen time.Time
	// Read: this is the layer that readers get.
	Read bool
}

// ntpEpoch is 1900 in Unix seconds.
const ntpEpoch = -2208988800
