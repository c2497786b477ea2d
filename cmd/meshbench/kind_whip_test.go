package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"meshfocus/bench/report"
	"meshfocus/bench/rival/door"
	"meshfocus/bench/rival/plain"
)

// TestRun_MeasuresWHIP at a server that runs already, in the two kinds there are.
func TestRun_MeasuresWHIP(t *testing.T) {
	forwarder, err := plain.New()
	if err != nil {
		t.Fatal(err)
	}
	defer forwarder.Close()
	server := httptest.NewServer(door.Handler(forwarder))
	defer server.Close()
	folder := t.TempDir()
	for _, c := range []struct {
		yaml, process string
		has, lacks    report.Metric
	}{
		{"kind: cost\npublishers: 1\nsubscribers: 2\nrate: 60\n", "0", report.P99Micros, report.CPUMicros},
		{"kind: cost\npublishers: 1\nsubscribers: 2\nrate: 60\n", strconv.Itoa(os.Getpid()), report.CPUMicros, report.Allocations},
		{"kind: call\npublishers: 1\nsubscribers: 2\n", "0", report.FirstFrameMillis, report.CPUMicros},
	} {
		book, out := filepath.Join(folder, "mine.yaml"), filepath.Join(folder, "rounds.jsonl")
		if err := os.WriteFile(book, []byte("name: mine\nstands-for: A test.\n"+c.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		err := run(t.Context(), []string{
			"run", book, "--whip", server.URL + "/whip/a", "--whep", server.URL + "/whep/a", "--whip-process", c.process, "--bearer", "dough",
			"--rounds", "2", "--warm", "100ms", "--measure", "500ms", "--folder", folder, "--out", out,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, rounds, err := openRounds(out)
		if err != nil || len(rounds) != 2 {
			t.Fatalf("%v, %v", rounds, err)
		}
		for _, r := range rounds {
			_, has := r.Has(c.has)
			_, lacks := r.Has(c.lacks)
			if r.Invalid != "" && !strings.HasPrefix(r.Invalid, "the generator") || r.Rival != "whip" || r.Version == "" || !has || lacks {
				t.Errorf("%+v", r)
			}
		}
	}
}

// TestRun_EndsWithARefusal after the first round: the others would go the same way.
func TestRun_EndsWithARefusal(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			asked++
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	folder := t.TempDir()
	book := filepath.Join(folder, "mine.yaml")
	if err := os.WriteFile(book, []byte("name: mine\nstands-for: A test.\nkind: cost\npublishers: 1\nsubscribers: 1\nrate: 60\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(url string) error {
		return run(t.Context(), []string{"run", book, "--whip", url, "--whep", url, "--folder", folder, "--out", filepath.Join(folder, "out")})
	}
	if err := at(server.URL); err == nil || !strings.Contains(err.Error(), "the token (--bearer) is refused") || asked != 1 {
		t.Errorf("%v, after %d", err, asked)
	}
	server.Close()
	if err := at(server.URL); err == nil || !strings.Contains(err.Error(), "does not answer") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

func TestRun_SaysWhatWHIPCannot(t *testing.T) {
	far := []string{"--whip", "https://example.org/a", "--whep", "https://example.com/b"}
	near := []string{"--whip", "http://127.0.0.1:1/a", "--whep", "http://localhost:1/b"}
	for want, arguments := range map[string][]string{
		"both --whip URL and --whep":                     {"run", "even", "--whip", "https://example.org/a"},
		"is no address":                                  {"run", "even", "--whip", "example.org/a", "--whep", "https://example.org/a"},
		"meeting has 8 publishers":                       append([]string{"run", "meeting"}, near...),
		"call-narrow has 3 layers":                       append([]string{"run", "call-narrow"}, near...),
		"say which with --whip-process":                  append([]string{"run", "memory"}, near...),
		"--whip-process 2000000000:":                     append([]string{"run", "memory", "--whip-process", "2000000000"}, near...),
		"say --i-may-load example.org if":                append([]string{"run", "even"}, far...),
		"say --i-may-load example.com if":                append([]string{"run", "even", "--i-may-load", "example.org"}, far...),
		"packets a second and more: say --i-may-load":    append([]string{"run", "core"}, far...),
		"30 subscribers and 6000 packets a second: say ": append([]string{"run", "join-storm"}, far...),
	} {
		out := filepath.Join(t.TempDir(), "out")
		if err := run(t.Context(), append(arguments, "--out", out)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", arguments, err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%v: something was written", arguments)
		}
	}
}

func TestCommandLine_HasNoSecrets(t *testing.T) {
	got := commandLine([]string{"/x/meshbench", "run", "-bearer", "one two", "--registration-token=three", "--rounds", "2"})
	if want := "meshbench run -bearer ... --registration-token=... --rounds 2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
