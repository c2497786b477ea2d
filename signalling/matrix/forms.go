package matrix

import (
	"encoding/json"
	"time"

	"meshfocus/signalling/message"
)

// sessionForm is the per-device membership in the slot of the room (MSC4143 in
// state; decision D4 about its focus). The event is ours alone; the leave is
// {}, so the delayed leave is the whole leave.
type sessionForm struct {
	config MembershipConfig
	self   message.Party
	key    string
}

func newSessionForm(m *Membership) *sessionForm {
	f := &sessionForm{config: m.config, self: m.account.party}
	f.roomVersion("")
	return f
}

// roomVersion settles the state key. Called before the first write.
func (f *sessionForm) roomVersion(version string) {
	if key := message.SessionStateKey(f.self, message.SlotRoom, version); key != f.key {
		f.key = key
	}
}

func (f *sessionForm) name() string                        { return message.FormSession.String() }
func (f *sessionForm) place() (eventType, stateKey string) { return message.TypeCallMember, f.key }
func (f *sessionForm) shared() bool                        { return false }

func (f *sessionForm) joinContent(_ json.RawMessage, joined time.Time, expires time.Duration, now time.Time) (json.RawMessage, error) {
	focus := message.Focus{Type: message.FocusFullMesh}
	content := message.SessionContent{
		Application:   message.ApplicationCall,
		DeviceID:      f.self.DeviceID,
		MembershipID:  f.config.SessionID,
		Intent:        f.config.Intent,
		CreatedAt:     joined,
		Expires:       expires,
		FocusActive:   focus,
		FociPreferred: []message.Focus{focus},
	}
	if !joined.IsZero() {
		// Counted from created_ts, so a refresh enlarges it.
		content.Expires += now.Sub(joined)
	}
	if f.config.RumaSafe {
		content = content.RumaSafe()
	}
	return content.Encode()
}

func (f *sessionForm) leaveContent(json.RawMessage, time.Time) json.RawMessage {
	return message.LeftContent()
}

func (f *sessionForm) holds(content json.RawMessage) bool {
	member, err := message.ParseMember(content)
	return err == nil && member.Session != nil &&
		member.Session.DeviceID == f.self.DeviceID && member.Session.MembershipID == f.config.SessionID
}

func (f *sessionForm) settings() heartbeatSettings {
	return heartbeatSettings{
		delay: f.config.LeaveDelay, restart: f.config.RestartEvery,
		refresh: f.expires(true) * 3 / 4, refreshBare: f.expires(false) / 2,
		fireToLeave: true,
	}
}

func (f *sessionForm) expires(armed bool) time.Duration {
	return validity(f.config, armed, message.DefaultExpires)
}

// callsForm is our device in the m.calls event of our user (MSC3401), which
// all devices of the user write: read, change, write, and look again. Its
// delayed leave is the event as it stood without us; it is armed anew when
// another device changes the event, and disarmed instead of fired when we
// leave. Should we die in between, it takes the other device's change back:
// that device sees itself missing and writes again.
type callsForm struct {
	config MembershipConfig
	self   message.Party
}

// callsExpires is the validity that js-sdk and Hydrogen write.
const callsExpires = time.Hour

func newCallsForm(m *Membership) *callsForm {
	return &callsForm{config: m.config, self: m.account.party}
}

func (f *callsForm) name() string { return message.FormCalls.String() }
func (f *callsForm) place() (eventType, stateKey string) {
	return message.TypeCallMember, f.self.UserID
}
func (f *callsForm) shared() bool { return true }

func (f *callsForm) joinContent(present json.RawMessage, _ time.Time, expires time.Duration, now time.Time) (json.RawMessage, error) {
	return message.WithDevice(present, f.config.CallID, message.CallDevice{
		DeviceID:  f.self.DeviceID,
		SessionID: f.config.SessionID,
		ExpiresAt: now.Add(expires),
		Feeds:     f.config.Feeds,
	}, now)
}

func (f *callsForm) leaveContent(present json.RawMessage, now time.Time) json.RawMessage {
	return message.WithoutDevice(present, f.config.CallID, f.self.DeviceID, now)
}

func (f *callsForm) holds(content json.RawMessage) bool {
	member, err := message.ParseMember(content)
	if err != nil {
		return false
	}
	for _, call := range member.Calls {
		for _, device := range call.Devices {
			if call.CallID == f.config.CallID && device.DeviceID == f.self.DeviceID && device.SessionID == f.config.SessionID {
				return true
			}
		}
	}
	return false
}

func (f *callsForm) settings() heartbeatSettings {
	return heartbeatSettings{
		delay: f.config.LeaveDelay, restart: f.config.RestartEvery,
		refresh: f.expires(true) * 3 / 4, refreshBare: f.expires(false) / 2,
	}
}

func (f *callsForm) expires(armed bool) time.Duration {
	return validity(f.config, armed, callsExpires)
}

// validity is what is written as expiry: short where only the expiry removes
// a crashed device.
func validity(config MembershipConfig, armed bool, usual time.Duration) time.Duration {
	switch {
	case config.Expires > 0:
		usual = config.Expires
	}
	if armed {
		return usual
	}
	return min(usual, config.ExpiresBare)
}
