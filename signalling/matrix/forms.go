package matrix

import (
	"cmp"
	"encoding/json"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// callsExpires is the validity of an m.calls device that js-sdk and Hydrogen
// write.
const callsExpires = time.Hour

// slotPlace is the per-device membership in the slot of the room (MSC4143 in
// state; decision D4 about its focus). The event is ours alone.
func slotPlace(config MembershipConfig, self message.Party, plan membership.Plan, roomVersion string) place {
	usual := cmp.Or(config.Expires, message.DefaultExpires)
	return place{
		form:      sessionForm{config, self, plan},
		name:      message.FormSession.String(),
		eventType: message.TypeCallMember,
		key:       message.SessionStateKey(self, message.SlotRoom, roomVersion),
		usual:     usual,
		bare:      min(usual, config.ExpiresBare),
		renew:     usual / 2, // see message.SessionContent.Behind
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
		form:      callsForm{config, self},
		name:      message.FormCalls.String(),
		eventType: message.TypeCallMember,
		key:       self.UserID,
		shared:    true,
		usual:     usual,
		bare:      min(usual, config.ExpiresBare),
		renew:     usual * 3 / 4,
	}
}

// stickyPlace is the membership in the slot of the room as a sticky event
// (MSC4143, MSC4354), in the form that js-sdk 39 to 43 read. Each process has a
// place of its own in the sticky map.
func stickyPlace(config MembershipConfig, self message.Party, plan membership.Plan) place {
	usual := min(cmp.Or(config.Expires, message.StickyDuration), message.StickyDuration)
	return place{
		form:      stickyForm{config: config, self: self, plan: plan},
		name:      message.FormSticky.String(),
		eventType: message.TypeMember,
		key:       config.SessionID,
		sticky:    true,
		usual:     usual,
		bare:      min(usual, config.ExpiresBare),
		renew:     usual * 3 / 4,
	}
}

type sessionForm struct {
	config MembershipConfig
	self   message.Party
	plan   membership.Plan
}

func (f sessionForm) join(_ json.RawMessage, joined time.Time, expires time.Duration, now time.Time) (json.RawMessage, error) {
	content := message.SessionContent{
		Application:  message.ApplicationCall,
		DeviceID:     f.self.DeviceID,
		MembershipID: f.config.SessionID,
		Intent:       f.config.Intent,
		CreatedAt:    joined,
		Expires:      expires,
	}
	if !joined.IsZero() {
		// Counted from created_ts, so a refresh enlarges it.
		content.Expires += now.Sub(joined)
	}
	f.plan.Route = f.config.routeNow()
	return f.plan.Session(content, now).Encode()
}

func (f sessionForm) changed(change func(*MembershipConfig)) form {
	change(&f.config)
	return f
}

func (f sessionForm) leave(json.RawMessage, time.Time) json.RawMessage { return message.LeftContent() }

func (f sessionForm) holds(content json.RawMessage) bool {
	member, err := message.ParseMember(content)
	return err == nil && member.Session != nil &&
		member.Session.DeviceID == f.self.DeviceID && member.Session.MembershipID == f.config.SessionID
}

func (f sessionForm) holdsDevice(content json.RawMessage) bool {
	member, err := message.ParseMember(content)
	return err == nil && member.Session != nil && member.Session.DeviceID == f.self.DeviceID
}

type stickyForm struct {
	config MembershipConfig
	self   message.Party
	plan   membership.Plan
	key    func() string // the sticky key now; set by the post
}

func (f stickyForm) join(_ json.RawMessage, _ time.Time, _ time.Duration, _ time.Time) (json.RawMessage, error) {
	f.plan.Route = f.config.routeNow()
	return f.plan.Sticky(message.StickyMember{
		StickyKey:   f.key(),
		SlotID:      message.SlotRoom,
		Application: message.ApplicationCall,
		Intent:      f.config.Intent,
		MemberID:    f.config.SessionID,
		UserID:      f.self.UserID,
		DeviceID:    f.self.DeviceID,
	}).Encode()
}

func (f stickyForm) changed(change func(*MembershipConfig)) form {
	change(&f.config)
	return f
}

func (f stickyForm) leave(json.RawMessage, time.Time) json.RawMessage {
	content, err := message.StickyMember{Left: true, StickyKey: f.key(), SlotID: message.SlotRoom}.Encode()
	if err != nil {
		panic(err) // both fields are ours and not empty
	}
	return content
}

func (f stickyForm) holds(content json.RawMessage) bool {
	member, err := message.ParseStickyMember(content)
	return err == nil && !member.Left && member.MemberID == f.config.SessionID && member.DeviceID == f.self.DeviceID
}

func (f stickyForm) holdsDevice(content json.RawMessage) bool { return f.holds(content) }

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
		Route:     f.config.routeNow(),
	}, now)
}

func (f callsForm) changed(change func(*MembershipConfig)) form {
	change(&f.config)
	return f
}

func (f callsForm) leave(present json.RawMessage, now time.Time) json.RawMessage {
	return message.WithoutDevice(present, f.config.CallID, f.self.DeviceID, now)
}

func (f callsForm) holds(content json.RawMessage) bool {
	return f.find(content, func(sessionID string) bool { return sessionID == f.config.SessionID })
}

func (f callsForm) holdsDevice(content json.RawMessage) bool {
	return f.find(content, func(string) bool { return true })
}

// find looks for our device in a session of which the condition holds.
func (f callsForm) find(content json.RawMessage, condition func(sessionID string) bool) bool {
	member, err := message.ParseMember(content)
	if err != nil {
		return false
	}
	for _, call := range member.Calls {
		for _, device := range call.Devices {
			if call.CallID == f.config.CallID && device.DeviceID == f.self.DeviceID && condition(device.SessionID) {
				return true
			}
		}
	}
	return false
}
