package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// said lists checks and levels.
func said(findings []Finding) string {
	var words []string
	for _, f := range findings {
		words = append(words, fmt.Sprintf("%s=%s", f.Check, f.Level))
	}
	return strings.Join(words, " ")
}

func TestAll_FindsNothingWrongWithAGoodServer(t *testing.T) {
	t.Parallel()
	options, roots := certificate(t, time.Now().AddDate(1, 0, 0), "127.0.0.1")
	address := coturn(t, append(options, "--listening-ip=127.0.0.1", "--listening-ip=127.0.0.2", "--relay-ip=127.0.0.1")...)
	findings := (&Prober{Roots: roots}).All(t.Context(), Subject{
		Servers:     []string{"turn:" + address + "?transport=udp", "turn:" + address + "?transport=tcp", "turns:" + address + "?transport=tcp"},
		Credentials: good(), Members: 3, Vantage: vantage(t, NewVantage(nil)),
	})
	want := "stun=fine turn.udp=fine turn.tcp=fine turn.tls=fine turn.quota=fine mtu=fine nat=fine external=fine port=fine port.tcp=fine"
	if got := said(findings); got != want {
		t.Errorf("got  %s\nwant %s\n%+v", got, want, findings)
	}
}

func TestAll_NamesTheFirstCauseAndSkipsWhatFollowsFromIt(t *testing.T) {
	t.Parallel()
	address := coturn(t)
	findings := patient().All(t.Context(), Subject{Servers: []string{"turn:" + address}, Credentials: timed("another", time.Now().Add(time.Hour)), Members: 3})
	if got, want := said(findings), "stun=fine turn.udp=broken turn.quota=skipped mtu=skipped nat=fine external=fine"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	first := slices.IndexFunc(findings, func(f Finding) bool { return f.Level == Broken })
	wants(t, findings[first], Broken, "401", "another secret")
	if got, want := said(patient().All(t.Context(), Subject{Servers: []string{"stun:" + address}})), "stun=fine turn=warning nat=fine external=fine"; got != want {
		t.Errorf("without a TURN server: got %s, want %s", got, want)
	}
}

// Findings are shown, sent and pasted into issues.
func TestFindings_TellNoSecrets(t *testing.T) {
	t.Parallel()
	address := coturn(t)
	var told []string
	p := &Prober{Progress: func(step string) { told = append(told, step) }}
	for _, c := range []Credentials{good(), timed("another", time.Now().Add(time.Hour)), timed(secret, time.Now().Add(-time.Hour)), {"alice", "pass word"}} {
		for _, f := range p.All(t.Context(), Subject{Servers: []string{"turn:" + address}, Credentials: c, Members: 2}) {
			told = append(told, fmt.Sprintf("%+v", f))
		}
		for _, text := range told {
			if strings.Contains(text, c.Password) || strings.Contains(text, c.Username) || strings.Contains(text, "@alice") {
				t.Errorf("tells credentials: %s", text)
			}
		}
	}
}

func TestServer_IsReadFromURIsAndAddresses(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, way, want string }{
		{"turn:turn.example.org", "", "turn.example.org:3478 over UDP"},
		{"turn:turn.example.org?transport=tcp", "", "turn.example.org:3478 over TCP"},
		{"turns:turn.example.org:443?transport=tcp", "", "turn.example.org:443 over TLS"},
		{"turns:turn.example.org", "", "turn.example.org:5349 over TLS"},
		{"turn:turn.example.org:3478?transport=udp", "tls", "turn.example.org:3478 over TLS"},
		{"stun:[2001:db8::1]:3479", "", "[2001:db8::1]:3479 over UDP"},
		{"stuns:stun.example.org", "", "stun.example.org:5349 over TLS"},
		{"turn.example.org", "", "turn.example.org:3478 over UDP"},
		{"turn.example.org", "tls", "turn.example.org:5349 over TLS"},
		{"192.0.2.1:99", "tcp", "192.0.2.1:99 over TCP"},
		{"2001:db8::1", "", "[2001:db8::1]:3478 over UDP"},
		{"http://turn.example.org/x", "", ""},
		{"turn.example.org:port", "", ""},
		{"turn.example.org:99999", "", ""},
		{"turn:turn.example.org:0", "", ""},
		{"", "", ""},
	}
	for _, test := range tests {
		s, err := parseServer(test.text, Transport(test.way))
		if (err != nil) != (test.want == "") || err == nil && s.String() != test.want {
			t.Errorf("%q: %s, %v; want %s", test.text, s, err, test.want)
		}
	}
}

func FuzzServer(f *testing.F) {
	for _, text := range []string{"turn:a:1?transport=udp", "stun:[::1]", "[::1]:5", "turns:", "a:b:c", "turn:0:0", "stun:[::1]X"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseServer(text, "")
		if err != nil {
			return
		}
		if s.host == "" || s.port < 1 || s.port > 0xffff || (s.way != UDP && s.way != TCP && s.way != TLS) {
			t.Errorf("%q is read as %+v", text, s)
		}
	})
}

// Whatever a server sends, reading it neither panics nor gives addresses that
// are none.
func FuzzAnswer(f *testing.F) {
	peer := netip.MustParseAddrPort("192.0.2.1:5")
	for _, setters := range [][]stun.Setter{
		{seen(peer)}, {xorAddress{stun.AttrXORRelayedAddress, netip.MustParseAddrPort("[2001:db8::1]:5")}},
		{stun.ErrorCodeAttribute{Code: 486, Reason: []byte("quota")}}, {&stun.OtherAddress{IP: peer.Addr().AsSlice(), Port: 5}},
	} {
		m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingSuccess}, setters...)...)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.Raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := &stun.Message{Raw: raw}
		if m.Decode() != nil {
			return
		}
		if err := refusal(m); err != nil {
			_ = diagnose(err, server{way: UDP}, Credentials{}, time.Unix(0, 0))
		}
		for _, read := range []func(*stun.Message) (netip.AddrPort, bool){mappedIn, otherIn} {
			if at, ok := read(m); ok && (!at.IsValid() || at.Port() == 0) {
				t.Errorf("%x gives %s", raw, at)
			}
		}
	})
}
