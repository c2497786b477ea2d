package transport

import (
	"errors"
	"fmt"
	"strings"

	"meshfocus/focus/transport/link"
)

// Candidate is one ICE candidate as browsers write it to JSON. Candidate is
// the text of the candidate-attribute (RFC 8839 section 5.1) with or without
// "candidate:" before it; empty means that there are no more.
type Candidate struct {
	Candidate        string
	Mid              *string
	MLineIndex       *uint16
	UsernameFragment *string
}

// maxHeldCandidates bounds what is kept for a description that has not come
// yet. A browser with ten interfaces and four servers stays below it.
const maxHeldCandidates = 200

// end reports whether c says that no more candidates follow. Browsers send
// more after it all the same, or send it twice, or never: it is not acted upon.
func (c Candidate) end() bool {
	return strings.TrimPrefix(c.Candidate, "candidate:") == ""
}

// ufrag gives the ICE generation the candidate belongs to, "" if it does not
// say.
func (c Candidate) ufrag() string {
	if c.UsernameFragment != nil && *c.UsernameFragment != "" {
		return *c.UsernameFragment
	}
	fields := strings.Fields(c.Candidate)
	for i := 8; i+1 < len(fields); i++ {
		if fields[i] == "ufrag" {
			return fields[i+1]
		}
	}
	return ""
}

// AddCandidates takes candidates of the other side, in any number, at any
// time and in any order. Those that come before the description they belong
// to wait for it; those of an older ICE generation and end markers are
// dropped. One that cannot be read, or that points where we do not ask first
// (link.Reach), does not keep the others from being used: the error wraps
// ErrBadCandidate and is for the log. A name that has to be looked up (mDNS) is
// looked up later and may fail alone.
func (x *exchange) AddCandidates(batch []Candidate) error {
	var faults []error
	var now []Candidate
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return ErrClosed
	}
	for _, candidate := range batch {
		if candidate.end() {
			continue
		}
		switch x.generations.place(candidate.ufrag()) {
		case currentGeneration:
			now = append(now, candidate)
		case unknownGeneration:
			if len(x.held) >= maxHeldCandidates {
				faults = append(faults, fmt.Errorf("%w: more than %d before their description", ErrBadCandidate, maxHeldCandidates))
				continue
			}
			x.held = append(x.held, candidate)
		case formerGeneration:
		}
	}
	x.mu.Unlock()
	for _, candidate := range now {
		if err := x.strand.add(candidate.Candidate); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// add takes a candidate of the present generation of the other side.
func (s *strand) add(candidate string) error {
	switch err := s.link.AddCandidate(candidate); {
	case errors.Is(err, link.ErrBadCandidate), errors.Is(err, link.ErrTooMany):
		return fmt.Errorf("%w: %w", ErrBadCandidate, err)
	case errors.Is(err, link.ErrClosed):
		return ErrClosed
	default:
		return err
	}
}

// generation says how a candidate's username fragment relates to what the
// other side has described so far.
type generation uint8

const (
	currentGeneration generation = iota
	formerGeneration
	unknownGeneration
)

// generations remembers the username fragments of remote descriptions: of their
// bundles, for there is one transport.
type generations struct {
	current string // "" before the first description
	former  map[string]bool
}

// place sorts a candidate's fragment in. A candidate without one belongs to
// the current description, or to the first if there is none yet: old browsers
// leave it out.
func (g *generations) place(ufrag string) generation {
	switch {
	case g.current == "":
		return unknownGeneration
	case ufrag == "" || ufrag == g.current:
		return currentGeneration
	case g.former[ufrag]:
		return formerGeneration
	}
	return unknownGeneration
}

// advance notes the fragment of a description that was applied.
func (g *generations) advance(ufrag string) {
	if ufrag == g.current {
		return
	}
	if g.former == nil {
		g.former = make(map[string]bool)
	}
	g.former[g.current] = true
	delete(g.former, ufrag)
	g.current = ufrag
}
