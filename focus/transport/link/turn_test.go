package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/internal/turnserver"
)

// trusted is a certificate for 127.0.0.1 and its key, as PEM. It is one for the
// whole process, which reads the list of those it trusts once.
var trusted = sync.OnceValues(func() (pair [2][]byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return pair, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	pair[0] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	pair[1] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	return pair, err
})

// trust writes the certificate and its key, and has this process trust it.
func trust(t *testing.T, directory string) (certificate, key string) {
	t.Helper()
	pair, err := trusted()
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(directory, "certificate.pem"), filepath.Join(directory, "key.pem")
	for i, name := range []string{certificate, key} {
		if err := os.WriteFile(name, pair[i], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SSL_CERT_FILE", certificate)
	return certificate, key
}

func TestPath_ThroughCoturn(t *testing.T) {
	certificate, key := trust(t, t.TempDir())
	address := turnserver.Start(t, "--cert="+certificate, "--pkey="+key)
	for _, c := range []struct{ name, url string }{
		{"UDP", "turn:" + address + "?transport=udp"},
		{"TCP", "turn:" + address + "?transport=tcp"},
		{"TLS", "turns:" + address + "?transport=tcp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := Config{RelayOnly: true, Relays: []Relay{{URL: c.url, Username: turnserver.User, Credential: turnserver.Password}}}
			config.Port = newLane(t).port
			a, toA := indirect(t, config)
			config.Port = newLane(t).port
			b, toB := indirect(t, config)
			connect(t, a, b)
			converse(t, a, b, toA, toB)
			if path, _ := a.Path(); path.Direct || path.LocalType != "relay" || path.TCP {
				t.Errorf("path is %+v, want it relayed", path)
			}
			if len(a.told) != 1 {
				t.Errorf("candidates are %q, want one", a.told)
			}
		})
	}
}

func TestLink_CloseDoesNotWaitForARelay(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0") // the system accepts, nobody else does
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	for _, url := range []string{
		"turn:" + udp.LocalAddr().String() + "?transport=udp",
		"turn:" + tcp.Addr().String() + "?transport=tcp",
		"turns:" + tcp.Addr().String() + "?transport=tcp",
	} {
		t.Run(url[:5]+url[len(url)-3:], func(t *testing.T) {
			e := newEnd(t, Config{Port: newLane(t).port, Relays: []Relay{{url, "alice", "secret"}}})
			if err := e.Gather(); err != nil {
				t.Fatal(err)
			}
			await(t, "candidate of the socket", e.found) // the relay is asked at the same time
			begin := time.Now()
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > 7*time.Second { // TURN's patience is 7.9 s, RFC 8489 section 6.2.1
				t.Errorf("Close took %s", took)
			}
		})
	}
}

// A relay that answered once, and dies while it is asked for something else.
func TestLink_CloseDoesNotWaitForARelayThatDied(t *testing.T) {
	relay, die := mortalTURN(t)
	e := newEnd(t, Config{Port: newLane(t).port, Relays: []Relay{relay}, RelayOnly: true})
	if candidates := e.candidates(); len(candidates) != 1 {
		t.Fatalf("candidates are %q", candidates)
	}
	die()
	address, _, _ := strings.Cut(strings.TrimPrefix(relay.URL, "turn:"), "?")
	grave, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = grave.Close() }()
	if err := e.Connect(Peer{Credentials: Credentials{"nobody", "nobody-is-there-to-answer"}}); err != nil {
		t.Fatal(err)
	}
	e.add([]string{"1 1 udp 2122260223 127.0.0.1 46154 typ host"})
	_ = grave.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := grave.ReadFrom(make([]byte, 1500)); err != nil { // the permission that is asked
		t.Fatal(err)
	}
	begin := time.Now()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 7*time.Second { // TURN's patience is 7.9 s
		t.Errorf("Close took %s", took)
	}
}

func TestGather_UsesTheRelaysOfItsTime(t *testing.T) {
	e := newEnd(t, Config{Port: newLane(t).port, RelayOnly: true})
	if err := e.SetRelays([]Relay{{URL: "stun:127.0.0.1"}}); err == nil {
		t.Error("a STUN server was taken for a relay")
	}
	if err := e.SetRelays([]Relay{turnServer(t)}); err != nil {
		t.Fatal(err)
	}
	if candidates := e.candidates(); len(candidates) != 1 {
		t.Errorf("candidates are %q, want that of the relay", candidates)
	}
	if err := e.Gather(); !errors.Is(err, ErrWrongState) {
		t.Errorf("gathering again gives %v, want %v", err, ErrWrongState)
	}
}
