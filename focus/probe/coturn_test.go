package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/internal/turnserver"

	"go.uber.org/goleak"
)

// Most of these tests wait for what does not come, so they wait together.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err) // the flag has gone from package testing
	}
	goleak.VerifyTestMain(m)
}

// secret is what the homeserver of these tests shares with its TURN server.
const secret = "a secret for tests"

// timed makes credentials as a homeserver does (decision D31's shared secret).
func timed(secret string, until time.Time) Credentials {
	name := fmt.Sprintf("%d:@alice:example.org", until.Unix())
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(name))
	return Credentials{name, base64.StdEncoding.EncodeToString(mac.Sum(nil))}
}

func good() Credentials { return timed(secret, time.Now().Add(time.Hour)) }

// coturn runs Debian's TURN server with more options and gives "host:port".
// It relays to loopback unless told otherwise.
func coturn(t *testing.T, options ...string) string {
	t.Helper()
	if !slices.Contains(options, "--lt-cred-mech") && !slices.Contains(options, "--no-auth") {
		options = append(slices.Clip(options), "--use-auth-secret", "--static-auth-secret="+secret)
	}
	return turnserver.Start(t, options...)
}

// certificate makes a self-signed certificate for names, good until an
// instant, as coturn's options and as the roots that trust it.
func certificate(t *testing.T, until time.Time, names ...string) (options []string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "turn"}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return []string{"--cert=" + write("cert.pem", "CERTIFICATE", der), "--pkey=" + write("key.pem", "PRIVATE KEY", private)}, roots
}

// atOnce runs the checks of all cases at the same time, for most of them wait,
// and then looks at each finding in a subtest of the case's name.
func atOnce(t *testing.T, cases []scene) {
	t.Helper()
	findings := make([]Finding, len(cases))
	var running sync.WaitGroup
	for i, c := range cases {
		running.Go(func() { findings[i] = c.check() })
	}
	running.Wait()
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) { wants(t, findings[i], c.level, c.found, c.cause) })
	}
}

// scene is a check and what it has to find.
type scene struct {
	name         string
	check        func() Finding
	level        Level
	found, cause string
}

// wants compares a finding with what it must say: level, and words in found
// and cause.
func wants(t *testing.T, f Finding, level Level, found, cause string) {
	t.Helper()
	if f.Level != level || !strings.Contains(f.Found, found) || !strings.Contains(f.Cause, cause) || (f.Level == Broken && f.Fix == "") {
		t.Errorf("want %s, found %q, cause %q; is\n%+v", level, found, cause, f)
	}
}
