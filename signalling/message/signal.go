package message

import (
	"strings"
	"time"
)

// Kind says which m.call.* message a Signal is.
type Kind uint8

// The kinds, in the order of a call's life. Types that a mesh ignores
// (asserted_identity, replaces) have no kind: ParseSignal returns
// ErrIgnoredType for them.
const (
	Invite Kind = iota + 1
	Answer
	SelectAnswer
	Candidates
	Negotiate
	MetadataChanged
	Hangup
	Reject
)

// Envelope is what every message carries. We write the union of what peers
// need on every message (decision D19).
type Envelope struct {
	// Dialect is told by the type of the message.
	Dialect Dialect
	// CallID identifies one attempt of one pair; 1 to 255 of [0-9A-Za-z._~-].
	CallID string
	// PartyID is the sender's device ID (DialectFamedly: its session ID). A
	// message without one reads as if it carried DeviceID, and is so written.
	PartyID string
	// ConfID is the state key of the call object in the MSC3401 form, the
	// slot ID in the MatrixRTC forms. Never written empty but in
	// DialectFamedly, where it is the call ID.
	ConfID string
	// SlotID is our addition, empty in the MSC3401 form.
	SlotID string
	// RoomID is needed by the Dart SDK and absent from js-sdk and Hydrogen.
	RoomID string
	// DeviceID is the sender's claim; SenderSessionID and DestSessionID name
	// the client instances at both ends.
	DeviceID        string
	SenderSessionID string
	DestSessionID   string
	// Seq counts the messages of one CallID from 0 in each direction. Nil
	// means not numbered: such a message is processed at once.
	Seq *uint32
	// MessageID is org.matrix.msgid; empty when the peer sends none.
	MessageID string
	// Version is the VoIP version, read loosely (0, 1, "0", "1"; else 1).
	Version int
}

// Signal is one to-device call message: an envelope and the body of its
// kind. Fields that its Kind does not use are zero.
type Signal struct {
	Kind Kind
	Envelope

	// Lifetime of an Invite or Negotiate, from its arrival: to-device
	// messages carry no age.
	Lifetime time.Duration
	// Invitee and InviteeDeviceID stand on an Invite and may be empty.
	Invitee         string
	InviteeDeviceID string
	// Description is the offer of an Invite, the answer of an Answer, either
	// on a Negotiate.
	Description Description
	// Metadata is nil when the sender's map was absent, which means "one
	// stream only"; an empty map means "no stream".
	Metadata StreamMetadata
	// Candidates of a Candidates message, end markers included.
	Candidates []Candidate
	// SelectedPartyID of a SelectAnswer.
	SelectedPartyID string
	// Reason of a Hangup or Reject; ReasonUserHangup when it was missing.
	Reason Reason

	// Faults that reading tolerated, for a log; nil for a clean message and
	// ignored by Encode.
	Faults Faults
}

// Description is an SDP and its type.
type Description struct {
	Type string // "offer" or "answer"
	SDP  string
}

// Candidate is one ICE candidate as browsers write it. The mids are pointers
// because their absence means something: see End.
type Candidate struct {
	Candidate        string  `json:"candidate"`
	SDPMid           *string `json:"sdpMid,omitempty"`
	SDPMLineIndex    *uint16 `json:"sdpMLineIndex,omitempty"`
	UsernameFragment *string `json:"usernameFragment,omitempty"`
}

// End reports whether the candidate is an end-of-candidates marker: empty
// text, or neither mid nor m-line index. It may be missing, come twice, or have
// more candidates behind it.
func (c Candidate) End() bool {
	return c.Candidate == "" || (c.SDPMid == nil && c.SDPMLineIndex == nil)
}

// StreamMetadata says what each MediaStream of a description is for, by the
// stream ID of its a=msid line (MSC3077).
type StreamMetadata map[string]Stream

// Stream is one entry of StreamMetadata.
type Stream struct {
	Purpose    string `json:"purpose"`
	AudioMuted bool   `json:"audio_muted"`
	VideoMuted bool   `json:"video_muted"`
}

// Purposes of a stream.
const (
	PurposeUserMedia   = "m.usermedia"
	PurposeScreenShare = "m.screenshare"
)

// Reason says why a call ended. Unknown strings read as ReasonUnknown.
type Reason string

// The reasons of the Matrix specification (m.call.hangup) and the wider set
// that js-sdk sends.
const (
	ReasonUserHangup           Reason = "user_hangup"
	ReasonReplaced             Reason = "replaced"
	ReasonNewSession           Reason = "new_session"
	ReasonAnsweredElsewhere    Reason = "answered_elsewhere"
	ReasonUserBusy             Reason = "user_busy"
	ReasonTransferred          Reason = "transferred"
	ReasonICEFailed            Reason = "ice_failed"
	ReasonICETimeout           Reason = "ice_timeout"
	ReasonInviteTimeout        Reason = "invite_timeout"
	ReasonSignallingTimeout    Reason = "signalling_timeout"
	ReasonLocalOfferFailed     Reason = "local_offer_failed"
	ReasonNoUserMedia          Reason = "no_user_media"
	ReasonUserMediaFailed      Reason = "user_media_failed"
	ReasonUnknownDevices       Reason = "unknown_devices"
	ReasonSendInvite           Reason = "send_invite"
	ReasonCreateAnswer         Reason = "create_answer"
	ReasonCreateOffer          Reason = "create_offer"
	ReasonSendAnswer           Reason = "send_answer"
	ReasonSetRemoteDescription Reason = "set_remote_description"
	ReasonSetLocalDescription  Reason = "set_local_description"
	ReasonUnknown              Reason = "unknown_error"
)

// reasons are the known ones; all others read as ReasonUnknown.
var reasons = []Reason{
	ReasonUserHangup, ReasonReplaced, ReasonNewSession, ReasonAnsweredElsewhere,
	ReasonUserBusy, ReasonTransferred, ReasonICEFailed, ReasonICETimeout,
	ReasonInviteTimeout, ReasonSignallingTimeout, ReasonLocalOfferFailed,
	ReasonNoUserMedia, ReasonUserMediaFailed, ReasonUnknownDevices,
	ReasonSendInvite, ReasonCreateAnswer, ReasonCreateOffer, ReasonSendAnswer,
	ReasonSetRemoteDescription, ReasonSetLocalDescription, ReasonUnknown,
}

// String is the last part of the kind's event type, such as "invite".
func (k Kind) String() string {
	if name, ok := kindTypes[k]; ok {
		return strings.TrimPrefix(name, prefixStable)
	}
	return "unknown"
}

// Numbered reports whether messages of the kind carry a Seq when we write
// them. Hydrogen drops select_answer and reject before it counts, so that a
// number on them would leave a hole it waits on for ever.
func (k Kind) Numbered() bool { return k != SelectAnswer && k != Reject }
