package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

const (
	// stickyMost is the longest that an event is sticky (MSC4354).
	stickyMost = time.Hour
	// ringGrace is how much longer than its lifetime a notification is sticky,
	// for readers whose clock is behind (js-sdk 43).
	ringGrace = 20 * time.Second
)

// RingSink is a Sink that wants to hear of rings too: Ring comes after the
// facts of a response with the notifications, declines and redactions of one
// room, in the order of its timeline, our own among them. Acknowledgements,
// which are sent to devices and name no room, come by themselves with an empty
// roomID. The receiver may keep the list. What ignored users say is left out
// (decision D29).
type RingSink interface {
	Sink
	Ring(roomID string, heard []ring.Heard)
}

// ringTypes are the message events that tell about rings.
var ringTypes = []string{
	message.TypeNotification, message.TypeNotificationStable, message.TypeNotificationInvite,
	message.TypeNotify, message.TypeNotifyStable,
	message.TypeDecline, message.TypeDeclineStable,
}

// tellRings hands what a room's events say about rings to the sinks that want
// it.
func (a *Account) tellRings(known *room, events []heardEvent) {
	a.tellHeard(known.id, a.hearRings(events))
}

// tellHeard hands it to the sinks of a room, or of all when that is empty.
func (a *Account) tellHeard(roomID string, heard []ring.Heard) {
	if len(heard) == 0 {
		return
	}
	for _, sink := range a.rooms.sinksFor(roomID) {
		if wants, ok := sink.(RingSink); ok {
			wants.Ring(roomID, slices.Clone(heard))
		}
	}
}

// hearRings reads sticky sections and timelines: what has left the timeline of
// a response is in the former, as long as it is sticky.
func (a *Account) hearRings(events []heardEvent) (heard []ring.Heard) {
	for _, event := range events {
		if event.StateKey != nil || a.inbox.ignored[event.Sender] {
			continue
		}
		redacts := ""
		if event.Type == typeRedaction {
			redacts = event.redacts()
		}
		if redacts != "" || slices.Contains(ringTypes, event.Type) {
			heard = append(heard, ring.Heard{
				EventID: event.EventID, Type: event.Type, Sender: event.Sender,
				SentAt: event.sentAt(), Content: event.Content, Redacts: redacts,
			})
		}
	}
	return heard
}

// Notify calls others to a session by a notification, and gives its event ID.
// It is sticky where the homeserver has that, and encrypted where the room is,
// unless encryption is off. Refusals carry ErrNotAllowed.
func (a *Account) Notify(ctx context.Context, roomID string, n message.Notification) (eventID string, err error) {
	content, err := n.Encode()
	if err != nil {
		return "", err
	}
	lifetime := n.Lifetime
	if lifetime == 0 {
		lifetime = message.RingLifetime
	}
	eventID, err = a.say(ctx, roomID, message.TypeNotification, content, lifetime+ringGrace)
	return eventID, a.explain("ring in "+roomID, err)
}

// WithdrawNotify takes a notification back whose Slot is given, as the newest
// text has it. Without sticky events there is nothing to say: who leaves the
// session has given up.
func (a *Account) WithdrawNotify(ctx context.Context, roomID, slot string) error {
	if !a.features[message.FeatureSticky] {
		return nil
	}
	content, err := message.Notification{Slot: slot, Withdrawn: true}.Encode()
	if err != nil {
		return err
	}
	_, err = a.say(ctx, roomID, message.TypeNotification, content, message.RingCap+ringGrace)
	return a.explain("withdraw the ring in "+roomID, err)
}

// Decline refuses a notification in the name of our user, on all devices
// (MSC4310). Refusals carry ErrNotAllowed.
func (a *Account) Decline(ctx context.Context, roomID, notification string) error {
	content, err := message.Decline{Notification: notification}.Encode()
	if err != nil {
		return err
	}
	_, err = a.say(ctx, roomID, message.TypeDecline, content, message.RingCap+ringGrace)
	return a.explain("decline in "+roomID, err)
}

