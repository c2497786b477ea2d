package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

// fetch gets a page over any certificate, which it returns.
func fetch(t *testing.T, url string) (body string, cert *x509.Certificate) {
	t.Helper()
	response, err := client().Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", url, response.StatusCode, text, err)
	}
	if response.TLS != nil {
		cert = response.TLS.PeerCertificates[0]
	}
	return string(text), cert
}

func TestHTTPS_SelfSignedServesPageSocketAndHomeserver(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	var before *x509.Certificate
	for _, round := range []string{"first", "again"} {
		address, out, stop := startServeOut(t, "https", "--self-signed", "--data", data, "--listen", "0.0.0.0:0")
		page, cert := fetch(t, address+"/")
		if !strings.Contains(page, "<html") {
			t.Errorf("the page is %.100q", page)
		}
		if well, _ := fetch(t, address+"/.well-known/matrix/client"); !strings.Contains(well, `"`+address+`"`) {
			t.Errorf("clients are told %s", well)
		}
		if versions, _ := fetch(t, address+"/_matrix/client/versions"); !strings.Contains(versions, "v1.11") {
			t.Errorf("the homeserver says %s", versions)
		}
		v := visit(t, address, "lobby")
		v.get("welcome")
		v.until("state with the test card", func(f frame) bool { return f.Type == "state" && memberOf(f, "@testcard:localhost") })
		v.close()
		print := fingerprint(&tls.Certificate{Certificate: [][]byte{cert.Raw}})
		flat := strings.NewReplacer("\n", "", " ", "").Replace(out.String())
		if !strings.Contains(flat, print) {
			t.Errorf("the fingerprint %s is not printed:\n%s", print, out)
		}
		for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
			if err := cert.VerifyHostname(name); err != nil && (name != "::1" || hasAddress("::1")) {
				t.Errorf("%s certificate: %v", round, err)
			}
		}
		if before != nil && !before.Equal(cert) {
			t.Error("after a restart there is another certificate")
		}
		before = cert
		stop()
	}
	info, err := os.Stat(filepath.Join(data, "tls", "self-signed.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", info, err)
	}
}

func hasAddress(text string) bool {
	return slices.ContainsFunc(localAddresses(), func(ip net.IP) bool { return ip.String() == text })
}

func TestSelfSigned_IsMadeAnewWhenItDoesNotFitAnyMore(t *testing.T) {
	dir := t.TempDir()
	s, err := openSelfSigned(dir, []string{"call.example"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	first := s.current.Leaf
	if key, ok := s.current.PrivateKey.(*ecdsa.PrivateKey); !ok || key.Curve != elliptic.P256() {
		t.Error("the key is not P-256")
	}
	if life := first.NotAfter.Sub(first.NotBefore); life > 398*24*time.Hour || life < 300*24*time.Hour {
		t.Errorf("it is good for %s", life)
	}
	if covers(first, []string{"other.example"}, time.Now()) || !covers(first, []string{"call.example", "localhost"}, time.Now()) {
		t.Error("it is not good for what it should be")
	}
	if covers(first, nil, first.NotAfter.Add(-selfSignedRenew+time.Hour)) {
		t.Error("it is kept until it runs out")
	}
	reopened := func(extra ...string) *x509.Certificate {
		t.Helper()
		s, err := openSelfSigned(dir, extra, quiet)
		if err != nil {
			t.Fatal(err)
		}
		return s.current.Leaf
	}
	if !reopened("call.example").Equal(first) {
		t.Error("the kept one is not taken")
	}
	other := reopened("other.example")
	if other.Equal(first) || other.VerifyHostname("other.example") != nil {
		t.Error("another name does not make another certificate")
	}
	if !first.PublicKey.(*ecdsa.PublicKey).Equal(other.PublicKey) {
		t.Error("the key is another one too")
	}
	if err := os.WriteFile(filepath.Join(dir, "self-signed.crt"), []byte("letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSelfSigned(dir, nil, quiet); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a damaged one gives %v", err)
	}
}

// conn is a connection that arrived at an address of ours.
type conn struct {
	net.Conn
	at net.Addr
}

func (c conn) LocalAddr() net.Addr { return c.at }

func TestSelfSigned_FollowsTheMachineToAnotherNetwork(t *testing.T) {
	s, err := openSelfSigned("", nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	hello := func(ip string) *tls.ClientHelloInfo {
		return &tls.ClientHelloInfo{Conn: conn{at: &net.TCPAddr{IP: net.ParseIP(ip)}}}
	}
	first := s.current
	if got, err := s.get(hello("127.0.0.1")); err != nil || got != first {
		t.Errorf("at a known address it changes: %v", err)
	}
	if got, err := s.get(hello("fe80::1")); err != nil || got != first {
		t.Errorf("at an address that needs a zone it changes: %v", err)
	}
	if got, err := s.get(hello("192.0.2.77")); err != nil || got == first {
		t.Errorf("at a new address it does not change: %v", err)
	}
}

// writePair writes a certificate for a name.
func writePair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM, err := sign(private, []string{name}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := os.WriteFile(cert, certPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, keyPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func TestHTTPS_CertificateFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, "one.example")
	address, _, stop := startServeOut(t, "https", "--tls-cert", cert, "--tls-key", key, "--lobby=false")
	_, first := fetch(t, address+"/")
	if first.VerifyHostname("one.example") != nil {
		t.Fatalf("the certificate is for %v", first.DNSNames)
	}
	writePair(t, dir, "two.example")
	if _, second := fetch(t, address+"/"); second.VerifyHostname("two.example") != nil {
		t.Errorf("after the renewal the certificate is for %v", second.DNSNames)
	}
	stop()
}

func TestCertificateFiles_HalfARenewalLeavesTheOneBefore(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, "one.example")
	f, err := openCertificate(cert, key, quiet)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, dir, "two.example")
	fresh, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		t.Helper()
		pair, err := f.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.DNSNames[0]
	}
	for _, half := range [][]byte{before, []byte("nonsense")} { // with the new key
		if err := os.WriteFile(cert, half, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := name(); got != "one.example" {
			t.Errorf("in the middle of a renewal the certificate is for %s", got)
		}
	}
	if err := os.WriteFile(cert, fresh, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "two.example" {
		t.Errorf("after it the certificate is for %s", got)
	}
	if _, err := openCertificate(filepath.Join(dir, "none"), key, quiet); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a file that is not there gives %v", err)
	}
}

func TestServe_RefusesPlainHTTPWhereOthersReachIt(t *testing.T) {
	for _, listen := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "call.example.org:80"} {
		var out, errs buffer
		code := run(t.Context(), []string{"serve", "--listen", listen}, streams{out: &out, err: &errs})
		said := errs.String()
		if code != exitUsage || !strings.Contains(said, "--self-signed") || !strings.Contains(said, "--insecure-http") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: exit code %d and %q", listen, code, said)
		}
	}
	address, _, stop := startServeOut(t, "http", "--listen", "0.0.0.0:0", "--insecure-http", "--lobby=false")
	fetch(t, address+"/")
	stop()
}

