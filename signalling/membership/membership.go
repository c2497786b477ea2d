// Package membership decides who is in which call: Compute turns the facts of
// one room and an instant into sessions, refusals with the rule that refused,
// and the next instant at which the answer changes by time alone.
//
// It follows MSC4143 (per-device state), MSC3401 (m.calls) and, where these
// leave things open, the decisions named beside the code. Each written-down
// form of a membership is read by an adapter of its own (see adapter); the
// rules that all forms share stand here once. Whoever syncs a room calls
// Compute after each change of its state and once more at Result.Next, and
// acts on the Diff. It is not about who may connect to whom (mesh) nor about
// writing the own membership (signalling/matrix).
//
// One hazard cannot be computed away: under a state key with an underscore
// anybody with the power to send state can overwrite a member's event. What
// they write does not count, but the member's own word is gone from the state
// until it is renewed (decision D8).
//
// Everything is pure: no clock, no goroutine, no logger. Any goroutine may
// call anything; values are not changed after they are returned.
package membership

import (
	"encoding/json"
	"time"

	"meshfocus/signalling/message"
)

// Event is an event as the homeserver gave it; what was encrypted comes
// decrypted. StateKey is empty in events that are no state.
type Event struct {
	Type     string
	StateKey string
	Sender   string
	EventID  string
	SentAt   time.Time // origin_server_ts
	Content  json.RawMessage
}

// Facts is everything that decides about the sessions of one room.
type Facts struct {
	RoomID      string
	RoomVersion string
	// JoinRule of the room ("public", "invite", …); "" when unknown.
	JoinRule string
	// Encrypted is true when the room has m.room.encryption.
	Encrypted bool
	// Joined holds the user IDs whose room membership is "join".
	Joined map[string]bool
	// State holds the room's current call, call.member, rtc.slot and
	// com.famedly.call.member events, one per (type, state key), in any order.
	// Other types are ignored.
	State []Event
	// Sticky holds the room's sticky rtc.member events, in any order, old ones
	// and duplicates allowed: the sticky map (MSC4354) is made here. A redacted
	// event is left out, or has the content {}.
	Sticky []Sticky
	// Held are slots that say for less than SlotGrace that their session is
	// over; After makes it. Nil when nothing is remembered of the room.
	Held []HeldSlot
	// Ahead is how far the homeserver's clock is before the reader's; zero when
	// unknown. What members say of their ends is compared with that clock.
	Ahead time.Duration
}

// Sticky is a sticky event (MSC4354).
type Sticky struct {
	Event
	// Until is the end of stickiness by the reader's clock.
	Until time.Time
	// Duration is what the sender asked for; 0 when unknown.
	Duration time.Duration
	// Encrypted is true when the event came encrypted, and Device is the
	// device that encrypted it, "" in the clear.
	Encrypted bool
	Device    string
}

// Key names a session: those joined to one slot or conference of a room.
type Key struct {
	RoomID string
	// ConfID is the conference ID (MSC3401) or the slot ID (MatrixRTC), as
	// signalling names it in conf_id.
	ConfID string
}

// Session is the computed value: the members of one slot or conference.
type Session struct {
	Key
	// Form is FormCalls for a conference, FormFamedly for a call of the Dart
	// SDK, FormSession for a slot whatever the forms of its members.
	Form message.Form
	// Members that count, oldest first (created, then event ID, then device).
	Members []Member
	// Focus is the transport type all have to agree on: in a slot a mesh if a
	// sticky member can be met in one, else that of the oldest member written
	// in the state; for FormCalls FocusFullMesh.
	Focus string
	// Call is the call object of FormCalls, nil for FormSession.
	Call *message.CallObject
	// Current is false for the live calls of a room that are older than
	// another: peers take the one that was edited last (MSC3401, m.call) and
	// ignore the rest. Always true for FormSession.
	Current bool
	// Slot says whether the slot is open. Always SlotMissing for FormCalls and
	// FormFamedly.
	Slot SlotStatus
	// SlotCallID is m.call.id of an open slot, "" when absent, see Succeeds.
	SlotCallID string
}

// Succeeds reports whether another session has begun since one was computed in
// the same slot: the slot names another one, or none any more (decision D12).
// Members of both have left the one and joined the other. Both computations
// have to know what was remembered, see Facts.After.
func (s Session) Succeeds(was Session) bool {
	from, to := Slot{was.Slot, was.SlotCallID}, Slot{s.Slot, s.SlotCallID}
	return s.Key == was.Key && to.Status != SlotClosed && from.ends(to)
}

// SlotStatus says what the slot event of a session says.
type SlotStatus uint8

// The states of a slot. Members may join a missing one as if it were open.
const (
	SlotMissing SlotStatus = iota
	SlotOpen
	SlotClosed
)

// String names the status for tables.
func (s SlotStatus) String() string {
	switch s {
	case SlotOpen:
		return "open"
	case SlotClosed:
		return "closed"
	}
	return "missing"
}

// Member is one joined device.
type Member struct {
	message.Party
	// SessionID is what signalling calls sender_session_id and
	// dest_session_id: m.calls session_id, or membershipID.
	SessionID string
	// CreatedAt is when the device joined; in the MSC3401 form, which does
	// not say, when its event was last sent.
	CreatedAt time.Time
	// ExpiresAt is what the member said. In the state it counts
	// message.ExpirySlack longer, in FormFamedly message.FamedlyLinger.
	ExpiresAt time.Time
	// Focus is the type of the transport the member uses.
	Focus string
	// Mesh is true when the member can be connected to directly (D5, D6).
	Mesh    bool
	Feeds   []message.Feed
	Intent  string
	EventID string
	// Form is how the membership was written down.
	Form message.Form
	// MemberID names this membership: member.id, membershipID, or
	// "<user>:<device>" where a form has neither.
	MemberID string
	// Published are the transports the member offers, its first choice first;
	// CanSubscribe the types it can take.
	Published    []message.Focus
	CanSubscribe []string
	// Selection is focus_selection of the state forms, "" when absent.
	Selection string
	// Behind is true when the membership stands behind all others, see
	// message.SessionContent.Behind: readers other than us see it as the
	// youngest, and nobody takes over its transport.
	Behind bool
	// Route is what the member says of the way that its media takes.
	message.Route
}

// Refusal says why a membership does not count.
type Refusal struct {
	RoomID   string
	EventID  string
	StateKey string
	Sender   string
	DeviceID string // "" when the refusal is about the whole event
	Rule     Rule
	Detail   string
}

// Result is what Compute answers. Sessions are sorted by ConfID; a session
// without members is left out, except a live MSC3401 call object.
type Result struct {
	Sessions []Session
	Refusals []Refusal
	// Next is the first instant after now at which Compute with the same
	// facts gives another answer; zero when time changes nothing.
	Next time.Time
}
