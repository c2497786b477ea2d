//go:build goolm

package matrix

import (
	"context"
	"fmt"
	"sync"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/message"
)

// keylessFor is how long a device counts as having no keys before it is asked
// again. A device list update ends it at once.
const keylessFor = 5 * time.Minute

// forgetPause is the least time between two doubts about one user's devices,
// so that bad messages cannot make us ask at their pace.
const forgetPause = 10 * time.Second

// deviceCache knows which users' device lists are up to date and which
// devices have no keys. mautrix asks again only once, when told of a change,
// and forgets the matter if that request fails; here a list that may have
// changed stays due until it was read.
type deviceCache struct {
	olm *olmMachine

	mutex sync.Mutex
	// guarded by mutex
	fresh   map[id.UserID]bool
	keyless map[message.Party]time.Time
	doubted map[id.UserID]time.Time
	// changed are devices that show other keys than those that are known and,
	// by policy, hold.
	changed map[message.Party]bool
}

func newDeviceCache(olm *olmMachine) *deviceCache {
	return &deviceCache{
		olm:     olm,
		fresh:   map[id.UserID]bool{},
		keyless: map[message.Party]time.Time{},
		doubted: map[id.UserID]time.Time{},
		changed: map[message.Party]bool{},
	}
}

// devicesChanged marks users whose devices have to be asked for again.
func (m *olmMachine) devicesChanged(users []string) {
	c := m.devices
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, user := range users {
		c.drop(id.UserID(user))
	}
}

// allChanged is devicesChanged for everybody: the sync began anew.
func (m *olmMachine) allChanged() {
	c := m.devices
	c.mutex.Lock()
	defer c.mutex.Unlock()
	clear(c.fresh)
	clear(c.keyless)
}

// drop is called under the mutex.
func (c *deviceCache) drop(user id.UserID) {
	delete(c.fresh, user)
	for party := range c.keyless {
		if party.UserID == string(user) {
			delete(c.keyless, party)
		}
	}
}

// forget makes the next find ask again, unless that was done a moment ago.
func (c *deviceCache) forget(user string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if time.Since(c.doubted[id.UserID(user)]) < forgetPause {
		return false
	}
	c.doubted[id.UserID(user)] = time.Now()
	c.drop(id.UserID(user))
	return true
}

// find gives the keys of a device; nil when the homeserver says that it has
// none.
func (c *deviceCache) find(ctx context.Context, party message.Party) (*id.Device, error) {
	user := userID(party)
	c.mutex.Lock()
	fresh := c.fresh[user]
	keylessAt, keyless := c.keyless[party]
	c.mutex.Unlock()
	if keyless && time.Since(keylessAt) < keylessFor {
		return nil, nil
	}
	known, err := c.stored(ctx, party)
	if err != nil || (known != nil && fresh) {
		return known, err
	}
	if err = c.fetch(ctx, user); err != nil {
		return nil, fmt.Errorf("ask for the keys of %s: %w", party, err)
	}
	known, err = c.stored(ctx, party)
	if err == nil && known == nil {
		err = c.confirmKeyless(ctx, party)
	}
	return known, err
}

// list gives all devices of users that publish keys.
func (c *deviceCache) list(ctx context.Context, users []string) (all []*id.Device, err error) {
	var stale []id.UserID
	c.mutex.Lock()
	for _, user := range users {
		if !c.fresh[id.UserID(user)] {
			stale = append(stale, id.UserID(user))
		}
	}
	c.mutex.Unlock()
	if len(stale) > 0 {
		if err = c.fetch(ctx, stale...); err != nil {
			return nil, fmt.Errorf("ask for the keys of %d users: %w", len(stale), err)
		}
	}
	for _, user := range users {
		devices, err := c.olm.store.GetDevices(ctx, id.UserID(user))
		if err != nil {
			return nil, fmt.Errorf("encryption store: %w", err)
		}
		for _, device := range devices {
			all = append(all, device)
		}
	}
	return all, nil
}

