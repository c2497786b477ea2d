package message

import "time"

const (
	wantMentions = "somebody to ring: the room or at least one user"
	wantEventID  = "the ID of an event, $…"
)

// Encode writes the notification as the union of what readers need: js-sdk 38
// to 43, the Dart SDK and the newest text. A zero Lifetime is RingLifetime, an
// empty Slot is SlotRoom; the sticky key is the slot ID, as MSC4075 wants it.
// To be sent as TypeNotification. The error is Faults.
//
// What is Withdrawn is written as the sticky key alone.
func (n Notification) Encode() ([]byte, error) {
	w := writer{fields: map[string]any{}}
	slot := n.Slot
	if slot == "" {
		slot = SlotRoom
	}
	w.need(KeyStickyUnstable, slot, wantName, isName)
	if n.Withdrawn {
		return w.finish("withdrawal")
	}
	w.need("slot_id", slot, wantName, isName)
	w.fields["notification_type"] = "notification"
	if n.Ring {
		w.fields["notification_type"] = "ring"
	}
	if n.SentAt.UnixMilli() <= 0 {
		w.fault("sender_ts", "missing", "the time on our clock")
	}
	w.fields["sender_ts"] = n.SentAt.UnixMilli()
	w.fields["lifetime"] = w.ringTime(n.Lifetime).Milliseconds()
	w.mentions(n.Mentions)
	w.name("m.call.intent", n.Intent)
	if n.Member != "" {
		w.reference(n.Member)
	}
	return w.finish("notification")
}

func (w *writer) ringTime(lifetime time.Duration) time.Duration {
	if lifetime == 0 {
		return RingLifetime
	}
	if lifetime < time.Second || lifetime > RingCap {
		w.fault("lifetime", lifetime.String(), "1s to "+RingCap.String())
	}
	return lifetime
}

func (w *writer) mentions(m Mentions) {
	if m.None() {
		w.fault("m.mentions", "nobody", wantMentions)
	}
	for _, user := range m.Users {
		if len(user) < 2 || user[0] != '@' || !isName(user) {
			w.fault("m.mentions.user_ids", quote(user), "a user ID, @name:server")
		}
	}
	fields := map[string]any{"user_ids": listOf(m.Users)}
	if m.Room {
		fields["room"] = true
	}
	w.fields["m.mentions"] = fields
}

// reference writes m.relates_to.
func (w *writer) reference(eventID string) {
	if !isName(eventID) || eventID[0] != '$' {
		w.fault("m.relates_to.event_id", quote(eventID), wantEventID)
	}
	w.fields["m.relates_to"] = map[string]string{"rel_type": "m.reference", "event_id": eventID}
}

// Decline is the content of the event by which a user refuses a notification,
// on all their devices (MSC4310).
type Decline struct {
	// Notification is the event ID of what is refused.
	Notification string
	// Faults that reading tolerated, for a log.
	Faults Faults
}

// IsDecline reports whether events of the type refuse a notification.
func IsDecline(eventType string) bool {
	return eventType == TypeDecline || eventType == TypeDeclineStable
}

// ParseDecline reads a decline. A sticky key that names another event than the
// relation is tolerated, the relation counts; a reason, which an early text
// had, is ignored. The error is Faults.
func ParseDecline(content []byte) (Decline, error) {
	o, err := parseObject(content)
	if err != nil {
		return Decline{}, err
	}
	defer o.doc.release()
	eventID, ok := o.reference()
	if !ok {
		o.fault("m.relates_to", o.wrongKind(o.find("m.relates_to")), "a reference to a notification", true)
	} else if key := o.placeKey(); key != "" && key != eventID {
		o.fault(KeyStickyUnstable, quote(key), "the ID of the notification", false)
	}
	if o.doc.faults.essential() {
		return Decline{}, o.doc.faults
	}
	return Decline{Notification: eventID, Faults: o.doc.faults}, nil
}

// Encode writes the decline for readers of all revisions, to be sent as
// TypeDecline. The error is Faults.
func (d Decline) Encode() ([]byte, error) {
	w := writer{fields: map[string]any{}}
	w.reference(d.Notification)
	w.need(KeyStickyUnstable, d.Notification, wantName, isName)
	return w.finish("decline")
}

// RingAck is the to-device content by which a device says that it rings
// (MSC4075, text of June 2026 alone; nobody is known to send it).
type RingAck struct {
	SentAt time.Time // sender_ts of the notification that rings
}

// IsRingAck reports whether to-device messages of the type acknowledge.
func IsRingAck(eventType string) bool {
	return eventType == TypeRingAck || eventType == TypeRingAckStable
}

// ParseRingAck reads an acknowledgement. The error is Faults.
func ParseRingAck(content []byte) (RingAck, error) {
	o, err := parseObject(content)
	if err != nil {
		return RingAck{}, err
	}
	defer o.doc.release()
	at := o.sentAt([]object{o})
	if o.doc.faults.essential() {
		return RingAck{}, o.doc.faults
	}
	return RingAck{SentAt: at}, nil
}

// Encode writes the acknowledgement. The error is Faults.
func (a RingAck) Encode() ([]byte, error) {
	w := writer{fields: map[string]any{"sender_ts": a.SentAt.UnixMilli()}}
	if a.SentAt.UnixMilli() <= 0 {
		w.fault("sender_ts", "missing", "that of the notification")
	}
	return w.finish("acknowledgement")
}
