package homeserver

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"meshfocus/signalling/homeserver/journal"
)

// loader puts the journal's values back into a model. Values come in any
// order, so they are collected by bucket first and built from the ground up.
type loader struct {
	model   *model
	buckets map[string][]stored
	txns    map[*device][]storedTxn
}

type storedTxn struct {
	txn string
	txnRecord
}

type stored struct {
	key   string
	value []byte
}

// load fills the model from its journal. It must be called before anything
// else uses the model.
func (m *model) load() error {
	if m.store == nil {
		return nil
	}
	l := &loader{model: m, buckets: make(map[string][]stored), txns: make(map[*device][]storedTxn)}
	err := m.store.Load(func(bucket, key string, value []byte) error {
		l.buckets[bucket] = append(l.buckets[bucket], stored{key, slices.Clone(value)})
		return nil
	})
	if err != nil {
		return err
	}
	steps := []struct {
		bucket string
		parts  int
		load   func(parts []string, value []byte) error
	}{
		{bucketMeta, 1, l.meta},
		{bucketUser, 1, l.user},
		{bucketDevice, 2, l.device},
		{bucketKeys, 2, l.keys},
		{bucketOneTime, 4, l.oneTime},
		{bucketFallback, 3, l.fallback},
		{bucketInbox, 3, l.inbox},
		{bucketTxn, 3, l.txn},
		{bucketData, 3, l.data},
		{bucketFilter, 2, l.filter},
		{bucketRoom, 1, l.room},
		{bucketEvent, 2, l.event},
		{bucketReceipt, 4, l.receipt},
		{bucketAlias, 1, l.alias},
		{bucketDelayed, 1, l.delayed},
	}
	// The keys of events sort as their positions do.
	slices.SortFunc(l.buckets[bucketEvent], func(a, b stored) int { return cmp.Compare(a.key, b.key) })
	for _, step := range steps {
		for _, s := range l.buckets[step.bucket] {
			parts, err := split(s.key, step.parts)
			if err == nil {
				err = step.load(parts, s.value)
			}
			if err != nil {
				return fmt.Errorf("%s %s: %w", step.bucket, s.key, err)
			}
		}
		delete(l.buckets, step.bucket)
	}
	l.finish()
	return nil
}

// finish sorts what has an order, brings the lists of positions up to date and
// begins a new stretch of the stream.
func (l *loader) finish() {
	m := l.model
	for _, u := range m.users {
		for _, d := range u.devices {
			d.sort()
		}
		for id := range u.Forgotten {
			delete(u.rooms, id)
		}
	}
	for d, list := range l.txns {
		slices.SortFunc(list, func(a, b storedTxn) int { return cmp.Compare(a.At, b.At) })
		for _, t := range list {
			d.txns.put(t.txn, t.Answer)
		}
	}
	m.write(journal.Entry{Bucket: bucketMeta, Key: keyName, Value: []byte(m.name)})
	m.position = m.ceiling
	m.reserve()
	// Whoever comes back looks at all device lists once: what changed after
	// their token is not written down.
	for _, u := range m.users {
		u.listsAt = m.position
	}
}

func (d *device) sort() {
	slices.SortFunc(d.inbox, func(a, b letter) int { return cmp.Compare(a.at, b.at) })
	for _, keys := range d.oneTime {
		slices.SortFunc(keys, func(a, b oneTimeKey) int { return cmp.Compare(a.At, b.At) })
	}
}

func (l *loader) meta(parts []string, value []byte) (err error) {
	switch name := string(value); {
	case parts[0] == keyCeiling:
		l.model.ceiling, err = strconv.ParseInt(name, 10, 64)
	case parts[0] == keyName && name != l.model.name:
		err = fmt.Errorf("%w: the data is of server %q, not %q; users and rooms cannot be renamed", ErrConfig, name, l.model.name)
	}
	return err
}

func (l *loader) user(parts []string, value []byte) error {
	u := newUser(parts[0])
	l.model.users[u.id] = u
	return json.Unmarshal(value, &u.userRecord)
}

