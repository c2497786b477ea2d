package remote

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"time"
)

// errFingerprint: who answers has another certificate.
var errFingerprint = errors.New("its certificate is another than the address says: it was started anew, or somebody is in between")

// life is how long a certificate says that it is good for. Nobody looks at that.
const life = 365 * 24 * time.Hour

// Certificate makes one for a Server, with a key on the P-256 curve, signed by itself: it
// is known by its Fingerprint.
func Certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-life), NotAfter: now.Add(life)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, nil
}

// Fingerprint is that of a certificate: SHA-256, in 43 characters of base64url.
func Fingerprint(c tls.Certificate) string { return encode(c.Certificate[0]) }

func encode(raw []byte) string {
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// pinned gives a client of who has the certificate with a fingerprint, and of nobody else.
func pinned(fingerprint string) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // instead of authorities there is the fingerprint, below
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || subtle.ConstantTimeCompare([]byte(encode(s.PeerCertificates[0].Raw)), []byte(fingerprint)) != 1 {
				return errFingerprint
			}
			return nil
		},
	}}}
}
