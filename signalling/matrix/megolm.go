//go:build goolm

package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/message"
)

const (
	// devicesAtOnce bounds how many devices one request gives keys to.
	devicesAtOnce = 100
	// sessionsKept is how many Megolm sessions of ours newcomers to a room are
	// given. A membership lasts an hour and may be followed by a ring, a decline
	// and a leave; a session ends only with a departure or by the room's rules.
	sessionsKept = 4
)

// seal gives what has to be sent in the place of an event: in an encrypted room
// the event under Megolm, whose key all devices have got that are in the room
// and that the trust policy takes; elsewhere, and with EncryptOff, the event
// itself. Any goroutine may call it. Errors are those of requests; what it has
// done until then stays done.
//
// Who comes into the room later gets the key from the sync loop, from the first
// event that was sealed with it: who joins a call has to read the memberships
// that are there, and the leaves that wait at the homeserver.
func (a *Account) seal(ctx context.Context, roomID, eventType string, content json.RawMessage) (string, json.RawMessage, error) {
	if a.crypto == nil {
		return eventType, content, nil
	}
	crowd, err := a.crowdOf(ctx, roomID)
	if err != nil || crowd.rules == nil {
		return eventType, content, err
	}
	sealed, err := a.crypto.keys.seal(ctx, crowd, eventType, content)
	return message.TypeEncrypted, sealed, err
}

// crowdOf is the crowd of a room, as sync knows it or else the homeserver.
func (a *Account) crowdOf(ctx context.Context, roomID string) (*crowd, error) {
	if known := a.rooms.crowd(roomID); known != nil {
		return known, nil
	}
	var events []json.RawMessage
	if err := a.get(ctx, &events, "v3", "rooms", roomID, "state"); err != nil {
		return nil, err
	}
	state := newRoomState(roomID)
	for _, raw := range events {
		if event, ok := readRoomEvent(raw); ok {
			state.apply(event)
		}
	}
	return state.crowd(), nil
}

// greet gives our keys to who has come into encrypted rooms: by a join, or with
// a device of which a response told. What fails is tried with the next response.
func (a *Account) greet(loop context.Context, changed []string) {
	if a.crypto == nil {
		return
	}
	for _, known := range a.rooms.take(func(r *room) bool { return r.crowd != nil && r.crowd.rules != nil }) {
		due := false
		a.rooms.update(known, func(r *room) { due = r.greet || r.crowd.holds(changed) })
		if !due {
			continue
		}
		ctx, cancel := context.WithTimeout(loop, requestTimeout)
		err := a.crypto.keys.greet(ctx, a.rooms.crowd(known.id))
		cancel()
		if err != nil && loop.Err() == nil {
			a.log.Warn("cannot give our keys to who came into the room, will try again", "room", known.id, "err", a.explain("share keys", err))
		}
		a.rooms.update(known, func(r *room) { r.greet = err != nil })
	}
}

// roomKeys holds our Megolm sessions. They are not kept over a restart, which
// begins new ones; those of others, and our own for reading, are in the store.
type roomKeys struct {
	olm *olmMachine

	mutex sync.Mutex
	rooms map[string]*roomKey // guarded by mutex
}

// roomKey is what one room's events are sealed with.
type roomKey struct {
	turn chan struct{} // has one token, for whoever uses the rest

	sessions []*groupSession // owned by who has the turn; the present one first
}

// groupSession is one Megolm session and who can read it.
type groupSession struct {
	*crypto.OutboundGroupSession
	// key is the m.room_key that reads it from its beginning.
	key json.RawMessage
	// holders have the key, by their identity key.
	holders map[id.IdentityKey]bool
}

func newRoomKeys(olm *olmMachine) *roomKeys {
	return &roomKeys{olm: olm, rooms: map[string]*roomKey{}}
}

