package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"meshfocus/web/stats"
)

// lacking is a homeserver without anything.
func lacking(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/_matrix/client/versions":
			_, _ = io.WriteString(w, `{"versions":["v1.1"]}`)
		case "/_matrix/client/v3/account/whoami":
			_, _ = io.WriteString(w, `{"user_id":"@a:x","device_id":"D"}`)
		case "/_synapse/client/x", "/anything":
			_, _ = io.WriteString(w, `{"from":"there"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"errcode":"M_UNRECOGNIZED"}`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// serving runs `serve` with these arguments until the test ends.
func serving(t *testing.T, args ...string) (address string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		var errs bytes.Buffer
		code := run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--log-level", "error"}, args...), streams{out: write, err: &errs})
		if code != exitOK {
			t.Errorf("serve ended with %d: %s", code, errs.String())
		}
		_ = write.Close()
		ended <- code
	}()
	t.Cleanup(func() { cancel(); <-ended })
	lines, found := make([]byte, 0, 4096), make(chan string, 1)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := read.Read(buffer)
			lines = append(lines, buffer[:n]...)
			if at := strings.Index(string(lines), "\n    http"); at >= 0 {
				if line, _, whole := strings.Cut(string(lines[at+5:]), "\n"); whole {
					select {
					case found <- strings.TrimSuffix(line, "/"):
					default:
					}
				}
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case address := <-found:
		return address
	case <-time.After(patience):
		t.Fatal("no address was printed")
		return ""
	}
}

func fetchText(t *testing.T, url, token string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestServe_StandsInFrontOfAHomeserverWithoutALobby(t *testing.T) {
	address := serving(t, "--upstream", lacking(t), "--data", t.TempDir(), "--max-members", "5")
	if _, text := fetchText(t, address+"/_matrix/client/versions", ""); !strings.Contains(text, `"org.matrix.msc4140":true`) {
		t.Errorf("versions are %s", text)
	}
	_, text := fetchText(t, address+"/_matrix/client/v1/rtc/transports", "t")
	var answer struct {
		Transports []map[string]any `json:"transports"`
	}
	if json.Unmarshal([]byte(text), &answer) != nil || len(answer.Transports) != 1 || answer.Transports[0]["max_participants"] != 5.0 {
		t.Errorf("transports are %s", text)
	}
	if _, text := fetchText(t, address+"/anything", ""); text != `{"from":"there"}` {
		t.Errorf("what is the homeserver's is %s", text)
	}
	answers := true
	want := &stats.Upstream{Answers: &answers, Adds: []string{"delayed events", "transports"}}
	if status := getStatus(t, address); !reflect.DeepEqual(status.Upstream, want) || status.Started.IsZero() {
		t.Errorf("the status says %+v, want %+v", status.Upstream, want)
	}
}

func TestServe_KeepsALobbyBesideTheHomeserverWhenAskedTo(t *testing.T) {
	t.Parallel()
	address := serving(t, "--upstream", lacking(t), "--data", t.TempDir(), "--lobby", "--test-card=false",
		"--config", writeConfig(t, "lobby: {viewer: false}\n"))
	if _, text := fetchText(t, address+"/_synapse/client/x", ""); text != `{"from":"there"}` {
		t.Errorf("what is the homeserver's is %s", text)
	}
	if _, text := fetchText(t, address+"/_matrix/client/versions", ""); !strings.Contains(text, `"org.matrix.msc4140":true`) || strings.Contains(text, "v1.12") {
		t.Errorf("versions are %s", text)
	}
	var front *stats.Upstream
	eventually(t, patience, "the status tells what is added", func() bool {
		front = getStatus(t, address).Upstream
		return front != nil && len(front.Adds) == 2 && *front.Answers
	}, func() string { return fmt.Sprintf("%+v", front) })
	if status, text := fetchText(t, address+"/", ""); status != http.StatusOK || !strings.Contains(text, "<html") {
		t.Errorf("the call page is %d %.80s", status, text)
	}
}

func TestServeUpstream_LetsGoOfItsDataWhenItCannotListen(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	config := Config{Listen: strings.TrimPrefix(taken.URL, "http://"), Upstream: UpstreamConfig{URL: "http://127.0.0.1:1", MaxDelayed: 1}}
	config.Homeserver.Data = t.TempDir()
	for range 2 { // the second would find the data locked
		err := serveUpstream(t.Context(), config, io.Discard, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "cannot listen") {
			t.Fatalf("the error is %v", err)
		}
	}
}
