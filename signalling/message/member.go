package message

import (
	"encoding/json"
	"time"
)

// CallObject is the content of org.matrix.msc3401.call.
type CallObject struct {
	Intent     string // m.ring, m.prompt or m.room
	Type       string // m.voice or m.video
	Terminated bool   // m.terminated present and truthy
	Name       string
	// DataChannels asks callers to open a channel in the first offer.
	DataChannels bool
}

// Form says which of the contents a member event has (membership.md 1.2).
type Form uint8

// The forms a state membership can take. FormLeft is everything else,
// including {} and {"leave_reason": …}.
const (
	FormLeft Form = iota
	FormCalls
	FormLegacy
	FormSession
)

// MemberContent is a parsed org.matrix.msc3401.call.member. Exactly the field
// that its Form names is set.
type MemberContent struct {
	Form    Form
	Calls   []CallMemberships // FormCalls: MSC3401 m.calls
	Session *SessionContent   // FormSession: per-device state
	Legacy  []json.RawMessage // FormLegacy: memberships[], read by a later adapter
}

// CallMemberships is one entry of m.calls: the devices of the event's state
// key that are in one conference.
type CallMemberships struct {
	CallID  string
	Devices []CallDevice
	// Foreign is the entry as it was read, so that a writer who changes its
	// own device keeps what others wrote.
	Foreign json.RawMessage
}

// CallDevice is one entry of m.devices.
type CallDevice struct {
	DeviceID  string
	SessionID string
	ExpiresAt time.Time // expires_ts
	Feeds     []Feed
	// Foreign is the entry as it was read, see CallMemberships.
	Foreign json.RawMessage
}

// Feed is one thing a device sends, by purpose only.
type Feed struct {
	Purpose string `json:"purpose"`
}

// SessionContent is the per-device state form of MSC4143 as js-sdk 34 to 43
// and Element Call write it (membership.md 1.5).
type SessionContent struct {
	Application   string
	CallID        string
	DeviceID      string
	MembershipID  string // "" when absent
	Scope         string
	Intent        string        // m.call.intent
	CreatedAt     time.Time     // zero when created_ts is absent
	Expires       time.Duration // 4 h when absent
	FocusActive   Focus
	FociPreferred []Focus
}

// Focus is a transport as a member event advertises it. Raw keeps fields of
// types we do not speak.
type Focus struct {
	Type      string
	Selection string // focus_selection
	Raw       json.RawMessage
}
