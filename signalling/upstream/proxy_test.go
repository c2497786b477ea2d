package upstream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// dial writes a request as it stands and reads the answer.
func dial(t *testing.T, base, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, request); err != nil {
		t.Fatal(err)
	}
	return connection, bufio.NewReader(connection)
}

func TestProxy_PassesPathsAndQueriesByteForByte(t *testing.T) {
	home := newFake(t)
	came := make(chan string, 1)
	f := start(t, home, nil)
	for _, uri := range []string{
		"/_matrix/client/v3/rooms/%21a%3Ax/messages?dir=b&from=a%20b+c", "/_matrix/client/v3/rooms/!a:x/messages",
		"/_matrix/client/v3/directory/room/%23a%2Fb%3ax", "/_matrix/client/v3/user/@a:x/filter?a;b&&=", "//_matrix/./x/../y", "/x%2e%2e/", "/?", "/",
	} {
		path, _, _ := strings.Cut(uri, "?")
		home.set(func() {
			home.had[path] = func(w http.ResponseWriter, r *http.Request) { came <- r.RequestURI; say(w, 200, map[string]any{}) }
		})
		_, answer := dial(t, f.at, "GET "+uri+" HTTP/1.1\r\nHost: public.example\r\nConnection: close\r\n\r\n")
		response, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		select {
		case got := <-came:
			if got != uri {
				t.Errorf("%s arrives as %s", uri, got)
			}
		default:
			t.Errorf("%s does not arrive; the answer is %s", uri, response.Status)
		}
	}
}

func TestProxy_StreamsBothWaysWithTrailers(t *testing.T) {
	home := newFake(t)
	const path = "/_matrix/media/v3/upload"
	read := make(chan string, 1)
	home.had[path] = func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Trailer", "X-Sum")
		part := make([]byte, 5)
		_, err := io.ReadFull(r.Body, part) // before the rest is there
		fmt.Fprint(w, "got ", string(part), err)
		w.(http.Flusher).Flush()
		rest, _ := io.ReadAll(r.Body)
		read <- string(rest) + r.Trailer.Get("X-Sent")
		w.Header().Set("X-Sum", "9")
	}
	f := start(t, home, nil)
	connection, answer := dial(t, f.at, "POST "+path+" HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTrailer: X-Sent\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
	response, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	begin := make([]byte, len("got first<nil>"))
	if _, err := io.ReadFull(response.Body, begin); err != nil || string(begin) != "got first<nil>" {
		t.Fatalf("the beginning of the answer is %q, %v", begin, err)
	}
	if _, err := io.WriteString(connection, "6\r\nsecond\r\n0\r\nX-Sent: 11\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if rest := <-read; rest != "second11" {
		t.Errorf("the rest and its trailer arrive as %q", rest)
	}
	if _, err := io.ReadAll(response.Body); err != nil || response.Trailer.Get("X-Sum") != "9" {
		t.Errorf("the answer's trailer is %v, %v", response.Trailer, err)
	}
}

func TestProxy_HoldsBackNothingOfASlowDownload(t *testing.T) {
	home := newFake(t)
	const path = "/_matrix/media/v3/download/x/y"
	more := make(chan struct{})
	home.had[path] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		fmt.Fprint(w, "first")
		w.(http.Flusher).Flush()
		<-more
		fmt.Fprint(w, "after")
	}
	f := start(t, home, nil)
	_, answer := dial(t, f.at, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	response, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 5)
	_, err = io.ReadFull(response.Body, part)
	close(more)
	if err != nil || string(part) != "first" {
		t.Fatalf("before the rest was there came %q, %v", part, err)
	}
	if rest, err := io.ReadAll(response.Body); err != nil || string(rest) != "after" {
		t.Errorf("the rest is %q, %v", rest, err)
	}
}

func TestProxy_ReachesAHomeserverBelowAPath(t *testing.T) {
	came := make(chan string, 1)
	below := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came <- r.RequestURI
		say(w, 200, map[string]any{})
	}))
	defer below.Close()
	f := start(t, newFake(t), func(c *Config) { c.URL = below.URL + "/ba%2Fse/" })
	f.ask("GET", "/_matrix/client/v3/rooms/%21a%3Ax/messages", "alice1", "")
	if got := <-came; got != "/ba%2Fse/_matrix/client/v3/rooms/%21a%3Ax/messages" {
		t.Errorf("it arrives as %s", got)
	}
}

