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

// Event is a state event as the homeserver gave it.
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
	// State holds the room's current call and call.member events, one per
	// (type, state key), in any order. Other types are ignored.
	State []Event
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
	Form message.Form // FormCalls or FormSession
	// Members that count, oldest first (created, then event ID, then device).
	Members []Member
	// Focus is the transport type all have to agree on: for FormSession the
	// oldest member's focus_active.type, for FormCalls FocusFullMesh.
	Focus string
	// Call is the call object of FormCalls, nil for FormSession.
	Call *message.CallObject
	// Current is false for the live calls of a room that are older than
	// another: peers take the one that was edited last (MSC3401, m.call) and
	// ignore the rest. Always true for FormSession.
	Current bool
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
	// ExpiresAt is what the member said; it counts message.ExpirySlack longer.
	ExpiresAt time.Time
	// Focus is the type of the transport the member uses.
	Focus string
	// Mesh is true when the member can be connected to directly (D5).
	Mesh    bool
	Feeds   []message.Feed
	Intent  string
	EventID string
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
