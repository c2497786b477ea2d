package link

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// certificateLife is how long a certificate says that it is good for. Peers
// compare the fingerprint and look at nothing else (RFC 8827 section 6.5).
const certificateLife = 365 * 24 * time.Hour

// Certificate is what one party shows to those it connects to. It is made
// anew with each start, so that nobody is known again by it.
type Certificate struct{ of *tls.Certificate }

// NewCertificate makes a self-signed certificate with a key on the P-256
// curve, which every peer knows (RFC 8827 section 6.5).
func NewCertificate() (Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return Certificate{}, err
	}
	now := time.Now()
	name := pkix.Name{CommonName: "WebRTC"}
	template := &x509.Certificate{
		SerialNumber: serial, Issuer: name, Subject: name,
		NotBefore: now.Add(-24 * time.Hour), // clocks of others may be late
		NotAfter:  now.Add(certificateLife),
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Certificate{}, err
	}
	return Certificate{&tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}}, nil
}

// Fingerprint gives what a description says of the certificate.
func (c Certificate) Fingerprint() Fingerprint {
	return fingerprint("sha-256", c.of.Certificate[0])
}

// Fingerprint is the attribute of a description that names a certificate (RFC
// 8122 section 5): a hash function by its name and the hash in hexadecimal,
// bytes separated by colons.
type Fingerprint struct{ Algorithm, Value string }

// String writes it as the attribute has it.
func (f Fingerprint) String() string { return f.Algorithm + " " + f.Value }

// hashes are the functions that are good enough, the best last.
var hashes = []struct {
	name string
	sum  func([]byte) []byte
}{
	{"sha-256", func(b []byte) []byte { h := sha256.Sum256(b); return h[:] }},
	{"sha-384", func(b []byte) []byte { h := sha512.Sum384(b); return h[:] }},
	{"sha-512", func(b []byte) []byte { h := sha512.Sum512(b); return h[:] }},
}

func fingerprint(algorithm string, certificate []byte) Fingerprint {
	for _, hash := range hashes {
		if hash.name == algorithm {
			hexed := fmt.Sprintf("% X", hash.sum(certificate))
			return Fingerprint{algorithm, strings.ReplaceAll(hexed, " ", ":")}
		}
	}
	return Fingerprint{}
}

// checkFingerprint compares a certificate with those that were announced. Of
// several hash functions the best counts, as RFC 8122 section 5 demands; of
// several fingerprints with that function one has to fit.
func checkFingerprint(announced []Fingerprint, certificate []byte) error {
	for i := len(hashes) - 1; i >= 0; i-- {
		var given bool
		for _, f := range announced {
			if !strings.EqualFold(f.Algorithm, hashes[i].name) {
				continue
			}
			given = true
			value, err := hex.DecodeString(strings.ReplaceAll(f.Value, ":", ""))
			if err != nil {
				return fmt.Errorf("%w: not hexadecimal", ErrFingerprint)
			}
			if bytes.Equal(value, hashes[i].sum(certificate)) {
				return nil
			}
		}
		if given {
			return fmt.Errorf("%w: the peer showed another than it had announced", ErrFingerprint)
		}
	}
	return fmt.Errorf("%w: want one with SHA-256, SHA-384 or SHA-512", ErrFingerprint)
}
