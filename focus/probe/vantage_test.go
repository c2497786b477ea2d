package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/freeport"
)

// vantage serves one for as long as the test goes on.
func vantage(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestOwnPort_HearsTheVantage(t *testing.T) {
	t.Parallel()
	url := vantage(t, NewVantage(nil))
	wants(t, patient().OwnPort(t.Context(), url, 0), Fine, "a datagram from 127.0.0.1 came to port", "")
	port := freeport.Port(t)
	wants(t, patient().OwnPort(t.Context(), url, port), Fine, "which is open from outside", "")
	wants(t, patient().OwnTCPPort(t.Context(), url, 0), Fine, "a connection from 127.0.0.1 came to port", "")
}

func TestOwnPort_NamesTheFault(t *testing.T) {
	t.Parallel()
	used, err := net.ListenUDP("udp4", &net.UDPAddr{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = used.Close() })
	// mute says yes and sends nothing: what a firewall in between looks like.
	mute := func(address string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			_ = json.NewEncoder(w).Encode(challengeReply{"x", netip.MustParseAddr(address), nil})
		}
	}
	// connecting says the same of a connection that never reached us.
	connecting := func(address, outcome string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				_ = json.NewEncoder(w).Encode(knockReply{outcome})
				return
			}
			_ = json.NewEncoder(w).Encode(challengeReply{"x", netip.MustParseAddr(address), []string{"udp", "tcp"}})
		}
	}
	ask := func(handler http.Handler, port int) func() Finding {
		url := vantage(t, handler)
		return func() Finding { return patient().OwnPort(t.Context(), url, port) }
	}
	connect := func(handler http.Handler, port int) func() Finding {
		url := vantage(t, handler)
		return func() Finding { return patient().OwnTCPPort(t.Context(), url, port) }
	}
	atOnce(t, []scene{
		{"firewall, by TCP", connect(connecting("127.0.0.1", knockSilent), freeport.Port(t)), Warning, "was not answered", "a firewall, here or before this machine"},
		{"firewall that refuses", connect(connecting("127.0.0.1", knockRefused), freeport.Port(t)), Warning, "was refused", "a firewall, here or before this machine"},
		{"router, by TCP", connect(connecting("203.0.113.7", knockSilent), freeport.Port(t)), Warning, "was not answered", "the router does not forward TCP port"},
		{"port of another machine", connect(connecting("203.0.113.7", knockAnswered), freeport.Port(t)), Warning, "taken by another machine", "the router does not forward TCP port"},
		{"router and any port, by TCP", connect(connecting("203.0.113.7", knockSilent), 0), Note, "was not answered", "as was to be expected"},
		{"old vantage", connect(mute("127.0.0.1"), 0), Skipped, "by TCP", "of an older meshfocus"},
		{"firewall", ask(mute("127.0.0.1"), freeport.Port(t)), Warning, "none of 3 datagrams", "a firewall, here or before this machine"},
		{"router", ask(mute("203.0.113.7"), freeport.Port(t)), Warning, "none of 3 datagrams", "the router does not forward UDP port"},
		{"router and any port", ask(mute("203.0.113.7"), 0), Note, "none of 3 datagrams", "as was to be expected"},
		{"port in use", ask(NewVantage(nil), used.LocalAddr().(*net.UDPAddr).Port), Skipped, "address already in use", "the port is in use"},
		{"no vantage", ask(http.NotFoundHandler(), 0), Skipped, "404", "could not be asked"},
		{"something else", ask(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), 0), Skipped, "no vantage", "could not be asked"},
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wants(t, patient().OwnPort(ctx, vantage(t, NewVantage(nil)), 0), Skipped, "", "stopped before")
}

// A vantage must not be made to send to anybody who did not ask.
func TestVantage_IsNoReflector(t *testing.T) {
	t.Parallel()
	asker := netip.MustParseAddr("127.0.0.1")
	var now time.Time
	v := NewVantage(func(*http.Request) netip.Addr { return asker })
	v.now = func() time.Time { return now }
	heard, err := listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(heard.close)
	port, token, network := int(heard.local().Port()), strings.Repeat("ab", 8), ""

	send := func(challenge string, port int, token, kind string) int {
		body, _ := json.Marshal(knockRequest{challenge, port, token, network})
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		v.ServeHTTP(w, r)
		return w.Code
	}
	fetch := func() (string, int) {
		w := httptest.NewRecorder()
		v.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		var reply challengeReply
		_ = json.Unmarshal(w.Body.Bytes(), &reply)
		return reply.Challenge, w.Code
	}
	expect := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	const kind = "application/json"
	challenge, _ := fetch()
	expect("without a challenge", send("", port, token, kind), http.StatusForbidden)
	expect("as a form", send(challenge, port, token, "text/plain"), http.StatusUnsupportedMediaType)
	expect("to a service", send(challenge, 53, token, kind), http.StatusBadRequest)
	expect("text of the asker's choice", send(challenge, port, "GET / HTTP/1.1\r\n", kind), http.StatusBadRequest)
	expect("a long token", send(challenge, port, strings.Repeat("ab", 33), kind), http.StatusBadRequest)
	network = "unix"
	expect("by another network", send(challenge, port, token, kind), http.StatusBadRequest)
	network = ""
	asker = netip.MustParseAddr("127.0.0.2")
	expect("from another address", send(challenge, port, token, kind), http.StatusForbidden)
	asker = netip.MustParseAddr("127.0.0.1")
	expect("as it should be", send(challenge, port, token, kind), http.StatusNoContent)
	expect("again", send(challenge, port, token, kind), http.StatusForbidden)
	late, _ := fetch()
	now = now.Add(challengeLife)
	expect("late", send(late, port, token, kind), http.StatusForbidden)
	for range mostOfOne {
		_, code := fetch()
		expect("a challenge", code, http.StatusOK)
	}
	_, code := fetch()
	expect("one too many", code, http.StatusTooManyRequests)
	now = now.Add(challengeLife)
	_, code = fetch()
	expect("after a while", code, http.StatusOK)
	asker = netip.Addr{}
	_, code = fetch()
	expect("of nobody", code, http.StatusBadRequest)

	got, _, err := heard.hear(t.Context(), time.Now().Add(30*time.Second))
	if err != nil || string(got) != vantagePrefix+token {
		t.Errorf("heard %q, %v", got, err)
	}
	if got, _, err := heard.hear(t.Context(), time.Now().Add(20*time.Millisecond)); err == nil {
		t.Errorf("heard more: %q", got)
	}
}
