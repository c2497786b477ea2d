package ring

import (
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Rule says by which rule a notification does not ring: the document, the
// place in it, and the condition that does not hold.
type Rule string

// The rules, in the order in which they are tried.
const (
	RuleSelf      Rule = "MSC4075 receiving: the sender must not be ourselves"
	RuleCurrent   Rule = "MSC4075 receiving: a sticky notification has to be the latest of its sender in the slot"
	RuleWithdrawn Rule = "MSC4075 receiving: the notification must not be withdrawn"
	RuleSlot      Rule = "MSC4143 slots: the slot must not be closed; a missing one counts as open (decision D36)"
	RuleExpired   Rule = "MSC4075 lifetime: sender_ts plus lifetime has to lie in the future (decision D35)"
	RuleMentioned Rule = "MSC4075 mentions: the notification has to mention us or the room (decision D33)"
	RuleRoomPower Rule = "MSC4075 mentions: who calls the whole room needs the power level notifications.room"
	RuleJoined    Rule = "MSC4075 receiving: no device of ours may be in the session already"
	RuleLeft      Rule = "MSC4075 receiving: we must not have left the session after the notification"
	RuleDeclined  Rule = "MSC4310: we must not have declined the notification"
)

// Incoming is a notification as the homeserver gave it.
type Incoming struct {
	EventID, Room, Sender string
	SentAt                time.Time // origin_server_ts
	Notification          message.Notification
}

// refer fills in what a notification leaves to the membership of its sender:
// the slot, where only a reference tells it (js-sdk 38 to 42), and the intent,
// which the newest text has there alone (decision D34).
func (in *Incoming) refer(facts membership.Facts, now time.Time) {
	n := &in.Notification
	if !n.Derived && n.Intent != "" {
		return
	}
	for _, session := range membership.Compute(facts, now).Sessions {
		for i := range session.Members {
			member := &session.Members[i]
			if member.UserID != in.Sender {
				continue
			}
			if n.Derived && n.Member != "" && member.EventID == n.Member {
				n.Slot, n.Derived = session.ConfID, false
			}
			if n.Intent == "" && message.SameSlot(session.ConfID, n.Slot) {
				n.Intent = message.Intent(member.Intent)
			}
		}
	}
}

// Situation is what decides, beside the notification, whether it rings.
type Situation struct {
	Self message.Party
	// Slot is what the room's slot event says.
	Slot membership.SlotStatus
	// In: a device of our user is in the session, by whatever form.
	In bool
	// LeftAt is when a device of ours last left it; zero when none did.
	LeftAt time.Time
	// Replaced: the notification is sticky and a later one of the same sender
	// and sticky key has come.
	Replaced bool
	// MayCallRoom: the sender's power level suffices for notifications.room.
	MayCallRoom bool
	// Declined: a decline of our user names the notification.
	Declined bool
}

// Receive decides whether a notification rings us at an instant. The Rule is
// empty when it does.
func Receive(in Incoming, s Situation, now time.Time) (Ring, Rule) {
	n := in.Notification
	ring := Ring{
		ID: in.EventID, Room: in.Room, Slot: n.Slot, Sender: in.Sender, Intent: n.Intent, Loud: n.Ring, Mentions: n.Mentions,
		SentAt: n.SentAt, Lifetime: n.Lifetime, Expires: n.Expiry(in.SentAt, now), Acknowledge: n.Revision == message.RevisionApplication,
	}
	for _, condition := range conditions {
		if condition.fails(in, s, ring, now) {
			return Ring{}, condition.rule
		}
	}
	return ring, ""
}

// conditions are those of js-sdk 43, but that a missing slot counts as open.
var conditions = [...]struct {
	rule  Rule
	fails func(Incoming, Situation, Ring, time.Time) bool
}{
	{RuleSelf, func(in Incoming, s Situation, _ Ring, _ time.Time) bool { return in.Sender == s.Self.UserID }},
	{RuleCurrent, func(_ Incoming, s Situation, _ Ring, _ time.Time) bool { return s.Replaced }},
	{RuleWithdrawn, func(in Incoming, _ Situation, _ Ring, _ time.Time) bool { return in.Notification.Withdrawn }},
	{RuleSlot, func(_ Incoming, s Situation, _ Ring, _ time.Time) bool { return s.Slot == membership.SlotClosed }},
	{RuleExpired, func(_ Incoming, _ Situation, r Ring, now time.Time) bool { return !r.Expires.After(now) }},
	{RuleMentioned, func(_ Incoming, s Situation, r Ring, _ time.Time) bool {
		return !r.Mentions.Room && !r.Mentions.Name(s.Self.UserID)
	}},
	{RuleRoomPower, func(_ Incoming, s Situation, r Ring, _ time.Time) bool {
		return !s.MayCallRoom && !r.Mentions.Name(s.Self.UserID)
	}},
	{RuleJoined, func(_ Incoming, s Situation, _ Ring, _ time.Time) bool { return s.In }},
	{RuleLeft, func(in Incoming, s Situation, _ Ring, _ time.Time) bool {
		return !s.LeftAt.IsZero() && !s.LeftAt.Before(in.SentAt)
	}},
	{RuleDeclined, func(_ Incoming, s Situation, _ Ring, _ time.Time) bool { return s.Declined }},
}

// Look fills in what the facts of a room say about a slot: Slot, In and
// LeftAt.
func Look(facts membership.Facts, self message.Party, slot string, now time.Time) Situation {
	s := Situation{Self: self, Slot: facts.Slot(slot, now).Status}
	for _, member := range Members(facts, slot, now) {
		s.In = s.In || member.UserID == self.UserID
	}
	for i := range facts.State {
		e := &facts.State[i]
		if e.Sender == self.UserID && e.SentAt.After(s.LeftAt) && hasLeft(e) {
			s.LeftAt = e.SentAt
		}
	}
	for i := range facts.Sticky {
		e := &facts.Sticky[i].Event
		if e.Sender == self.UserID && e.SentAt.After(s.LeftAt) && hasLeftSlot(e, slot) {
			s.LeftAt = e.SentAt
		}
	}
	return s
}

// hasLeftSlot reports whether a sticky membership is one taken back in a slot.
// Some leaves do not name it.
func hasLeftSlot(e *membership.Event, slot string) bool {
	content, err := message.ParseStickyMember(e.Content)
	return err == nil && content.Left && (content.SlotID == "" || message.SameSlot(content.SlotID, slot))
}

// Members are those in the session of a slot.
func Members(facts membership.Facts, slot string, now time.Time) []membership.Member {
	for _, session := range membership.Compute(facts, now).Sessions {
		if message.SameSlot(session.ConfID, slot) {
			return session.Members
		}
	}
	return nil
}

// hasLeft reports whether a state event is a membership taken back. Its slot
// is no more to be seen: a leave of any counts, which can only spare a ring.
func hasLeft(e *membership.Event) bool {
	if e.Type != message.TypeCallMember && e.Type != message.TypeCallMemberStable {
		return false
	}
	content, err := message.ParseMember(e.Content)
	return err == nil && content.Form == message.FormLeft
}
