package membership

import "meshfocus/signalling/message"

// readSession reads the per-device state form of MSC4143. The device is the
// sender's claim (decision D7), proved later by who encrypts to us.
func readSession(r *room, e *Event, content *message.MemberContent) {
	s := content.Session
	created := s.CreatedAt
	if created.IsZero() {
		created = e.SentAt
	}
	sessionID := s.MembershipID
	if sessionID == "" { // js-sdk reads it so
		sessionID = e.Sender + ":" + s.DeviceID
	}
	r.claims = append(r.claims, claim{
		event:   e,
		confID:  s.SlotID(),
		expired: RuleSessionExpired,
		member: Member{
			Party:     message.Party{UserID: e.Sender, DeviceID: s.DeviceID},
			SessionID: sessionID,
			CreatedAt: created,
			ExpiresAt: created.Add(s.Expires),
			Focus:     s.FocusType(),
			Mesh:      s.Meshes(),
			Intent:    s.Intent,
			EventID:   e.EventID,
		},
	})
}
