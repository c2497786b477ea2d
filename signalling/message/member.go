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

// Form says which of the contents a member event has.
type Form uint8

// The forms a membership can take. FormLeft is everything else, including {}
// and {"leave_reason": …}.
const (
	FormLeft    Form = iota
	FormCalls        // MSC3401 m.calls, state, key = user ID
	FormLegacy       // memberships[] of MatrixRTC until January 2025, state, key = user ID
	FormSession      // per-device state of MSC4143, what is deployed
	FormSticky       // sticky rtc.member of MSC4143, every generation
	FormFamedly      // memberships[] of com.famedly.call.member
	FormSeed         // per-device state with the seed's names m.application, m.call_id
)

// String names the form as membership events of it are told apart.
func (f Form) String() string {
	switch f {
	case FormCalls:
		return "m.calls"
	case FormLegacy:
		return "memberships"
	case FormSession:
		return "session"
	case FormSticky:
		return "sticky"
	case FormFamedly:
		return "famedly"
	case FormSeed:
		return "seed"
	}
	return "left"
}

// MemberContent is a parsed org.matrix.msc3401.call.member. Exactly the field
// that its Form names is set.
type MemberContent struct {
	Form    Form
	Calls   []CallMemberships  // FormCalls: MSC3401 m.calls, what could be read of it
	Session *SessionContent    // FormSession and FormSeed: per-device state
	Legacy  []LegacyMembership // FormLegacy: memberships[], what could be read of it

	// Spoilt are the entries of m.calls or memberships that could not be read.
	// They do not hide the others.
	Spoilt []SpoiltEntry
	// Faults that reading tolerated, for a log.
	Faults Faults
}

// SpoiltEntry is a call, or a device in a call, that could not be read.
type SpoiltEntry struct {
	CallID   string // "" when unknown
	DeviceID string // "" when unknown or when the whole call is spoilt
	Faults   Faults
}

// CallMemberships is one entry of m.calls: the devices of the event's state
// key that are in one conference.
type CallMemberships struct {
	CallID  string
	Devices []CallDevice
}

// CallDevice is one entry of m.devices.
type CallDevice struct {
	DeviceID  string
	SessionID string
	ExpiresAt time.Time // expires_ts
	Feeds     []Feed    // may be empty: the device sends nothing
	Route
}

// Feed is one thing a device sends, by purpose only.
type Feed struct {
	Purpose string `json:"purpose"`
}

// SessionContent is the per-device state form of MSC4143 as js-sdk 34 to 43
// and Element Call write it.
type SessionContent struct {
	Application   string
	CallID        string        // "" is the slot of the room
	DeviceID      string        // "" where the seed has it in the state key alone, see SeedDevice
	MembershipID  string        // "" when absent
	Scope         string        // "m.room", or "" when absent
	Intent        string        // m.call.intent: "audio", "video" or ""
	CreatedAt     time.Time     // zero when created_ts is absent, as on a join
	Expires       time.Duration // after CreatedAt, else after the event; 4 h when absent
	FocusActive   Focus
	FociPreferred []Focus
	// Transports stand beside a focus that only veils them, see RumaSafe; nil
	// when absent.
	Transports *Transports
	// JoinedAt is when the device joined if CreatedAt lies ahead of the event,
	// see Behind; zero when absent, as on a join.
	JoinedAt time.Time
}

// Focus is a transport as a member event advertises it.
type Focus struct {
	Type      string
	Selection string // focus_selection, "" when absent
	Route            // of a mesh
	// Raw is the focus as it was read, with the fields of types we do not
	// speak. A focus that has it is written as it is.
	Raw json.RawMessage
}

// Transports is what a member publishes on and can subscribe to (MSC4143 in
// its sticky form).
type Transports struct {
	Published    []Focus
	CanSubscribe []string
}

// FocusType is the type of the transport the member really uses: a published
// mesh, else that of focus_active.
func (s *SessionContent) FocusType() string {
	if s.Transports != nil {
		for _, focus := range s.Transports.Published {
			if IsMesh(focus.Type) {
				return focus.Type
			}
		}
	}
	return s.FocusActive.Type
}

// SlotID names the slot the member is in, see SlotID.
func (s *SessionContent) SlotID() string { return SlotID(s.Application, s.CallID) }
