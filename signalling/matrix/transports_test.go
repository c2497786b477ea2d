package matrix

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// said is what a homeserver answers at one path.
type said struct {
	status int
	body   string
}

// advised lets the gate answer the three sources of transports, and counts.
func advised(t *testing.T, h *house, answers map[string]said) {
	h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
		answer, ok := answers[r.URL.Path]
		if !ok {
			return false
		}
		if strings.Contains(r.URL.Path, "/_matrix/") != (r.Header.Get("Authorization") != "") {
			t.Errorf("%s is asked with Authorization %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		w.WriteHeader(answer.status)
		_, _ = w.Write([]byte(answer.body))
		return true
	})
}

const (
	unstablePath  = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports"
	stablePath    = "/_matrix/client/v1/rtc/transports"
	wellKnownPath = "/.well-known/matrix/client"
)

func TestTransports_TakesEveryAnswer_AndSaysInOneLineWhatCameOfIt(t *testing.T) {
	const list = `[{"type":"new","x":{}},{"type":"livekit","livekit_service_url":"x"},{"type":"full_mesh"},{"no":"type"},7]`
	three := []string{"new", "livekit", "full_mesh"}
	absent := said{404, `{"errcode":"M_UNRECOGNIZED"}`}
	for _, test := range []struct {
		name                        string
		unstable, stable, wellKnown said
		want                        []string
		fails                       error
		line                        []string // parts of the log line
	}{
		{name: "unstable key", unstable: said{200, `{"rtc_transports":` + list + `}`}, want: three, line: []string{"the unstable endpoint says 3 transports"}},
		{name: "stable key", unstable: said{200, `{"transports":` + list + `}`}, want: three, line: []string{"3 transports"}},
		{name: "nothing configured", unstable: said{200, `{}`}, stable: said{500, ``}, want: nil, line: []string{"0 transports"}},
		{name: "stable endpoint", unstable: absent, stable: said{200, `{"rtc_transports":` + list + `}`}, want: three, line: []string{"unstable endpoint says M_UNRECOGNIZED; the stable endpoint says 3"}},
		{name: "404 without a code", unstable: said{404, `nope`}, stable: said{200, `{"transports":` + list + `}`}, want: three, line: []string{"HTTP 404"}},
		{name: "method not allowed", unstable: said{405, `{}`}, stable: said{200, `{"transports":` + list + `}`}, want: three},
		{name: "400 unrecognised", unstable: said{400, `{"errcode":"M_UNRECOGNIZED"}`}, stable: said{200, `{"transports":` + list + `}`}, want: three},
		{name: "no endpoint", unstable: absent, stable: absent, wellKnown: said{404, ``}, want: nil, line: []string{".well-known says HTTP 404"}},
		{name: "well-known of the wild", unstable: absent, stable: absent, wellKnown: said{200, `{"org.matrix.msc4143.rtc_foci":` + list + `}`}, want: three, line: []string{"3 transports as org.matrix.msc4143.rtc_foci"}},
		{name: "well-known by the stable name", unstable: absent, stable: absent, wellKnown: said{200, `{"m.rtc_foci":` + list + `}`}, want: three},
		{name: "well-known by the other name", unstable: absent, stable: absent, wellKnown: said{200, `{"org.matrix.msc4158.rtc_foci":` + list + `}`}, want: three},
		{name: "well-known with another shape", unstable: absent, stable: absent, wellKnown: said{200, `{"m.rtc_foci":{"a":7}}`}, want: nil},
		{name: "well-known that is no JSON", unstable: absent, stable: absent, wellKnown: said{200, `<html>`}, want: nil, line: []string{"what cannot be read"}},
		{name: "a guest", unstable: said{403, `{"errcode":"M_GUEST_ACCESS_FORBIDDEN"}`}, stable: said{500, ``}, want: nil, line: []string{"M_GUEST_ACCESS_FORBIDDEN", "none for us"}},
		{name: "401", unstable: said{401, `{"errcode":"M_UNKNOWN_TOKEN"}`}, stable: said{200, `{"transports":` + list + `}`}, fails: ErrBadToken, line: []string{"our token is refused"}},
		{name: "502", unstable: said{502, `no`}, stable: said{200, `{"transports":` + list + `}`}, fails: errAny, line: []string{"does not say", "HTTP 502"}},
		{name: "429", unstable: said{429, `{"errcode":"M_LIMIT_EXCEEDED"}`}, fails: errAny, line: []string{"M_LIMIT_EXCEEDED"}},
		{name: "no JSON", unstable: said{200, `[7]`}, fails: errAny},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, h *house) {
				config := h.clear("alice", "A")
				config.Homeserver = "test" // a name, not an address
				log := new(bytes.Buffer)
				config.Log = slog.New(slog.NewTextHandler(log, nil))
				alice := h.open(config)
				log.Reset()
				advised(t, h, map[string]said{unstablePath: test.unstable, stablePath: test.stable, wellKnownPath: test.wellKnown})
				got, err := alice.Transports(t.Context())
				if !slices.Equal(typesOf(got), test.want) {
					t.Errorf("got %q, want %q", typesOf(got), test.want)
				}
				if (err != nil) != (test.fails != nil) || (test.fails != nil && test.fails != errAny && !errors.Is(err, test.fails)) {
					t.Errorf("error %v, want %v", err, test.fails)
				}
				if lines := strings.Count(log.String(), "\n"); lines != 1 {
					t.Errorf("%d lines in the log:\n%s", lines, log)
				}
				for _, part := range test.line {
					if !strings.Contains(log.String(), part) {
						t.Errorf("the log does not say %q: %s", part, log)
					}
				}
			})
		})
	}
}