// take waits for the turn at a room's key; release gives it back.
func (k *roomKeys) take(ctx context.Context, roomID string) (*roomKey, error) {
	k.mutex.Lock()
	room := k.rooms[roomID]
	if room == nil {
		room = newRoomKey()
		k.rooms[roomID] = room
	}
	k.mutex.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-room.turn:
		return room, nil
	}
}

func newRoomKey() *roomKey {
	room := &roomKey{turn: make(chan struct{}, 1)}
	room.turn <- struct{}{}
	return room
}

func (r *roomKey) release() { r.turn <- struct{}{} }

// seal encrypts an event for a crowd.
func (k *roomKeys) seal(ctx context.Context, to *crowd, eventType string, content json.RawMessage) (json.RawMessage, error) {
	room, err := k.take(ctx, to.room)
	if err != nil {
		return nil, err
	}
	defer room.release()
	devices, err := k.olm.audience(ctx, to.users)
	if err != nil {
		return nil, fmt.Errorf("encrypt for %s: %w", to.room, err)
	}
	if len(room.sessions) == 0 || room.sessions[0].over(devices) {
		session, err := k.olm.beginSession(ctx, to)
		if err != nil {
			return nil, fmt.Errorf("encrypt for %s: %w", to.room, err)
		}
		room.sessions = append([]*groupSession{session}, room.sessions...)
		room.sessions = room.sessions[:min(len(room.sessions), sessionsKept)]
	}
	if err = k.olm.share(ctx, room.sessions[0], devices); err != nil {
		return nil, fmt.Errorf("share the key of %s: %w", to.room, err)
	}
	return k.olm.sealWith(room.sessions[0], eventType, content)
}

// greet gives our keys to those who have come into a crowd.
func (k *roomKeys) greet(ctx context.Context, to *crowd) error {
	room, err := k.take(ctx, to.room)
	if err != nil {
		return err
	}
	defer room.release()
	if len(room.sessions) == 0 {
		return nil
	}
	devices, err := k.olm.audience(ctx, to.users)
	if err != nil {
		return err
	}
	for _, session := range room.sessions {
		if err = k.olm.share(ctx, session, devices); err != nil {
			return err
		}
	}
	return nil
}

// over reports whether a session may seal nothing more: by the room's rules, or
// because somebody can read it who is not there any more.
func (s *groupSession) over(audience []*id.Device) bool {
	present := 0
	for _, device := range audience {
		if s.holders[device.IdentityKey] {
			present++
		}
	}
	return s.Expired() || present < len(s.holders)
}

// beginSession makes a session and keeps its key, so that we read our own
// events as others do.
func (m *olmMachine) beginSession(ctx context.Context, to *crowd) (*groupSession, error) {
	var rules event.EncryptionEventContent
	_ = json.Unmarshal(to.rules, &rules) // what cannot be read keeps its default
	if rules.Algorithm != "" && rules.Algorithm != id.AlgorithmMegolmV1 {
		return nil, fmt.Errorf("the room wants the algorithm %q, want %q", rules.Algorithm, id.AlgorithmMegolmV1)
	}
	session, err := crypto.NewOutboundGroupSession(id.RoomID(to.room), &rules, nil)
	if err != nil {
		return nil, err
	}
	key, err := json.Marshal(session.ShareContent().Parsed)
	if err != nil {
		return nil, err
	}
	signing, identity := m.machine.GetAccount().Keys()
	own, err := crypto.NewInboundGroupSession(identity, signing, session.RoomID, session.Internal.Key(), session.MaxAge, session.MaxMessages, nil, false)
	if err != nil {
		return nil, err
	}
	own.SourceUser = userID(m.account.party)
	if err = m.machine.StoreGroupSession(ctx, own); err != nil {
		return nil, fmt.Errorf("encryption store: %w", err)
	}
	session.Shared = true // see share, which is before each use
	return &groupSession{OutboundGroupSession: session, key: key, holders: map[id.IdentityKey]bool{}}, nil
}

