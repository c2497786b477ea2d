package membership

import (
	"cmp"
	"time"

	"meshfocus/signalling/message"
)

// stickyPlace is where an event stands in the sticky map (MSC4354).
type stickyPlace struct{ sender, eventType, key string }

// stickyEntry is an event in the sticky map. A spoilt one keeps its place, as
// a leave does: it hides what stood there before.
type stickyEntry struct {
	sticky *Sticky
	member message.StickyMember
	err    error
}

// readStickies makes the sticky map and takes up what stands in it. Of the
// events of one place the one that stays longest counts, which is the last
// sent as long as all are sticky for the same time; when it has ended nothing
// older comes back.
func (r *room) readStickies() {
	for i := range r.facts.Sticky {
		s := &r.facts.Sticky[i]
		if !isStickyMember(s.Type) || isEmpty(s.Content) {
			continue
		}
		is := stickyEntry{sticky: s}
		is.member, is.err = message.ParseStickyMember(s.Content)
		if is.member.StickyKey == "" {
			r.refuse(&s.Event, "", RuleStickyKey, is.err.Error())
			continue
		}
		place := stickyPlace{s.Sender, s.Type, is.member.StickyKey}
		if at, ok := r.places[place]; !ok {
			r.places[place] = len(r.stickies)
			r.stickies = append(r.stickies, is)
		} else if is.after(&r.stickies[at]) {
			r.stickies[at] = is
		}
	}
	for i := range r.stickies {
		r.readSticky(&r.stickies[i])
	}
}

// after orders events of one place in the sticky map.
func (e *stickyEntry) after(d *stickyEntry) bool {
	ends := func(s *Sticky) time.Time { return s.SentAt.Add(s.Duration) }
	return cmp.Or(
		ends(e.sticky).Compare(ends(d.sticky)),
		cmp.Compare(e.sticky.EventID, d.sticky.EventID),
		e.sticky.Until.Compare(d.sticky.Until),
	) > 0
}

// isEmpty: nothing is left of a redacted event. In the sticky map the one
// before it counts again.
func isEmpty(content []byte) bool { return len(content) == 0 || string(content) == "{}" }

// readSticky takes up the claim of one entry of the sticky map.
func (r *room) readSticky(entry *stickyEntry) {
	e, m := &entry.sticky.Event, &entry.member
	if entry.err == nil && m.Left {
		return
	}
	device := m.DeviceID
	if device == "" {
		device = entry.sticky.Device
	}
	rule, detail := r.stickyRule(entry, device)
	if rule != "" {
		r.refuse(e, device, rule, detail)
		return
	}
	r.claims = append(r.claims, claim{
		event:   e,
		confID:  canonicalSlot(m.SlotID),
		expired: RuleStickyEnded,
		member:  stickyMember(entry, device),
	})
}

// stickyRule is the rule by which a join does not count, or "".
func (r *room) stickyRule(entry *stickyEntry, device string) (rule Rule, detail string) {
	s, m := entry.sticky, &entry.member
	switch {
	case entry.err != nil:
		return RuleReadable, entry.err.Error()
	case m.UserID != "" && m.UserID != s.Sender:
		return RuleClaimedUser, "claimed " + m.UserID
	case !r.facts.Joined[s.Sender]:
		return RuleJoined, ""
	case device == "":
		return RuleDevice, ""
	case s.Device != "" && s.Device != device:
		return RuleClaimedDevice, "encrypted by " + s.Device
	}
	return "", ""
}

// closeSlots takes out the sticky claims in slots that are closed. js-sdk goes
// on to show members written in the state there.
func (r *room) closeSlots() {
	if len(r.slots) == 0 {
		return
	}
	r.drop(func(c *claim) bool {
		closed := c.member.Form == message.FormSticky && r.slots[c.confID].Status == SlotClosed
		if closed {
			r.refuse(c.event, c.member.DeviceID, RuleSlotClosed, "slot "+c.confID)
		}
		return closed
	})
}

// stickyMember is the member that a sticky join declares. js-sdk takes the
// time of the event for that of joining, so a refresh looks younger.
func stickyMember(entry *stickyEntry, device string) Member {
	s, m := entry.sticky, &entry.member
	member := Member{
		Party:        message.Party{UserID: s.Sender, DeviceID: device},
		SessionID:    m.MemberID,
		CreatedAt:    s.SentAt,
		ExpiresAt:    s.Until,
		Intent:       m.Intent,
		EventID:      s.EventID,
		Form:         message.FormSticky,
		MemberID:     m.MemberID,
		Published:    m.Transports.Published,
		CanSubscribe: m.Transports.CanSubscribe,
	}
	switch {
	case len(member.Published) > 0:
		member.Focus = member.Published[0].Type
	case len(member.CanSubscribe) > 0: // it publishes nothing
		member.Focus = member.CanSubscribe[0]
	}
	if mesh := meshOf(&m.Transports); mesh.Type != "" {
		member.Focus, member.Mesh, member.Route = mesh.Type, true, mesh.Route
	}
	return member
}

// meshOf is the mesh that a member publishes on or else can subscribe to.
func meshOf(t *message.Transports) message.Focus {
	for _, focus := range t.Published {
		if message.IsMesh(focus.Type) {
			return focus
		}
	}
	for _, kind := range t.CanSubscribe {
		if message.IsMesh(kind) {
			return message.Focus{Type: kind}
		}
	}
	return message.Focus{}
}

func isStickyMember(eventType string) bool {
	return eventType == message.TypeMember || eventType == message.TypeMemberStable
}
