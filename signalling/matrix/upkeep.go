package matrix

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"maunium.net/go/mautrix"

	"meshfocus/signalling/message"
)

// What tools need that look after a room's calls, or try out another client:
// single requests, done at once, with the answer as it came.

// Device is one device of our user, as the homeserver lists it.
type Device struct {
	DeviceID string
	Name     string
	LastSeen time.Time // zero when the homeserver does not say
}

// OwnDevices lists all devices of our user.
func (a *Account) OwnDevices(ctx context.Context) ([]Device, error) {
	var answer struct {
		Devices []struct {
			DeviceID string `json:"device_id"`
			Name     string `json:"display_name"`
			LastSeen int64  `json:"last_seen_ts"`
		} `json:"devices"`
	}
	err := a.patiently(ctx, func(ctx context.Context) error { return a.get(ctx, &answer, "v3", "devices") })
	if err != nil {
		return nil, a.explain("list our devices", err)
	}
	var devices []Device
	for _, d := range answer.Devices {
		device := Device{DeviceID: d.DeviceID, Name: d.Name}
		if d.LastSeen > 0 {
			device.LastSeen = time.UnixMilli(d.LastSeen)
		}
		devices = append(devices, device)
	}
	return devices, nil
}

// KeyedDevices lists, by user, the devices that have published encryption keys.
// A user whose server does not answer is missing from the result; one without
// any such device has an empty list.
func (a *Account) KeyedDevices(ctx context.Context, users []string) (map[string][]string, error) {
	asked := map[string][]string{}
	for _, user := range users {
		asked[user] = []string{}
	}
	var answer struct {
		Devices  map[string]map[string]json.RawMessage `json:"device_keys"`
		Failures map[string]json.RawMessage            `json:"failures"`
	}
	err := a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodPost, clientPath("v3", "keys", "query"), nil, map[string]any{"device_keys": asked}, &answer)
	})
	if err != nil {
		return nil, a.explain("ask for devices", err)
	}
	listed := map[string][]string{}
	for _, user := range users {
		if _, failed := answer.Failures[userID(message.Party{UserID: user}).Homeserver()]; failed {
			continue
		}
		listed[user] = []string{}
		for device := range answer.Devices[user] {
			listed[user] = append(listed[user], device)
		}
		slices.Sort(listed[user])
	}
	return listed, nil
}

// Delayed is an event that the homeserver will send for us later (MSC4140).
type Delayed struct {
	DelayID  string
	RoomID   string
	Type     string
	StateKey string
	// Due is when it will be sent unless it is restarted.
	Due time.Time
}

// DelayedEvents lists what the homeserver holds for our user. A homeserver
// that cannot delay events, or not list them, gives ErrNotFound.
func (a *Account) DelayedEvents(ctx context.Context) ([]Delayed, error) {
	var answer struct {
		Events []struct {
			DelayID  string `json:"delay_id"`
			RoomID   string `json:"room_id"`
			Type     string `json:"type"`
			StateKey string `json:"state_key"`
			Delay    int64  `json:"delay"`
			Since    int64  `json:"running_since"`
		} `json:"delayed_events"`
	}
	err := a.patiently(ctx, func(ctx context.Context) error { return a.getPath(ctx, &answer, pathOf(message.PathDelayedEvents)) })
	if err != nil {
		if classify(err).kind == faultUnrecognised {
			return nil, fmt.Errorf("list delayed events: %w: the homeserver has none", ErrNotFound)
		}
		return nil, a.explain("list delayed events", err)
	}
	var delayed []Delayed
	for _, e := range answer.Events {
		delayed = append(delayed, Delayed{
			DelayID: e.DelayID, RoomID: e.RoomID, Type: e.Type, StateKey: e.StateKey,
			Due: time.UnixMilli(e.Since + e.Delay),
		})
	}
	return delayed, nil
}

// ReadState gives the content of one state event, nil when there is none.
func (a *Account) ReadState(ctx context.Context, roomID, eventType, stateKey string) (content json.RawMessage, err error) {
	err = a.patiently(ctx, func(ctx context.Context) error {
		content, err = a.state(ctx, roomID, eventType, stateKey)
		return err
	})
	return content, a.explain("read "+eventType+" in "+roomID, err)
}

// WriteState writes one state event. Refusals carry ErrNotAllowed, with ErrPower
// when our power level is too low.
func (a *Account) WriteState(ctx context.Context, roomID, eventType, stateKey string, content json.RawMessage) error {
	err := a.patiently(ctx, func(ctx context.Context) error {
		_, err := a.putState(ctx, roomID, eventType, stateKey, content, 0)
		return err
	})
	return a.explainWrite(ctx, roomID, eventType, err)
}

// SendSticky sends a message event that is sticky for a time (MSC4354), in the
// clear. Refusals carry ErrNotAllowed.
func (a *Account) SendSticky(ctx context.Context, roomID, eventType string, content json.RawMessage, lasts time.Duration) error {
	_, err := a.say(ctx, roomID, eventType, content, lasts)
	return a.explain("send "+eventType+" in "+roomID, err)
}

// Redact takes the content of an event away. Refusals carry ErrNotAllowed.
func (a *Account) Redact(ctx context.Context, roomID, eventID, reason string) error {
	transaction := rand.Text()
	err := a.patiently(ctx, func(ctx context.Context) error {
		path := clientPath("v3", "rooms", roomID, "redact", eventID, transaction)
		return a.call(ctx, http.MethodPut, path, nil, map[string]string{"reason": reason}, nil)
	})
	return a.explain("redact "+eventID, err)
}

// SendRaw gives any content of any type to one device, inside Olm or in
// cleartext, and returns when the homeserver has taken it. It does not look at
// the content, does not wait its turn behind Send, and tries again only when
// it is told to wait. For tools that try what another client makes of it.
func (a *Account) SendRaw(ctx context.Context, to message.Party, eventType string, content json.RawMessage, clear bool) error {
	what := cmp.Or(eventType, "a message")
	if !clear {
		if a.crypto == nil {
			return fmt.Errorf("send %s to %s: encryption is off", what, to)
		}
		sealed, err := a.crypto.encrypt(ctx, to, eventType, content)
		if err != nil {
			return fmt.Errorf("send %s: %w", what, err)
		}
		eventType, content = message.TypeEncrypted, sealed
	}
	body := map[string]map[string]map[string]json.RawMessage{"messages": {to.UserID: {to.DeviceID: content}}}
	transaction := rand.Text()
	err := a.patiently(ctx, func(ctx context.Context) error {
		return a.call(ctx, http.MethodPut, clientPath("v3", "sendToDevice", eventType, transaction), nil, body, nil)
	})
	var refused mautrix.HTTPError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode == http.StatusRequestEntityTooLarge {
		return fmt.Errorf("send %s to %s: %w", what, to, message.ErrTooLarge)
	}
	return a.explain("send "+what+" to "+to.String(), err)
}
