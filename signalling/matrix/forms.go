package matrix

import (
	"cmp"
	"encoding/json"
	"time"

	"meshfocus/signalling/message"
)

// callsExpires is the validity of an m.calls device that js-sdk and Hydrogen
// write.
const callsExpires = time.Hour

// slotPlace is the per-device membership in the slot of the room (MSC4143 in
// state; decision D4 about its focus). The event is ours alone.
func slotPlace(config MembershipConfig, self message.Party) place {
	usual := cmp.Or(config.Expires, message.DefaultExpires)
	return place{
		form:     sessionForm{config, self},
		name:     message.FormSession.String(),
		stateKey: message.SessionStateKey(self, message.SlotRoom, ""),
		usual:    usual,
		bare:     min(usual, config.ExpiresBare),
	}
}

// callsPlace is our device in the m.calls event of our user (MSC3401), which
// all devices of the user write: read, change, write, and look again. Its
// delayed leave is the event as it stood without us; it is armed anew when
// another device changes the event, and disarmed instead of fired when we
// leave. Should we die in between, it takes the other device's change back:
// that device sees itself missing and writes again.
func callsPlace(config MembershipConfig, self message.Party) place {
	usual := cmp.Or(config.Expires, callsExpires)
	return place{
		form:     callsForm{config, self},
		name:     message.FormCalls.String(),
		stateKey: self.UserID,
		shared:   true,
		usual:    usual,
		bare:     min(usual, config.ExpiresBare),
	}
}

type sessionForm struct {
	config MembershipConfig
	self   message.Party
}

func (f sessionForm) join(_ json.RawMessage, joined time.Time, expires time.Duration, now time.Time) (json.RawMessage, error) {
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

func (f sessionForm) leave(json.RawMessage, time.Time) json.RawMessage { return message.LeftContent() }

func (f sessionForm) holds(content json.RawMessage) bool {
	member, err := message.ParseMember(content)
	return err == nil && member.Session != nil &&
		member.Session.DeviceID == f.self.DeviceID && member.Session.MembershipID == f.config.SessionID
}

type callsForm struct {
	config MembershipConfig
	self   message.Party
}

func (f callsForm) join(present json.RawMessage, _ time.Time, expires time.Duration, now time.Time) (json.RawMessage, error) {
	return message.WithDevice(present, f.config.CallID, message.CallDevice{
		DeviceID:  f.self.DeviceID,
		SessionID: f.config.SessionID,
		ExpiresAt: now.Add(expires),
		Feeds:     f.config.Feeds,
	}, now)
}

func (f callsForm) leave(present json.RawMessage, now time.Time) json.RawMessage {
	return message.WithoutDevice(present, f.config.CallID, f.self.DeviceID, now)
}

func (f callsForm) holds(content json.RawMessage) bool {
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
