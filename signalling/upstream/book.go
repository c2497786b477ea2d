package upstream

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshfocus/signalling/agenda"
	"meshfocus/signalling/homeserver/journal"
)

// book holds the delayed events and the tokens to send them with. Its methods
// never wait: they change memory, queue the change for the journal and return
// the position that has to be durable before anybody hears of it.
type book struct {
	store *journal.Journal // nil: memory only
	vault *vault           // nil with store
	alarm chan struct{}    // the agenda's next instant has changed

	mu       sync.Mutex // guards all below
	events   map[string]*event
	sessions map[string]*session
	agenda   agenda.Agenda[*event]
	ended    endings
	counts   Counts
}

// Buckets of the journal.
const (
	bucketEvent   = "delayed"
	bucketSession = "session"
)

func newBook(store *journal.Journal, vault *vault) *book {
	return &book{
		store: store, vault: vault, alarm: make(chan struct{}, 1),
		events: map[string]*event{}, sessions: map[string]*session{},
	}
}

// load reads the journal, before anybody else has the book. "delayed" comes
// before "session", so events find their owners afterwards.
func (b *book) load() error {
	if b.store == nil {
		return nil
	}
	err := b.store.Load(func(bucket, key string, sealed []byte) error {
		plain, err := b.vault.open(bucket+"/"+key, sealed)
		if err != nil {
			return err
		}
		if bucket == bucketSession {
			s := &session{key: key}
			b.sessions[key] = s
			return json.Unmarshal(plain, &s.sessionRecord)
		}
		var r record
		if err := json.Unmarshal(plain, &r); err != nil {
			return err
		}
		b.events[r.ID] = newEvent(r)
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range b.events {
		if e.owner = b.sessions[e.Session]; e.owner == nil {
			return fmt.Errorf("%s: an event without its sender", dataFile)
		}
		e.owner.events++
		b.appoint(e, e.due())
	}
	return nil
}

// newID makes the ID of a delayed event. Who knows it may manage the event.
func newID() string {
	random := make([]byte, 18)
	_, _ = rand.Read(random) // never fails
	return "mfu_" + base64.RawURLEncoding.EncodeToString(random)
}

// schedule enters an event of a caller. The same transaction again is the
// event that is there already, or was. When the caller has the most, id is ""
// and next is when the first of them is due.
func (b *book) schedule(who caller, r record, most int) (id string, p journal.Position, next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sessionOf(who)
	r.Session = s.key
	for _, over := range b.ended.list {
		if r.sameRequest(&over.record) {
			return over.ID, 0, next
		}
	}
	count := 0
	for _, e := range b.events {
		if r.sameRequest(&e.record) {
			return e.ID, b.put(s), next
		}
		if e.owner.User != s.User {
			continue
		}
		if count++; count == 1 || e.due().Before(next) {
			next = e.due()
		}
	}
	if count >= most {
		return "", 0, next
	}
	r.ID = newID()
	e := newEvent(r)
	e.owner = s
	s.events++
	b.events[e.ID], b.sessions[s.key] = e, s
	b.appoint(e, e.due())
	return e.ID, b.put(s, e), next
}

// sessionOf finds the session of a caller, or makes one that is not entered
// yet, with the token that the caller has now.
func (b *book) sessionOf(who caller) *session {
	key := hashed(who.user, who.device, who.assert)
	s := b.sessions[key]
	if s == nil {
		s = &session{key: key, sessionRecord: sessionRecord{User: who.user, Device: who.device, Assert: who.assert}}
	}
	s.Token = who.token
	return s
}

// find gives what is known of an event that waits or is over, for rules that
// are no concern of the book. The values are copies; of who sent what is over
// only the user is known.
func (b *book) find(id string) (what about, owner sessionRecord, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.events[id]; e != nil {
		return e.about(), e.owner.sessionRecord, true
	}
	if e := b.ended.byID[id]; e != nil {
		return e.about(), sessionRecord{User: e.user}, true
	}
	return about{}, sessionRecord{}, false
}

// agrees says whether an event is over, and as an action would have it.
func (b *book) agrees(id, action string) (over, agrees bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.ended.byID[id]
	return e != nil, e != nil && e.agrees(action)
}

// of lists what a user has scheduled, soonest first, and what is over.
func (b *book) of(user string) (waiting []about, over []summary) {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting, over = []about{}, []summary{}
	for _, e := range b.events {
		if e.owner.User == user {
			waiting = append(waiting, e.about())
		}
	}
	slices.SortFunc(waiting, func(x, y about) int {
		return cmp.Or(cmp.Compare(x.SinceTS+x.DelayMs, y.SinceTS+y.DelayMs), cmp.Compare(x.ID, y.ID))
	})
	for _, e := range b.ended.list {
		if e.user == user {
			over = append(over, e.summary())
		}
	}
	return waiting, over
}

// restart lets the delay run anew. While the event is being sent nobody knows
// what will become of it: then busy is to be waited for, and asked again.
func (b *book) restart(id string, now time.Time) (p journal.Position, busy <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.events[id]
	if e == nil || e.sending != nil {
		return 0, sendingOf(e), e != nil
	}
	e.Since, e.failures = now, 0
	b.appoint(e, e.due())
	return b.put(nil, e), nil, true
}

// cancel forgets an event, with the same rule as restart.
func (b *book) cancel(id string, now time.Time) (p journal.Position, busy <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.events[id]
	if e == nil || e.sending != nil {
		return 0, sendingOf(e), e != nil
	}
	return b.drop(e, fate{asked: true}, now), nil, true
}

func sendingOf(e *event) <-chan struct{} {
	if e == nil {
		return nil
	}
	return e.sending
}

// renew gives a session the token that its device has shown now.
func (b *book) renew(who caller) journal.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sessions[hashed(who.user, who.device, who.assert)]
	if s == nil || s.Token == who.token {
		return 0
	}
	s.Token = who.token
	return b.put(s)
}

// supersede cancels what others have scheduled for state that somebody has
// just set; the sender's own stay (as with Synapse since pull request 17810).
func (b *book) supersede(room, kind, key, sender string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Key != nil && e.Room == room && e.Type == kind && *e.Key == key && e.owner.User != sender && e.sending == nil {
			b.drop(e, fate{}, now)
		}
	}
}