// Acknowledge tells the devices of a user that this one rings for their
// notification of an instant (MSC4075, text of June 2026, the only one that has
// it; see ring.SendAck). It goes by Olm to those that the trust policy takes, in
// the clear with EncryptOff.
func (a *Account) Acknowledge(ctx context.Context, userID string, sentAt time.Time) error {
	content, err := message.RingAck{SentAt: sentAt}.Encode()
	if err != nil {
		return err
	}
	if a.crypto == nil {
		path := clientPath("v3", "sendToDevice", message.TypeRingAck, rand.Text())
		body := map[string]any{"messages": map[string]any{userID: map[string]any{"*": json.RawMessage(content)}}}
		err = a.patiently(ctx, func(ctx context.Context) error { return a.call(ctx, http.MethodPut, path, nil, body, nil) })
		return a.explain("acknowledge the ring of "+userID, err)
	}
	devices, err := a.crypto.audience(ctx, []string{userID})
	if err == nil {
		_, err = a.crypto.sendSealed(ctx, devices, message.TypeRingAck, content)
	}
	return a.explain("acknowledge the ring of "+userID, err)
}

// say sends a message event, encrypted where the room is, and sticky for a time
// where the homeserver has that.
func (a *Account) say(ctx context.Context, roomID, eventType string, content json.RawMessage, sticky time.Duration) (eventID string, err error) {
	query := url.Values{}
	if a.features[message.FeatureSticky] {
		query.Set(message.QuerySticky, strconv.FormatInt(min(sticky, stickyMost).Milliseconds(), 10))
	}
	var sealed json.RawMessage
	sealedType := ""
	err = a.patiently(ctx, func(ctx context.Context) (err error) {
		sealedType, sealed, err = a.seal(ctx, roomID, eventType, content)
		return err
	})
	if err != nil {
		return "", err
	}
	var answer struct {
		EventID string `json:"event_id"`
	}
	path := clientPath("v3", "rooms", roomID, "send", sealedType, rand.Text())
	err = a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodPut, path, query, sealed, &answer)
	})
	return answer.EventID, err
}

// OpenSlot opens the slot of the room where there is none, so that those ring
// who want one (js-sdk 43; decision D36). It gives false if we have not the
// power for it; a slot that was closed stays so.
func (a *Account) OpenSlot(ctx context.Context, roomID string) (bool, error) {
	present, err := a.state(ctx, roomID, message.TypeSlot, message.SlotRoom)
	if err != nil {
		return false, a.explain("read the slot of "+roomID, err)
	}
	if present != nil {
		slot, err := message.ParseSlot(present)
		return err == nil && slot.Open, nil
	}
	content, err := message.SlotContent{Open: true, Application: message.ApplicationCall}.Encode()
	if err != nil {
		return false, err
	}
	err = a.patiently(ctx, func(ctx context.Context) error {
		_, err := a.putState(ctx, roomID, message.TypeSlot, message.SlotRoom, json.RawMessage(content), 0)
		return err
	})
	if classify(err).kind == faultForbidden {
		return false, nil
	}
	return err == nil, a.explain("open the slot of "+roomID, err)
}

// MayCallRoom reports whether a user's power level suffices to notify the
// whole room (client-server API, notifications.room, 50 unless said). From
// room version 12 on its creators may do everything (MSC4289).
func (a *Account) MayCallRoom(ctx context.Context, roomID, userID string) (bool, error) {
	var events []json.RawMessage
	err := a.patiently(ctx, func(ctx context.Context) error {
		return a.get(ctx, &events, "v3", "rooms", roomID, "state")
	})
	if err != nil {
		return false, a.explain("read the power levels of "+roomID, err)
	}
	var levels, create roomEvent
	for _, raw := range events {
		switch event, _ := readRoomEvent(raw); event.Type {
		case typePowerLevels:
			levels = event
		case typeCreate:
			create = event
		}
	}
	return mayNotifyRoom(levels, create, userID), nil
}

// mayNotifyRoom reads the power levels and the creation of a room.
func mayNotifyRoom(levels, create roomEvent, userID string) bool {
	var creation struct {
		Version string   `json:"room_version"`
		More    []string `json:"additional_creators"`
	}
	_ = json.Unmarshal(create.Content, &creation)
	version, err := strconv.Atoi(creation.Version)
	creator := create.Sender == userID || slices.Contains(creation.More, userID)
	if creator && err == nil && version >= 12 {
		return true
	}
	if levels.Content == nil {
		return creator // the creator alone has 100 in a room without levels
	}
	var power struct {
		Notifications struct {
			Room *int `json:"room"`
		} `json:"notifications"`
	}
	_ = json.Unmarshal(levels.Content, &power) // what cannot be read keeps its default
	own, _ := powerFor(levels.Content, userID, "")
	if power.Notifications.Room != nil {
		return own >= *power.Notifications.Room
	}
	return own >= 50
}
