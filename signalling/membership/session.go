package membership

import (
	"slices"

	"meshfocus/signalling/message"
)

// readSession reads the per-device state form of MSC4143, as shipped and as
// its seed named the fields. The device is the sender's claim (decision D7),
// proved later by who encrypts to us.
func readSession(r *room, e *Event, content *message.MemberContent) {
	s, device := content.Session, content.Session.DeviceID
	if device == "" {
		device = message.SeedDevice(e.StateKey, e.Sender)
	}
	if device == "" {
		r.refuse(e, "", RuleSeedDevice, "state key "+e.StateKey)
		return
	}
	created := s.CreatedAt
	if created.IsZero() {
		created = e.SentAt
	}
	ends := created.Add(s.Expires)
	behind := created.After(e.SentAt.Add(message.ExpirySlack))
	if behind {
		if created = s.JoinedAt; created.IsZero() {
			created = e.SentAt
		}
	}
	id := s.MembershipID
	if id == "" { // js-sdk reads it so
		id = e.Sender + ":" + device
	}
	published, subscribe := sessionTransports(s)
	r.claims = append(r.claims, claim{
		event:   e,
		confID:  s.SlotID(),
		expired: RuleSessionExpired,
		slack:   message.ExpirySlack,
		member: Member{
			Party:        message.Party{UserID: e.Sender, DeviceID: device},
			SessionID:    id,
			CreatedAt:    created,
			ExpiresAt:    ends,
			Focus:        s.FocusType(),
			Mesh:         s.Meshes(),
			Intent:       s.Intent,
			EventID:      e.EventID,
			Form:         content.Form,
			MemberID:     id,
			Published:    published,
			CanSubscribe: subscribe,
			Selection:    s.FocusActive.Selection,
			Behind:       behind,
			Route:        s.Route(),
		},
	})
}

// sessionTransports are what a per-device state membership offers and takes:
// what stands beside its veil (decision D4); with a selection the preferred
// foci, as js-sdk takes the first of them whatever type is active; else the
// preferred focus of the active type, else the active focus.
func sessionTransports(s *message.SessionContent) (published []message.Focus, subscribe []string) {
	if s.Transports != nil && s.Meshes() {
		return s.Transports.Published, s.Transports.CanSubscribe
	}
	fits := func(focus message.Focus) bool {
		return s.FocusActive.Selection != "" || focus.Type == s.FocusActive.Type
	}
	switch first := slices.IndexFunc(s.FociPreferred, fits); {
	case first < 0:
		published = []message.Focus{s.FocusActive}
	case len(s.FociPreferred) == 1: // the most by far
		published = s.FociPreferred
	default:
		published = slices.DeleteFunc(slices.Clone(s.FociPreferred), func(focus message.Focus) bool { return !fits(focus) })
	}
	subscribe = append(make([]string, 0, 1+len(s.FociPreferred)), s.FocusActive.Type)
	for _, focus := range s.FociPreferred {
		if !slices.Contains(subscribe, focus.Type) {
			subscribe = append(subscribe, focus.Type)
		}
	}
	return published, subscribe
}