// waits says whether somebody other than the holder of a token has scheduled
// this state.
func (b *book) waits(room, kind, key, token string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Key != nil && e.Room == room && e.Type == kind && *e.Key == key && e.owner.Token != token {
			return true
		}
	}
	return false
}

// put queues values for the journal; nil is none. Called under the lock.
func (b *book) put(s *session, events ...*event) journal.Position {
	var entries []journal.Entry
	if s != nil && s.events > 0 {
		entries = append(entries, b.entry(bucketSession, s.key, s.sessionRecord))
	}
	for _, e := range events {
		entries = append(entries, b.entry(bucketEvent, hashed(e.ID), e.record))
	}
	return b.append(entries...)
}

func (b *book) entry(bucket, key string, value any) journal.Entry {
	if b.store == nil {
		return journal.Entry{}
	}
	plain, err := json.Marshal(value)
	if err != nil {
		// Content was checked to be JSON, all else are strings and numbers.
		panic(fmt.Sprintf("upstream: %s cannot be written: %v", bucket, err))
	}
	return journal.Entry{Bucket: bucket, Key: key, Value: b.vault.seal(bucket+"/"+key, plain)}
}

// drop ends an event, and forgets its sender with the last one.
func (b *book) drop(e *event, f fate, now time.Time) journal.Position {
	b.counts.add(f, now.Sub(e.due()))
	b.ended.add(&ending{record: e.record, fate: f, user: e.owner.User, at: now})
	b.agenda.Strike(&e.when)
	delete(b.events, e.ID)
	e.owner.events--
	entries := []journal.Entry{{Bucket: bucketEvent, Key: hashed(e.ID)}}
	if e.owner.events == 0 {
		delete(b.sessions, e.owner.key)
		entries = append(entries, journal.Entry{Bucket: bucketSession, Key: e.owner.key})
	}
	return b.append(entries...)
}

func (b *book) append(entries ...journal.Entry) journal.Position {
	if b.store == nil {
		return 0
	}
	return b.store.Append(entries...)
}

// appoint puts an event on the agenda, or moves it there.
func (b *book) appoint(e *event, at time.Time) {
	if b.agenda.Appoint(&e.when, at) {
		b.wake()
	}
}

// wake lets Run look at the agenda.
func (b *book) wake() {
	select {
	case b.alarm <- struct{}{}:
	default: // it will look anyway
	}
}
