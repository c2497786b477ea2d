package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/message"
)

// callsHome is an embedded homeserver with a room that @mod:test.local
// moderates, on which tests put memberships.
type callsHome struct {
	t      *testing.T
	server *homeserver.Server
	base   string
	roomID string
	tokens map[string]string // by "user/DEVICE"
}

func newCallsHome(t *testing.T) *callsHome {
	t.Helper()
	server, err := homeserver.New(homeserver.Config{ServerName: "test.local"})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server.Handler())
	t.Cleanup(func() { front.Close(); http.DefaultClient.CloseIdleConnections() })
	h := &callsHome{t: t, server: server, base: front.URL, tokens: map[string]string{}}
	for _, user := range []string{"mod", "alice", "bob"} {
		if err := server.EnsureUser(user, "secret-"+user); err != nil {
			t.Fatal(err)
		}
	}
	if h.roomID, err = server.EnsureRoom("call", "Call", "mod", homeserver.PresetPublic); err != nil {
		t.Fatal(err)
	}
	return h
}

// token gives one device of a user, which is in the room.
func (h *callsHome) token(user, device string) string {
	h.t.Helper()
	name := user + "/" + device
	if h.tokens[name] == "" {
		token, err := h.server.IssueToken(user, device, device)
		if err != nil {
			h.t.Fatal(err)
		}
		h.tokens[name] = token
		h.do("POST", "/_matrix/client/v3/join/"+url.PathEscape(h.roomID), token, map[string]any{}, nil)
	}
	return h.tokens[name]
}

func (h *callsHome) do(method, path, token string, in, out any) {
	h.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		h.t.Fatal(err)
	}
	request, err := http.NewRequest(method, h.base+path, strings.NewReader(string(body)))
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer json.RawMessage
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		h.t.Fatalf("%s %s: %d %s", method, path, response.StatusCode, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *callsHome) statePath(eventType, key string) string {
	return "/_matrix/client/v3/rooms/" + url.PathEscape(h.roomID) + "/state/" + eventType + "/" + url.PathEscape(key)
}

// put writes a state event as a device.
func (h *callsHome) put(user, device, eventType, key string, content any) {
	h.t.Helper()
	h.do("PUT", h.statePath(eventType, key), h.token(user, device), content, nil)
}

// state reads one, compact.
func (h *callsHome) state(eventType, key string) string {
	h.t.Helper()
	var content map[string]any
	h.do("GET", h.statePath(eventType, key), h.token("mod", "MOD"), nil, &content)
	text, err := json.Marshal(content)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

func id(user string) string { return "@" + user + ":test.local" }

func slotKey(user, device string) string {
	return message.SessionStateKey(message.Party{UserID: id(user), DeviceID: device}, message.SlotRoom, "")
}

// inSlot writes a per-device membership that began some time ago and lasts
// four hours.
func (h *callsHome) inSlot(user, device string, age time.Duration) {
	h.t.Helper()
	began := time.Now().Add(-age)
	content, err := message.SessionContent{
		Application: message.ApplicationCall, DeviceID: device, MembershipID: "s" + device, CreatedAt: began,
		FocusActive: message.Focus{Type: message.FocusFullMesh}, FociPreferred: []message.Focus{{Type: message.FocusFullMesh}},
	}.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	h.put(user, device, message.TypeCallMember, slotKey(user, device), json.RawMessage(content))
}

// routed is inSlot with a way for media.
func (h *callsHome) routed(user, device string, route message.Route) {
	h.t.Helper()
	mesh := message.Focus{Type: message.FocusFullMesh, Route: route}
	content, err := message.SessionContent{
		Application: message.ApplicationCall, DeviceID: device, MembershipID: "s" + device, CreatedAt: time.Now(),
		FocusActive: mesh, FociPreferred: []message.Focus{mesh},
	}.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	h.put(user, device, message.TypeCallMember, slotKey(user, device), json.RawMessage(content))
}

func TestCallsList_SaysWhoForwardsAndForWhom(t *testing.T) {
	h := newCallsHome(t)
	h.routed("alice", "A1", message.Route{Forwards: true})
	h.routed("bob", "B1", message.Route{Via: message.Party{UserID: id("alice"), DeviceID: "A1"}})
	for verb, want := range map[string][]string{
		"list": {"full_mesh, forwards ", "full_mesh, by way of @alice:test.local/A1 "},
		"show": {"transport full_mesh, forwards,", "transport full_mesh, by way of @alice:test.local/A1,"},
	} {
		_, out, errs := h.command("mod", "MOD", "", verb)
		for _, line := range want {
			if !strings.Contains(out, line) {
				t.Errorf("%s does not say %q:\n%s%s", verb, line, out, errs)
			}
		}
	}
	_, out, _ := h.command("mod", "MOD", "", "list", "--json")
	var shown shownRoom
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.Entries) != 2 || !shown.Entries[0].Forwards || shown.Entries[1].Via != "@alice:test.local/A1" {
		t.Errorf("as JSON it is %+v: %v", shown, err)
	}
}

