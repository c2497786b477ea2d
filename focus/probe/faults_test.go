package probe

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// fault is something that is wrong, and what has to be said about it first.
type fault struct {
	what  string // a sentence, for docs/doctor.md
	look  func() []Finding
	check string
	level Level
	cause string // part of it
}

// faults is the media half of the table of docs/doctor.md. Those of TURN are
// coturn's own, unless coturn cannot have them.
func faults(t *testing.T) []fault {
	expired, ofExpired := certificate(t, time.Now().Add(-time.Hour), "127.0.0.1")
	other, ofOther := certificate(t, time.Now().AddDate(1, 0, 0), "turn.example.org")
	soon, ofSoon := certificate(t, time.Now().AddDate(0, 0, 3), "127.0.0.1")
	plain, ending, stunOnly := coturn(t), coturn(t, soon...), coturn(t, "--stun-only")
	noUDP, plainTLS := coturn(t, "--no-udp"), "turns:"+plain+"?transport=tcp"
	silent := pretend(t, "127.0.0.1:0", func(*fake, *stun.Message, netip.AddrPort) {}).String()
	hole := relayingFake(t, func(int, []byte) bool { return true }).String()
	tunnel := relayingFake(t, func(_ int, payload []byte) bool { return len(payload) > 1100 }).String()
	lossy := relayingFake(t, func(count int, _ []byte) bool { return count%20 == 19 }).String()
	// at looks at everything about one server, by its URI without the scheme.
	at := func(server string, c Credentials, roots *x509.CertPool) func() []Finding {
		p := patient()
		switch p.Roots = roots; server { // where something is awaited in vain
		case silent:
			p.Patience = quick().Patience
		case noUDP, stunOnly, plainTLS:
			p.Patience = 3 * time.Second
		}
		scheme := "turn:"
		if strings.HasPrefix(server, "turns:") {
			scheme = ""
		}
		return func() []Finding {
			return p.All(t.Context(), Subject{Servers: []string{scheme + server}, Credentials: c, Members: 3})
		}
	}
	with := func(options ...string) func() []Finding { return at(coturn(t, options...), good(), nil) }
	strange := func(code stun.ErrorCode, setters ...stun.Setter) func() []Finding {
		return at(pretend(t, "127.0.0.1:0", func(f *fake, m *stun.Message, from netip.AddrPort) {
			if m.Type.Method == stun.MethodBinding {
				f.reply(m, from, stun.ClassSuccessResponse, seen(from))
			} else {
				f.refuse(m, from, code, setters...)
			}
		}).String(), alice(), nil)
	}
	nat := natted(t, func(a netip.AddrPort) uint16 { return 40000 ^ a.Port() ^ uint16(a.Addr().As4()[3])<<8 },
		func(asked, source netip.AddrPort) bool { return asked == source })
	one := func(f func() Finding) func() []Finding { return func() []Finding { return []Finding{f()} } }
	return []fault{
		{"TURN has another secret than the homeserver", at(plain, timed("another", time.Now().Add(time.Hour)), nil), "turn.udp", Broken, "another secret"},
		{"The credentials are of yesterday", at(plain, timed(secret, time.Now().Add(-24*time.Hour)), nil), "turn.udp", Broken, "expired on"},
		{"There are no credentials", at(plain, Credentials{}, nil), "turn.udp", Broken, "there are none"},
		{"The user name is unknown", at(coturn(t, "--lt-cred-mech", "--user=bob:secret"), alice(), nil), "turn.udp", Broken, "does not know this user name"},
		{"TURN asks for no credentials", with("--no-auth"), "turn.udp", Warning, "strangers can use it"},
		{"TURN has no realm", strange(stun.CodeUnauthorized, stun.NewNonce("nonce")), "turn.udp", Broken, "no realm"},
		{"Two TURN servers behind one address do not share their nonces", strange(stun.CodeStaleNonce, stun.NewRealm("example.org"), stun.NewNonce("nonce")), "turn.udp", Broken, "nonces"},
		{"The relay may not send to the party (`denied-peer-ip`)", with("--denied-peer-ip=127.0.0.0-127.255.255.255"), "turn.udp", Broken, "not to send to"},
		{"The same, but to private addresses alone", with("--relay-ip=127.0.0.2", "--denied-peer-ip=127.0.0.1"), "turn.udp", Note, "from relay to relay it works"},
		{"`external-ip` is another machine's", with("--external-ip=127.0.0.9/127.0.0.1"), "turn.udp", Broken, "gives out 127.0.0.9 but sends from"},
		{"A firewall closes the relay's ports", at(hole, alice(), nil), "turn.udp", Broken, "nothing passes through it"},
		{"Datagrams are lost on the way", at(lossy, alice(), nil), "turn.udp", Warning, "are lost"},
		{"The relay has IPv6 alone", with("--relay-ip=::1"), "turn.udp", Warning, "IPv6 addresses only"},
		{"UDP is switched off, its URI is still given", at(noUDP, good(), nil), "stun", Broken, "nothing listens at"},
		{"A firewall drops UDP to the server", at(silent, alice(), nil), "stun", Broken, "a firewall drops it"},
		{"The server is for STUN alone", at(stunOnly, good(), nil), "turn.udp", Broken, "it is a STUN server"},
		{"The port is wrong", at("127.0.0.1:9?transport=tcp", good(), nil), "turn.tcp", Broken, "nothing listens at"},
		{"The name is in no DNS", at("turn.invalid?transport=tcp", good(), nil), "turn.tcp", Broken, "does not resolve"},
		{"TURN has no certificate, `turns:` is given", at(plainTLS, good(), nil), "turn.tls", Broken, "does not speak TLS"},
		{"The certificate has expired", at("turns:"+coturn(t, expired...), good(), ofExpired), "turn.tls", Broken, "the TLS certificate expired on"},
		{"The certificate is for another name", at("turns:"+coturn(t, other...), good(), ofOther), "turn.tls", Broken, "is for turn.example.org, not for"},
		{"The certificate is self-signed, or its chain is incomplete", at("turns:"+ending, good(), nil), "turn.tls", Broken, "not from an authority"},
		{"The certificate expires within days", at("turns:"+ending, good(), ofSoon), "turn.tls", Warning, "ends in 2 days"},
		{"The URI asks for DTLS", at("turns:127.0.0.1?transport=udp", good(), nil), "turn", Broken, "cannot be read"},
		{"`user-quota=1`, in a call of three", with("--user-quota=1"), "turn.quota", Broken, "the quota is 1 relay;"},
		{"`total-quota=4`, in a call of three", with("--total-quota=4"), "turn.quota", Warning, "the quota is 4 relays"},
		{"The relay has four ports, in a call of three", with("--min-port=61110", "--max-port=61113"), "turn.quota", Broken, "no free relay port"},
		{"A tunnel on the way takes small datagrams only", at(tunnel, alice(), nil), "mtu", Warning, "are dropped"},
		{"The NAT here is symmetric", one(func() Finding { return (&Prober{}).NAT(t.Context(), nat) }), "nat", Warning, "symmetric NAT"},
		{"`media.external` is an old address", one(func() Finding { return patient().External(t.Context(), nat, []string{"203.0.113.9"}) }), "external", Broken, "the address from outside is"},
	}
}

