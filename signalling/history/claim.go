package history

import (
	"cmp"
	"encoding/json"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// stickyMost is how long a sticky event lasts at most (MSC4354).
const stickyMost = time.Hour

// claim is what one event says about one device in one slot or conference.
type claim struct {
	id     string
	device string
	// application and call are as written, for RuleSeed; perDevice tells the
	// forms that it concerns.
	application, call string
	perDevice         bool

	created time.Time // zero when unsaid
	ends    time.Time
	intent  string
	focus   string
}

// isMember reports whether a state event of the type can be a membership.
func isMember(eventType string) bool {
	switch eventType {
	case message.TypeCallMember, message.TypeCallMemberStable, message.TypeMember, message.TypeMemberStable, message.TypeMemberFamedly:
		return true
	}
	return false
}

// claimsOf reads a member event of any form; what cannot be read claims
// nothing.
func (r *Reader) claimsOf(e *Event) []claim {
	var claims []claim
	if e.State {
		claims = stateClaims(e)
	} else {
		claims = stickyClaims(e)
	}
	most := e.SentAt.Add(Horizon)
	for i := range claims {
		if c := &claims[i]; c.ends.After(most) || r.options.Rule == RuleSeed && c.perDevice {
			c.ends = most
		}
	}
	return claims
}

func stateClaims(e *Event) []claim {
	content, err := message.ParseMember(e.Content)
	if err != nil {
		return nil
	}
	var claims []claim
	for _, call := range content.Calls {
		for _, device := range call.Devices {
			claims = append(claims, claim{id: call.CallID, device: device.DeviceID, ends: device.ExpiresAt, focus: message.FocusFullMesh})
		}
	}
	for i := range content.Legacy {
		claims = append(claims, legacyClaim(e, &content.Legacy[i]))
	}
	if s := content.Session; s != nil {
		begun := s.CreatedAt
		if begun.IsZero() {
			begun = e.SentAt
		}
		device := cmp.Or(s.DeviceID, message.SeedDevice(e.StateKey, e.Sender))
		if device == "" {
			return nil
		}
		claims = append(claims, claim{
			id: s.SlotID(), device: device, application: s.Application, call: s.CallID, perDevice: true,
			created: s.CreatedAt, ends: begun.Add(s.Expires), intent: message.Intent(s.Intent), focus: s.FocusType(),
		})
	}
	return claims
}

func legacyClaim(e *Event, m *message.LegacyMembership) claim {
	c := claim{id: m.SlotID(), device: m.DeviceID, created: m.CreatedAt, ends: m.EndsAt(e.SentAt)}
	if len(m.Foci) > 0 {
		c.focus = m.Foci[0].Type
	}
	if e.Type == message.TypeMemberFamedly {
		c.id = membership.FamedlyConfID(m.Application, m.CallID)
	}
	return c
}

// stickyClaims reads a sticky membership, where it is in the clear. The newest
// text names no device; the member's own ID stands for it.
func stickyClaims(e *Event) []claim {
	m, err := message.ParseStickyMember(e.Content)
	if err != nil || m.Left {
		return nil
	}
	c := claim{id: slotOf(m), device: m.DeviceID, intent: message.Intent(m.Intent), ends: e.SentAt.Add(stickyMost)}
	if e.Sticky > 0 {
		c.ends = e.SentAt.Add(min(e.Sticky, stickyMost))
	}
	if c.device == "" {
		c.device = m.MemberID
	}
	if len(m.Transports.Published) > 0 {
		c.focus = m.Transports.Published[0].Type
	}
	return []claim{c}
}

func slotOf(m message.StickyMember) string {
	if m.SlotID == "" || message.SameSlot(m.SlotID, message.SlotRoom) {
		return message.SlotRoom
	}
	return m.SlotID
}

// keyOf is the place that an event takes among those of its sender and type.
func keyOf(e *Event) string {
	if e.State {
		return e.StateKey
	}
	m, _ := message.ParseStickyMember(e.Content)
	return "sticky " + m.StickyKey
}

// roomMembership reads the content of m.room.member.
func roomMembership(content json.RawMessage) string {
	var member struct {
		Membership string `json:"membership"`
	}
	_ = json.Unmarshal(content, &member)
	return member.Membership
}
