package inspect

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/message"
)

// fault is one thing that goes wrong in the wild, how a test makes it happen,
// and which check has to be the first to complain.
type fault struct {
	name   string
	check  string
	level  Level
	inject func(*scene)
}

// answers makes a proxy that answers some requests itself.
func answers(which func(*http.Request) bool, with http.HandlerFunc) func(*scene) {
	return func(s *scene) {
		s.behind(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if which(r) {
					with(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
	}
}

// alters makes a proxy that changes what requests or answers carry.
func alters(change func(w http.ResponseWriter, r *http.Request)) func(*scene) {
	return func(s *scene) {
		s.behind(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				change(w, r)
				next.ServeHTTP(w, r)
			})
		})
	}
}

// headers makes a proxy that changes the headers of answers as they go out.
func headers(change func(http.Header)) func(*scene) {
	return func(s *scene) {
		s.behind(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(&lateHeaders{ResponseWriter: w, change: change}, r)
			})
		})
	}
}

// lateHeaders changes headers at the last moment.
type lateHeaders struct {
	http.ResponseWriter
	change func(http.Header)
	done   bool
}

func (l *lateHeaders) WriteHeader(status int) {
	if !l.done {
		l.done = true
		l.change(l.Header())
	}
	l.ResponseWriter.WriteHeader(status)
}

func (l *lateHeaders) Write(p []byte) (int, error) {
	if !l.done {
		l.WriteHeader(http.StatusOK)
	}
	return l.ResponseWriter.Write(p)
}

func every(*http.Request) bool { return true }

func below(part string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.Contains(r.URL.Path, part) }
}

// asked is a request that is no preflight.
func asked(part string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method != http.MethodOptions && strings.Contains(r.URL.Path, part)
	}
}

func withToken(part string) func(*http.Request) bool {
	return func(r *http.Request) bool { return asked(part)(r) && r.Header.Get("Authorization") != "" }
}

// page answers with a web page, as a web server that knows no Matrix.
func page(status int, title string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		allow(w)
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<!DOCTYPE html><html><head><title>%s</title></head><body>…</body></html>", title)
	}
}

// says answers with JSON, and lets every page read it.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		allow(w)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func allow(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization")
}

// clock sets the Date of answers off.
func clock(by time.Duration) func(*scene) {
	return headers(func(h http.Header) { h.Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat)) })
}

// limit has the homeserver limit a class of requests.
func limit(class homeserver.Class, perSecond float64, burst int) func(*scene) {
	return func(s *scene) {
		s.before = func(a *alice) { a.server.SetRateLimit(class, homeserver.Limit{PerSecond: perSecond, Burst: burst}) }
	}
}

// turn changes what is said about TURN.
func turn(change func(*homeserver.TurnServers)) func(*scene) {
	return func(s *scene) { change(s.home.Turn) }
}

func transports(entries ...string) func(*scene) {
	return func(s *scene) {
		s.home.Transports = nil
		for _, entry := range entries {
			s.home.Transports = append(s.home.Transports, json.RawMessage(entry))
		}
	}
}

// byName has the inspector look the server name up, and serves what it finds
// there.
func byName(handle http.HandlerFunc) func(*scene) {
	return func(s *scene) {
		s.config.Homeserver = "by name"
		if handle != nil {
			answers(below("/.well-known/"), handle)(s)
		}
	}
}

// dropQuery takes a query parameter from the address.
func dropQuery(name string) func(*scene) {
	return alters(func(_ http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		query.Del(name)
		r.URL.RawQuery = query.Encode()
	})
}

// versionsWith answers /versions with some features different.
func versionsWith(change map[string]bool) func(*scene) {
	features := map[string]bool{message.FeatureDelayedEvents: true, message.FeatureSticky: true, message.FeatureTransports: true}
	maps.Copy(features, change)
	body, _ := json.Marshal(map[string]any{"versions": []string{"v1.12"}, "unstable_features": features})
	return answers(asked(pathVersions), says(http.StatusOK, string(body)))
}

func both(all ...func(*scene)) func(*scene) {
	return func(s *scene) {
		for _, inject := range all {
			inject(s)
		}
	}
}

// deviceWithoutSignature replaces alice's device keys.
func deviceKeysOf(signatures map[string]any) func(*scene) {
	return func(s *scene) {
		s.before = func(a *alice) {
			a.post("/_matrix/client/v3/keys/upload", map[string]any{"device_keys": map[string]any{
				"user_id": aliceID, "device_id": aliceDevice, "algorithms": []string{}, "keys": map[string]string{"ed25519:" + aliceDevice: "another"}, "signatures": signatures,
			}})
		}
	}
}

// claimAll uses up alice's one-time keys.
func claimAll(s *scene) {
	s.before = func(a *alice) {
		for range 20 {
			a.post("/_matrix/client/v3/keys/claim", map[string]any{"one_time_keys": map[string]any{aliceID: map[string]string{aliceDevice: "signed_curve25519"}}})
		}
	}
}

// power sets the room's levels, so that alice is nobody special.
func power(levels map[string]any) func(*scene) {
	return func(s *scene) {
		s.before = func(a *alice) {
			a.request(http.MethodPut, "/_matrix/client/v3/rooms/"+a.room+"/state/m.room.power_levels/", levels)
		}
	}
}
