package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"meshfocus/internal/browser"
)

// diagnoses are the doctor's findings about relays.
func diagnoses(t *testing.T, address, token string, args ...string) map[string]string {
	t.Helper()
	_, out, errs := consult(t, nil, append([]string{address, "--token", token, "--json", "--members", "4"}, args...)...)
	levels := map[string]string{}
	for line := range strings.Lines(out) {
		var f struct{ Event, Check, Level, Found, Cause string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %s%s", err, line, errs)
		}
		if f.Event == "finding" && strings.HasPrefix(f.Check, "turn") {
			levels[f.Check] = f.Level + ": " + f.Found + " " + f.Cause
		}
	}
	return levels
}

// TestServe_RelaysWithOneLine of configuration: the doctor gets credentials of the
// homeserver, finds nothing wrong with the relay, and what it sent is counted.
func TestServe_RelaysWithOneLine(t *testing.T) {
	t.Parallel()
	address, stop := startServe(t, "--lobby=false", "--relay-listen", "127.0.0.1:0")
	defer stop()
	token := register(t, address, "pat", "a password of hers")
	found := diagnoses(t, address, token)
	for check, want := range map[string]string{"turn.server": "note: turn:127.0.0.1:", "turn.udp": "fine", "turn.quota": "fine"} {
		if !strings.HasPrefix(found[check], want) {
			t.Errorf("%s: %s", check, found[check])
		}
	}
	if !strings.Contains(found["turn.server"], "only UDP") {
		t.Errorf("what is to be said of it: %s", found["turn.server"])
	}
	eventually(t, patience, "all allocations end", func() bool { return scrape(t, address)["meshfocus_relay_allocations"] == 0 }, func() string { return "" })
	told := scrape(t, address)
	for _, name := range []string{"meshfocus_relay_allocations_total", `meshfocus_relay_packets_total{to="peers"}`, `meshfocus_relay_bytes_total{to="clients"}`} {
		if told[name] == 0 {
			t.Errorf("%s: %v", name, told[name])
		}
	}
}

// TestRelay_WorksForAnotherHomeserver that knows the secret.
func TestRelay_WorksForAnotherHomeserver(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, errs, ended := &buffer{}, &bytes.Buffer{}, make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"relay", "--relay-listen", "127.0.0.1:0"}, streams{in: strings.NewReader(""), out: out, err: errs, environ: []string{"MESHFOCUS_RELAY_SECRET=shared"}})
	}()
	eventually(t, patience, "it says where it is", func() bool { return strings.Contains(out.String(), "^C stops") }, out.String)
	if uri := regexp.MustCompile(`turn_uris: \["turn:127\.0\.0\.1:\d+\?transport=udp"\]`); !uri.MatchString(out.String()) || strings.Contains(out.String(), "shared\n") {
		t.Errorf("it says:\n%s", out)
	}
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("exit code %d: %s", code, errs)
	}
	errs.Reset()
	if code := run(t.Context(), []string{"relay"}, streams{in: strings.NewReader(""), out: out, err: errs}); code != exitUsage || !strings.Contains(errs.String(), "MESHFOCUS_RELAY_SECRET") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// TestTurnRelay_IsReachedWhereTheSettingsSay, of several places.
