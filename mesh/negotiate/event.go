package negotiate

import "meshfocus/signalling/message"

// EventKind says what happened.
type EventKind uint8

// What the owner of a Machine reports. The fields of Event that a kind uses
// stand behind it.
const (
	// MemberJoined: the device is a member of the session, with SessionID.
	// Reported again with another SessionID it means that the device came
	// back as a new client instance.
	MemberJoined EventKind = iota
	// MemberGone: the membership vanished, expired or was emptied. Media that
	// flows is kept for a grace period.
	MemberGone
	// MemberEnded: the end is beyond doubt: the user left the room, the call
	// was terminated or the slot closed. Nothing is kept.
	MemberEnded
	// Leave: we leave the session for good.
	Leave

	// OfferReady: the offer of CallID was made and set. Description.
	OfferReady
	// AnswerReady: the peer's offer was applied and answered. CallID, Description.
	AnswerReady
	// AnswerApplied: the peer's answer was applied. CallID.
	AnswerApplied
	// StepFailed: opening, offering, answering or applying failed. CallID,
	// Reason (may be empty), Detail.
	StepFailed
	// LocalCandidates: gathered after the description was made. CallID, Candidates.
	LocalCandidates
	// OfferWanted: we want a new exchange, for example for a new track. CallID
	// may be empty for "whatever call there is".
	OfferWanted
	// RestartWanted: ICE is to begin anew although the connection may work, for
	// example because our addresses have changed. Only who placed the call
	// does so; the other side waits for the caller (see the package comment).
	RestartWanted
	// OwnStreams: what our streams are for, or whether they are muted, has
	// changed. Metadata holds all of them.
	OwnStreams

	// ConnConnected, ConnDisconnected and ConnFailed: the connection of CallID
	// reached that state.
	ConnConnected
	ConnDisconnected
	ConnFailed

	// SendTaken: the homeserver took Signal.
	SendTaken
	// SendFailed: Signal will not be delivered. Detail.
	SendFailed

	// The rest is found by Handle itself: sessionChanged from MemberJoined,
	// the next group from Received, the last from Tick.
	sessionChanged

	inviteCame
	answerCame
	selectCame
	candidatesCame
	offerCame
	negotiatedCame
	metadataCame
	hangupCame
	rejectCame

	attemptDue
	graceOver
	inviteOverdue
	stepOverdue
	answerOverdue
	restartDue
	giveUpDue
	batchDue
	resendDue

	eventCount

	// Received: Signals came, all of one delivery. They have passed the
	// envelope checks; order, duplicates and strays are Handle's business.
	Received
	// Tick: the time of Deadline has come, or any other time.
	Tick
)

// Event is something that happened. Only the fields named at its Kind are read.
type Event struct {
	Kind        EventKind
	SessionID   string
	CallID      string
	Description message.Description
	Candidates  []message.Candidate
	Reason      message.Reason
	Detail      string // in words, for people
	Metadata    message.StreamMetadata
	Signal      message.Signal
	Signals     []message.Signal
}

var eventNames = [...]string{
	MemberJoined: "member joined", MemberGone: "member gone", MemberEnded: "member ended", Leave: "leave",
	OfferReady: "offer ready", AnswerReady: "answer ready", AnswerApplied: "answer applied",
	StepFailed: "step failed", LocalCandidates: "local candidates", OfferWanted: "offer wanted",
	RestartWanted: "restart wanted", OwnStreams: "own streams",
	ConnConnected: "conn connected", ConnDisconnected: "conn disconnected", ConnFailed: "conn failed",
	SendTaken: "send taken", SendFailed: "send failed",
	sessionChanged: "session changed",
	inviteCame:     "invite came", answerCame: "answer came", selectCame: "select came",
	candidatesCame: "candidates came", offerCame: "offer came", negotiatedCame: "negotiated came",
	metadataCame: "metadata came", hangupCame: "hangup came", rejectCame: "reject came",
	attemptDue: "attempt due", graceOver: "grace over", inviteOverdue: "invite overdue",
	stepOverdue: "step overdue", answerOverdue: "answer overdue", restartDue: "restart due",
	giveUpDue: "give up due", batchDue: "batch due", resendDue: "resend due",
	Received: "received", Tick: "tick",
}

// String gives the event's name for logs.
func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return "unknown"
}
