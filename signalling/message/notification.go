package message

import (
	"slices"
	"time"
)

// Bounds of a notification (MSC4075, decision D35).
const (
	// RingLifetime is how long we ring.
	RingLifetime = 90 * time.Second
	// RingCap is the longest that anybody rings us.
	RingCap = 120 * time.Second
	// ringUnsaid is meant by writers that name no lifetime.
	ringUnsaid = 30 * time.Second
	// clockSlack is how far a sender's clock may be ahead of its homeserver's
	// before the homeserver's word counts.
	clockSlack = 20 * time.Second
	// maxMentions bounds how many users one notification names.
	maxMentions = 1000
)

// Revision says which text a notification was written by.
type Revision uint8

// The revisions, oldest first.
const (
	// RevisionNotify is call.notify: no time, no lifetime.
	RevisionNotify Revision = iota
	// RevisionNotification is rtc.notification as js-sdk 38 to 43 and the Dart
	// SDK write it: notification_type, and a reference to the membership.
	RevisionNotification
	// RevisionApplication is the text of June 2026: fields under application,
	// and a to-device acknowledgement.
	RevisionApplication
	// RevisionInvite is the newest text, rtc.invite: a slot and no kind.
	RevisionInvite
)

var revisionNames = [...]string{"call.notify", "rtc.notification", "application", "rtc.invite"}

// String names the revision for logs.
func (r Revision) String() string { return revisionNames[min(int(r), len(revisionNames)-1)] }

// Mentions are those whom an event is about (MSC3952).
type Mentions struct {
	Users []string
	Room  bool // everybody in the room
}

// Name reports whether the user is among those named one by one.
func (m Mentions) Name(userID string) bool { return slices.Contains(m.Users, userID) }

// None reports whether nobody is mentioned.
func (m Mentions) None() bool { return len(m.Users) == 0 && !m.Room }

// Notification is the content of the event that calls others to a session
// (MSC4075), in any revision.
type Notification struct {
	Revision Revision
	// Slot is where the session is; SlotRoom when the content does not say,
	// see Derived.
	Slot string
	// Derived: the content names no slot. The membership Member refers to
	// tells it; without that it is the slot of the room.
	Derived bool
	// Ring: devices shall make a sound; else they only show it.
	Ring bool
	// SentAt is sender_ts; zero in RevisionNotify, which has none.
	SentAt time.Time
	// Lifetime is how long it rings, at most RingCap.
	Lifetime time.Duration
	Mentions Mentions
	// Member is the event ID of the sender's membership, "" when unsaid.
	Member string
	Intent string // "audio", "video" or "", see Intent
	// StickyKey is the place among the sender's sticky notifications.
	StickyKey string
	// Withdrawn: the sender has given up; nothing but StickyKey is set.
	Withdrawn bool
	// Faults that reading tolerated, for a log.
	Faults Faults
}

// Expiry is when the notification stops ringing at a reader whose clock shows
// now when it comes. sender_ts counts, unless it is more than 20 s ahead of
// what the homeserver says (sentAt, origin_server_ts). One that lies behind
// stays: the event may have waited in the sender's outbox. No reader rings for
// longer than RingCap (MSC4075, decision D35).
func (n Notification) Expiry(sentAt, now time.Time) time.Time {
	begun := n.SentAt
	if begun.IsZero() || begun.After(sentAt.Add(clockSlack)) {
		begun = sentAt
	}
	end, most := begun.Add(n.Lifetime), now.Add(RingCap)
	if end.After(most) {
		return most
	}
	return end
}

// Intent reads what a call is meant to be in the words of all texts: "audio"
// for what is or may be a voice call, "video", and "" for nothing said. Words
// that we do not know mean audio (MSC4196, decision D34).
func Intent(word string) string {
	switch word {
	case "":
		return ""
	case "video":
		return "video"
	}
	return "audio"
}

// IsNotification reports whether an event of the type calls others.
func IsNotification(eventType string) bool {
	switch eventType {
	case TypeNotification, TypeNotificationStable, TypeNotificationInvite, TypeNotify, TypeNotifyStable:
		return true
	}
	return false
}

// ParseNotification reads a notification of any revision. Its type matters for
// call.notify alone, which has no times. The error is ErrUnknownType or Faults.
//
// What no revision does without has to be there: the time, and somebody who is
// meant (decision D33). A content of nothing but a sticky key withdraws.
func ParseNotification(eventType string, content []byte) (Notification, error) {
	if !IsNotification(eventType) {
		return Notification{}, ErrUnknownType
	}
	o, err := parseObject(content)
	if err != nil {
		return Notification{}, err
	}
	defer o.doc.release()
	n := Notification{StickyKey: o.placeKey()}
	switch {
	case n.StickyKey != "" && o.onlySticky():
		n.Withdrawn = true
	case eventType == TypeNotify || eventType == TypeNotifyStable:
		o.notify(&n)
	default:
		o.notification(&n)
	}
	if o.doc.faults.essential() {
		return Notification{}, o.doc.faults
	}
	n.Faults = o.doc.faults
	return n, nil
}

