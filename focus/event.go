package focus

import (
	"context"
	"slices"
	"sync"

	"meshfocus/focus/transport"
)

// Event is something that a Party's holder has to know. It is one of those below.
type Event interface{ event() }

// NegotiationNeeded: what the party is to get or to give has changed since its
// connection was negotiated. Make an offer, or have the other side make one.
type NegotiationNeeded struct{}

// TrackPublished tells of a track of another party, TrackChanged that it was muted or
// is not any more, TrackEnded that it is no longer there; subscriptions of it have
// ended with it.
type (
	TrackPublished struct{ Track Track }
	TrackChanged   struct{ Track Track }
	TrackEnded     struct{ Track Track }
)

// LayersResting tells a publisher which layers of a track of its own it may stop to
// send, by their names (RFC 8851), since nobody wants them; all others are wanted.
type LayersResting struct {
	Track Track
	Names []string
}

// SpeakerChanged says which party speaks, "" if nobody.
type SpeakerChanged struct{ Party string }

// MessageReceived is a message on a data channel of the party's own.
type MessageReceived struct {
	Label string
	Data  []byte
	Text  bool
}

// ChannelReady: a data channel of the label can be sent on.
type ChannelReady struct{ Label string }

// CandidatesFound and StateChanged are the connection's own.
type (
	CandidatesFound struct{ Candidates []transport.Candidate }
	StateChanged    struct{ State transport.State }
)

func (NegotiationNeeded) event() {}
func (TrackPublished) event()    {}
func (TrackChanged) event()      {}
func (TrackEnded) event()        {}
func (SpeakerChanged) event()    {}
func (LayersResting) event()     {}
func (MessageReceived) event()   {}
func (ChannelReady) event()      {}
func (CandidatesFound) event()   {}
func (StateChanged) event()      {}

// mostEvents is how many events wait for a holder that does not read: more than a
// session has tracks. The oldest are forgotten then.
const mostEvents = 4096

// events keeps the order between the loops that put, which never wait, and the one
// that takes, which does.
type events struct {
	wake chan struct{} // capacity 1: something was put
	done chan struct{} // closed by close

	mutex     sync.Mutex
	waiting   []Event // guarded by mutex
	forgotten uint64  // guarded by mutex
	closed    bool    // guarded by mutex
}

func newEvents() *events {
	return &events{wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// put appends an event. Of those that only say how things are now, the older one that
// still waits is out of date.
func (e *events) put(event Event) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.closed {
		return
	}
	switch event.(type) {
	case NegotiationNeeded:
		e.waiting = slices.DeleteFunc(e.waiting, is[NegotiationNeeded])
	case SpeakerChanged:
		e.waiting = slices.DeleteFunc(e.waiting, is[SpeakerChanged])
	}
	if len(e.waiting) == mostEvents {
		e.waiting = slices.Delete(e.waiting, 0, 1)
		e.forgotten++
	}
	e.waiting = append(e.waiting, event)
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func is[T Event](event Event) bool {
	_, so := event.(T)
	return so
}

// next waits for an event: the error is ErrClosed behind the last one, or ctx's.
func (e *events) next(ctx context.Context) (Event, error) {
	for {
		if event, ok := e.take(); ok {
			return event, nil
		}
		select {
		case <-e.wake:
		case <-e.done:
			if event, ok := e.take(); ok {
				return event, nil
			}
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (e *events) take() (Event, bool) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if len(e.waiting) == 0 {
		return nil, false
	}
	event := e.waiting[0]
	e.waiting[0] = nil
	e.waiting = e.waiting[1:]
	return event, true
}

// close takes no more events; those that wait can still be taken.
func (e *events) close() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if !e.closed {
		e.closed = true
		close(e.done)
	}
}
