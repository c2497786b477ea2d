package inspect

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
)

// scene is a homeserver that people can call on, and what stands before it.
// Faults are put in by changing it before it opens.
type scene struct {
	t          *testing.T
	home       homeserver.Config
	config     Config           // what the inspector is told; what is empty is filled in
	leaf       x509.Certificate // template of the certificate
	plain      bool             // no TLS
	selfSigned bool
	proxies    []func(http.Handler) http.Handler
	before     func(*alice) // with the homeserver up and an account in it

	authority *authority
	server    *homeserver.Server
	web       *httptest.Server
}

// alice is the account that inspects.
type alice struct {
	*scene
	id, token, room string
}

const (
	aliceID     = "@alice:hs.test"
	aliceDevice = "PHONE"
	password    = "correct horse battery"
)

// authority signs the certificates of one test.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	pool        *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &authority{key, certificate, pool}
}

// issue signs a certificate; by nil it signs itself.
func (a *authority) issue(t *testing.T, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.certificate, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newScene(t *testing.T) *scene {
	return &scene{
		t: t,
		home: homeserver.Config{
			ServerName: "hs.test",
			Transports: []json.RawMessage{json.RawMessage(`{"type":"full_mesh"}`)},
			Turn: &homeserver.TurnServers{URIs: []string{"turn:turn.hs.test:3478?transport=udp", "turns:turn.hs.test:443?transport=tcp"},
				Username: "mesh", Password: "turn-secret-of-the-test"},
		},
		leaf: x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "hs.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)},
	}
}

// behind puts a proxy before the homeserver and the proxies named so far.
func (s *scene) behind(proxy func(http.Handler) http.Handler) { s.proxies = append(s.proxies, proxy) }

// open starts the homeserver with alice in it, who has what a good client
// has: keys, cross-signing, a room.
func (s *scene) open() *alice {
	s.t.Helper()
	s.web = httptest.NewUnstartedServer(nil)
	if s.config.Homeserver == "own name" {
		s.home.ServerName = s.web.Listener.Addr().String()
	}
	server, err := homeserver.New(s.home)
	if err != nil {
		s.t.Fatal(err)
	}
	s.server = server
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	handler := server.Handler()
	for _, proxy := range s.proxies {
		handler = proxy(handler)
	}
	s.web.Config.Handler = handler
	s.web.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.serve()
	s.t.Cleanup(func() {
		s.web.Close()
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("homeserver: %v", err)
		}
	})
	server.SetRateLimit(homeserver.ClassDelayed, homeserver.Limit{PerSecond: 50, Burst: 5}) // as Synapse, but for its second
	a := &alice{scene: s, id: "@alice:" + s.home.ServerName}
	a.settle()
	if s.before != nil {
		s.before(a)
	}
	return a
}

func (s *scene) serve() {
	s.t.Helper()
	if s.plain {
		s.web.Start()
		return
	}
	s.authority = newAuthority(s.t)
	signer := s.authority
	if s.selfSigned {
		signer = nil
	}
	certificate := signer.issue(s.t, &s.leaf)
	s.web.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.web.StartTLS()
	s.web.TLS.Certificates[0] = certificate
}

// settle makes the account.
func (a *alice) settle() {
	a.t.Helper()
	secret := "" // hashing one takes a while
	if a.config.User != "" {
		secret = password
	}
	if err := a.server.EnsureUser("alice", secret); err != nil {
		a.t.Fatal(err)
	}
	token, err := a.server.IssueToken("alice", aliceDevice, "")
	if err != nil {
		a.t.Fatal(err)
	}
	a.token = token
	if a.room, err = a.server.EnsureRoom("tea", "Tea", "alice", homeserver.PresetPrivate); err != nil {
		a.t.Fatal(err)
	}
	signature := map[string]any{a.id: map[string]string{"ed25519:self": "signed"}}
	key := func(usage string) map[string]any {
		return map[string]any{"user_id": a.id, "usage": []string{usage}, "keys": map[string]string{"ed25519:" + usage[:4]: usage[:4]}}
	}
	a.post("/_matrix/client/v3/keys/device_signing/upload", map[string]any{"master_key": key("master"), "self_signing_key": key("self_signing")})
	a.post("/_matrix/client/v3/keys/upload", map[string]any{
		"device_keys": map[string]any{"user_id": a.id, "device_id": aliceDevice, "algorithms": []string{"m.olm.v1.curve25519-aes-sha2"},
			"keys": map[string]string{"ed25519:" + aliceDevice: "fingerprint"}, "signatures": signature},
		"one_time_keys": oneTimeKeys(20),
	})
}

func oneTimeKeys(count int) map[string]any {
	keys := map[string]any{}
	for n := range count {
		keys["signed_curve25519:"+string(rune('A'+n))] = map[string]string{"key": "one-time"}
	}
	return keys
}

// post asks the homeserver itself, past every proxy.
func (a *alice) post(path string, content any) {
	a.t.Helper()
	a.request(http.MethodPost, path, content)
}

func (a *alice) request(method, path string, content any) {
	a.t.Helper()
	body, err := json.Marshal(content)
	if err != nil {
		a.t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+a.token)
	w := httptest.NewRecorder()
	a.server.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		a.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}

// address turns what a scene says into what a person would give.
func (a *alice) address(given string) string {
	host := a.web.Listener.Addr().String()
	switch {
	case given == "by name":
		return host
	case given == "own name": // alice's server name leads here
		return a.web.URL
	case given == "https":
		return "https://" + host
	case strings.HasPrefix(given, "/"), given == "":
		return a.web.URL + given
	}
	return given
}

// inspect runs all checks.
func (a *alice) inspect() []Finding {
	a.t.Helper()
	return a.inspectUntil(func(Finding) bool { return false })
}

// inspectUntil runs the checks up to one that is enough.
func (a *alice) inspectUntil(enough func(Finding) bool) []Finding {
	a.t.Helper()
	c := a.config
	c.Homeserver = a.address(c.Homeserver)
	if c.Token == "" && c.User == "" {
		c.Token = a.token
	}
	if c.Room == "" {
		c.Room = a.room
	}
	if c.Roots == nil && a.authority != nil {
		c.Roots = a.authority.pool
	}
	if c.Slow == 0 {
		c.Slow = 30 * time.Second // the machine of a test may be busy
	}
	if c.Delay == 0 {
		c.Delay = 20 * time.Millisecond
	}
	i, err := New(c)
	if err != nil {
		a.t.Fatal(err)
	}
	var findings []Finding
	for f := range i.Findings(a.t.Context()) {
		if findings = append(findings, f); enough(f) {
			break
		}
	}
	return findings
}
