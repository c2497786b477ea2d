package homeserver

import (
	"encoding/json"
	"slices"
	"strings"
)

// oneTimeKey is a key that one peer may claim, once.
type oneTimeKey struct {
	ID  string          `json:"id"`
	Key json.RawMessage `json:"key"`
	At  int64           `json:"at"` // for the order; oldest goes first
}

// fallbackKey is claimed again and again when the one-time keys are used up.
type fallbackKey struct {
	ID   string          `json:"id"`
	Key  json.RawMessage `json:"key"`
	Used bool            `json:"used,omitempty"`
}

// oneTimeKept bounds the one-time keys of a device.
const oneTimeKept = 1000

// touchKeys says that a user's devices or keys changed, to everybody who
// shares a room with them.
func (m *model) touchKeys(u *user) {
	c := m.begin()
	c.touchKeys(u)
	c.commit()
}

func (c *change) touchKeys(u *user) {
	at := c.model.next()
	u.KeysAt = at
	c.put(bucketUser, key(u.id), u.userRecord)
	u.acquaintances(func(other *user) {
		other.listsAt = at
		c.tell(other)
	})
}

type uploadRequest struct {
	DeviceKeys json.RawMessage            `json:"device_keys"`
	OneTime    map[string]json.RawMessage `json:"one_time_keys"`
	Fallback   map[string]json.RawMessage `json:"fallback_keys"`
	// The name before the specification took MSC2732 up.
	OldFallback map[string]json.RawMessage `json:"org.matrix.msc2732.fallback_keys"`
}

func (s *Server) uploadKeys(r *request) (any, error) {
	var body uploadRequest
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := body.check(r.user.id, r.device.id); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	d := r.device
	if clash := d.clash(body.OneTime); clash != "" {
		return nil, invalidParam("the one-time key %.255s exists with another value", clash)
	}
	c := s.model.begin()
	if len(body.DeviceKeys) > 0 && !sameJSON(d.keys, body.DeviceKeys) {
		d.keys = compact(body.DeviceKeys)
		c.put(bucketKeys, key(d.user.id, d.id), d.keys)
		c.touchKeys(d.user)
	}
	c.addOneTime(d, body.OneTime)
	if len(body.Fallback) == 0 {
		body.Fallback = body.OldFallback
	}
	c.setFallback(d, body.Fallback)
	c.commit()
	return map[string]any{"one_time_key_counts": d.counts()}, nil
}

// check looks at shapes only: the server is not the one to trust signatures.
func (u *uploadRequest) check(userID, deviceID string) error {
	if string(u.DeviceKeys) == "null" {
		u.DeviceKeys = nil
	}
	if len(u.DeviceKeys) > 0 {
		var keys struct {
			UserID     string   `json:"user_id"`
			DeviceID   string   `json:"device_id"`
			Algorithms []string `json:"algorithms"`
		}
		if err := decodeJSON(u.DeviceKeys, &keys); err != nil {
			return err
		}
		if keys.UserID != userID || keys.DeviceID != deviceID {
			return invalidParam("device_keys must be of user %s and device %s", userID, deviceID)
		}
	}
	for _, keys := range []map[string]json.RawMessage{u.OneTime, u.Fallback, u.OldFallback} {
		for id := range keys {
			if algorithm, name, found := strings.Cut(id, ":"); !found || algorithm == "" || name == "" || len(id) > maxField {
				return invalidParam("%.255q is no key ID; one looks like signed_curve25519:AAAA", id)
			}
		}
	}
	if len(u.OneTime) > oneTimeKept {
		return tooLarge("%d one-time keys at once; %d are possible", len(u.OneTime), oneTimeKept)
	}
	return nil
}

// clash finds an uploaded key whose ID is taken by another key.
func (d *device) clash(keys map[string]json.RawMessage) string {
	for id, value := range keys {
		algorithm, name, _ := strings.Cut(id, ":")
		for _, known := range d.oneTime[algorithm] {
			if known.ID == name && !sameJSON(known.Key, value) {
				return id
			}
		}
	}
	return ""
}

func (c *change) addOneTime(d *device, keys map[string]json.RawMessage) {
	ids := make([]string, 0, len(keys))
	for id := range keys {
		ids = append(ids, id)
	}
	slices.Sort(ids) // clients number them; the oldest is claimed first
	for _, id := range ids {
		algorithm, name, _ := strings.Cut(id, ":")
		known := slices.ContainsFunc(d.oneTime[algorithm], func(k oneTimeKey) bool { return k.ID == name })
		if known || len(d.oneTime[algorithm]) >= oneTimeKept {
			continue
		}
		k := oneTimeKey{name, compact(keys[id]), c.model.next()}
		d.oneTime[algorithm] = append(d.oneTime[algorithm], k)
		c.put(bucketOneTime, key(d.user.id, d.id, algorithm, name), k)
	}
}

func (c *change) setFallback(d *device, keys map[string]json.RawMessage) {
	for id, value := range keys {
		algorithm, name, _ := strings.Cut(id, ":")
		k := &fallbackKey{ID: name, Key: compact(value)}
		d.fallback[algorithm] = k
		c.put(bucketFallback, key(d.user.id, d.id, algorithm), k)
	}
}

