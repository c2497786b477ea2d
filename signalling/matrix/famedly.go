package matrix

import (
	"cmp"
	"encoding/json"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// famedlyExpires is the validity that the Dart SDK writes; it renews it three
// times in that time.
const famedlyExpires = 6 * time.Minute

// famedlyBare is the least that we write without a delayed leave: readers count
// message.FamedlyLinger longer.
const famedlyBare = time.Minute

// famedlyPlace is our device in the Dart SDK's call of the room: in the event
// of our user, which all devices of the user write, as with m.calls (see
// callsPlace).
func famedlyPlace(config MembershipConfig, self message.Party, plan membership.Plan, roomVersion string) place {
	usual := cmp.Or(config.Expires, famedlyExpires)
	return place{
		form:      famedlyForm{config, self, plan},
		name:      message.FormFamedly.String(),
		eventType: message.TypeMemberFamedly,
		key:       message.FamedlyStateKey(self, roomVersion),
		shared:    true,
		usual:     usual,
		bare:      min(usual, max(config.ExpiresBare-message.FamedlyLinger, famedlyBare)),
		renew:     usual / 3,
	}
}

// famedlyCallID is the call of the room.
const famedlyCallID = ""

type famedlyForm struct {
	config MembershipConfig
	self   message.Party
	plan   membership.Plan
}

func (f famedlyForm) join(present json.RawMessage, _ time.Time, expires time.Duration, now time.Time) (json.RawMessage, error) {
	f.plan.Route = f.config.routeNow()
	return message.WithFamedlyDevice(present, message.LegacyMembership{
		Application:  message.ApplicationCall,
		CallID:       famedlyCallID,
		DeviceID:     f.self.DeviceID,
		MembershipID: f.config.SessionID,
		ExpiresAt:    now.Add(expires),
		Foci:         f.plan.Routed(),
		Feeds:        f.config.Feeds,
	}, now)
}

func (f famedlyForm) leave(present json.RawMessage, now time.Time) json.RawMessage {
	return message.WithoutFamedlyDevice(present, famedlyCallID, f.self.DeviceID, now)
}

func (f famedlyForm) holds(content json.RawMessage) bool {
	return f.find(content, func(sessionID string) bool { return sessionID == f.config.SessionID })
}

func (f famedlyForm) holdsDevice(content json.RawMessage) bool {
	return f.find(content, func(string) bool { return true })
}

// find looks for our device in a session of which the condition holds.
func (f famedlyForm) find(content json.RawMessage, condition func(sessionID string) bool) bool {
	member, err := message.ParseMember(content)
	if err != nil {
		return false
	}
	for _, m := range member.Legacy {
		if m.CallID == famedlyCallID && m.DeviceID == f.self.DeviceID && condition(m.MembershipID) {
			return true
		}
	}
	return false
}

func (f famedlyForm) changed(change func(*MembershipConfig)) form {
	change(&f.config)
	return f
}
