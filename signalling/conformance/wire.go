package conformance

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Wire is how a run reaches the room: a device with an account, or a test.
type Wire interface {
	// Enter makes us a member of the session under test, under a session ID. If
	// we are one, it is under another ID from now on, as after a restart.
	Enter(ctx context.Context, sessionID string) error
	// Leave ends that, if we are one.
	Leave(ctx context.Context) error
	// Send gives a content of any kind to a device, inside Olm unless clear, and
	// returns when the homeserver has taken it.
	Send(ctx context.Context, to message.Party, eventType string, content json.RawMessage, clear bool) error
}

// Heard is a call message that arrived, decrypted if it was encrypted.
type Heard struct {
	From      message.Party
	Encrypted bool
	Signal    message.Signal
	Type      string
	Content   json.RawMessage
	At        time.Time
}

// Mailbox is where what arrives waits for the run. It never makes who puts
// something in wait. The zero Mailbox is not ready: use NewMailbox.
type Mailbox struct {
	arrived chan struct{} // has room for one: there is something new

	mu    sync.Mutex
	heard []Heard          // guarded by mu
	facts membership.Facts // guarded by mu
}

// NewMailbox makes an empty one.
func NewMailbox() *Mailbox { return &Mailbox{arrived: make(chan struct{}, 1)} }

// Put takes messages in the order in which they came.
func (m *Mailbox) Put(heard ...Heard) {
	m.mu.Lock()
	m.heard = append(m.heard, heard...)
	m.mu.Unlock()
	m.ring()
}

// SetFacts takes what is known of the room.
func (m *Mailbox) SetFacts(facts membership.Facts) {
	m.mu.Lock()
	m.facts = facts
	m.mu.Unlock()
	m.ring()
}

func (m *Mailbox) ring() {
	select {
	case m.arrived <- struct{}{}:
	default:
	}
}

// empty gives what has arrived since the last time, and the latest facts.
func (m *Mailbox) empty() ([]Heard, membership.Facts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	heard := m.heard
	m.heard = nil
	return heard, m.facts
}