// startServeOut is startServe for a scheme; it gives what is printed too.
func startServeOut(t *testing.T, scheme string, args ...string) (address string, out *buffer, stop func()) {
	t.Helper()
	out, stop = launch(t, args...)
	printed := regexp.MustCompile(scheme + `://127\.0\.0\.1:\d+`)
	eventually(t, patience, "the address is printed", func() bool {
		address = printed.FindString(out.String())
		return address != "" && strings.Contains(out.String(), "^C stops.")
	}, out.String)
	return address, out, stop
}

func TestProxies_AreBelievedOnlyWhenTheyAreTrusted(t *testing.T) {
	trusted, err := proxies([]string{"10.0.0.1", "192.168.0.0/16", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from      string
		forwarded []string
		want      string
	}{
		"somebody else says what they like":      {"203.0.113.9:5", []string{"1.1.1.1"}, "203.0.113.9:5"},
		"a trusted proxy":                        {"10.0.0.1:5", []string{"203.0.113.9"}, "203.0.113.9:0"},
		"who lied to the proxy":                  {"10.0.0.1:5", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9:0"},
		"a chain of proxies":                     {"10.0.0.1:5", []string{"1.1.1.1, 203.0.113.9, 192.168.3.4"}, "203.0.113.9:0"},
		"a chain over several lines":             {"10.0.0.1:5", []string{"203.0.113.9", "192.168.3.4"}, "203.0.113.9:0"},
		"an IPv6 proxy and address":              {"[fd00::1]:5", []string{"2001:db8::9"}, "[2001:db8::9]:0"},
		"nothing forwarded":                      {"10.0.0.1:5", nil, "10.0.0.1:0"},
		"nonsense forwarded":                     {"10.0.0.1:5", []string{"unknown"}, "10.0.0.1:0"},
		"nonsense before an address":             {"10.0.0.1:5", []string{"unknown, 203.0.113.9"}, "203.0.113.9:0"},
		"a proxy in IPv4 mapped to IPv6":         {"[::ffff:10.0.0.1]:5", []string{"203.0.113.9"}, "203.0.113.9:0"},
		"only proxies, of which the first is it": {"10.0.0.1:5", []string{"192.168.9.9"}, "192.168.9.9:0"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			h := behindProxies(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr, r.Header["X-Forwarded-For"] = c.from, c.forwarded
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got != c.want {
				t.Errorf("the request comes from %s, want %s", got, c.want)
			}
		})
	}
	if got, err := proxies([]string{"10.0.0.0/8", "nonsense"}); err == nil {
		t.Errorf("nonsense is read as %v", got)
	}
}

func TestInside_IsARoundTripper(t *testing.T) {
	web := &http.Client{Transport: inside{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/echo":
			w.Header().Set("X-From", r.RemoteAddr)
			w.WriteHeader(http.StatusTeapot)
			w.Header().Set("X-Late", "not sent")
			_, _ = io.Copy(w, r.Body)
		case "/wait":
			<-r.Context().Done()
		case "/panic":
			panic("lost")
		}
	})}}
	response, err := web.Post(insideURL+"/echo?x=1", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "hello" || response.StatusCode != http.StatusTeapot || response.Header.Get("X-Late") != "" || response.ContentLength != 5 {
		t.Errorf("the echo is %q %d %v %v", body, response.StatusCode, response.Header, err)
	}
	if response, err := web.Get(insideURL + "/nothing"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("a handler that says nothing: %v", err)
	}
	if _, err := web.Get(insideURL + "/panic"); err == nil || !strings.Contains(err.Error(), "lost") {
		t.Errorf("a handler that gives up: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", insideURL+"/wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := web.Do(request); err == nil || ctx.Err() == nil {
		t.Errorf("a request that was given up: %v", err)
	}
}

func TestKeepSecret_IsMadeOnceAndOnlyOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "key")
	first, err := keepSecret(path)
	if err != nil || len(first) != 32 {
		t.Fatal(err)
	}
	again, err := keepSecret(path)
	if err != nil || !slices.Equal(first, again) {
		t.Errorf("it changed, or %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v %v", info.Mode(), err)
	}
	if memory, err := keepSecret(""); err != nil || slices.Equal(memory, first) {
		t.Errorf("without a file it is the same: %v", err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keepSecret(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("half a file gives %v", err)
	}
}
