//go:build goolm

package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	goolm "maunium.net/go/mautrix/crypto/goolm/account"
	"maunium.net/go/mautrix/crypto/signatures"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/message"
)

// olmMachine encrypts and decrypts to-device messages of one device.
//
// The receiving half (devicesChanged, decrypt, prove, other, keyCounts)
// belongs to the sync loop; encrypt may be called by several requests of the
// outbox at once. It wraps mautrix' machine, whose own handler for sync
// responses drops decrypted call messages and is therefore not used.
type olmMachine struct {
	account *Account
	machine *crypto.OlmMachine
	store   *olmStore
	devices *deviceCache
	keys    *roomKeys

	// owned by the sync loop
	fallbackAt time.Time // of the last upload of a fallback key
}

// olmMessage is a decrypted to-device message with the keys it came under.
type olmMessage struct {
	eventType  string
	content    json.RawMessage
	senderKey  id.Curve25519
	signingKey id.Ed25519
}

// openOlm loads or makes the device's keys and publishes them.
func openOlm(ctx context.Context, a *Account) (*olmMachine, error) {
	path, pickleKey := "", []byte("memory only")
	if a.store != nil {
		path, pickleKey = a.store.database(), a.store.credentials.PickleKey
	}
	store, err := openOlmStore(ctx, path, a.party, pickleKey)
	if err != nil {
		return nil, err
	}
	log := libraryLog(a.log)
	a.client.Log = log
	m := &olmMachine{
		account: a,
		store:   store,
		machine: crypto.NewOlmMachine(a.client, &log, store, noRooms{}),
	}
	m.machine.DisableDeviceChangeKeyRotation = true // concerns Megolm only
	m.devices, m.keys = newDeviceCache(m), newRoomKeys(m)
	if err = m.publish(ctx); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// publish makes sure that the homeserver has our keys and that they are ours.
func (m *olmMachine) publish(ctx context.Context) error {
	if err := m.machine.Load(ctx); err != nil {
		return fmt.Errorf("encryption store: %w", err)
	}
	own := m.machine.GetAccount()
	own.Keys() // cached now, read by several goroutines later
	published, err := m.account.publishedKeys(ctx)
	if err != nil {
		return m.account.explain("ask for our own device's keys", err)
	}
	foreign := published != nil && published.Keys.GetEd25519(deviceID(m.account.party)) != own.SigningKey()
	if foreign && !m.account.config.ReplaceKeys {
		return fmt.Errorf("%w: %s has published keys that are not in our store; either another client uses this token, "+
			"or the state directory of the last run is missing. Use that directory, or a token of a device of its own, "+
			"or log in with user and password, or switch encryption off", ErrForeignKeys, m.account.party)
	}
	if !own.Shared {
		scatterKeyIDs(own)
	}
	own.Shared = published != nil && !foreign
	if foreign {
		m.account.log.Info("replacing the encryption keys of our device; peers that remember the old ones may refuse us")
	}
	if _, err = m.machine.GetOwnCrossSigningPublicKeys(ctx); err != nil {
		return m.account.explain("ask for our own cross-signing keys", err)
	}
	known := -1 // the server says how many there are
	if !own.Shared {
		known = m.spared(0)
	}
	err = m.account.patiently(ctx, func(ctx context.Context) error { return m.machine.ShareKeys(ctx, known) })
	if err != nil {
		return m.account.explain("publish encryption keys", err)
	}
	if foreign {
		// One-time keys of the old identity would fail at whoever claims them.
		if err = m.machine.RepairOneTimeKeys(ctx); err != nil {
			return m.account.explain("replace one-time keys", err)
		}
	}
	return nil
}

// scatterKeyIDs lets a new account count its one-time keys from a random
// number: a device that lost its store must not meet its own old key IDs,
// which homeservers refuse to overwrite.
func scatterKeyIDs(own *crypto.OlmAccount) {
	if account, ok := own.Internal.(*goolm.Account); ok {
		account.NextOneTimeKeyID = rand.Uint32N(1 << 30)
	}
}

func (m *olmMachine) close() error {
	m.machine.Destroy()
	return m.store.close()
}

// encrypt seals a message for one device. Errors carry ErrNoKeys,
// ErrUntrusted or ErrNoSession, or are those of requests.
func (m *olmMachine) encrypt(ctx context.Context, to message.Party, eventType string, content []byte) ([]byte, error) {
	device, err := m.devices.find(ctx, to)
	if err != nil {
		return nil, err
	}
	if device == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoKeys, to)
	}
	if err = m.trusted(ctx, device); err != nil {
		return nil, err
	}
	request := &mautrix.ReqSendToDevice{Messages: map[id.UserID]map[id.DeviceID]*event.Content{
		device.UserID: {device.DeviceID: {VeryRaw: content}},
	}}
	sealed, err := m.machine.EncryptToDevices(ctx, event.Type{Type: eventType, Class: event.ToDeviceEventType}, request)
	if err != nil {
		return nil, fmt.Errorf("encrypt for %s: %w", to, err)
	}
	result := sealed.Messages[device.UserID][device.DeviceID]
	if result == nil {
		return nil, fmt.Errorf("%w: %s has no usable one-time key", ErrNoSession, to)
	}
	return json.Marshal(result)
}

