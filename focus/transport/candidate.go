package transport

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
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

// maxCandidateLength bounds one candidate; the longest real ones, with an
// IPv6 address and every extension, stay below 300 bytes.
const maxCandidateLength = 1024

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

// check reports whether the text can be given to the ICE agent, and whether
// it should: candidates of a second component are of no use with rtcp-mux.
func (c Candidate) check() (use bool, err error) {
	if len(c.Candidate) > maxCandidateLength {
		return false, fmt.Errorf("%w: %d bytes", ErrBadCandidate, len(c.Candidate))
	}
	text := strings.TrimPrefix(c.Candidate, "candidate:")
	parsed, err := ice.UnmarshalCandidate(text)
	if err != nil {
		// Without Pion's words, which repeat the candidate: addresses of
		// others stay out of logs.
		return false, fmt.Errorf("%w: not as RFC 8839 section 5.1 has it", ErrBadCandidate)
	}
	return parsed.Component() == ice.ComponentRTP, nil
}

// AddCandidates takes candidates of the other side, in any number, at any
// time and in any order. Those that come before the description they belong
// to wait for it; those of an older ICE generation and end markers are
// dropped. One that cannot be read does not keep the others from being used:
// the error wraps ErrBadCandidate and is for the log. A name that has to be
// looked up (mDNS) is looked up later and may fail alone.
func (c *Conn) AddCandidates(batch []Candidate) error {
	var faults []error
	var now []Candidate
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	for _, candidate := range batch {
		if candidate.end() {
			continue
		}
		switch c.generations.place(candidate.ufrag()) {
		case currentGeneration:
			now = append(now, candidate)
		case unknownGeneration:
			if len(c.held) >= maxHeldCandidates {
				faults = append(faults, fmt.Errorf("%w: more than %d before their description", ErrBadCandidate, maxHeldCandidates))
				continue
			}
			c.held = append(c.held, candidate)
		case formerGeneration:
		}
	}
	c.mu.Unlock()
	return errors.Join(append(faults, c.useCandidates(now))...)
}

// useCandidates gives candidates of the current generation to the ICE agent.
func (c *Conn) useCandidates(batch []Candidate) error {
	var faults []error
	for _, candidate := range batch {
		use, err := candidate.check()
		if name := candidate.hiddenName(); err == nil && use && name != "" {
			if c.network.config.MDNS {
				c.spawn(func() { c.useHidden(candidate, name) })
			}
			continue
		}
		if err == nil && use {
			err = c.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: candidate.Candidate})
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrBadCandidate, err)
			}
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// generation says how a candidate's username fragment relates to what the
// other side has described so far.
type generation uint8

const (
	currentGeneration generation = iota
	formerGeneration
	unknownGeneration
)

// generations remembers the username fragments of remote descriptions.
type generations struct {
	current map[string]bool // nil before the first description
	former  map[string]bool
}

// place sorts a candidate's fragment in. A candidate without one belongs to
// the current description, or to the first if there is none yet: old browsers
// leave it out.
func (g *generations) place(ufrag string) generation {
	switch {
	case g.current == nil:
		return unknownGeneration
	case ufrag == "" || g.current[ufrag]:
		return currentGeneration
	case g.former[ufrag]:
		return formerGeneration
	}
	return unknownGeneration
}

// replacedBy reports whether the fragments of a description are others than
// before, which is an ICE restart (RFC 8839 section 4.4.1.1.1).
func (g *generations) replacedBy(ufrags []string) bool {
	for _, ufrag := range ufrags {
		if g.current != nil && !g.current[ufrag] {
			return true
		}
	}
	return false
}

// advance notes the fragments of a description that was applied.
func (g *generations) advance(ufrags []string) {
	fresh := make(map[string]bool, len(ufrags))
	for _, ufrag := range ufrags {
		fresh[ufrag] = true
	}
	if g.former == nil {
		g.former = make(map[string]bool)
	}
	for ufrag := range g.current {
		if !fresh[ufrag] {
			g.former[ufrag] = true
		}
	}
	g.current = fresh
}
