package history

import (
	"cmp"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Horizon is how long after its last event a membership counts that nobody
// took back; what says that it lasts longer is cut. Live clients renew theirs
// within four hours (js-sdk), Synapse keeps a sticky event for one.
const Horizon = 24 * time.Hour

// createdSlack is how far before its event a membership may claim to begin.
const createdSlack = time.Hour

// Event is an event of a room's timeline.
type Event struct {
	membership.Event
	// State: the event has a state key, even if it is empty.
	State bool
	// Previous and Replaces are unsigned.prev_content and replaces_state; nil
	// and "" when the homeserver does not say. They stand in for an event that
	// the timeline lacks.
	Previous json.RawMessage
	Replaces string
	// Sticky is for how long the event was sticky; 0 when it was not.
	Sticky time.Duration
}

// Rule says when a change of state begins or ends a part in a session.
type Rule uint8

// The rules.
const (
	// RuleSlots: a change of slot ends one part and begins another.
	RuleSlots Rule = iota
	// RuleSeed: a part begins when application and call ID both change and an
	// application is set, and ends when it is not any more. It knows no expiry
	// but Horizon, and concerns the per-device forms alone.
	RuleSeed
)

// Options says how to read.
type Options struct {
	// Now is the reader's clock; what has not ended by then is running.
	Now time.Time
	// Self is our user, who is rung when the whole room is; may be empty.
	Self string
	Rule Rule
}

// Session is one call that was, or is.
type Session struct {
	// Slot is the slot ID, or the conference ID of MSC3401.
	Slot  string
	Start time.Time
	// End is Options.Now while Running.
	End     time.Time
	Running bool
	// Participants in the order in which they came.
	Participants []Participant
	// Initiator is the user who came first, or who rang when nobody came.
	Initiator string
	// Intent is what all say who say something; "" when they differ.
	Intent string
	// Rung: somebody was called by a notification. Missed are the users called
	// who neither came nor declined, Declined those who said no.
	Rung     bool
	Missed   []string
	Declined []string
	// Topology names the transports of the members, with + between them:
	// "full_mesh", "livekit", "full_mesh+livekit"; "" when nobody came.
	Topology string
	// Anchor: nothing but a notification is known, as in rooms with sticky
	// memberships (decision D37).
	Anchor bool
}

// Duration is how long it has lasted.
func (s Session) Duration() time.Duration { return s.End.Sub(s.Start) }

// Participant is a user who took part.
type Participant struct {
	UserID string
	// Parts in the order of their start.
	Parts []Part
}

// Part is one device's stay.
type Part struct {
	DeviceID   string
	Start, End time.Time // End is Options.Now while Running
	Running    bool
}

// Sort orders events from the newest to the oldest, by their time and then by
// their ID: for collections in which the order of the timeline is lost.
func Sort(events []Event) {
	slices.SortFunc(events, func(a, b Event) int {
		if order := b.SentAt.Compare(a.SentAt); order != 0 {
			return order
		}
		return cmp.Compare(b.EventID, a.EventID)
	})
}

// Sessions gives the sessions of a timeline that runs from the newest event to
// the oldest. A session is given once nothing older can belong to it: newest
// first, but for those that overlap.
func Sessions(events iter.Seq[Event], options Options) iter.Seq[Session] {
	return func(yield func(Session) bool) {
		reader := NewReader(options)
		for e := range events {
			for _, session := range reader.Add(e) {
				if !yield(session) {
					return
				}
			}
		}
		for _, session := range reader.Finish() {
			if !yield(session) {
				return
			}
		}
	}
}

// Types are the event types that a Reader understands, for a filter. Encrypted
// events are among them to be counted.
func Types() []string {
	return []string{
		message.TypeCallMember, message.TypeCallMemberStable, message.TypeMember, message.TypeMemberStable, message.TypeMemberFamedly,
		message.TypeNotification, message.TypeNotificationStable, message.TypeNotificationInvite,
		message.TypeNotify, message.TypeNotifyStable, message.TypeDecline, message.TypeDeclineStable,
		typeRoomMember, message.TypeEncrypted,
	}
}

// typeRoomMember says who is in the room.
const typeRoomMember = "m.room.member"
