package transport

import (
	"slices"
	"sync"
	"time"
)

// batchWindow is how long later candidates are collected before they are
// handed out together: one to-device message instead of one for each.
const batchWindow = 50 * time.Millisecond

// gathering collects the local candidates of one ICE generation. Until it is
// handed out with a description they pile up; afterwards each batch becomes
// an event. The strand's loop feeds it, a timer empties it.
type gathering struct {
	ufrag string            // of the generation; set once
	emit  func([]Candidate) // never blocks; called without mu
	done  chan struct{}     // closed when there are no more

	mu       sync.Mutex  // guards all below
	begun    bool        // it was asked for
	known    []Candidate // all of the generation
	handed   int         // how many of known were in a description or a batch
	complete bool
	trickle  bool // the description is out
	over     bool // another generation or the end: say nothing more
	ended    bool // the end marker is in the description, or sent
	timer    *time.Timer
}

func newGathering(ufrag string, emit func([]Candidate)) *gathering {
	return &gathering{ufrag: ufrag, emit: emit, done: make(chan struct{})}
}

// begin reports, the first time, that candidates are to be looked for.
func (g *gathering) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := !g.begun
	g.begun = true
	return first
}

// found notes one candidate.
func (g *gathering) found(candidate Candidate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = append(g.known, candidate)
	g.schedule()
}

// exhausted says, once, that there are no more.
func (g *gathering) exhausted() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.complete = true
	close(g.done)
	g.schedule()
}

// schedule hands out what was found, soon. g.mu is held.
func (g *gathering) schedule() {
	if g.trickle && g.timer == nil && !g.over {
		g.timer = time.AfterFunc(batchWindow, g.flush)
	}
}

// handOut gives the candidates for a description: all, for a later one of the
// same generation repeats them. What is found after it is emitted.
func (g *gathering) handOut() (candidates []Candidate, complete bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handed = len(g.known)
	g.trickle, g.ended = true, g.complete
	return slices.Clone(g.known), g.complete
}

// flush emits what came since the last batch. An end marker alone is not
// worth a message: nobody waits for it.
func (g *gathering) flush() {
	g.mu.Lock()
	g.timer = nil
	batch := slices.Clone(g.known[g.handed:])
	g.handed = len(g.known)
	over := g.over
	if g.complete && !g.ended && len(batch) > 0 {
		g.ended = true
		batch = append(batch, endMarker(batch[0]))
	}
	g.mu.Unlock()
	if len(batch) > 0 && !over {
		g.emit(batch)
	}
}

// finish silences the gathering.
func (g *gathering) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
}

// endMarker ends the generation of a candidate. Browsers read an entry
// without mid and index as the end of all.
func endMarker(of Candidate) Candidate {
	return Candidate{UsernameFragment: of.UsernameFragment}
}