// Each fault has to be the first thing that is named.
func TestFaults_AreNamedFirst(t *testing.T) {
	t.Parallel()
	all := faults(t)
	firsts := make([]Finding, len(all))
	var looking sync.WaitGroup
	for i, f := range all {
		looking.Go(func() { firsts[i] = first(f.look()) })
	}
	looking.Wait()
	var rows strings.Builder
	for i, f := range all {
		t.Run(f.what, func(t *testing.T) {
			wants(t, firsts[i], f.level, "", f.cause)
			if firsts[i].Check != f.check {
				t.Errorf("%s is first, want %s", firsts[i].Check, f.check)
			}
		})
		fmt.Fprintf(&rows, "| %s | `%s`, %s | %s |\n", f.what, f.check, f.level, anonymous(firsts[i].Cause))
	}
	if !t.Failed() {
		compareWithDocs(t, rows.String())
	}
}

// first is what a person should look at: the first that is broken, or else
// that is a warning, or a note.
func first(findings []Finding) (worst Finding) {
	for _, f := range findings {
		if f.Level != Skipped && f.Level > worst.Level {
			worst = f
		}
	}
	return worst
}

// anonymous takes out what differs between two runs.
func anonymous(cause string) string {
	for pattern, instead := range map[string]string{
		`127\.0\.0\.1:\d+`: "turn.example.org:3478", `port \d+`: "port 3478",
		`\d+ \w+ \d{4} \d\d:\d\d UTC`:    "20 November 2026 12:00 UTC",
		`\(\d+ there, \d+ back, of 30\)`: "(1 there, 2 back, of 30)", `more than \d+ bytes`: "more than 1100 bytes",
		`loss 0 %, round trip [\d.]+ ms`: "loss 0 %, round trip 20.0 ms",
	} {
		cause = regexp.MustCompile(pattern).ReplaceAllString(cause, instead)
	}
	return cause
}

// compareWithDocs keeps the table of docs/doctor.md true; UPDATE_DOCS=1 writes
// it.
func compareWithDocs(t *testing.T, rows string) {
	t.Helper()
	const file = "../../docs/doctor.md"
	const begin = "<!-- media faults: UPDATE_DOCS=1 go test ./focus/probe -run Faults -->\n| fault | first to complain | likely cause, as doctor puts it |\n|---|---|---|\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	if !found {
		t.Fatalf("%s has no place for the table: want\n%s", file, begin)
	}
	after := rest
	for strings.HasPrefix(after, "|") {
		_, after, _ = strings.Cut(after, "\n")
	}
	wanted := before + begin + rows + after
	if wanted == string(text) {
		return
	}
	if os.Getenv("UPDATE_DOCS") == "" {
		t.Fatalf("the table in %s is old; run UPDATE_DOCS=1 go test ./focus/probe -run Faults", file)
	}
	if err := os.WriteFile(file, []byte(wanted), 0o644); err != nil {
		t.Fatal(err)
	}
}
