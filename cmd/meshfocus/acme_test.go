package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority is an ACME authority (RFC 8555) that behaves: one account, one
// order at a time, the HTTP-01 challenge. It looks into no signature.
type authority struct {
	t         *testing.T
	server    *httptest.Server
	key       *ecdsa.PrivateKey
	root      *x509.Certificate
	challenge string // address at which challenges are answered
	domain    string

	orders     atomic.Int32
	authorised atomic.Bool
	chain      []byte
}

const challengeToken = "a-token-of-the-challenge"

func newAuthority(t *testing.T, domain string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour * 24 * 365)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, root: root, domain: domain}
	a.server = httptest.NewTLSServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.server.Close)
	return a
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	at := func(path string) string { return a.server.URL + path }
	say := func(status int, location string, content map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		if location != "" {
			w.Header().Set("Location", at(location))
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(content)
	}
	w.Header().Set("Replay-Nonce", base64.RawURLEncoding.EncodeToString(fmt.Append(nil, time.Now().UnixNano())))
	state := map[bool]string{false: "pending", true: "ready"}[a.authorised.Load()]
	if a.chain != nil {
		state = "valid"
	}
	order := map[string]any{"status": state, "authorizations": []string{at("/authz")}, "finalize": at("/finalize"), "certificate": at("/cert"),
		"identifiers": []map[string]string{{"type": "dns", "value": a.domain}}}
	challenge := map[string]any{"type": "http-01", "url": at("/challenge"), "token": challengeToken, "status": map[bool]string{false: "pending", true: "valid"}[a.authorised.Load()]}
	switch r.URL.Path {
	case "/directory":
		say(200, "", map[string]any{"newNonce": at("/nonce"), "newAccount": at("/account"), "newOrder": at("/order"), "revokeCert": at("/x"), "keyChange": at("/x")})
	case "/nonce":
	case "/account":
		say(201, "/account/1", map[string]any{"status": "valid"})
	case "/order":
		a.orders.Add(1)
		say(201, "/order/1", order)
	case "/order/1":
		say(200, "/order/1", order)
	case "/authz":
		say(200, "", map[string]any{"status": challenge["status"], "identifier": map[string]string{"type": "dns", "value": a.domain}, "challenges": []any{challenge}})
	case "/challenge":
		a.authorised.Store(a.ask())
		say(200, "", challenge)
	case "/finalize":
		a.issue(r.Body)
		order["status"] = "valid"
		say(200, "/order/1", order)
	case "/cert":
		_, _ = w.Write(a.chain)
	default:
		http.NotFound(w, r)
	}
}

// ask looks whether the domain answers the challenge (RFC 8555, section 8.3).
func (a *authority) ask() bool {
	request, err := http.NewRequest("GET", "http://"+a.challenge+"/.well-known/acme-challenge/"+challengeToken, nil)
	if err != nil {
		return false
	}
	request.Host = a.domain
	response, err := client().Do(request)
	if err != nil {
		a.t.Errorf("the challenge is not answered: %v", err)
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return err == nil && strings.HasPrefix(string(text), challengeToken+".")
}

// issue signs what the order asks for.
func (a *authority) issue(body io.Reader) {
	var signed struct{ Payload string }
	var asked struct{ CSR string }
	_ = json.NewDecoder(body).Decode(&signed)
	payload, _ := base64.RawURLEncoding.DecodeString(signed.Payload)
	_ = json.Unmarshal(payload, &asked)
	der, _ := base64.RawURLEncoding.DecodeString(asked.CSR)
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		a.t.Errorf("the request for a certificate: %v", err)
		return
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: request.DNSNames,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leaf, err := x509.CreateCertificate(rand.Reader, template, a.root, request.PublicKey, a.key)
	if err != nil {
		a.t.Error(err)
		return
	}
	for _, der := range [][]byte{leaf, a.root.Raw} {
		a.chain = append(a.chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
}

func TestHTTPS_CertificatesComeFromAnAuthorityAndAreKept(t *testing.T) {
	const domain = "call.example.org"
	a := newAuthority(t, domain)
	config := Config{Listen: "127.0.0.1:0", Homeserver: HomeserverConfig{Data: t.TempDir()},
		TLS: TLSConfig{ACME: []string{domain}, Directory: a.server.URL + "/directory", HTTP: "127.0.0.1:0"}}
	for _, round := range []string{"first", "again"} {
		manager := acmeManager(config)
		manager.Client.HTTPClient = a.server.Client()
		d := &door{config: config}
		d.useACME(manager)
		if err := d.listen(); err != nil {
			t.Fatal(err)
		}
		a.challenge = d.challenge.Addr().String()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- d.serveChallenge(ctx) }()
		go func() {
			ended <- d.serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }), quiet)
		}()

		roots := x509.NewCertPool()
		roots.AddCert(a.root)
		web := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: domain}}}
		response, err := web.Get("https://" + d.listener.Addr().String() + "/")
		if err != nil {
			t.Fatalf("%s: %v", round, err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || string(text) != "hello" {
			t.Errorf("%s: %q %v", round, text, err)
		}
		web.Transport.(*http.Transport).TLSClientConfig.ServerName = "elsewhere.example.org"
		if _, err := web.Get("https://" + d.listener.Addr().String() + "/"); err == nil {
			t.Error("a certificate is asked for a domain that is not ours")
		}
		plain := client()
		plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if response, err = plain.Get("http://" + a.challenge + "/c/lobby"); err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if to := response.Header.Get("Location"); !strings.HasPrefix(to, "https://") {
			t.Errorf("plain HTTP is sent on to %q", to)
		}
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	if n := a.orders.Load(); n != 1 {
		t.Errorf("%d certificates were ordered, want one that is kept", n)
	}
}
