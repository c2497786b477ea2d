package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/web/stats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is an output that is read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// patience is how long what has to come is waited for; the machine may be busy.
const patience = 60 * time.Second

// eventually looks until it is true.
func eventually(t *testing.T, limit time.Duration, what string, is func() bool, why func() string) {
	t.Helper()
	for deadline := time.Now().Add(limit); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s\n%s", limit, what, why())
		}
	}
}

// slow is what a log says where something took longer than it is given, and nothing
// else was wrong.
var slow = regexp.MustCompile(`no answer in time|deadline exceeded|requests were still being served at the end`)

// launch runs the daemon as the command line would. stop ends it; the test
// fails if it does not end well or its log complains of something other than that
// the machine was slow.
func launch(t *testing.T, args ...string) (out *buffer, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out = &buffer{}
	var errs buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"--listen", "127.0.0.1:0"}, args...), streams{in: strings.NewReader(""), out: out, err: &errs})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if code := <-done; code != exitOK {
			t.Errorf("serve ended with exit code %d:\n%s", code, errs.String())
		}
		for line := range strings.Lines(errs.String()) {
			switch complains := strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN"); {
			case complains && slow.MatchString(line):
				t.Logf("the log says of the machine: %s", line)
			case complains:
				t.Errorf("the log complains: %s\n%s", line, errs.String())
			}
		}
	})
	t.Cleanup(stop)
	return out, stop
}

// startServe runs the daemon over plain HTTP and returns its address and what
// stops it.
func startServe(t *testing.T, args ...string) (address string, stop func()) {
	t.Helper()
	address, _, stop = startServeOut(t, "http", args...)
	return address, stop
}

func getStatus(t *testing.T, address string) stats.Status {
	t.Helper()
	response, err := http.Get(address + "/status.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var status stats.Status
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	return status
}

// register makes an account by open registration and returns a token of it.
func register(t *testing.T, address, name, password string) (token string) {
	t.Helper()
	return post(t, address+"/_matrix/client/v3/register", "access_token",
		map[string]any{"username": name, "password": password, "auth": map[string]string{"type": "m.login.dummy"}})
}

// post sends JSON and gives one field of the answer.
func post(t *testing.T, url, field string, content any) string {
	t.Helper()
	body, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %v", url, answer, err)
	}
	value, _ := answer[field].(string)
	return value
}

func TestServe_WithDefaultsACallRunsAndStopsCleanly(t *testing.T) {
	t.Parallel()
	address, stop := startServe(t)
	var status stats.Status
	eventually(t, patience, "the viewer receives the card's picture and sound", func() bool {
		status = getStatus(t, address)
		for _, party := range status.Parties {
			for _, link := range party.Links {
				if party.Role == "viewer" && link.State == "connected" && link.InBitsPerSecond > 50_000 && len(link.Media) == 2 && link.RTTMs > 0 {
					return true
				}
			}
		}
		return false
	}, func() string { text, _ := json.MarshalIndent(status, "", " "); return string(text) })
	if status.Lobby != "#lobby:localhost" || status.Homeserver != address || len(status.Parties) != 2 {
		t.Errorf("the status is %+v", status)
	}
	stop()
}

func TestServe_KeepsItsDataAndItsDevices(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	address, stop := startServe(t, "--data", data, "--lobby-encrypt", "require")
	connected := func() bool {
		for _, party := range getStatus(t, address).Parties {
			for _, link := range party.Links {
				if link.State == "connected" {
					return true
				}
			}
		}
		return false
	}
	none := func() string { return "" }
	eventually(t, patience, "the lobby is on call", connected, none)
	register(t, address, "me", "a password")
	stop()
	address, stop = startServe(t, "--data", data, "--lobby-encrypt", "require")
	eventually(t, patience, "the lobby is on call again", connected, none)
	if users := getStatus(t, address).Users; users != 4 {
		t.Errorf("after the restart there are %d users, want host, card, viewer and the one who registered", users)
	}
	stop()
}

