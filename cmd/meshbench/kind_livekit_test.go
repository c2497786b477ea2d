package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun_SaysWhatAFarLiveKitCannot(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "invalid API key", http.StatusUnauthorized)
	}))
	defer refuses.Close()
	at := func(url string, scenario ...string) []string {
		return append([]string{"run", "--livekit-at", url, "--livekit-key", "k", "--livekit-secret", "s"}, scenario...)
	}
	for want, arguments := range map[string][]string{
		"--livekit-key and --livekit-secret":                   {"run", "even", "--livekit-at", "wss://example.org"},
		"is no address such as wss://":                         at("example.org", "even"),
		"say which with --livekit-process":                     at("ws://127.0.0.1:1", "memory"),
		"say --i-may-load example.org if":                      at("wss://example.org", "even"),
		"--livekit-process 2000000000:":                        at("ws://127.0.0.1:1", "even", "--livekit-process", "2000000000"),
		"livekit-at with --livekit-at URL":                     {"run", "even", "--targets", "livekit-at"},
		"livekit-at cannot be started: ws://127.0.0.1:1 does ": at("ws://127.0.0.1:1", "even"),
		"401 Unauthorized: the token is refused":               at(refuses.URL, "even"),
	} {
		out := filepath.Join(t.TempDir(), "out")
		err := run(t.Context(), append(arguments, "--folder", t.TempDir(), "--out", out))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", arguments, err, want)
		}
		if _, rounds, err := openRounds(out); err == nil && len(rounds) > 0 {
			t.Errorf("%v: something was measured", arguments)
		}
	}
	if got := commandLine([]string{"meshbench", "run", "--livekit-key", "k", "--livekit-secret", "s"}); got != "meshbench run --livekit-key k --livekit-secret ..." {
		t.Error(got)
	}
}
