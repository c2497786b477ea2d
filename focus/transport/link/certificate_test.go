package link

import (
	"errors"
	"strings"
	"testing"
)

func TestFingerprint_OfTheBestHashCounts(t *testing.T) {
	mine, foreign := []byte("mine"), []byte("foreign")
	lower := fingerprint("sha-256", mine)
	lower.Value, lower.Algorithm = strings.ToLower(lower.Value), "SHA-256"
	for _, c := range []struct {
		name      string
		announced []Fingerprint
		good      bool
	}{
		{"the right one", []Fingerprint{fingerprint("sha-256", mine)}, true},
		{"in other letters", []Fingerprint{lower}, true},
		{"one of two certificates", []Fingerprint{fingerprint("sha-256", foreign), fingerprint("sha-256", mine)}, true},
		{"right with the better hash", []Fingerprint{fingerprint("sha-256", foreign), fingerprint("sha-512", mine)}, true},
		{"right with the worse hash only", []Fingerprint{fingerprint("sha-384", foreign), fingerprint("sha-256", mine)}, false},
		{"beside one that is not known", []Fingerprint{{"sha-1", "00"}, fingerprint("sha-384", mine)}, true},
		{"another", []Fingerprint{fingerprint("sha-256", foreign)}, false},
		{"one that is too weak", []Fingerprint{{"sha-1", "00"}}, false},
		{"part of it", []Fingerprint{{"sha-256", fingerprint("sha-256", mine).Value[:5]}}, false},
		{"nonsense", []Fingerprint{{"sha-256", "nonsense"}}, false},
		{"none", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkFingerprint(c.announced, mine)
			if c.good && err != nil || !c.good && !errors.Is(err, ErrFingerprint) {
				t.Errorf("err is %v", err)
			}
		})
	}
}

func TestCertificate_FingerprintIsAsDescriptionsHaveIt(t *testing.T) {
	text := certificate(t).Fingerprint().String()
	if len(text) != len("sha-256 ")+32*3-1 || text != "sha-256 "+strings.ToUpper(text[8:]) {
		t.Errorf("fingerprint is %q", text)
	}
}
