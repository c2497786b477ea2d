package inspect

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/message"
)

// faults is the table of docs/doctor.md, in the order of the checks.
func faults() []fault {
	const transportsPath = "/rtc/transports"
	restarts := message.PathDelayedEvents + "/"
	return []fault{
		{"The site's start page answers /.well-known/matrix/client", "address", Broken, byName(page(200, "Welcome"))},
		{"/.well-known/matrix/client is not valid JSON", "address", Broken, byName(says(200, `{"m.homeserver": {"base_url": "https://hs.test",}}`))},
		{"/.well-known/matrix/client lacks the base URL", "address", Broken, byName(says(200, `{"m.server": "hs.test:443"}`))},
		{"The base URL in it lacks https://", "address", Broken, byName(says(200, `{"m.homeserver": {"base_url": "hs.test"}}`))},
		{"/.well-known/matrix/client cannot be read by browsers", "address", Warning, func(s *scene) {
			byName(func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte(`{"m.homeserver": {"base_url": "https://` + r.Host + `"}}`))
			})(s)
		}},
		{"The server's name is in no DNS", "dns", Broken, func(s *scene) { s.config.Homeserver = "https://matrix.meshfocus.invalid" }},
		{"Nothing listens on the port", "connect", Broken, func(s *scene) { s.config.Homeserver = "http://" + closedPort(s.t) }},
		{"The certificate has expired", "tls", Broken, func(s *scene) {
			s.leaf.NotAfter = time.Now().Add(-24 * time.Hour)
			s.leaf.NotBefore = time.Now().Add(-48 * time.Hour)
		}},
		{"The certificate expires within days", "tls", Warning, func(s *scene) { s.leaf.NotAfter = time.Now().Add(5*24*time.Hour + time.Hour) }},
		{"The certificate is for another name", "tls", Broken, func(s *scene) { s.leaf.IPAddresses, s.leaf.DNSNames = nil, []string{"www.hs.test"} }},
		{"The certificate is self-signed", "tls", Broken, func(s *scene) { s.selfSigned = true }},
		{"An unknown authority signed the certificate, or the chain is incomplete", "tls", Broken, func(s *scene) { s.config.Roots = newAuthority(s.t).pool }},
		{"https:// is given, plain HTTP is served", "tls", Broken, func(s *scene) { s.plain = true; s.config.Homeserver = "https" }},
		{"The reverse proxy does not pass /_matrix on", "versions", Broken, answers(every, page(404, "404 Not Found"))},
		{"A web site answers every path", "versions", Broken, answers(every, page(200, "My Site"))},
		{"The base URL has /_matrix/client in it", "versions", Broken, func(s *scene) { s.config.Homeserver = "/_matrix/client" }},
		{"The base URL has a path too many", "versions", Broken, func(s *scene) { s.config.Homeserver = "/chat" }},
		{"http:// is given, the server redirects to https://", "versions", Broken, both(func(s *scene) { s.plain = true }, answers(every, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
		}))},
		{"The homeserver has moved, and the old address redirects", "versions", Broken, answers(every, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://matrix.hs.test"+r.URL.Path, http.StatusMovedPermanently)
		})},
		{"The homeserver is not running behind its reverse proxy", "versions", Broken, answers(every, page(502, "502 Bad Gateway"))},
		{"Basic auth or single sign-on stands before the homeserver", "versions", Broken, answers(every, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			w.WriteHeader(http.StatusUnauthorized)
		})},
		{"Another service answers", "versions", Broken, answers(every, says(200, `{"ok": true}`))},
		{"The connection is closed without an answer", "versions", Broken, answers(every, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })},
		{"The homeserver takes too long to answer", "speed", Warning, func(s *scene) {
			s.config.Slow = 400 * time.Millisecond
			alters(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == pathVersions {
					<-time.After(500 * time.Millisecond)
				}
			})(s)
		}},
		{"The server's clock is 10 minutes ahead", "clock", Broken, clock(10 * time.Minute)},
		{"The server's clock is 15 seconds behind", "clock", Warning, clock(-15 * time.Second)},
		{"The reverse proxy takes the CORS headers away", "cors", Broken, headers(func(h http.Header) { h.Del("Access-Control-Allow-Origin") })},
		{"Homeserver and reverse proxy both set CORS headers", "cors", Broken, headers(func(h http.Header) { h.Add("Access-Control-Allow-Origin", "*") })},
		{"The reverse proxy lets one page in only", "cors", Broken, headers(func(h http.Header) { h.Set("Access-Control-Allow-Origin", "https://app.hs.test") })},
		{"The reverse proxy refuses OPTIONS", "cors", Broken, answers(func(r *http.Request) bool { return r.Method == http.MethodOptions }, page(405, "405 Not Allowed"))},
		{"CORS allows * instead of Authorization", "cors", Broken, headers(func(h http.Header) { h.Set("Access-Control-Allow-Headers", "*") })},
		{"CORS does not allow PUT", "cors", Broken, headers(func(h http.Header) { h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS") })},
		{"Delayed events are switched off", "features", Warning, func(s *scene) { s.home.MaxDelay = -1 }},
		{"The transports endpoint refuses strangers without a reason", "transports.open", Warning, answers(func(r *http.Request) bool { return asked(transportsPath)(r) && r.Header.Get("Authorization") == "" }, says(401, `{}`))},
		{"The reverse proxy passes only some of /_matrix on", "transports.open", Warning, answers(asked(transportsPath), page(404, "404 Not Found"))},
		{"The token has been logged out", "token", Broken, func(s *scene) { s.config.Token = "syt_from_long_ago" }},
		{"The reverse proxy drops the Authorization header", "token", Broken, alters(func(_ http.ResponseWriter, r *http.Request) { r.Header.Del("Authorization") })},
		{"Something answers 401 without a reason", "token", Broken, answers(asked("/account/whoami"), page(401, "401 Authorization Required"))},
		{"The password is wrong", "token", Broken, func(s *scene) { s.config.User, s.config.Password = "alice", "not this one" }},
		{"Accounts are with an authentication service (MAS)", "token", Broken, both(
			func(s *scene) { s.config.User, s.config.Password = "alice", password },
			answers(asked("/v3/login"), says(200, `{"flows":[{"type":"m.login.sso"}]}`)))},
		{"/.well-known/matrix/client names another homeserver than the one used", "wellknown", Warning, both(
			func(s *scene) { s.config.Homeserver = "own name" },
			answers(below("/.well-known/"), says(200, `{"m.homeserver": {"base_url": "https://old.hs.test"}}`)))},
		{"The transports endpoint refuses a good token without a reason", "transports", Broken, answers(withToken(transportsPath), says(401, `{}`))},
		{"The homeserver has no transports endpoint", "transports", Warning, answers(asked(transportsPath), says(404, `{"errcode":"M_UNRECOGNIZED","error":"Unrecognized request"}`))},
		{"The endpoint is there on the stable path only", "transports", Warning, answers(asked(message.PathTransports), says(404, `{"errcode":"M_UNRECOGNIZED","error":"Unrecognized request"}`))},
		{"The endpoint is switched on and nothing is configured", "transports", Warning, transports()},
		{"A transport has no type", "transports", Broken, answers(withToken(transportsPath), says(200, `{"rtc_transports":[{"livekit_service_url":"https://sfu.hs.test"}]}`))},
		{"The endpoint fails", "transports", Broken, answers(withToken(transportsPath), says(500, `{"errcode":"M_UNKNOWN","error":"Internal server error"}`))},
		{"A LiveKit service is named that does not answer", "transports.wellknown", Warning, func(s *scene) {
			transports(`{"type":"full_mesh"}`, `{"type":"livekit","livekit_service_url":"http://`+closedPort(s.t)+`"}`)(s)
		}},
		{"A LiveKit service is named by LiveKit's own address", "transports.wellknown", Warning, transports(`{"type":"full_mesh"}`, `{"type":"livekit","livekit_service_url":"wss://sfu.hs.test"}`)},
		{"well-known and endpoint list different transports", "transports.wellknown", Warning, byName(func(w http.ResponseWriter, r *http.Request) {
			says(200, `{"m.homeserver": {"base_url": "https://`+r.Host+`"}, "org.matrix.msc4143.rtc_foci": [{"type":"nextgen"}]}`)(w, r)
		})},
		{"No TURN server is configured", "turn.server", Warning, func(s *scene) { s.home.Turn = nil }},
		{"The TURN secret is missing in the homeserver", "turn.server", Broken, turn(func(t *homeserver.TurnServers) { t.Username, t.Password = "", "" })},
		{"A TURN address lacks turn:", "turn.server", Broken, turn(func(t *homeserver.TurnServers) { t.URIs = []string{"turn.hs.test:3478"} })},
		{"A TURN address is written turn://", "turn.server", Broken, turn(func(t *homeserver.TurnServers) { t.URIs = []string{"turn://turn.hs.test:3478"} })},
		{"The TURN password works for a minute only", "turn.server", Warning, turn(func(t *homeserver.TurnServers) { t.Lifetime = time.Minute })},
		{"Only STUN servers are configured", "turn.server", Warning, turn(func(t *homeserver.TurnServers) { t.URIs = []string{"stun:stun.hs.test:3478"} })},
		{"The device has no one-time keys left", "keys.onetime", Broken, claimAll},
		{"The token is of a device without encryption", "keys.onetime", Warning, func(s *scene) {
			s.before = func(a *alice) {
				token, err := a.server.IssueToken("alice", "BARE", "")
				if err != nil {
					a.t.Fatal(err)
				}
				a.config.Token = token
			}
		}},
		{"The device was never verified", "keys.crosssigning", Warning, deviceKeysOf(nil)},
		{"Messages between devices are limited to one in 10 s", "todevice", Broken, limit(homeserver.ClassToDevice, 0.1, 0)},
		{"The worker for messages between devices stands still", "todevice", Warning, both(impatient, answers(asked("/sendToDevice/"), says(200, `{}`)))},
		{"/sync fails", "todevice", Broken, syncBreaks()},
		{"Delayed events are advertised and refused", "delayed", Broken, both(func(s *scene) { s.home.MaxDelay = -1 }, versionsWith(nil))},
		{"The delay is lost on the way", "delayed", Broken, dropQuery(message.QueryDelay)},
		{"Delayed events are taken and never sent", "delayed", Broken, both(impatient, alters(func(_ http.ResponseWriter, r *http.Request) {
			if query := r.URL.Query(); query.Has(message.QueryDelay) {
				query.Set(message.QueryDelay, "3600000")
				r.URL.RawQuery = query.Encode()
			}
		}))},
		{"Restarts are limited to one in 10 s", "delayed.restart", Broken, limit(homeserver.ClassDelayed, 0.1, 1)},
		{"Restarts are limited to one in 20 s, after twelve", "delayed.restart", Broken, limit(homeserver.ClassDelayed, 0.05, 12)},
		{"Restarts are limited to one in 7 s", "delayed.restart", Warning, limit(homeserver.ClassDelayed, 1.0/7, 2)},
		{"Restarts reach a worker that does not know the event", "delayed.restart", Broken, answers(asked(restarts), says(404, `{"errcode":"M_NOT_FOUND","error":"Unknown delayed event"}`))},
		{"The path of restarts is not passed on", "delayed.restart", Broken, answers(asked(restarts), page(404, "404 Not Found"))},
		{"Sticky events are advertised and come as plain ones", "sticky", Broken, dropQuery(message.QuerySticky)},
		{"The account is not in the room", "room", Broken, func(s *scene) { s.config.Room = "!elsewhere:hs.test" }},
		{"The room's alias is misspelt", "room", Broken, func(s *scene) { s.config.Room = "#teee:hs.test" }},
		{"Only moderators may be in calls", "room.power", Broken, power(map[string]any{"users": map[string]int{aliceID: 0, "@bob:hs.test": 100}, "state_default": 50})},
		{"Only moderators may ring", "room.power", Warning, power(map[string]any{"users": map[string]int{aliceID: 0, "@bob:hs.test": 100},
			"events_default": 10, "events": map[string]int{message.TypeCallMember: 0}})},
	}
}

// impatient shortens what the inspector waits for in vain.
func impatient(s *scene) { s.config.Arrival = time.Second }

// closedPort gives an address on which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// syncBreaks lets the first sync pass, which looks for fallback keys.
func syncBreaks() func(*scene) {
	var syncs atomic.Int32
	return answers(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/sync") && syncs.Add(1) > 1 },
		says(504, `{"errcode":"M_UNKNOWN","error":"timed out"}`))
}
