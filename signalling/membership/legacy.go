package membership

import (
	"strconv"

	"meshfocus/signalling/message"
)

// readLegacy reads memberships[] under the Matrix type, what MatrixRTC was
// until January 2025: all devices of a user in one event. The first focus is
// in use, and the oldest membership decides, as in its js-sdk.
func readLegacy(r *room, e *Event, content *message.MemberContent) {
	for _, entry := range content.Spoilt {
		r.refuse(e, entry.DeviceID, RuleLegacyReadable, entry.Faults.Error())
	}
	for i := range content.Legacy {
		entry := &content.Legacy[i]
		c := legacyClaim(e, entry)
		c.confID, c.expired, c.slack = entry.SlotID(), RuleLegacyExpired, message.ExpirySlack
		c.member.Form, c.member.Selection = message.FormLegacy, selectOldest
		r.claims = append(r.claims, c)
	}
}

// readFamedly reads memberships[] of the Dart SDK, whose calls are its own: it
// reads and writes no other form. A member counts six minutes longer than it
// says.
func readFamedly(r *room, e *Event, content *message.MemberContent) {
	for _, entry := range content.Spoilt {
		r.refuse(e, entry.DeviceID, RuleFamedlyReadable, entry.Faults.Error())
	}
	for i := range content.Legacy {
		entry := &content.Legacy[i]
		switch {
		case entry.ExpiresAt.IsZero():
			r.refuse(e, entry.DeviceID, RuleFamedlyReadable, "no expires_ts")
		case len(entry.Foci) == 0:
			r.refuse(e, entry.DeviceID, RuleFamedlyReadable, "no foci_active")
		case entry.Foci[0].Type != "mesh" && entry.Foci[0].Type != focusLiveKit:
			r.refuse(e, entry.DeviceID, RuleFamedlyBackend, "focus "+strconv.Quote(entry.Foci[0].Type))
		default:
			c := legacyClaim(e, entry)
			c.confID, c.expired, c.slack = FamedlyConfID(entry.Application, entry.CallID), RuleFamedlyExpired, message.FamedlyLinger
			c.member.Form = message.FormFamedly
			r.claims = append(r.claims, c)
		}
	}
}

// FamedlyConfID names a call of the Dart SDK in Key.ConfID, apart from the
// slots of MatrixRTC: whoever is in the one does not see who is in the other.
// In signalling its conference ID is the call ID alone.
func FamedlyConfID(application, callID string) string {
	if slot := message.SlotID(application, callID); slot != message.SlotRoom {
		return prefixFamedly + slot
	}
	return prefixFamedly + message.SlotRoom // the one that mostly is
}

const prefixFamedly = "com.famedly."

const (
	focusLiveKit = "livekit"
	// Values of focus_selection (js-sdk).
	selectOldest = "oldest_membership"
	selectOwn    = "multi_sfu"
)

// legacyClaim is what both kinds of memberships[] share.
func legacyClaim(e *Event, entry *message.LegacyMembership) claim {
	created := entry.CreatedAt
	if created.IsZero() {
		created = e.SentAt
	}
	id := entry.MembershipID
	if id == "" {
		id = e.Sender + ":" + entry.DeviceID
	}
	member := Member{
		Party:     message.Party{UserID: e.Sender, DeviceID: entry.DeviceID},
		SessionID: id,
		CreatedAt: created,
		ExpiresAt: entry.EndsAt(e.SentAt),
		Feeds:     entry.Feeds,
		EventID:   e.EventID,
		MemberID:  id,
		Published: entry.Foci,
	}
	if len(entry.Foci) > 0 {
		member.Focus = entry.Foci[0].Type
		member.Mesh = message.IsMesh(member.Focus)
		member.CanSubscribe = []string{member.Focus}
		member.Route = entry.Foci[0].Route
	}
	return claim{event: e, member: member}
}
