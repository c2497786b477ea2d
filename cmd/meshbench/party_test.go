package main

import (
	"bufio"
	"context"
	"io"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/bench/report"
	"meshfocus/bench/rival/door"
	"meshfocus/bench/rival/plain"
	"meshfocus/bench/scenario"
)

// waiting starts a party and gives its address.
func waiting(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := waiter{"127.0.0.1:0", "open sesame", "", 2}.wait(ctx, writer)
		_ = writer.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(line)
	return fields[len(fields)-1]
}

// TestWaiter_SaysWhatARunNeeds: a token is made, and stands behind the address; one that
// was given is not told.
func TestWaiter_SaysWhatARunNeeds(t *testing.T) {
	at := netip.MustParseAddrPort("[::]:7900")
	for _, w := range []waiter{{}, {token: "open sesame"}} {
		var out strings.Builder
		if err := w.say(&out, at, "F", "T"); err != nil {
			t.Fatal(err)
		}
		_, shown, _ := strings.Cut(out.String(), "--subscribers-at ")
		address, _, _ := strings.Cut(shown, "#")
		if host, err := netip.ParseAddrPort(address); err != nil || host.Port() != 7900 || host.Addr().IsUnspecified() {
			t.Errorf("%q: %v", out.String(), err)
		}
		if told := strings.HasSuffix(shown, "#F --subscribers-token T\n"); told == (w.token != "") {
			t.Error(out.String())
		}
	}
	if err := (waiter{}).permit(scenario.Scenario{Name: "busy", Kind: scenario.Call, Publishers: 4, Subscribers: 4}, "media.example.org"); err == nil || !strings.Contains(err.Error(), "--i-may-load media.example.org") {
		t.Error(err)
	}
	if err := (waiter{mayLoad: "media.example.org"}).permit(scenario.Scenario{Name: "busy", Kind: scenario.Call, Publishers: 4, Subscribers: 4}, "media.example.org"); err != nil {
		t.Error(err)
	}
}

// TestRun_HasSubscribersOnAnotherMachine, and says how well latencies are known.
func TestRun_HasSubscribersOnAnotherMachine(t *testing.T) {
	forwarder, err := plain.New()
	if err != nil {
		t.Fatal(err)
	}
	defer forwarder.Close()
	server := httptest.NewServer(door.Handler(forwarder))
	defer server.Close()
	folder := t.TempDir()
	book, out := filepath.Join(folder, "mine.yaml"), filepath.Join(folder, "rounds.jsonl")
	if err := os.WriteFile(book, []byte("name: mine\nstands-for: A test.\nkind: call\npublishers: 1\nsubscribers: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{
		"run", book, "--whip", server.URL + "/whip/a", "--whep", server.URL + "/whep/a", "--subscribers-at", waiting(t), "--subscribers-token", "open sesame",
		"--rounds", "2", "--warm", "100ms", "--measure", "500ms", "--folder", folder, "--out", out,
	}); err != nil {
		t.Fatal(err)
	}
	machine, rounds, err := openRounds(out)
	if err != nil || len(rounds) != 2 {
		t.Fatalf("%v, %v", rounds, err)
	}
	if text, err := os.ReadFile(out); err != nil || strings.Contains(string(text), "sesame") {
		t.Errorf("%v, %v", machine, err)
	}
	for _, r := range rounds {
		bound, has := r.Has(report.ClockBoundMillis)
		if r.Invalid != "" && !strings.HasPrefix(r.Invalid, "the generator") || r.Rival != "whip" || !has || bound <= 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestRun_SaysWhatAnotherMachineCannot(t *testing.T) {
	at, unknown := waiting(t), "#"+strings.Repeat("A", 43)
	with := func(address string, more ...string) []string {
		return append([]string{"run", "--subscribers-at", address, "--subscribers-token", "open sesame"}, more...)
	}
	for want, arguments := range map[string][]string{
		"even is of kind cost":              with(at, "even"),
		"no HOST:PORT#FINGERPRINT":          with("nowhere", "call-3"),
		"its certificate is another":        with(strings.Split(at, "#")[0]+unknown, "call-3", "--targets", "ours"),
		"takes 2 subscribers at most":       with(at, "call-8", "--targets", "ours"),
		"does not answer":                   with("127.0.0.1:1"+unknown, "call-3", "--targets", "ours"),
		"which bench2.example cannot reach": with("bench2.example:7900"+unknown, "call-3", "--targets", "ours"),
		"the token is refused":              {"run", "--subscribers-at", at, "call-3", "--targets", "ours"},
		"is soon guessed":                   {"party", "--token", "sesame"},
		"listen tcp":                        {"party", "--listen", "no address"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		if arguments[0] == "run" {
			arguments = append(arguments, "--out", out)
		}
		if err := run(t.Context(), arguments); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", arguments, err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%v: something was written", arguments)
		}
	}
}