func TestTurnRelay_IsReachedWhereTheSettingsSay(t *testing.T) {
	for file, want := range map[string]string{
		"relay: {listen: '203.0.113.5:3478'}":                                            "203.0.113.5:3478 as 203.0.113.5",
		"relay: {listen: ':3478'}":                                                       "[::]:3478 as invalid IP",
		"relay: {listen: ':3478', external: '203.0.113.5'}":                              "invalid AddrPort as 203.0.113.5",
		"relay: {listen: ':3478'}\nmedia: {external: ['203.0.113.5/10.0.0.2']}":          "invalid AddrPort as 203.0.113.5",
		"relay: {listen: '10.0.0.2:3478', external: '203.0.113.5'}":                      "10.0.0.2:3478 as 203.0.113.5",
		"relay: {listen: '10.0.0.2:3478'}\nmedia: {external: ['203.0.113.5/10.0.0.2']}":  "10.0.0.2:3478 as 10.0.0.2",
		"relay: {listen: ':3478', external: '2001:db8::5'}":                              "[::]:3478 as 2001:db8::5",
		"relay: {listen: ':3478'}\nmedia: {external: ['203.0.113.5', '198.51.100.7']}\n": "[::]:3478 as invalid IP",
	} {
		l, err := load(writeConfig(t, file), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		relay, err := l.turnRelay()
		if got := relay.Listen.String() + " as " + relay.External.String(); err != nil || got != want || relay.FirstPort != 49152 || relay.LastPort != 65535 {
			t.Errorf("%s: %s, %d to %d, %v; want %s", file, got, relay.FirstPort, relay.LastPort, err, want)
		}
	}
	if a, err := outward(); err == nil && (!a.IsValid() || a == netip.IPv4Unspecified()) {
		t.Errorf("others are reached by %v", a)
	}
}

// TestRelaySecret_IsKeptWithTheData so that credentials outlive a restart.
func TestRelaySecret_IsKeptWithTheData(t *testing.T) {
	kept := Config{Homeserver: HomeserverConfig{Data: t.TempDir()}}
	first, err := kept.relaySecret()
	second, again := kept.relaySecret()
	if err != nil || again != nil || first != second || len(first) < 40 {
		t.Errorf("%q %v, %q %v", first, err, second, again)
	}
	if info, err := os.Stat(filepath.Join(kept.Homeserver.Data, "relay.secret")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if fresh, _ := (Config{}).relaySecret(); fresh == first {
		t.Error("without data it is the same")
	}
	if own, _ := (Config{Relay: RelayConfig{Secret: "own"}}).relaySecret(); own != "own" {
		t.Error(own)
	}
}

// relayHere is an address for a relay that the test card sends to, which keeps off
// loopback where there is a network.
func relayHere() string {
	here, err := outward()
	if err != nil {
		here = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(here, 0).String()
}

// TestBrowsers_MeetOverOurRelay alone.
func TestBrowsers_MeetOverOurRelay(t *testing.T) {
	b := browser.Start(t)
	t.Run("each other and the test card, all of them relayed", func(t *testing.T) { allRelayed(t, b) })
	t.Run("the test card, which is on the relay's machine and is not relayed", func(t *testing.T) { pageRelayed(t, b) })
}

// pageRelayed: what the card sends first opens its port to the page.
func pageRelayed(t *testing.T, b *browser.Browser) {
	address, stop := startServe(t, "--relay-listen", relayHere(), "--media-relay", "never", "--viewer=false")
	defer stop()
	p := openCallAs(t, b, address+"/c/lobby", strings.Replace(watch, "super(...options)", `super({ ...options[0], iceTransportPolicy: "relay" })`, 1))
	enterCall(p, "Ada")
	eventually(t, patience, "sound and picture to and from the card", func() bool {
		both, _ := flowing(linksOf(p))
		return both == 1
	}, func() string { return describePages(t, []*browser.Page{p}, address) })
	told := func() (allocations, packets float64) {
		values := scrape(t, address)
		return values["meshfocus_relay_allocations"], values[`meshfocus_relay_packets_total{to="peers"}`]
	}
	eventually(t, patience, "the relay carries it", func() bool {
		allocations, packets := told()
		return allocations > 0 && packets > 100
	}, func() string { return fmt.Sprint(told()) })
}

func allRelayed(t *testing.T, b *browser.Browser) {
	address, stop := startServe(t, "--relay-listen", relayHere(), "--media-relay", "always", "--viewer=false")
	defer stop()
	var pages []*browser.Page
	for _, name := range []string{"Ada", "Ben"} {
		p := openCall(t, b, address+"/c/lobby")
		enterCall(p, name)
		pages = append(pages, p)
	}
	eventually(t, patience, "sound and picture on every link", func() bool {
		for _, p := range pages {
			if both, _ := flowing(linksOf(p)); both != 2 {
				return false
			}
		}
		return true
	}, func() string { return describePages(t, pages, address) })
	for _, p := range pages { // a pair is in use a moment before it is nominated
		eventually(t, patience, "both of a page's ways are relayed", func() bool {
			return slices.Equal(waysOf(p), []string{"relay relay", "relay relay"})
		}, func() string { return fmt.Sprint(waysOf(p)) })
	}
	if told := scrape(t, address); told["meshfocus_relay_allocations"] < 4 || told[`meshfocus_relay_packets_total{to="clients"}`] < 100 {
		t.Errorf("%v", told)
	}
}

// waysOf says of each connection of a page what it may use and what it uses.
func waysOf(p *browser.Page) (ways []string) {
	p.Eval(`Promise.all(connections.filter((c) => c.connectionState === "connected").map(async (c) => {
		const all = await c.getStats();
		const pair = [...all.values()].find((r) => r.type === "candidate-pair" && r.nominated && r.state === "succeeded");
		return c.getConfiguration().iceTransportPolicy + " " + all.get(pair?.localCandidateId)?.candidateType;
	}))`, &ways)
	return ways
}
