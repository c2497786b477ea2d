package transport

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// batchWindow is how long later candidates are collected before they are
// handed out together: one to-device message instead of one for each.
const batchWindow = 50 * time.Millisecond

// gathering collects the local candidates of one ICE generation. Until it is
// handed out with a description they pile up; afterwards each batch becomes
// an event. Pion's goroutines feed it, a timer empties it.
type gathering struct {
	emit func([]Candidate) // never blocks; called without mu
	hide bool              // relay only: not a word of our own addresses
	done chan struct{}     // closed when there are no more
	pion sync.Once         // it has no more

	mu        sync.Mutex
	searching int         // how many are looking: Pion, and we for reflexive ones
	begun     bool        // we are, or were
	known     []Candidate // all of the generation
	handed    int         // how many of known were in a description or a batch
	complete  bool
	trickle   bool // the description is out
	over      bool // another generation or the end: say nothing more
	ended     bool // the end marker is in the description, or sent
	timer     *time.Timer
}

func newGathering(emit func([]Candidate), hide bool) *gathering {
	return &gathering{emit: emit, hide: hide, searching: 2, done: make(chan struct{})}
}

// add notes what Pion found; nil says that it has no more, and may come with
// every description.
func (g *gathering) add(candidate *webrtc.ICECandidate) {
	if candidate == nil {
		g.pion.Do(g.finishOne)
		return
	}
	// An active candidate only says that we may connect, which the other side
	// sees when we do (RFC 6544 section 5.1). Pion finds them after the
	// description: they would cost each pair a message of their own.
	if candidate.TCPType != "active" {
		g.found(candidateFrom(candidate, g.hide))
	}
}

// found notes one candidate.
func (g *gathering) found(candidate Candidate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = append(g.known, candidate)
	g.schedule()
}

// begin reports, the first time, that reflexive candidates are to be looked
// for: once for each generation.
func (g *gathering) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := !g.begun
	g.begun = true
	return first
}

// finishOne says that one of those looking has no more.
func (g *gathering) finishOne() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.searching--
	if g.searching == 0 && !g.complete {
		g.complete = true
		close(g.done)
		g.schedule()
	}
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

// candidateFrom writes a candidate that was found. The related address may be
// hidden as RFC 8839 section 5.1 has it.
func candidateFrom(found *webrtc.ICECandidate, hide bool) Candidate {
	if hide && found.RelatedAddress != "" {
		masked := *found
		masked.RelatedAddress, masked.RelatedPort = "0.0.0.0", 9
		found = &masked
	}
	init := found.ToJSON()
	candidate := Candidate{Candidate: init.Candidate, Mid: init.SDPMid, MLineIndex: init.SDPMLineIndex}
	if !strings.HasPrefix(candidate.Candidate, "candidate:") {
		candidate.Candidate = "candidate:" + candidate.Candidate
	}
	if ufrag := candidate.ufrag(); ufrag != "" {
		candidate.UsernameFragment = &ufrag
	}
	return candidate
}
