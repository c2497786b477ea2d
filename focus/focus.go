package focus

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"meshfocus/focus/transport"
)

// defaultPatience is how long a party may be out of reach: as long as a homeserver
// that was restarted takes to carry the words of an ICE restart.
const defaultPatience = 30 * time.Second

// Config is how a Focus is to be.
type Config struct {
	// Network carries all connections. It stays the caller's:
	// close it behind the Focus.
	Network *transport.Network
	// Patience is how long a party's connection may be lost, or take to come about
	// the first time, before the party is taken out; 0 is 30 s, below 0 for ever.
	Patience time.Duration
	// AsItComes has everything leave at once and in the layer that is wished for. Else what
	// leaves to a party is paced, and its layers are chosen, by what its feedback tells of
	// the path (transport.BundleConfig.Adaptive).
	AsItComes bool
	Log       *slog.Logger // nil: nothing is logged
}

// Focus is the sessions that are forwarded here. All methods may be called from any
// goroutine.
type Focus struct {
	config Config // set once

	mutex    sync.Mutex
	sessions map[string]*Session // guarded by mutex
	closed   bool                // guarded by mutex
	ending   sync.WaitGroup      // sessions that ended with their last party
}

// New makes a focus without sessions.
func New(c Config) *Focus {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	return &Focus{config: c, sessions: make(map[string]*Session)}
}

// Session gives the session of a key, a new one if there is none. It lasts until its
// Close, also while nobody is in it. The error is ErrClosed.
func (f *Focus) Session(key string) (*Session, error) { return f.session(key, true) }

// Join makes a connection for a party of the session of a key, as Session.Join does.
// A session that nobody asked for by Session begins with its first party and ends
// with its last.
func (f *Focus) Join(session, party string, config transport.BundleConfig) (*Party, error) {
	for {
		s, err := f.session(session, false)
		if err != nil {
			return nil, err
		}
		p, err := s.Join(party, config)
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, ErrClosed) {
			s.mail.Put(s.thin)
			return nil, err
		}
		// Its last party left meanwhile, and it is off the list.
	}
}

func (f *Focus) session(key string, keep bool) (*Session, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	s := f.sessions[key]
	if s == nil {
		s = newSession(f, key)
		f.sessions[key] = s
	}
	s.kept = s.kept || keep
	return s, nil
}

// release takes a session off the list that nobody is in any more, false if it is to
// stay. Its loop calls it, and ends then.
func (f *Focus) release(s *Session) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if s.kept {
		return false
	}
	if f.sessions[s.key] == s {
		delete(f.sessions, s.key)
	}
	f.ending.Go(func() { <-s.over; s.runs.Wait() })
	return true
}

// Sessions gives those that there are, by key.
func (f *Focus) Sessions() []*Session {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.SortedFunc(maps.Values(f.sessions), func(a, b *Session) int { return strings.Compare(a.key, b.key) })
}

// Close ends all sessions and returns when nothing of them runs any more.
func (f *Focus) Close() {
	f.mutex.Lock()
	f.closed = true
	f.mutex.Unlock()
	for _, s := range f.Sessions() {
		s.Close()
	}
	f.ending.Wait()
}

// forget takes a session out of the list.
func (f *Focus) forget(s *Session) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.sessions[s.key] == s {
		delete(f.sessions, s.key)
	}
}