// errAny stands for an error without a sentinel.
var errAny = errors.New("any")

func TestTransports_DoesNotLookForWellKnown_OfAHomeserverGivenByAddress(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice := h.open(h.clear("alice", "A"))
		advised(t, h, map[string]said{wellKnownPath: {200, `{"m.rtc_foci":[{"type":"full_mesh"}]}`}})
		if got, err := alice.Transports(t.Context()); err != nil || len(got) != 0 || h.gate.count(wellKnownPath) != 0 {
			t.Errorf("got %v, %v, with %d looks at .well-known", got, err, h.gate.count(wellKnownPath))
		}
	})
}

func TestTransports_AsksTheStableEndpointFirst_WhenVersionsHintsAtIt(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice := h.open(h.clear("alice", "A"))
		alice.features = map[string]bool{featureTransportsStable: true}
		advised(t, h, map[string]said{stablePath: {200, `{"transports":[{"type":"full_mesh"}]}`}})
		if got, err := alice.Transports(t.Context()); err != nil || len(got) != 1 || h.gate.count(unstablePath) != 0 {
			t.Errorf("got %v, %v, with %d requests to the unstable path", got, err, h.gate.count(unstablePath))
		}
	})
}

func TestTransports_KeepsTheListForAnHour_AndThroughTrouble(t *testing.T) {
	virtual(t, func(t *testing.T, h *house) {
		alice := h.open(h.clear("alice", "A"))
		answers := map[string]said{unstablePath: {200, `{"rtc_transports":[{"type":"full_mesh"}]}`}}
		advised(t, h, answers)
		ask := func(want, requests int) {
			t.Helper()
			got, err := alice.Transports(t.Context())
			if err != nil || len(got) != want {
				t.Errorf("got %v, %v; want %d", got, err, want)
			}
			if n := h.gate.count(unstablePath); n != requests {
				t.Errorf("%d requests, want %d", n, requests)
			}
		}
		ask(1, 1)
		pass(59 * time.Minute)
		ask(1, 1)
		pass(2 * time.Minute)
		h.gate.between(func() { answers[unstablePath] = said{502, `no`} })
		ask(1, 2)
		ask(1, 2) // not at once again
		for range 60 {
			pass(time.Minute)
			if _, err := alice.Transports(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := h.gate.count(unstablePath); n > 25 {
			t.Errorf("%d requests in an hour of trouble", n)
		}
		h.gate.between(func() { answers[unstablePath] = said{200, `{}`} })
		pass(10 * time.Minute)
		if got, err := alice.Transports(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("got %v, %v after the trouble", got, err)
		}
	})
}
