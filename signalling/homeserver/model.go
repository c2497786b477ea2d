package homeserver

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"meshfocus/signalling/agenda"
	"meshfocus/signalling/homeserver/journal"
)

// model is everything the server knows. One mutex guards it and all that is
// reached from it; it is a leaf, and nothing is awaited under it.
type model struct {
	mu sync.Mutex

	// Set once.
	name  string // server name
	store *journal.Journal
	alarm chan struct{} // capacity 1: the agenda has a new first entry

	// Guarded by mu from here on.

	// position is the newest stream position. ceiling is the position up to
	// which the journal has reserved: a restart begins there, so that no
	// position is used twice even if what it stood for was never written
	// down. reserved is where the journal says so.
	position, ceiling int64
	reserved          journal.Position
	// written is the newest entry handed to the journal.
	written journal.Position

	users   map[string]*user
	tokens  map[tokenHash]*device
	rooms   map[string]*room
	events  map[string]*event // by event ID
	aliases map[string]*alias
	delayed map[string]*delayedEvent
	agenda  agenda.Agenda[task]
}

// ceilingStep is how many positions are reserved with one journal entry.
const ceilingStep = 10_000

func newModel(name string, store *journal.Journal) *model {
	return &model{
		name: name, store: store, alarm: make(chan struct{}, 1),
		users: make(map[string]*user), tokens: make(map[tokenHash]*device),
		rooms: make(map[string]*room), events: make(map[string]*event),
		aliases: make(map[string]*alias), delayed: make(map[string]*delayedEvent),
	}
}

// next moves the stream by one.
func (m *model) next() int64 {
	m.position++
	if m.position >= m.ceiling {
		m.reserve()
	}
	return m.position
}

func (m *model) reserve() {
	m.ceiling = m.position + ceilingStep
	m.reserved = m.write(journal.Entry{
		Bucket: bucketMeta, Key: keyCeiling, Value: strconv.AppendInt(nil, m.ceiling, 10),
	})
}

// write hands entries to the journal as one unit.
func (m *model) write(entries ...journal.Entry) journal.Position {
	if m.store == nil {
		return 0
	}
	m.written = m.store.Append(entries...)
	return m.written
}

// wait blocks until everything up to p is durable.
func (m *model) wait(ctx context.Context, p journal.Position) error {
	if m.store == nil || p == 0 {
		return nil
	}
	return m.store.Wait(ctx, p)
}

// hold locks the model for one request; the returned function unlocks it and
// notes what has to be durable before the request may be answered. Use it as
// `defer m.hold(r)()`.
func (m *model) hold(r *request) (release func()) {
	m.mu.Lock()
	return func() {
		r.seen = max(r.seen, m.written)
		m.mu.Unlock()
	}
}

// userID makes a full user ID of a localpart.
func (m *model) userID(localpart string) string { return fmt.Sprintf("@%s:%s", localpart, m.name) }

// millis is a timestamp as the wire has it.
func millis(t time.Time) int64 { return t.UnixMilli() }