// decrypt opens a message. Nil without error means that it was about keys and
// is done with.
func (m *olmMachine) decrypt(ctx context.Context, sealed toDeviceEvent) (*olmMessage, error) {
	outer := &event.Event{
		Sender:  id.UserID(sealed.Sender),
		Type:    event.ToDeviceEncrypted,
		Content: event.Content{VeryRaw: sealed.Content},
	}
	if err := outer.Content.ParseRaw(outer.Type); err != nil {
		return nil, fmt.Errorf("encrypted content: %w", err)
	}
	// The machine tells why it failed to its log only: listen there.
	heard := &firstError{}
	log := zerolog.New(heard).Level(zerolog.ErrorLevel)
	opened := m.machine.HandleEncryptedEvent(log.WithContext(ctx), outer)
	if opened == nil {
		err := heard.get()
		if err != nil && strings.Contains(err.Error(), crypto.ErrDuplicateMessage.Error()) {
			err = nil // a first sync brings again what was not acknowledged
		}
		return nil, err
	}
	return &olmMessage{
		eventType:  opened.Type.Type,
		content:    opened.Content.VeryRaw,
		senderKey:  opened.SenderKey,
		signingKey: opened.Keys.Ed25519,
	}, nil
}

// firstError takes the first error of a zerolog logger. The machine goes on
// writing to it from a goroutine of its own.
type firstError struct {
	mutex sync.Mutex
	err   error // guarded by mutex
}

func (f *firstError) Write(line []byte) (int, error) {
	var fields struct {
		Error string `json:"error"`
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.err == nil && json.Unmarshal(line, &fields) == nil && fields.Error != "" {
		f.err = errors.New(fields.Error)
	}
	return len(line), nil
}

func (f *firstError) get() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.err
}

// deviceOf names the device of a message that does not do so itself; "" when
// nobody knows it.
func (m *olmMachine) deviceOf(ctx context.Context, user string, inner *olmMessage) string {
	device, err := m.store.FindDeviceByKey(ctx, id.UserID(user), inner.senderKey)
	if err != nil || device == nil {
		return ""
	}
	return string(device.DeviceID)
}

// prove checks that a message really came from the device it claims: the keys
// of the Olm session have to be the published ones of that device (decision
// D7), and the device one that the trust policy takes. The error is errWaiting
// when the homeserver does not tell the keys now.
func (m *olmMachine) prove(ctx context.Context, from message.Party, inner *olmMessage) error {
	matches := func(device *id.Device) bool {
		return device != nil && device.IdentityKey == inner.senderKey && device.SigningKey == inner.signingKey
	}
	device, err := m.devices.find(ctx, from)
	if err == nil && !matches(device) && m.devices.forget(from.UserID) {
		device, err = m.devices.find(ctx, from)
	}
	switch {
	case err != nil && classify(err).kind.passing():
		return fmt.Errorf("%w: %w", errWaiting, err)
	case err != nil:
		return err
	case device == nil:
		return fmt.Errorf("%w: %s", ErrNoKeys, from)
	case m.devices.hasChanged(device):
		return m.trusted(ctx, device) // which is not so
	case !matches(device):
		return fmt.Errorf("it came under key %s, %s has %s", inner.senderKey, from, device.IdentityKey)
	}
	return m.trusted(ctx, device)
}

// trusted applies the trust policy (decision D24). Its refusal is a *Distrust.
func (m *olmMachine) trusted(ctx context.Context, device *id.Device) error {
	policy := m.account.config.Trust
	if policy == TrustAny {
		return nil
	}
	stands, err := m.standing(ctx, device)
	if err != nil {
		return err
	}
	if why := policy.judge(stands); why != "" {
		party := message.Party{UserID: string(device.UserID), DeviceID: string(device.DeviceID)}
		return &Distrust{Party: party, Policy: policy, Why: why}
	}
	return nil
}

// standing finds out what is known of a device.
func (m *olmMachine) standing(ctx context.Context, device *id.Device) (standing, error) {
	keys, err := m.store.GetCrossSigningKeys(ctx, device.UserID)
	if err != nil {
		return standing{}, fmt.Errorf("encryption store: %w", err)
	}
	trust, err := m.machine.ResolveTrustContext(ctx, device)
	if err != nil {
		return standing{}, fmt.Errorf("trust of %s: %w", device.DeviceID, err)
	}
	_, crossSigns := keys[id.XSUsageMaster]
	return standing{
		changed:    m.devices.hasChanged(device),
		crossSigns: crossSigns,
		signed:     trust >= id.TrustStateCrossSignedUntrusted,
		renewed:    trust == id.TrustStateCrossSignedUntrusted,
		verified:   trust == id.TrustStateVerified || trust == id.TrustStateCrossSignedVerified,
	}, nil
}