// inConference writes devices of a user into the conference "conf".
func (h *callsHome) inConference(user string, devices map[string]time.Duration) {
	h.t.Helper()
	h.put("mod", "MOD", message.TypeCall, "conf", map[string]string{"m.intent": "m.room", "m.type": "m.video"})
	content, names := []byte(`{}`), []string{}
	for device := range devices {
		names = append(names, device)
	}
	slices.Sort(names)
	for _, device := range names {
		var err error
		content, err = message.WithDevice(content, "conf", message.CallDevice{
			DeviceID: device, SessionID: "s" + device, ExpiresAt: time.Now().Add(devices[device]), Feeds: []message.Feed{},
		}, time.Now().Add(-24*time.Hour))
		if err != nil {
			h.t.Fatal(err)
		}
	}
	h.put(user, names[0], message.TypeCallMember, id(user), json.RawMessage(content))
}

// command runs a verb as the command line would, as one device.
func (h *callsHome) command(user, device, stdin string, args ...string) (code int, out, errs string) {
	h.t.Helper()
	var stdout, stderr buffer
	args = append([]string{"calls", args[0], "--homeserver", h.base}, args[1:]...)
	std := streams{in: strings.NewReader(stdin), out: &stdout, err: &stderr, environ: []string{"MESHFOCUS_TOKEN=" + h.token(user, device)}}
	code = run(h.t.Context(), append(args, h.roomID), std)
	return code, stdout.String(), stderr.String()
}

