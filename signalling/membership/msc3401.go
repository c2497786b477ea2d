package membership

import (
	"strings"

	"meshfocus/signalling/message"
)

// call is a call object of the room.
type call struct {
	event  *Event
	object message.CallObject
}

// newer orders call objects by when they were last edited.
func (c call) newer(d call) bool {
	if !c.event.SentAt.Equal(d.event.SentAt) {
		return c.event.SentAt.After(d.event.SentAt)
	}
	if c.event.EventID != d.event.EventID {
		return c.event.EventID > d.event.EventID
	}
	return c.event.Type > d.event.Type
}

// readCall takes up a call object. Of two with one conference ID, under the
// stable and the unstable type, the last edited counts.
func (r *room) readCall(e *Event) {
	if e.StateKey == "" || strings.Contains(e.StateKey, "#") {
		r.refuse(e, "", RuleCallName, "conference ID "+e.StateKey)
		return
	}
	object, err := message.ParseCallObject(e.Content)
	if err != nil {
		r.refuse(e, "", RuleCallReadable, err.Error())
		return
	}
	is := call{event: e, object: object}
	if was, ok := r.calls[e.StateKey]; !ok || is.newer(was) {
		r.calls[e.StateKey] = is
	}
}

// current is the call that peers take for the one of the room: js-sdk holds
// one at a time, the live one that was edited last (MSC3401, m.call).
func (r *room) current() string {
	var current string
	for confID, c := range r.calls {
		if c.object.Terminated {
			continue
		}
		if was, ok := r.calls[current]; !ok || c.newer(was) {
			current = confID
		}
	}
	return current
}

// readCalls reads m.calls, the MSC3401 form: all devices of the user that the
// state key names, by conference. Nothing says when a device joined, so the
// time of the event stands for it.
func readCalls(r *room, e *Event, content *message.MemberContent) {
	if e.StateKey != e.Sender {
		r.refuse(e, "", RuleUserKey, "state key "+e.StateKey)
		return
	}
	for _, entry := range content.Spoilt {
		r.refuse(e, entry.DeviceID, RuleDeviceReadable, entry.Faults.Error())
	}
	for _, entry := range content.Calls {
		rule := r.callRule(entry.CallID)
		for _, device := range entry.Devices {
			if rule != "" {
				r.refuse(e, device.DeviceID, rule, "m.call_id "+entry.CallID)
				continue
			}
			r.claims = append(r.claims, claimOf(e, entry.CallID, device))
		}
	}
}

// callRule is the rule by which nobody can be in a conference, or "".
func (r *room) callRule(confID string) Rule {
	c, ok := r.calls[confID]
	switch {
	case !ok:
		return RuleCallKnown
	case c.object.Terminated:
		return RuleCallLive
	}
	return ""
}

func claimOf(e *Event, confID string, device message.CallDevice) claim {
	return claim{
		event:   e,
		confID:  confID,
		expired: RuleDeviceExpired,
		slack:   message.ExpirySlack,
		member: Member{
			Party:     message.Party{UserID: e.Sender, DeviceID: device.DeviceID},
			SessionID: device.SessionID,
			CreatedAt: e.SentAt,
			ExpiresAt: device.ExpiresAt,
			Focus:     message.FocusFullMesh,
			Mesh:      true,
			Feeds:     device.Feeds,
			EventID:   e.EventID,
			Form:      message.FormCalls,
			MemberID:  device.SessionID,
			Route:     device.Route,
		},
	}
}
