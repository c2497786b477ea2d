package transport

import "sync"

// Event is something a connection has to say. It is one of CandidatesFound,
// StateChanged and TrackAdded.
type Event interface{ event() }

// CandidatesFound holds local candidates found after the description they
// belong to was handed out, in batches. The last batch of a generation ends
// with an empty candidate, the end marker; if all candidates were in the
// description no batch comes at all.
type CandidatesFound struct{ Candidates []Candidate }

// StateChanged says where the connection is now.
type StateChanged struct{ State State }

// TrackAdded announces a track of the other side whose first packet came.
type TrackAdded struct{ Track *RemoteTrack }

func (CandidatesFound) event() {}
func (StateChanged) event()    {}
func (TrackAdded) event()      {}

// State is where a connection is, from first offer to close.
type State uint8

// The states. A restart leads from disconnected or failed back to connecting.
const (
	StateNew State = iota
	StateConnecting
	StateConnected
	StateDisconnected
	StateFailed
	StateClosed
)

// String gives the state in lower case, for logs and pages.
func (s State) String() string {
	switch s {
	case StateNew:
		return "new"
	case StateConnecting:
		return "connecting"
	case StateConnected:
		return "connected"
	case StateDisconnected:
		return "disconnected"
	case StateFailed:
		return "failed"
	case StateClosed:
		return "closed"
	}
	return "unknown"
}

// mailbox keeps events in order between Pion's goroutines, which must never
// wait, and one reader, which may. Its loop runs from NewConn to Close.
type mailbox struct {
	out  chan Event
	wake chan struct{} // capacity 1: something was put
	stop chan struct{}

	mu    sync.Mutex
	queue []Event // guarded by mu
}

func newMailbox() *mailbox {
	return &mailbox{
		out:  make(chan Event),
		wake: make(chan struct{}, 1),
		stop: make(chan struct{}),
	}
}

// put appends an event and returns at once.
func (m *mailbox) put(event Event) {
	m.mu.Lock()
	m.queue = append(m.queue, event)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run hands events out until stop is closed, then closes out. What was not
// read by then is dropped.
func (m *mailbox) run() {
	defer close(m.out)
	for {
		select {
		case <-m.stop:
			return
		case <-m.wake:
		}
		m.mu.Lock()
		events := m.queue
		m.queue = nil
		m.mu.Unlock()
		for _, event := range events {
			select {
			case <-m.stop:
				return
			case m.out <- event:
			}
		}
	}
}
