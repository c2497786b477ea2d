package negotiate

import "meshfocus/signalling/message"

// ActionKind says what is to be done.
type ActionKind uint8

// What a Machine asks of its owner. Slow ones are answered by an Event that
// carries the same CallID; answers for a call that is over are ignored.
const (
	// OpenConn: make a connection for CallID; Outgoing says that we place the
	// call. Any former one has been closed by an earlier action.
	OpenConn ActionKind = iota + 1
	// CreateOffer: make an offer on CallID, with new ICE credentials if
	// Restart. Answered by OfferReady or StepFailed.
	CreateOffer
	// AcceptOffer: apply Description and answer it. AnswerReady or StepFailed.
	AcceptOffer
	// AcceptAnswer: apply Description. AnswerApplied or StepFailed.
	AcceptAnswer
	// AddCandidates: hand the peer's Candidates to CallID.
	AddCandidates
	// Send: give Signal to the signaller. Answered by SendTaken or SendFailed
	// with the same Signal.
	Send
	// CloseConn: close the connection of CallID; no more events of it count.
	CloseConn
	// Streams: the peer says what its media streams are for; nil Metadata
	// means that it named none and sends one stream only.
	Streams
	// Report: State was entered, because of Reason and Detail if set.
	Report
)

var actionNames = [...]string{
	OpenConn: "open conn", CreateOffer: "create offer", AcceptOffer: "accept offer",
	AcceptAnswer: "accept answer", AddCandidates: "add candidates", Send: "send",
	CloseConn: "close conn", Streams: "streams", Report: "report",
}

// String gives the action's name for logs.
func (k ActionKind) String() string {
	if int(k) < len(actionNames) && actionNames[k] != "" {
		return actionNames[k]
	}
	return "unknown"
}

// Action is something to be done. Only the fields named at its Kind are set.
type Action struct {
	Kind        ActionKind
	CallID      string
	Outgoing    bool
	Restart     bool
	Description message.Description
	Candidates  []message.Candidate
	Signal      message.Signal
	Metadata    message.StreamMetadata
	State       State
	Reason      message.Reason
	Detail      string
}

func (m *Machine) act(action Action) { m.actions = append(m.actions, action) }