// fetch reads device lists of users. They count as fresh from before the
// request, so that a change meanwhile is not lost.
func (c *deviceCache) fetch(ctx context.Context, users ...id.UserID) error {
	c.mutex.Lock()
	for _, user := range users {
		c.fresh[user] = true
	}
	c.mutex.Unlock()
	devices, err := c.olm.machine.FetchKeys(ctx, users, true)
	for _, user := range users {
		if err == nil {
			err = c.acceptChangedKeys(ctx, user, devices[user])
		}
	}
	if err != nil {
		c.mutex.Lock()
		for _, user := range users {
			delete(c.fresh, user)
		}
		c.mutex.Unlock()
	}
	return err
}

// acceptChangedKeys makes the store believe new keys of known devices; it holds
// on to the signing key it saw first, even over the deletion of the device. A
// device that nobody cross-signed is only as good as the homeserver's word,
// and the homeserver could as well have shown us a new device; with
// cross-signing the new keys have to be signed, which trusted checks.
func (c *deviceCache) acceptChangedKeys(ctx context.Context, user id.UserID, devices map[id.DeviceID]*id.Device) error {
	changed := false
	for _, device := range devices {
		stored, err := c.olm.store.GetDevice(ctx, user, device.DeviceID)
		if err != nil {
			return err
		}
		refused := device.Trust == id.TrustStateDeviceKeyMismatch
		if c.noteChange(device, refused) {
			continue // the known keys hold: nobody is talked to, see trusted
		}
		if !refused && stored != nil && stored.SigningKey == device.SigningKey {
			continue
		}
		c.olm.account.log.Warn("a device has new encryption keys",
			"party", message.Party{UserID: string(user), DeviceID: string(device.DeviceID)}.String())
		if err = c.olm.store.forgetDevice(ctx, user, device.DeviceID); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	_, err := c.olm.machine.FetchKeys(ctx, []id.UserID{user}, true)
	return err
}

// noteChange keeps in mind whether a device shows other keys than the known
// ones, and reports whether the policy holds on to those.
func (c *deviceCache) noteChange(device *id.Device, other bool) bool {
	if c.olm.account.config.Trust != TrustKnown {
		return false
	}
	party := message.Party{UserID: string(device.UserID), DeviceID: string(device.DeviceID)}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if other {
		c.changed[party] = true
	} else {
		delete(c.changed, party)
	}
	return other
}

// hasChanged reports whether a device shows other keys than those that hold.
func (c *deviceCache) hasChanged(device *id.Device) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.changed[message.Party{UserID: string(device.UserID), DeviceID: string(device.DeviceID)}]
}

// stored gives a device of the store; nil if it is not there or was deleted.
func (c *deviceCache) stored(ctx context.Context, party message.Party) (*id.Device, error) {
	device, err := c.olm.store.GetDevice(ctx, userID(party), deviceID(party))
	if err != nil {
		return nil, fmt.Errorf("encryption store: %w", err)
	}
	if device == nil || device.Deleted {
		return nil, nil
	}
	return device, nil
}

// confirmKeyless makes sure that a device is missing because it has no keys,
// not because a server failed to answer: only then may cleartext be thought
// of.
func (c *deviceCache) confirmKeyless(ctx context.Context, party message.Party) error {
	answer, err := c.olm.account.client.QueryKeys(ctx, &mautrix.ReqQueryKeys{
		DeviceKeys: mautrix.DeviceKeysRequest{userID(party): {deviceID(party)}},
		Timeout:    requestTimeout.Milliseconds() / 2,
	})
	if err != nil {
		return fmt.Errorf("ask for the keys of %s: %w", party, err)
	}
	if _, has := answer.DeviceKeys[userID(party)][deviceID(party)]; has {
		c.mutex.Lock()
		delete(c.fresh, userID(party))
		c.mutex.Unlock()
		return fmt.Errorf("%w: the keys of %s are not valid", ErrNoSession, party)
	}
	if len(answer.Failures) > 0 {
		return fmt.Errorf("ask for the keys of %s: its homeserver does not answer", party)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.keyless[party] = time.Now()
	return nil
}
