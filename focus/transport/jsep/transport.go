package jsep

import (
	"fmt"
	"slices"
	"strings"
)

// Transport is one side's end of the wire: what ICE and DTLS need to know of
// it.
type Transport struct {
	// Ufrag and Password are the ICE credentials (RFC 8839 section 5.4): at
	// least 4 and 22 characters of letters, digits, + and /.
	Ufrag, Password string
	// Fingerprints are those of the certificate, one at least (RFC 8122).
	Fingerprints []Fingerprint
	// Candidates are candidate-attributes, "candidate:" and what follows (RFC
	// 8839 section 5.1). They are written as they are and have not been looked
	// into when read. Complete: there are no more.
	Candidates []string
	Complete   bool
	// Lite: the side only answers checks (RFC 8445 section 2.5). Trickle: it
	// takes candidates later (RFC 8840). Ours always does.
	Lite, Trickle bool
}

// Fingerprint is the hash of a certificate (RFC 8122 section 5): the name of
// the hash function in lower case, and upper-case bytes between colons.
type Fingerprint struct{ Algorithm, Value string }

// Role is who begins with DTLS (RFC 8842 section 5).
type Role uint8

// The roles. The zero Role is not settled yet.
const (
	Client Role = iota + 1 // a=setup:active
	Server                 // a=setup:passive
)

// String gives "client" or "server", "open" before it is settled.
func (r Role) String() string {
	switch r {
	case Client:
		return "client"
	case Server:
		return "server"
	}
	return "open"
}

// setup gives the attribute's value.
func (r Role) setup() string {
	switch r {
	case Client:
		return "active"
	case Server:
		return "passive"
	}
	return "actpass"
}

// maxCandidates bounds what is kept of a description. A browser with ten
// interfaces and four servers stays below it.
const maxCandidates = 200

// readTransport reads the transport of a section; what it lacks it has from
// the session. The candidates of other sections are of transports that the
// bundle leaves unused; they count only where it has none itself.
func readTransport(session, section attributes, parts []part) (Transport, error) {
	find := func(key string) string {
		value, ok := section.first(key)
		if !ok {
			value, _ = session.first(key)
		}
		return value
	}
	t := Transport{Ufrag: find("ice-ufrag"), Password: find("ice-pwd"), Lite: session.has("ice-lite")}
	t.Trickle = slices.Contains(strings.Fields(find("ice-options")), "trickle")
	for _, from := range []attributes{section, session} {
		for _, a := range from {
			if a.key == "fingerprint" {
				hash, value, _ := strings.Cut(a.value, " ")
				t.Fingerprints = append(t.Fingerprints, Fingerprint{strings.ToLower(hash), strings.ToUpper(strings.TrimSpace(value))})
			}
		}
		if len(t.Fingerprints) > 0 {
			break
		}
	}
	t.readCandidates(section)
	if len(t.Candidates) == 0 {
		for _, other := range parts {
			t.readCandidates(other.attributes)
		}
	}
	t.Complete = t.Complete || session.has("end-of-candidates")
	return t, t.check(ErrDescription)
}

// readCandidates adds those of a section.
func (t *Transport) readCandidates(section attributes) {
	for _, a := range section {
		switch {
		case a.key == "end-of-candidates":
			t.Complete = true
		case a.key == "candidate" && len(t.Candidates) < maxCandidates:
			if candidate := "candidate:" + a.value; !slices.Contains(t.Candidates, candidate) {
				t.Candidates = append(t.Candidates, candidate)
			}
		}
	}
}

// check says what is missing; the error wraps kind.
func (t Transport) check(kind error) error {
	switch {
	case t.Ufrag == "":
		return fmt.Errorf("%w: no ice-ufrag", kind)
	case len(t.Ufrag) < 4 || len(t.Ufrag) > 256 || !isICE(t.Ufrag):
		return fmt.Errorf("%w: ice-ufrag is not 4 to 256 letters and digits", kind)
	case len(t.Password) < 22 || len(t.Password) > 256 || !isICE(t.Password):
		return fmt.Errorf("%w: ice-pwd is not 22 to 256 letters and digits", kind)
	case len(t.Fingerprints) == 0:
		return fmt.Errorf("%w: no fingerprint", kind)
	}
	for _, f := range t.Fingerprints {
		if !isToken(f.Algorithm, 16) || !isFingerprint(f.Value) {
			return fmt.Errorf("%w: a fingerprint that is not bytes between colons", kind)
		}
	}
	return nil
}

// isICE reports whether text is made of ice-chars (RFC 8839 section 5.1), and
// of - and _, which some write.
func isICE(text string) bool {
	for _, c := range []byte(text) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// isFingerprint reports whether text is bytes in upper-case hexadecimal with
// colons between them (RFC 8122 section 5), 64 of them at most.
func isFingerprint(text string) bool {
	if len(text) < 2 || len(text) > 3*64-1 || len(text)%3 != 2 {
		return false
	}
	for i, c := range []byte(text) {
		hexadecimal := c >= '0' && c <= '9' || c >= 'A' && c <= 'F'
		if i%3 == 2 && c != ':' || i%3 != 2 && !hexadecimal {
			return false
		}
	}
	return true
}

// sameCertificate reports whether both name the same certificate by one hash.
func (t Transport) sameCertificate(other Transport) bool {
	return slices.ContainsFunc(t.Fingerprints, func(f Fingerprint) bool { return slices.Contains(other.Fingerprints, f) })
}