// other hands unencrypted key traffic to the machine.
func (m *olmMachine) other(ctx context.Context, got toDeviceEvent) {
	passed := &event.Event{
		Sender:  id.UserID(got.Sender),
		Type:    event.Type{Type: got.Type, Class: event.ToDeviceEventType},
		Content: event.Content{VeryRaw: got.Content},
	}
	if passed.Type == event.ToDeviceRoomKeyRequest || passed.Content.ParseRaw(passed.Type) != nil {
		return // we share no room keys
	}
	m.machine.HandleToDeviceEvent(ctx, passed)
}

// keyCounts fills up the one-time keys and the fallback key on the server. A
// response that names no counts says nothing.
func (m *olmMachine) keyCounts(loop context.Context, response *syncResponse) {
	ctx, cancel := context.WithTimeout(loop, requestTimeout)
	defer cancel()
	count := response.OneTimeKeys[string(id.KeyAlgorithmSignedCurve25519)]
	if response.OneTimeKeys != nil && (count < m.account.config.OneTimeKeys/2 || m.spared(0) == 0) {
		m.machine.HandleOTKCounts(ctx, &mautrix.OTKCount{SignedCurve25519: m.spared(count)})
	}
	if response.UnusedFallback != nil && len(*response.UnusedFallback) == 0 && time.Since(m.fallbackAt) > time.Minute {
		if err := m.uploadFallback(ctx); err != nil && loop.Err() == nil {
			m.account.log.Warn("cannot publish a fallback key", "err", m.account.explain("upload keys", err))
		}
	}
	m.machine.MarkOlmHashSavePoint(ctx)
}

// spared tells mautrix of more one-time keys than there are, so that it makes
// only as many as are wanted.
func (m *olmMachine) spared(count int) int {
	return count + usualOneTimeKeys - m.account.config.OneTimeKeys
}

// uploadFallback publishes a key that serves when the one-time keys are used
// up. mautrix has none of it.
func (m *olmMachine) uploadFallback(ctx context.Context) error {
	own := m.machine.GetAccount()
	account, ok := own.Internal.(*goolm.Account)
	if !ok {
		return nil
	}
	m.fallbackAt = time.Now()
	if err := account.GenFallbackKey(); err != nil {
		return err
	}
	if err := m.store.PutAccount(ctx, own); err != nil {
		return err
	}
	self := m.account.party
	keys := map[id.KeyID]*mautrix.OneTimeKey{}
	for keyID, public := range account.FallbackKey() {
		key := &mautrix.OneTimeKey{Key: public, Fallback: true, IsSigned: true}
		signature, err := own.SignJSON(key)
		if err != nil {
			return err
		}
		key.Signatures = signatures.NewSingleSignature(userID(self), id.KeyAlgorithmEd25519, self.DeviceID, signature)
		keys[id.NewKeyID(id.KeyAlgorithmSignedCurve25519, keyID)] = key
	}
	return m.account.call(ctx, http.MethodPost, clientPath("v3", "keys", "upload"), nil, map[string]any{"fallback_keys": keys}, nil)
}

// openRoomEvent opens an encrypted event of a room, if its key has come. The
// device is the one that encrypted it, "" when that is not proven: the key came
// from elsewhere, or the device is unknown (decision D7).
func (m *olmMachine) openRoomEvent(ctx context.Context, roomID string, raw json.RawMessage) (eventType string, content json.RawMessage, device string, err error) {
	var sealed event.Event
	if err = json.Unmarshal(raw, &sealed); err != nil {
		return "", nil, "", fmt.Errorf("encrypted event: %w", err)
	}
	sealed.RoomID, sealed.Type.Class = id.RoomID(roomID), event.MessageEventType
	if err = sealed.Content.ParseRaw(event.EventEncrypted); err != nil {
		return "", nil, "", fmt.Errorf("encrypted event: %w", err)
	}
	opened, err := m.machine.DecryptMegolmEvent(ctx, &sealed)
	if err != nil {
		return "", nil, "", err
	}
	by := opened.Mautrix.TrustSource
	if by != nil && !opened.Mautrix.ForwardedKeys && opened.Mautrix.TrustState > id.TrustStateDeviceKeyMismatch {
		device = string(by.DeviceID)
	}
	return opened.Type.Type, opened.Content.VeryRaw, device, nil
}

// noRooms answers the machine's questions about rooms. Those that use Megolm
// are known to roomKeys alone.
type noRooms struct{}

func (noRooms) IsEncrypted(context.Context, id.RoomID) (bool, error) { return false, nil }

func (noRooms) GetEncryptionEvent(context.Context, id.RoomID) (*event.EncryptionEventContent, error) {
	return nil, nil
}

func (noRooms) GetHistoryVisibility(context.Context, id.RoomID) (*event.HistoryVisibilityEventContent, error) {
	return nil, nil
}

func (noRooms) FindSharedRooms(context.Context, id.UserID) ([]id.RoomID, error) { return nil, nil }