func TestProxy_PassesLargeMediaWhole(t *testing.T) {
	home := newFake(t)
	const path, size = "/_matrix/media/v3/upload", 32 << 20
	home.had[path] = func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		say(w, 200, map[string]any{"size": n, "err": fmt.Sprint(err)})
	}
	f := start(t, home, nil)
	response, err := http.Post(f.at+path, "video/webm", io.LimitReader(endless{}, size))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Size int }
	if json.NewDecoder(response.Body).Decode(&answer) != nil || answer.Size != size {
		t.Errorf("%d bytes arrived, want %d", answer.Size, size)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestProxy_EndsALongPollWhenTheClientGoes(t *testing.T) {
	home := newFake(t)
	const path = "/_matrix/client/v3/sync"
	began, gone := make(chan struct{}), make(chan struct{})
	home.had[path] = func(_ http.ResponseWriter, r *http.Request) { close(began); <-r.Context().Done(); close(gone) }
	f := start(t, home, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, f.at+path+"?timeout=30000", nil)
	if response, err := http.DefaultTransport.RoundTrip(r); err == nil {
		response.Body.Close()
		t.Fatal("there was an answer")
	}
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Fatal("the homeserver still serves it")
	}
}

func TestProxy_CarriesWebsockets(t *testing.T) {
	home := newFake(t)
	home.had["/socket"] = func(w http.ResponseWriter, _ *http.Request) {
		connection, stream, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		fmt.Fprint(stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		stream.Flush()
		line, _ := stream.ReadString('\n')
		fmt.Fprint(stream, "echo "+line)
		stream.Flush()
	}
	f := start(t, home, nil)
	connection, answer := dial(t, f.at, "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	response, err := http.ReadResponse(answer, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the answer is %v, %v", response, err)
	}
	fmt.Fprint(connection, "hello\n")
	if line, err := answer.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("the echo is %q, %v", line, err)
	}
}

func TestProxy_SaysWhoIsBehindItAndBelievesOnlyTrustedProxies(t *testing.T) {
	const claim = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\nForwarded: for=192.0.2.1\r\n"
	for name, c := range map[string]struct {
		trusted []netip.Prefix
		headers string
		want    map[string]string
	}{
		"nobody trusted":          {nil, claim, map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "public.example", "Forwarded": ""}},
		"hop by hop":              {nil, claim + "Connection: X-Forwarded-For, Authorization\r\n", map[string]string{"X-Forwarded-For": "127.0.0.1"}},
		"a trusted proxy":         {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, claim, map[string]string{"X-Forwarded-For": "192.0.2.1, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "Forwarded": "for=192.0.2.1"}},
		"another trusted network": {[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, claim, map[string]string{"X-Forwarded-For": "127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			home := newFake(t)
			f := start(t, home, func(config *Config) { config.TrustedProxies = c.trusted })
			_, answer := dial(t, f.at, "GET /x HTTP/1.1\r\nHost: public.example\r\n"+c.headers+"\r\n")
			response, err := http.ReadResponse(answer, nil)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			home.mu.Lock()
			defer home.mu.Unlock()
			seen := home.seen["/x"]
			for name, want := range c.want {
				if got := seen.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if seen.Host != "public.example" {
				t.Errorf("the host is %q", seen.Host)
			}
		})
	}
}

func TestProxy_LetsNobodySmuggleASecondRequest(t *testing.T) {
	for name, request := range map[string]string{
		"length and chunks":       "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPUT " + leaveURI + "1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"two lengths":             "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 9\r\n\r\nPUT " + leaveURI + "1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"another coding":          "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nPUT " + leaveURI + "1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"a header with line feed": "GET /x HTTP/1.1\r\nHost: x\r\nX: a\n PUT " + leaveURI + "1 HTTP/1.1\r\n\r\n",
		"a tunnel":                "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			home := newFake(t)
			f := start(t, home, nil)
			connection, answer := dial(t, f.at, request)
			if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(answer, nil)
			if err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
			}
			// The second request is one that must not pass. If we read it as
			// a request of its own, we answer it ourselves.
			_, _ = io.Copy(io.Discard, answer)
			home.mu.Lock()
			defer home.mu.Unlock()
			if name == "a tunnel" && response.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("a tunnel is answered with %s", response.Status)
			}
			if home.seen[leavePath] != nil {
				t.Error("the homeserver served the second request")
			}
		})
	}
}