// device, data and filter pass over what belonged to a user who is gone: a
// request that was under way when the user was removed may have written it.
func (l *loader) device(parts []string, value []byte) error {
	u := l.model.users[parts[0]]
	if u == nil {
		return nil
	}
	d := newDevice(u, parts[1])
	u.devices[d.id] = d
	if err := json.Unmarshal(value, &d.deviceRecord); err != nil {
		return err
	}
	l.model.tokens[d.Token] = d
	return nil
}

// find returns a device, nil if it is gone: what belonged to it is passed
// over.
func (l *loader) find(parts []string) *device {
	if u := l.model.users[parts[0]]; u != nil {
		return u.devices[parts[1]]
	}
	return nil
}

func (l *loader) keys(parts []string, value []byte) error {
	if d := l.find(parts); d != nil {
		d.keys = value
	}
	return nil
}

func (l *loader) oneTime(parts []string, value []byte) error {
	d := l.find(parts)
	if d == nil {
		return nil
	}
	var k oneTimeKey
	err := json.Unmarshal(value, &k)
	d.oneTime[parts[2]] = append(d.oneTime[parts[2]], k)
	return err
}

func (l *loader) fallback(parts []string, value []byte) error {
	d := l.find(parts)
	if d == nil {
		return nil
	}
	k := new(fallbackKey)
	d.fallback[parts[2]] = k
	return json.Unmarshal(value, k)
}

func (l *loader) inbox(parts []string, value []byte) error {
	d := l.find(parts)
	if d == nil {
		return nil
	}
	at, err := strconv.ParseInt(parts[2], 16, 64)
	d.inbox = append(d.inbox, letter{at: at, event: value})
	return err
}

func (l *loader) txn(parts []string, value []byte) error {
	d := l.find(parts)
	if d == nil {
		return nil
	}
	var record txnRecord
	if err := json.Unmarshal(value, &record); err != nil {
		return err
	}
	l.txns[d] = append(l.txns[d], storedTxn{parts[2], record})
	return nil
}

func (l *loader) data(parts []string, value []byte) error {
	u := l.model.users[parts[0]]
	if u == nil {
		return nil
	}
	d := new(datum)
	u.data[dataKey{parts[1], parts[2]}] = d
	err := json.Unmarshal(value, d)
	u.dataAt = max(u.dataAt, d.At)
	return err
}

func (l *loader) filter(parts []string, value []byte) error {
	u := l.model.users[parts[0]]
	if u == nil {
		return nil
	}
	index, err := strconv.Atoi(parts[1])
	if err != nil || index < 0 || index >= filtersKept {
		return fmt.Errorf("filter number %q", parts[1])
	}
	for len(u.filters) <= index {
		u.filters = append(u.filters, json.RawMessage(`{}`))
	}
	u.filters[index] = value
	return nil
}

func (l *loader) room(parts []string, value []byte) error {
	var record roomRecord
	err := json.Unmarshal(value, &record)
	l.model.newRoom(parts[0], record)
	return err
}

// event comes in the order of its room's timeline, see load.
func (l *loader) event(parts []string, value []byte) error {
	r := l.model.rooms[parts[0]]
	if r == nil {
		return fmt.Errorf("its room is missing")
	}
	e := new(event)
	if err := json.Unmarshal(value, &e.eventRecord); err != nil {
		return err
	}
	r.place(e)
	return nil
}

func (l *loader) receipt(parts []string, value []byte) error {
	r := l.model.rooms[parts[0]]
	if r == nil {
		return fmt.Errorf("its room is missing")
	}
	set := new(receipt)
	r.receipts[receiptKey{parts[1], parts[2], parts[3]}] = set
	err := json.Unmarshal(value, set)
	r.changedAt = max(r.changedAt, set.At)
	return err
}

func (l *loader) alias(parts []string, value []byte) error {
	a := new(alias)
	l.model.aliases[parts[0]] = a
	return json.Unmarshal(value, a)
}

func (l *loader) delayed(parts []string, value []byte) error {
	d := &delayedEvent{id: parts[0]}
	if err := json.Unmarshal(value, &d.delayedRecord); err != nil {
		return err
	}
	l.model.await(d)
	return nil
}