// sealWith encrypts an event. A relation is seen from outside as well, as the
// client-server API has it, since homeservers look at it.
func (m *olmMachine) sealWith(session *groupSession, eventType string, content json.RawMessage) (json.RawMessage, error) {
	plain, err := json.Marshal(map[string]any{"room_id": session.RoomID, "type": eventType, "content": content})
	if err != nil {
		return nil, err
	}
	var outside struct {
		RelatesTo json.RawMessage `json:"m.relates_to,omitempty"`
	}
	_ = json.Unmarshal(content, &outside) // our own content
	text, err := session.Encrypt(plain)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{
		"algorithm": id.AlgorithmMegolmV1, "ciphertext": string(text), "session_id": session.ID(),
		// Deprecated since Matrix 1.3, and read by older clients.
		"sender_key": m.machine.GetAccount().IdentityKey(), "device_id": m.account.party.DeviceID,
	}
	if outside.RelatesTo != nil {
		fields["m.relates_to"] = outside.RelatesTo
	}
	return json.Marshal(fields)
}

// audience gives the devices of users that may read what we say: all that
// publish keys and that the trust policy takes, but our own.
func (m *olmMachine) audience(ctx context.Context, users []string) ([]*id.Device, error) {
	all, err := m.devices.list(ctx, users)
	if err != nil {
		return nil, err
	}
	var taken []*id.Device
	for _, device := range all {
		party := message.Party{UserID: string(device.UserID), DeviceID: string(device.DeviceID)}
		if party == m.account.party {
			continue
		}
		switch err := m.trusted(ctx, device); {
		case err == nil:
			taken = append(taken, device)
		case !errors.Is(err, ErrUntrusted):
			return nil, err
		case m.account.noted.first("no room key", party):
			m.account.log.Info("a device does not get to read what we say in encrypted rooms", "party", party.String(), "err", err)
		}
	}
	return taken, nil
}

// share gives the key of a session to those of the devices that have it not.
// One with which no Olm session comes about is left out, and tried again the
// next time.
func (m *olmMachine) share(ctx context.Context, session *groupSession, devices []*id.Device) error {
	missing := slices.DeleteFunc(slices.Clone(devices), func(d *id.Device) bool { return session.holders[d.IdentityKey] })
	for some := range slices.Chunk(missing, devicesAtOnce) {
		reached, err := m.sendSealed(ctx, some, event.ToDeviceRoomKey.Type, session.key)
		if err != nil {
			return err
		}
		for _, device := range reached {
			session.holders[device.IdentityKey] = true
		}
	}
	return nil
}

// sendSealed sends one message to devices inside Olm, by one request, and gives
// those for which it could be encrypted.
func (m *olmMachine) sendSealed(ctx context.Context, devices []*id.Device, eventType string, content json.RawMessage) (reached []*id.Device, err error) {
	request := &mautrix.ReqSendToDevice{Messages: map[id.UserID]map[id.DeviceID]*event.Content{}}
	for _, device := range devices {
		if request.Messages[device.UserID] == nil {
			request.Messages[device.UserID] = map[id.DeviceID]*event.Content{}
		}
		request.Messages[device.UserID][device.DeviceID] = &event.Content{VeryRaw: content}
	}
	sealed, err := m.machine.EncryptToDevices(ctx, event.Type{Type: eventType, Class: event.ToDeviceEventType}, request)
	if err != nil {
		return nil, err
	}
	for _, device := range devices {
		if sealed.Messages[device.UserID][device.DeviceID] != nil {
			reached = append(reached, device)
		}
	}
	if len(reached) == 0 {
		return nil, nil
	}
	path := clientPath("v3", "sendToDevice", message.TypeEncrypted, rand.Text())
	err = m.account.patiently(ctx, func(ctx context.Context) error {
		return m.account.call(ctx, http.MethodPut, path, nil, sealed, nil)
	})
	return reached, err
}