func TestProxy_AddsToVersionsOnlyWhatIsLacking(t *testing.T) {
	for name, c := range map[string]struct {
		flags map[string]bool
		rtc   bool
		want  string
	}{
		"nothing there":             {map[string]bool{"other": true}, false, "map[org.matrix.msc4140:true org.matrix.msc4140.stable:true org.matrix.msc4143:true org.matrix.msc4143.stable:true other:true]"},
		"switched off":              {map[string]bool{"org.matrix.msc4140": false, "org.matrix.msc4143": false}, false, "map[org.matrix.msc4140:true org.matrix.msc4140.stable:true org.matrix.msc4143:true org.matrix.msc4143.stable:true]"},
		"delayed events there":      {map[string]bool{"org.matrix.msc4140": true}, false, "map[org.matrix.msc4140:true org.matrix.msc4143:true org.matrix.msc4143.stable:true]"},
		"transports there, no flag": {map[string]bool{}, true, "map[org.matrix.msc4140:true org.matrix.msc4140.stable:true]"},
		"all there":                 {map[string]bool{"org.matrix.msc4140": true}, true, "map[org.matrix.msc4140:true]"},
	} {
		t.Run(name, func(t *testing.T) {
			home := newFake(t)
			home.flags = c.flags
			if c.rtc {
				home.had[unstableRTC] = func(w http.ResponseWriter, _ *http.Request) {
					say(w, 401, map[string]any{"errcode": "M_MISSING_TOKEN"})
				}
			}
			f := start(t, home, nil)
			status, answer := f.ask("GET", pathVersions, "", "")
			if got := fmt.Sprint(answer["unstable_features"]); status != 200 || got != c.want || answer["server"] != "kept" {
				t.Errorf("answered %d %v, want %s", status, answer, c.want)
			}
		})
	}
}

func TestProxy_TellsTheLimitsOfDelayedEventsWhereTheyAreOurs(t *testing.T) {
	const path, ours = "/_matrix/client/v3/capabilities", "map[max_delay_ms:60000 max_scheduled:7]"
	for name, c := range map[string]struct {
		flag              bool
		status            int
		there             string
		unstable, settled string // what is said of limits
		rest              string
	}{
		"none there":           {false, 200, `{"capabilities":{"m.change_password":{"enabled":true}},"a":1}`, ours, ours, "map[enabled:true]"},
		"switched off there":   {false, 200, `{"capabilities":{"org.matrix.msc4140.delayed_events":{"max_delay_ms":0,"max_scheduled":100}}}`, ours, ours, "<nil>"},
		"no capabilities":      {false, 200, `{}`, ours, ours, "<nil>"},
		"the homeserver's own": {true, 200, `{"capabilities":{"org.matrix.msc4140.delayed_events":{"max_delay_ms":5}}}`, "map[max_delay_ms:5]", "<nil>", "<nil>"},
		"without a token":      {false, 401, `{"errcode":"M_MISSING_TOKEN"}`, "<nil>", "<nil>", "<nil>"},
		"another shape":        {false, 200, `{"capabilities":[1]}`, "<nil>", "<nil>", "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			home := newFake(t)
			home.flags["org.matrix.msc4140"] = c.flag
			home.had[path] = func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.there)
			}
			f := start(t, home, func(config *Config) { config.MaxDelay = time.Minute; config.MaxDelayedPerUser = 7 })
			status, answer := f.ask("GET", path, "alice1", "")
			list, _ := answer["capabilities"].(map[string]any)
			got := []any{list["org.matrix.msc4140.delayed_events"], list["m.delayed_events"], list["m.change_password"]}
			if want := fmt.Sprintf("[%s %s %s]", c.unstable, c.settled, c.rest); status != c.status || fmt.Sprint(got) != want {
				t.Errorf("answered %d %v, want %s", status, answer, want)
			}
		})
	}
}

