package ring

import (
	"time"

	"meshfocus/signalling/message"
)

// Ring is one call to others, as both sides know it.
type Ring struct {
	// ID is the event ID of the notification; "" while it is not sent.
	ID     string
	Room   string // room ID
	Slot   string // slot ID
	Sender string // user ID
	Intent string // "audio", "video" or ""
	// Loud: devices make a sound; else they only show it.
	Loud     bool
	Mentions message.Mentions
	// SentAt is the sender's time of the notification, zero when unsaid.
	SentAt time.Time
	// Expires is when it stops, on the clock of the one who reads it; zero
	// while it is not sent. Lifetime is what the sender asked for.
	Expires  time.Time
	Lifetime time.Duration
	// Acknowledge: the sender waits for message.RingAck, see
	// message.RevisionApplication.
	Acknowledge bool
}

// State says how far a ring is. See the table for which side has which.
type State uint8

// The states. All but Placed, Ringing and Dismissed are final.
const (
	// Placed: we are in the session and have not told anybody.
	Placed State = iota
	// Ringing: the notification is out, or came.
	Ringing
	// Accepted: one of those we rang is in the session.
	Accepted
	// AnsweredHere: this device takes the call.
	AnsweredHere
	// AnsweredElsewhere: another device of ours does.
	AnsweredElsewhere
	// Declined: our user said no, or everybody we rang did.
	Declined
	// Cancelled: the caller gave up.
	Cancelled
	// Expired: nobody said anything in time.
	Expired
	// Dismissed: this device is silent, others may still ring.
	Dismissed

	stateCount
)

var stateNames = [stateCount]string{
	"placed", "ringing", "accepted", "answered here", "answered elsewhere", "declined", "cancelled", "expired", "dismissed",
}

// String names the state for logs, tables and JSON.
func (s State) String() string { return nameOf(stateNames[:], int(s)) }

// Over reports whether nothing can become of the ring any more.
func (s State) Over() bool { return s != Placed && s != Ringing && s != Dismissed }

// Kind is what happens to a ring.
type Kind uint8

// The events of both sides. A side that cannot have an event ignores it.
const (
	// Sent: the homeserver took our notification.
	Sent Kind = iota
	// SendFailed: it did not, and will not.
	SendFailed
	// Acknowledged: a device says that it rings (text of June 2026).
	Acknowledged
	// Joined: one of those we rang is in the session.
	Joined
	// Refused: the last of those we rang has declined.
	Refused
	// GiveUp: the person who rings gives up.
	GiveUp

	// Answer, Decline and Dismiss: what the person who is rung does here.
	Answer
	Decline
	Dismiss
	// JoinedHere and JoinedElsewhere: a membership of ours is in the session.
	JoinedHere
	JoinedElsewhere
	// DeclinedElsewhere: a decline of our user came.
	DeclinedElsewhere
	// Withdrawn: the notification was withdrawn, redacted or replaced.
	Withdrawn
	// Deserted: nobody is left in the session.
	Deserted

	// Timeout: the time is over; Tick makes it.
	Timeout

	kindCount
)

var kindNames = [kindCount]string{
	"sent", "send failed", "acknowledged", "joined", "refused", "give up",
	"answer", "decline", "dismiss", "joined here", "joined elsewhere", "declined elsewhere", "withdrawn", "deserted",
	"timeout",
}

// String names the event for logs, tables and JSON.
func (k Kind) String() string { return nameOf(kindNames[:], int(k)) }

// Action is what the owner of a machine has to do.
type Action uint8

// The actions.
const (
	// Alert: ring, or show, see Ring.Loud.
	Alert Action = iota
	// Silence: stop that.
	Silence
	// Join the session.
	Join
	// SendDecline to the notification.
	SendDecline
	// SendAck to the sender's devices, see Ring.Acknowledge.
	SendAck
	// Withdraw the notification, where it is sticky.
	Withdraw
	// Leave the session.
	Leave

	actionCount
)

var actionNames = [actionCount]string{"alert", "silence", "join", "send decline", "send acknowledgement", "withdraw", "leave"}

// String names the action for logs, tables and JSON.
func (a Action) String() string { return nameOf(actionNames[:], int(a)) }

func nameOf(names []string, at int) string {
	if at < len(names) {
		return names[at]
	}
	return "unknown"
}
