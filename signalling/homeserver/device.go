package homeserver

import (
	"encoding/json"
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// device is one logged-in session of a user. Guarded by the model's lock.
type device struct {
	deviceRecord
	user *user
	id   string

	keys     json.RawMessage // device_keys as uploaded, with signatures added
	oneTime  map[string][]oneTimeKey
	fallback map[string]*fallbackKey
	// keysAt is the position of the newest change to the one-time keys that
	// the device itself should hear of.
	keysAt int64

	inbox   []letter         // oldest first
	written journal.Position // where the newest of them stands in the journal
	txns    txnLog

	// changed is closed when something happened that this device's /sync
	// should look at; nil while nobody waits.
	changed chan struct{}
}

// deviceRecord is the part of a device that is one journal value.
type deviceRecord struct {
	Token       tokenHash `json:"token"`
	DisplayName string    `json:"display_name,omitempty"`
	SeenAt      time.Time `json:"seen_at,omitzero"`
	SeenIP      string    `json:"seen_ip,omitempty"`
}

func newDevice(u *user, id string) *device {
	return &device{
		user: u, id: id,
		oneTime: make(map[string][]oneTimeKey), fallback: make(map[string]*fallbackKey),
	}
}

// notify wakes the /sync requests of this device.
func (d *device) notify() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// awaken returns the channel that the next notify closes.
func (d *device) awaken() <-chan struct{} {
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.changed
}

func (m *model) saveDevice(d *device) {
	d.user.written = m.write(put(bucketDevice, key(d.user.id, d.id), d.deviceRecord))
}

// signIn gives the user's device a token, making the device if need be. A
// token the device had before stops working, as the login API asks.
func (m *model) signIn(u *user, deviceID, displayName string) (token string, d *device) {
	token, hash := newToken()
	if deviceID == "" {
		deviceID = newDeviceID()
	}
	d = u.devices[deviceID]
	if d == nil {
		d = newDevice(u, deviceID)
		d.DisplayName = displayName
		u.devices[deviceID] = d
		m.touchKeys(u)
	} else {
		delete(m.tokens, d.Token)
		d.notify()
	}
	d.Token = hash
	m.tokens[hash] = d
	m.saveDevice(d)
	return token, d
}

// removeDevice signs a device out for good: token, keys and inbox go.
func (m *model) removeDevice(d *device) {
	delete(m.tokens, d.Token)
	delete(d.user.devices, d.id)
	m.write(m.erasures(d)...)
	d.inbox = nil
	d.notify()
	m.touchKeys(d.user)
}

// erasures are the journal entries that forget a device.
func (m *model) erasures(d *device) []journal.Entry {
	id := key(d.user.id, d.id)
	entries := []journal.Entry{drop(bucketDevice, id), drop(bucketKeys, id)}
	for algorithm, keys := range d.oneTime {
		for _, k := range keys {
			entries = append(entries, drop(bucketOneTime, key(d.user.id, d.id, algorithm, k.ID)))
		}
	}
	for algorithm := range d.fallback {
		entries = append(entries, drop(bucketFallback, key(d.user.id, d.id, algorithm)))
	}
	for i := range d.inbox {
		entries = append(entries, drop(bucketInbox, inboxKey(d, d.inbox[i].at)))
	}
	for _, txn := range d.txns.order {
		entries = append(entries, drop(bucketTxn, key(d.user.id, d.id, txn)))
	}
	return entries
}