func TestProxy_LeavesWhatTheHomeserverHasToIt(t *testing.T) {
	home := newFake(t)
	home.flags[string("org.matrix.msc4140")] = true
	for _, path := range []string{unstableRTC, pathTransports, managePath, managePath + "/x/restart"} {
		home.had[path] = func(w http.ResponseWriter, r *http.Request) { say(w, 200, map[string]any{"its": "own"}) }
	}
	f := start(t, home, nil)
	for _, path := range []string{unstableRTC, pathTransports, managePath} {
		if _, answer := f.ask("GET", path, "alice1", ""); answer["its"] != "own" {
			t.Errorf("%s answers %v", path, answer)
		}
	}
	if _, answer := f.ask("POST", managePath+"/x/restart", "alice1", "{}"); answer["its"] != "own" {
		t.Errorf("a restart answers %v", answer)
	}
	for _, path := range []string{schedulePath + "m.x/t", stablePath + "m.x/t"} { // which this one does not have yet
		if status, answer := f.ask("PUT", path, "alice1", "{}"); status != 404 || answer["error"] != "no" {
			t.Errorf("%s answers %d %v", path, status, answer)
		}
	}
	if status, _ := f.ask("PUT", leaveURI+"60000", "alice1", "{}"); status != 200 || len(home.sent()) != 1 || f.waiting() != (Stats{}) {
		t.Errorf("a delayed event is answered with %d, we keep %+v", status, f.Stats())
	}
}

func TestProxy_MergesWellKnown(t *testing.T) {
	const foci = "[map[type:full_mesh]]"
	for name, c := range map[string]struct {
		public, there string
		want          string
		status        int
	}{
		"none, no address of ours": {"", "", "", 404},
		"none, made up":            {"https://call.example", "", "map[m.homeserver:map[base_url:https://call.example] org.matrix.msc4143.rtc_foci:" + foci + "]", 200},
		"one without transports":   {"https://call.example", `{"m.homeserver":{"base_url":"https://x"},"a":1}`, "map[a:1 m.homeserver:map[base_url:https://x] org.matrix.msc4143.rtc_foci:" + foci + "]", 200},
		"one with transports":      {"", `{"org.matrix.msc4143.rtc_foci":[]}`, "map[org.matrix.msc4143.rtc_foci:[]]", 200},
	} {
		t.Run(name, func(t *testing.T) {
			home := newFake(t)
			if c.there != "" {
				home.had[pathWellKnown] = func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Etag", "old")
					if r.Header.Get("Accept-Encoding") != "" {
						t.Error("the answer is not asked for in the clear")
					}
					_, _ = io.WriteString(w, c.there)
				}
			}
			f := start(t, home, func(config *Config) { config.PublicURL = c.public })
			status, header, answer := f.askWith("GET", pathWellKnown, "", "")
			if status != c.status || c.want != "" && fmt.Sprint(answer) != c.want {
				t.Errorf("answered %d %v, want %d %s", status, answer, c.status, c.want)
			}
			if name == "one without transports" && header.Get("Etag") != "" || name == "one with transports" && header.Get("Etag") == "" {
				t.Errorf("the tag is %q", header.Get("Etag"))
			}
		})
	}
}

func TestProxy_PassesAnswersThatAreNoJSONAsTheyAre(t *testing.T) {
	home := newFake(t)
	text := bytes.Repeat([]byte("<html>"), 400_000) // longer than we read
	f := start(t, home, nil)
	f.homeserver.set(abilities{})
	home.had[pathVersions] = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }
	response, err := http.Get(f.at + pathVersions)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes came, %v, want %d as they were", len(got), err, len(text))
	}
}

func TestProxy_SaysWhenTheHomeserverIsDown(t *testing.T) {
	home := newFake(t)
	f := start(t, home, nil)
	home.Close()
	for _, path := range []string{"/_matrix/client/v3/sync", unstableRTC, pathVersions} {
		status, header, answer := f.askWith("GET", path, "alice1", "")
		if status != http.StatusBadGateway || answer["errcode"] != codeUnknown || header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s is answered with %d %v", path, status, answer)
		}
	}
}

func TestProxy_TakesNoDelayedEventWhileNobodyKnowsWhoKeepsIt(t *testing.T) {
	home := newFake(t)
	home.had[pathVersions] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	f := start(t, home, nil)
	if status, _ := f.ask("PUT", leaveURI+"1", "alice1", "{}"); status != http.StatusBadGateway || len(home.sent()) != 0 || f.waiting() != (Stats{}) {
		t.Errorf("answered %d; the homeserver has %q, we have %+v", status, home.sent(), f.Stats())
	}
}