// algorithmOlm is the one-time key algorithm in use. Its count is always
// shown, even when it is 0: clients upload when they see that.
const algorithmOlm = "signed_curve25519"

// counts of the one-time keys, by algorithm.
func (d *device) counts() map[string]int {
	counts := map[string]int{algorithmOlm: 0}
	for algorithm, keys := range d.oneTime {
		counts[algorithm] = len(keys)
	}
	return counts
}

// unusedFallbacks lists the algorithms whose fallback key is still fresh.
func (d *device) unusedFallbacks() []string {
	unused := []string{}
	for algorithm, k := range d.fallback {
		if !k.Used {
			unused = append(unused, algorithm)
		}
	}
	slices.Sort(unused)
	return unused
}

func (s *Server) queryKeys(r *request) (any, error) {
	var body struct {
		DeviceKeys map[string][]string `json:"device_keys"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	answer := keyAnswer{
		Devices: make(map[string]map[string]json.RawMessage), Failures: map[string]any{},
		Master: make(map[string]json.RawMessage), SelfSigning: make(map[string]json.RawMessage),
		UserSigning: make(map[string]json.RawMessage),
	}
	for userID, wanted := range body.DeviceKeys {
		if u := s.model.users[userID]; u != nil {
			answer.add(u, wanted, r.user)
		}
	}
	return answer, nil
}

type keyAnswer struct {
	Devices     map[string]map[string]json.RawMessage `json:"device_keys"`
	Failures    map[string]any                        `json:"failures"`
	Master      map[string]json.RawMessage            `json:"master_keys,omitempty"`
	SelfSigning map[string]json.RawMessage            `json:"self_signing_keys,omitempty"`
	UserSigning map[string]json.RawMessage            `json:"user_signing_keys,omitempty"`
}

func (a *keyAnswer) add(u *user, wanted []string, viewer *user) {
	devices := make(map[string]json.RawMessage)
	for id, d := range u.devices {
		if d.keys != nil && (len(wanted) == 0 || slices.Contains(wanted, id)) {
			devices[id] = d.shownKeys()
		}
	}
	a.Devices[u.id] = devices
	put := func(into map[string]json.RawMessage, cross json.RawMessage) {
		if cross != nil {
			into[u.id] = signedFor(cross, u.id, viewer.id)
		}
	}
	put(a.Master, u.CrossKeys.Master)
	put(a.SelfSigning, u.CrossKeys.SelfSigning)
	if u == viewer {
		put(a.UserSigning, u.CrossKeys.UserSigning)
	}
}

// shownKeys are the uploaded keys with the device's name beside them.
func (d *device) shownKeys() json.RawMessage {
	if d.DisplayName == "" {
		return d.keys
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(d.keys, &keys) != nil || keys == nil {
		return d.keys
	}
	keys["unsigned"], _ = json.Marshal(map[string]string{"device_display_name": d.DisplayName})
	shown, err := json.Marshal(keys)
	if err != nil {
		return d.keys
	}
	return shown
}

func (s *Server) claimKeys(r *request) (any, error) {
	var body struct {
		OneTime map[string]map[string]string `json:"one_time_keys"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	claimed := make(map[string]map[string]map[string]json.RawMessage)
	defer s.model.hold(r)()
	c := s.model.begin()
	for userID, devices := range body.OneTime {
		u := s.model.users[userID]
		if u == nil {
			continue
		}
		for deviceID, algorithm := range devices {
			d := u.devices[deviceID]
			if d == nil {
				continue
			}
			if id, value := c.claim(d, algorithm); value != nil {
				if claimed[userID] == nil {
					claimed[userID] = make(map[string]map[string]json.RawMessage)
				}
				claimed[userID][deviceID] = map[string]json.RawMessage{algorithm + ":" + id: value}
			}
		}
	}
	c.commit()
	return map[string]any{"one_time_keys": claimed, "failures": map[string]any{}}, nil
}

// claim takes a one-time key, or shares the fallback key. The owner hears of
// it, for there are keys to make.
func (c *change) claim(d *device, algorithm string) (id string, value json.RawMessage) {
	if keys := d.oneTime[algorithm]; len(keys) > 0 {
		first := keys[0]
		d.oneTime[algorithm] = keys[1:]
		c.drop(bucketOneTime, key(d.user.id, d.id, algorithm, first.ID))
		c.keysUsed(d)
		return first.ID, first.Key
	}
	k := d.fallback[algorithm]
	if k == nil {
		return "", nil
	}
	if !k.Used {
		k.Used = true
		c.put(bucketFallback, key(d.user.id, d.id, algorithm), k)
		c.keysUsed(d)
	}
	return k.ID, k.Key
}

func (c *change) keysUsed(d *device) {
	d.keysAt = c.model.next()
	c.tell(d.user)
}

// keyChanges lists whose keys changed between two sync tokens.
func (s *Server) keyChanges(r *request) (any, error) {
	from, err := parseToken(r.URL.Query().Get("from"))
	if err != nil {
		return nil, err
	}
	to, err := parseToken(r.URL.Query().Get("to"))
	if err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	if from.stream > s.model.position || to.stream > s.model.position {
		return nil, invalidParam("from and to are tokens that /sync gave")
	}
	return s.model.deviceLists(r.user, from.stream), nil
}