// placeKey reads the key of an event that may be sticky, under either name.
func (o object) placeKey() string {
	for _, key := range [...]string{KeySticky, KeyStickyUnstable} {
		if text := o.name(key); text != "" {
			return text
		}
	}
	return ""
}

// onlySticky reports whether the object has no field but a sticky key.
func (o object) onlySticky() bool {
	for at := o.at + 1; at < o.doc.nodes[o.at].next; at = o.doc.nodes[at+1].next {
		if key := o.doc.string(at); key != KeySticky && key != KeyStickyUnstable {
			return false
		}
	}
	return true
}

// notify reads call.notify: "ring" or "notify", and the slot in two parts.
func (o object) notify(n *Notification) {
	n.Revision, n.Lifetime = RevisionNotify, ringUnsaid
	n.Ring = o.name("notify_type") != "notify"
	n.Mentions = o.mentions()
	n.Derived = o.spelling("application") == ""
	n.Slot = SlotRoom
	if !n.Derived {
		n.Slot = SlotID(o.spelling("application"), o.name("call_id"))
	}
}

// notification reads all later revisions, which differ in where fields stand.
func (o object) notification(n *Notification) {
	inner, nested := o.child("application")
	places := []object{o}
	if nested {
		places = append(places, inner)
	}
	kind := firstName(places, "notification_type")
	switch {
	case nested:
		n.Revision = RevisionApplication
	case kind != "":
		n.Revision = RevisionNotification
	default:
		n.Revision = RevisionInvite
	}
	n.Ring = kind != "notification"
	n.slot(firstName(places, "slot_id"))
	n.SentAt = o.sentAt(places)
	n.Lifetime = holder(places, "lifetime").lifetime("lifetime", ringUnsaid, RingCap)
	n.Mentions = o.mentions()
	n.Member, _ = o.reference()
	n.Intent = Intent(firstName(places, "m.call.intent", "intent"))
}

func (n *Notification) slot(id string) {
	n.Slot, n.Derived = canonicalSlot(id), id == ""
}

// sentAt reads sender_ts, a whole number from 0 (js-sdk 43).
func (o object) sentAt(places []object) time.Time {
	const want = "a whole number of milliseconds from 0"
	at := holder(places, "sender_ts")
	millis, ok := at.integer("sender_ts", 0, maxSafe, want)
	switch {
	case ok:
		return time.UnixMilli(millis).UTC()
	case at.find("sender_ts") == 0:
		o.fault("sender_ts", "missing", want, true)
	default:
		o.doc.faults[len(o.doc.faults)-1].Essential = true
	}
	return time.Time{}
}

// holder is the first place that has the field, else the first of all.
func holder(places []object, key string) object {
	for _, place := range places {
		if place.find(key) != 0 {
			return place
		}
	}
	return places[0]
}

// firstName reads the first string that one of the places has under one of
// the keys.
func firstName(places []object, keys ...string) string {
	for _, key := range keys {
		if text := holder(places, key).name(key); text != "" {
			return text
		}
	}
	return ""
}

// mentions reads m.mentions, which has to mention somebody (decision D33).
func (o object) mentions() Mentions {
	const want = "room true or at least one user ID"
	entry, ok := o.child("m.mentions")
	if !ok {
		o.fault("m.mentions", o.wrongKind(o.find("m.mentions")), want, true)
		return Mentions{}
	}
	m := Mentions{Room: entry.flag("room")}
	if list := entry.findKind("user_ids", kindList); list != 0 {
		o.doc.entries(list, func(at int32) {
			if o.doc.nodes[at].kind != kindText || len(m.Users) == maxMentions {
				return
			}
			if user := o.doc.string(at); isName(user) && !m.Name(user) {
				m.Users = append(m.Users, user)
			}
		})
	}
	if m.None() {
		o.fault("m.mentions", "nobody is mentioned", want, true)
	}
	return m
}

// reference reads the event that m.relates_to refers to.
func (o object) reference() (eventID string, ok bool) {
	relation, ok := o.child("m.relates_to")
	if !ok || relation.name("rel_type") != "m.reference" {
		return "", false
	}
	eventID = relation.name("event_id")
	return eventID, eventID != ""
}