func TestServe_LimitsWhatItIsToldTo(t *testing.T) {
	address, _ := startServe(t, "--lobby=false", "--config", writeConfig(t, "homeserver: {rate_limits: ['login=0.001/2']}\n"))
	var codes []int
	for range 3 {
		response, err := http.Post(address+"/_matrix/client/v3/login", "application/json", strings.NewReader(`{"type":"m.login.password","user":"nobody","password":"guess"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		codes = append(codes, response.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	if want := []int{http.StatusForbidden, http.StatusForbidden, http.StatusTooManyRequests}; !slices.Equal(codes, want) {
		t.Errorf("three guesses at a password are answered %v, want %v", codes, want)
	}
}

func TestServe_SaysWhenThePortIsTaken(t *testing.T) {
	address, _ := startServe(t, "--lobby=false")
	var out, errs buffer
	code := run(t.Context(), []string{"serve", "--listen", strings.TrimPrefix(address, "http://")}, streams{out: &out, err: &errs})
	if code != exitFailed || !strings.Contains(errs.String(), "--listen") || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("exit code %d and %q", code, errs.String())
	}
}

func TestJoin_PublishesRecordsAndPrintsJSONLines(t *testing.T) {
	t.Parallel()
	address, _ := startServe(t)
	register(t, address, "me", "a password")
	password := filepath.Join(t.TempDir(), "pw")
	if err := os.WriteFile(password, []byte("a password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	record := t.TempDir()
	card := filepath.Join("..", "..", "internal", "testcard", "card")
	args := []string{"join", "--homeserver", address, "--user", "@me:localhost", "--password-file", password,
		"--publish", card + ".ivf", "--publish", card + ".ogg", "--record", record, "--call", "conference", "--json", "#lobby:localhost"}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var out, errs buffer
	done := make(chan int, 1)
	go func() { done <- run(ctx, args, streams{out: &out, err: &errs}) }()
	eventually(t, patience, "the card's media arrives and is recorded", func() bool {
		best, last := readLines(t, out.String())
		return best["@testcard:localhost/TESTCARD"] >= 50_000 && len(best) == 2 && len(last.Recordings) > 0
	}, func() string { return out.String() + errs.String() })
	leave()
	if code := <-done; code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	_, last := readLines(t, out.String())
	if last.Event != "left" || len(last.Recordings) == 0 {
		t.Errorf("the last line is %+v", last)
	}
	for _, file := range last.Recordings {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("recording %s: %v", file, err)
		}
	}
}

// readLines gives the best bit rate from each peer, and the last line.
func readLines(t *testing.T, text string) (best map[string]float64, last line) {
	t.Helper()
	best = map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(text[:strings.LastIndex(text, "\n")+1])) // whole ones
	for lines.Scan() {
		last = line{}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		for _, link := range last.Links {
			best[link.Peer] = max(best[link.Peer], link.InBitsPerSecond)
		}
	}
	return best, last
}

func TestJoin_LeavesAfterTheTimeThatItIsGiven(t *testing.T) {
	t.Parallel()
	address, _ := startServe(t)
	register(t, address, "me", "a password")
	var out, errs buffer
	code := run(t.Context(), []string{"join", "--homeserver", address, "--user", "me", "--for", "1s", "--json", "#lobby:localhost"},
		streams{out: &out, err: &errs, environ: []string{"MESHFOCUS_PASSWORD=a password"}})
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
}

func TestJoin_FailsWithOneLineAndItsExitCode(t *testing.T) {
	t.Parallel()
	address, _ := startServe(t, "--lobby=false")
	register(t, address, "me", "a password")
	host := register(t, address, "host", "a password")
	powerless := post(t, address+"/_matrix/client/v3/createRoom?access_token="+host, "room_id", map[string]string{"preset": "public_chat"})
	letter := filepath.Join(t.TempDir(), "letter.ivf")
	if err := os.WriteFile(letter, []byte("dear sir or madam"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		env  string
		code int
		says string
	}{
		"nobody there":     {[]string{"--homeserver", "http://127.0.0.1:1", "--user", "me", "#a:b"}, "MESHFOCUS_PASSWORD=x", exitUnreachable, "127.0.0.1:1"},
		"wrong password":   {[]string{"--homeserver", address, "--user", "me", "#a:b"}, "MESHFOCUS_PASSWORD=x", exitRefused, "password"},
		"unknown token":    {[]string{"--homeserver", address, "#a:b"}, "MESHFOCUS_TOKEN=x", exitRefused, "token"},
		"no such room":     {[]string{"--homeserver", address, "--user", "me", "#nowhere:localhost"}, "MESHFOCUS_PASSWORD=a password", exitRefused, "#nowhere:localhost"},
		"no power":         {[]string{"--homeserver", address, "--user", "me", powerless}, "MESHFOCUS_PASSWORD=a password", exitRefused, "needs level 50"},
		"not a media file": {[]string{"--homeserver", address, "--user", "me", "--publish", letter, "#a:b"}, "MESHFOCUS_PASSWORD=a password", exitMedia, "letter.ivf"},
		"no credentials":   {[]string{"--homeserver", address, "#a:b"}, "", exitUsage, "token"},
		"unknown mode":     {[]string{"--homeserver", address, "--encrypt", "maybe", "#a:b"}, "MESHFOCUS_TOKEN=x", exitUsage, "require"},
		"unknown profile":  {[]string{"--homeserver", address, "--membership-profile", "both", "#a:b"}, "MESHFOCUS_TOKEN=x", exitUsage, "session, sticky"},
		"forwards as well": {[]string{"--homeserver", address, "--forward", "--record", t.TempDir(), "#a:b"}, "MESHFOCUS_TOKEN=x", exitUsage, "another"},
		"no homeserver":    {[]string{"#a:b"}, "MESHFOCUS_TOKEN=x", exitUsage, "--homeserver"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs buffer
			code := run(t.Context(), append([]string{"join"}, c.args...), streams{out: &out, err: &errs, environ: []string{c.env}})
			if code != c.code || !strings.Contains(errs.String(), c.says) || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("exit code %d (want %d) and %q, want one line with %q", code, c.code, errs.String(), c.says)
			}
		})
	}
}