func TestCallsList_ShowsAllFormsAndTheGhosts(t *testing.T) {
	h := newCallsHome(t)
	h.inSlot("alice", "A1", time.Minute)
	h.inSlot("bob", "B1", 5*time.Hour)
	h.inConference("bob", map[string]time.Duration{"B2": time.Hour})
	code, out, errs := h.command("mod", "MOD", "", "list")
	if code != exitOK || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{"@alice:test.local/A1", "@bob:test.local/B1", "ghost: its time was over", "m.calls", "session", "full_mesh", "conf"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	code, out, _ = h.command("mod", "MOD", "", "list", "--json")
	var shown shownRoom
	if err := json.Unmarshal([]byte(out), &shown); err != nil || code != exitOK || len(shown.Entries) != 3 {
		t.Fatalf("%v, exit code %d\n%s", err, code, out)
	}
	for _, e := range shown.Entries {
		if alive := e.DeviceID != "B1"; e.Counts != alive || (len(e.Refusals) == 0) != alive || e.ExpiresAt == nil {
			t.Errorf("%+v", e)
		}
	}
}

func TestCallsShow_NamesRulesAndEventsOfOneSession(t *testing.T) {
	h := newCallsHome(t)
	h.inSlot("bob", "B1", 5*time.Hour)
	h.inConference("alice", map[string]time.Duration{"A1": time.Hour})
	code, out, errs := h.command("mod", "MOD", "", "show")
	if code != exitOK || !strings.Contains(out, "refused by MSC4143 per-device state") || !strings.Contains(out, slotKey("bob", "B1")) || !strings.Contains(out, "A1") {
		t.Errorf("exit code %d %s\n%s", code, errs, out)
	}
	var stdout, stderr buffer
	std := streams{in: strings.NewReader(""), out: &stdout, err: &stderr, environ: []string{"MESHFOCUS_TOKEN=" + h.token("mod", "MOD")}}
	if code := run(t.Context(), []string{"calls", "show", "--homeserver", h.base, h.roomID, "none"}, std); code == exitOK {
		t.Errorf("a session that is not there was found:\n%s", stdout.String())
	}
	stdout = buffer{}
	if code := run(t.Context(), []string{"calls", "show", "--homeserver", h.base, h.roomID, "conf"}, std); code != exitOK || strings.Contains(stdout.String(), id("bob")) {
		t.Errorf("exit code %d\n%s", code, stdout.String())
	}
}

func TestCallsLeave_TakesOutThisDeviceOrAllOfTheUser(t *testing.T) {
	h := newCallsHome(t)
	place := func() {
		h.inSlot("alice", "A1", time.Minute)
		h.inSlot("alice", "A2", time.Minute)
		h.inSlot("bob", "B1", time.Minute)
		h.inConference("alice", map[string]time.Duration{"A1": time.Hour, "A2": 2 * time.Hour, "A3": -time.Hour})
	}
	place()
	if code, out, errs := h.command("alice", "A1", "", "leave"); code != exitOK {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	if got := h.state(message.TypeCallMember, slotKey("alice", "A1")); got != `{}` {
		t.Errorf("the slot of A1 holds %s", got)
	}
	if got := h.state(message.TypeCallMember, slotKey("alice", "A2")); got == `{}` {
		t.Error("the slot of A2 is empty")
	}
	if got := h.state(message.TypeCallMember, id("alice")); strings.Contains(got, `"A1"`) || !strings.Contains(got, `"A2"`) || !strings.Contains(got, `"A3"`) {
		t.Errorf("the conference holds %s", got)
	}
	place()
	if code, out, errs := h.command("alice", "A1", "", "leave", "--all-devices"); code != exitOK {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	if got := h.state(message.TypeCallMember, id("alice")); got != `{"m.calls":[]}` {
		t.Errorf("the conference holds %s", got)
	}
	if got := h.state(message.TypeCallMember, slotKey("bob", "B1")); got == `{}` {
		t.Error("bob was taken out too")
	}
	if code, out, _ := h.command("alice", "A1", "", "leave"); code != exitOK || !strings.Contains(out, "nothing to take out") {
		t.Errorf("leaving twice: exit code %d\n%s", code, out)
	}
}

// sticky sends a sticky membership of a device.
func (h *callsHome) sticky(user, device string) {
	h.t.Helper()
	content, err := message.StickyMember{
		StickyKey: "id" + device, SlotID: message.SlotRoom, Application: message.ApplicationCall, MemberID: "id" + device,
		UserID: id(user), DeviceID: device, Transports: message.Transports{
			Published: []message.Focus{{Type: message.FocusFullMesh}}, CanSubscribe: []string{message.FocusFullMesh},
		},
	}.Encode()
	if err != nil {
		h.t.Fatal(err)
	}
	path := "/_matrix/client/v3/rooms/" + url.PathEscape(h.roomID) + "/send/" + message.TypeMember + "/" + device + "?" + message.QuerySticky + "=3600000"
	h.do("PUT", path, h.token(user, device), json.RawMessage(content), nil)
}

func TestCalls_StickyMembershipsAreShownAndTakenOut(t *testing.T) {
	h := newCallsHome(t)
	h.sticky("alice", "A1")
	h.sticky("bob", "B1")
	listed := func() string {
		code, out, errs := h.command("mod", "MOD", "", "list")
		if code != exitOK {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		return out
	}
	if out := listed(); !strings.Contains(out, "@alice:test.local/A1  sticky  full_mesh") || !strings.Contains(out, "@bob:test.local/B1") {
		t.Fatalf("the list is\n%s", out)
	}
	if code, out, errs := h.command("alice", "A1", "", "leave"); code != exitOK || !strings.Contains(out, "  send "+message.TypeMember) {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	if out := listed(); strings.Contains(out, "alice") || !strings.Contains(out, "bob") {
		t.Errorf("after alice has left\n%s", out)
	}
	if code, out, errs := h.command("mod", "MOD", "", "unstick", "--yes", "--of-user", id("bob"), "--of-device", "B1"); code != exitOK || !strings.Contains(out, "redact $") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	if out := listed(); !strings.Contains(out, "nobody is in a call") {
		t.Errorf("after bob was taken out\n%s", out)
	}
}

func TestCallsUnstick_AsksBeforeItTakesOthersOut(t *testing.T) {
	h := newCallsHome(t)
	h.inSlot("bob", "B1", 5*time.Hour)
	h.inSlot("bob", "B2", time.Minute)
	standing := func() bool { return h.state(message.TypeCallMember, slotKey("bob", "B1")) != `{}` }
	for _, test := range []struct {
		name, stdin string
		args        []string
		code        int
		stands      bool
	}{
		{"dry run", "y\n", []string{"unstick", "--dry-run"}, exitOK, true},
		{"no answer", "", []string{"unstick"}, exitFailed, true},
		{"no", "n\n", []string{"unstick"}, exitFailed, true},
		{"another user", "", []string{"unstick", "--yes", "--of-user", id("alice")}, exitOK, true},
		{"yes", "y\n", []string{"unstick"}, exitOK, false},
	} {
		code, out, errs := h.command("mod", "MOD", test.stdin, test.args...)
		if code != test.code || standing() != test.stands {
			t.Errorf("%s: exit code %d, want %d; stands %t\n%s%s", test.name, code, test.code, standing(), out, errs)
		}
		if test.name == "dry run" && !strings.Contains(out, fmt.Sprintf("write %s %q {}", message.TypeCallMember, slotKey("bob", "B1"))) {
			t.Errorf("it does not say what it would write:\n%s", out)
		}
	}
	if got := h.state(message.TypeCallMember, slotKey("bob", "B2")); got == `{}` {
		t.Error("the living device was taken out")
	}
	if code, out, errs := h.command("mod", "MOD", "", "unstick", "--yes", "--of-user", id("bob"), "--of-device", "B2"); code != exitOK || h.state(message.TypeCallMember, slotKey("bob", "B2")) != `{}` {
		t.Errorf("a device that was named stays: exit code %d\n%s%s", code, out, errs)
	}
}

func TestCallsUnstick_SaysWhyItMayNot(t *testing.T) {
	h := newCallsHome(t)
	h.inConference("bob", map[string]time.Duration{"B1": -time.Hour, "B2": time.Hour})
	h.inConference("alice", map[string]time.Duration{"A1": -time.Hour})
	code, out, errs := h.command("mod", "MOD", "", "unstick", "--yes")
	if code != exitRefused || !strings.Contains(errs, "1 other device(s) of @bob:test.local") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if got := h.state(message.TypeCallMember, id("alice")); got != `{}` {
		t.Errorf("alice's event was not redacted: %s", got)
	}
	if got := h.state(message.TypeCallMember, id("bob")); !strings.Contains(got, `"B2"`) || !strings.Contains(got, `"B1"`) {
		t.Errorf("bob's event was changed: %s", got)
	}
	if code, _, errs = h.command("alice", "A1", "", "unstick", "--yes", "--json", "--of-user", id("bob")); code != exitRefused || !strings.Contains(errs, "may not take out") {
		t.Errorf("without power: exit code %d, %s", code, errs)
	}
}

func TestCallsLeave_WithAPasswordLeavesNoDeviceBehind(t *testing.T) {
	h := newCallsHome(t)
	h.inSlot("alice", "A1", time.Minute)
	var stdout, stderr buffer
	std := streams{in: strings.NewReader(""), out: &stdout, err: &stderr, environ: []string{"MESHFOCUS_PASSWORD=secret-alice"}}
	if code := run(t.Context(), []string{"calls", "leave", "--all-devices", "--homeserver", h.base, "--user", id("alice"), h.roomID}, std); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var devices struct{ Devices []struct{} }
	h.do("GET", "/_matrix/client/v3/devices", h.token("alice", "A1"), nil, &devices)
	if len(devices.Devices) != 1 || h.state(message.TypeCallMember, slotKey("alice", "A1")) != `{}` {
		t.Errorf("%d devices, and the slot holds %s", len(devices.Devices), h.state(message.TypeCallMember, slotKey("alice", "A1")))
	}
}

func TestCalls_SaysWhatIsMissing(t *testing.T) {
	for _, args := range [][]string{
		{"calls", "list"}, {"calls", "leave", "a", "b"}, {"calls", "list", "!r:x"},
		{"calls", "unstick", "--of-device", "D", "--homeserver", "http://127.0.0.1:1", "!r:x"},
	} {
		var stdout, stderr buffer
		if code := run(t.Context(), args, streams{in: strings.NewReader(""), out: &stdout, err: &stderr}); code != exitUsage || stderr.String() == "" {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
	}
}
