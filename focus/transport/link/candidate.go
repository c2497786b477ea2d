package link

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pion/ice/v4"
)

// maxCandidateLength bounds one candidate; the longest real ones stay below
// 300 bytes.
const maxCandidateLength = 1024

// AddCandidate takes a candidate of the other side: for the generation whose
// credentials were given last, or for the first if none were. Whether its
// address is asked, Config.Reach decides; a .local name is looked up first, and
// one that is not found, or leads where we do not ask, is left out without a
// word. Errors: ErrBadCandidate, ErrTooMany, ErrClosed; other candidates are
// not affected.
func (l *Link) AddCandidate(text string) error {
	candidate, err := parseCandidate(text)
	if err != nil || candidate == nil {
		return err
	}
	g, err := l.place()
	if err != nil {
		return err
	}
	if addr, err := netip.ParseAddr(candidate.Address()); err == nil {
		return g.add(candidate, addr)
	}
	return l.lookUp(g, text, candidate.Address())
}

// place gives the generation that a candidate belongs to, if it has room.
func (l *Link) place() (*generation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.current.Load()
	if l.next != nil && l.next.begun {
		g = l.next
	}
	switch {
	case l.closed:
		return nil, ErrClosed
	case g.candidates >= maxCandidates:
		return nil, ErrTooMany
	}
	g.candidates++
	return g, nil
}

// add gives a candidate with an address to the agent.
func (g *generation) add(candidate ice.Candidate, addr netip.Addr) error {
	if err := g.link.mayAsk(netip.AddrPortFrom(addr, uint16(candidate.Port()))); err != nil {
		return err
	}
	return g.agent.AddRemoteCandidate(candidate)
}

// lookUp finds the address of a hidden candidate, which takes its time.
func (l *Link) lookUp(g *generation, text, name string) error {
	if l.config.Resolve == nil || !strings.HasSuffix(name, ".local") {
		return fmt.Errorf("%w: a name that is not looked up", ErrBadCandidate)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.wg.Go(func() {
		addr, err := l.config.Resolve(l.life, name)
		if err != nil {
			return
		}
		addr = addr.Unmap().WithZone("")
		if candidate, err := parseCandidate(inPlaceOf(name, text, addr)); err == nil && candidate != nil {
			_ = g.add(candidate, addr) // the peer does not hear of it, nor does it matter to the others
		}
	})
	return nil
}

// inPlaceOf writes an address where a candidate has a name.
func inPlaceOf(name, text string, addr netip.Addr) string {
	return strings.Replace(singleSpaced(text), " "+name+" ", " "+addr.String()+" ", 1)
}

// singleSpaced writes one space where there are several, as the grammar of RFC 8839
// section 5.1 has it: Pion takes nothing between two of them for a field.
func singleSpaced(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

// parseCandidate reads a candidate of the peer, with or without "candidate:"
// before it. Its address may be a name. A nil candidate is one that is of no use: of a second component,
// as with rtcp-mux there is none.
func parseCandidate(text string) (ice.Candidate, error) {
	if len(text) > maxCandidateLength {
		return nil, fmt.Errorf("%w: %d bytes", ErrBadCandidate, len(text))
	}
	text = strings.TrimPrefix(singleSpaced(text), "candidate:")
	candidate, err := ice.UnmarshalCandidate(text)
	if err != nil || !overKnownTransport(text) {
		// Without Pion's words, which repeat the candidate: addresses of
		// others stay out of logs.
		return nil, fmt.Errorf("%w: not as RFC 8839 section 5.1 has it", ErrBadCandidate)
	}
	if candidate.Component() != ice.ComponentRTP {
		return nil, nil
	}
	return candidate, nil
}

// overKnownTransport reports whether a candidate is of UDP or TCP. Pion asks that of
// addresses, and not of names.
func overKnownTransport(text string) bool {
	fields := strings.Fields(text)
	return len(fields) > 2 && (strings.EqualFold(fields[2], "udp") || strings.EqualFold(fields[2], "tcp"))
}

// hideRelated masks the related address of a candidate.
func hideRelated(text string) string {
	fields := strings.Fields(text)
	for i := 0; i+1 < len(fields); i++ {
		switch fields[i] {
		case "raddr":
			fields[i+1] = "0.0.0.0"
		case "rport":
			fields[i+1] = "9"
		}
	}
	return strings.Join(fields, " ")
}
