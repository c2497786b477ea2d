package ghost_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/ghost"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

const (
	roomID = "!r:hs"
	alice  = "@alice:hs"
	bob    = "@bob:hs"
)

var now = time.UnixMilli(1_790_000_000_000)

// session is a per-device membership that was written some time ago.
func session(user, device string, age, expires time.Duration) membership.Event {
	content, err := message.SessionContent{
		Application: message.ApplicationCall, DeviceID: device, MembershipID: "s" + device, Expires: expires,
		FocusActive: message.Focus{Type: message.FocusFullMesh}, FociPreferred: []message.Focus{{Type: message.FocusFullMesh}},
	}.Encode()
	if err != nil {
		panic(err)
	}
	return membership.Event{
		Type: message.TypeCallMember, StateKey: "_" + user + "_" + device + "_m.call", Sender: user,
		EventID: "$" + user + device, SentAt: now.Add(-age), Content: content,
	}
}

// calls is the m.calls event of a user with some devices, each expiring after
// an hour more than the one before; a device "old…" has expired.
func calls(user string, devices ...string) membership.Event {
	content := []byte(`{"m.calls":[],"io.other":1}`)
	for i, device := range devices {
		expires := now.Add(time.Duration(i+1) * time.Hour)
		if strings.HasPrefix(device, "old") {
			expires = now.Add(-time.Hour)
		}
		var err error
		content, err = message.WithDevice(content, "conf", message.CallDevice{
			DeviceID: device, SessionID: "s" + device, ExpiresAt: expires, Feeds: []message.Feed{},
		}, now.Add(-2*time.Hour))
		if err != nil {
			panic(err)
		}
	}
	return membership.Event{Type: message.TypeCallMember, StateKey: user, Sender: user, EventID: "$calls" + user, SentAt: now.Add(-time.Minute), Content: content}
}

func conference() membership.Event {
	return membership.Event{
		Type: message.TypeCall, StateKey: "conf", Sender: alice, EventID: "$conf", SentAt: now.Add(-time.Hour),
		Content: json.RawMessage(`{"m.intent":"m.room","m.type":"m.video"}`),
	}
}

func facts(events ...membership.Event) membership.Facts {
	return membership.Facts{RoomID: roomID, RoomVersion: "11", Joined: map[string]bool{alice: true, bob: true}, State: events}
}

// find gives the entry of a device.
func find(t *testing.T, entries []ghost.Entry, user, device string) ghost.Entry {
	t.Helper()
	for _, e := range entries {
		if e.UserID == user && e.DeviceID == device {
			return e
		}
	}
	t.Fatalf("no entry of %s/%s in %+v", user, device, entries)
	return ghost.Entry{}
}

func TestList_SaysWhoIsProbablyGone(t *testing.T) {
	left := facts(session(alice, "A", time.Minute, 4*time.Hour))
	left.Joined = map[string]bool{bob: true}
	for _, test := range []struct {
		name   string
		facts  membership.Facts
		know   ghost.Knowledge
		want   ghost.Verdict
		kinds  string
		counts bool
	}{
		{"fresh", facts(session(alice, "A", time.Minute, 4*time.Hour)), ghost.Knowledge{}, ghost.Alive, "", true},
		{"past half of its life", facts(session(alice, "A", 150*time.Minute, 4*time.Hour)), ghost.Knowledge{}, ghost.Doubtful, "quiet", true},
		{"over", facts(session(alice, "A", 5*time.Hour, 4*time.Hour)), ghost.Knowledge{}, ghost.Ghost, "expired", false},
		{"sender left", left, ghost.Knowledge{}, ghost.Ghost, "sender_left", false},
		{"device without keys", facts(session(alice, "A", time.Minute, 4*time.Hour)),
			ghost.Knowledge{Keyed: map[string][]string{alice: {"B"}}}, ghost.Doubtful, "device_unknown", true},
		{"device with keys", facts(session(alice, "A", time.Minute, 4*time.Hour)),
			ghost.Knowledge{Keyed: map[string][]string{alice: {"A"}}}, ghost.Alive, "", true},
		{"own device gone", facts(session(alice, "A", time.Minute, 4*time.Hour)),
			ghost.Knowledge{Self: message.Party{UserID: alice}, OwnDevices: map[string]time.Time{"B": now}}, ghost.Ghost, "device_gone", true},
		{"own device unseen", facts(session(alice, "A", time.Minute, 4*time.Hour)),
			ghost.Knowledge{Self: message.Party{UserID: alice}, OwnDevices: map[string]time.Time{"A": now.Add(-time.Hour)}}, ghost.Doubtful, "unseen", true},
		{"nothing takes it out", facts(session(alice, "A", time.Minute, 4*time.Hour)),
			ghost.Knowledge{Self: message.Party{UserID: alice}, Leaves: []ghost.Leave{}}, ghost.Doubtful, "no_leave_waiting", true},
		{"a leave waits", facts(session(alice, "A", time.Minute, 4*time.Hour)),
			ghost.Knowledge{Self: message.Party{UserID: alice}, Leaves: []ghost.Leave{{RoomID: roomID, Type: message.TypeCallMember, StateKey: "_" + alice + "_A_m.call"}}}, ghost.Alive, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := find(t, ghost.List(test.facts, test.know, now), alice, "A")
			var kinds []string
			for _, s := range e.Suspicions {
				kinds = append(kinds, s.Kind.String())
				if s.Words == "" {
					t.Errorf("%s says nothing to people", s.Kind)
				}
			}
			if got := strings.Join(kinds, ","); got != test.kinds || e.Verdict() != test.want || e.Counts != test.counts {
				t.Errorf("%s, suspected of %q, counts %t; want %s, %q, %t", e.Verdict(), got, e.Counts, test.want, test.kinds, test.counts)
			}
			if e.Transport != message.FocusFullMesh || e.Form != message.FormSession || e.ExpiresAt.IsZero() {
				t.Errorf("not everything is told: %+v", e)
			}
		})
	}
}

func TestList_KeepsTheDevicesOfOneEventApart(t *testing.T) {
	entries := ghost.List(facts(conference(), calls(alice, "A", "oldB")), ghost.Knowledge{}, now)
	if len(entries) != 2 {
		t.Fatalf("%d entries: %+v", len(entries), entries)
	}
	a, b := find(t, entries, alice, "A"), find(t, entries, alice, "oldB")
	if !a.Counts || len(a.Refusals) != 0 || a.Verdict() != ghost.Alive || a.Form != message.FormCalls {
		t.Errorf("the live device: %+v", a)
	}
	if b.Counts || len(b.Refusals) != 1 || b.Refusals[0].Rule != membership.RuleDeviceExpired || b.Verdict() != ghost.Ghost {
		t.Errorf("the expired device: %+v", b)
	}
}

func TestList_ShowsWhatCannotBeRead(t *testing.T) {
	broken := session(alice, "A", 0, time.Hour)
	broken.Content = json.RawMessage(`{"application":"m.call","device_id":7}`)
	entries := ghost.List(facts(broken), ghost.Knowledge{}, now)
	if len(entries) != 1 || entries[0].Counts || len(entries[0].Refusals) != 1 || entries[0].UserID != alice {
		t.Errorf("%+v", entries)
	}
}

const moderated = `{"users":{"@alice:hs":50},"events":{"org.matrix.msc3401.call.member":0}}`

func TestPlan_TakesOutWhatWasChosenAndNothingElse(t *testing.T) {
	for _, test := range []struct {
		name     string
		facts    membership.Facts
		pick     map[string]bool
		powers   string
		self     string
		deed     ghost.Deed
		content  string
		obstacle string
	}{
		{"own device", facts(session(alice, "A", 0, time.Hour), session(bob, "B", 0, time.Hour)), map[string]bool{"A": true},
			moderated, alice, ghost.WriteState, `{}`, ""},
		{"another's device, with power", facts(session(bob, "B", 0, time.Hour)), map[string]bool{"B": true},
			`{"users":{"@alice:hs":50}}`, alice, ghost.WriteState, `{}`, ""},
		{"another's device, without", facts(session(bob, "B", 0, time.Hour)), map[string]bool{"B": true},
			`{}`, alice, ghost.WriteState, `{}`, "needs power level 50, and @alice:hs has 0"},
		{"one own device of two in a conference", facts(conference(), calls(alice, "A", "oldB")), map[string]bool{"A": true},
			moderated, alice, ghost.WriteState, `{"io.other":1,"m.calls":[{"m.call_id":"conf","m.devices":[{"device_id":"oldB","expires_ts":1789996400000,"feeds":[],"session_id":"soldB"}]}]}`, ""},
		{"both own devices of a conference", facts(conference(), calls(alice, "A", "B")), map[string]bool{"A": true, "B": true},
			moderated, alice, ghost.WriteState, `{"io.other":1,"m.calls":[]}`, ""},
		{"one of another's devices in a conference", facts(conference(), calls(bob, "A", "oldB")), map[string]bool{"oldB": true},
			moderated, alice, ghost.Redact, ``, "holds 1 other device(s) of @bob:hs"},
		{"all of another's devices in a conference", facts(conference(), calls(bob, "oldA", "oldB")), map[string]bool{"oldA": true, "oldB": true},
			moderated, alice, ghost.Redact, ``, ""},
		{"the same without power", facts(conference(), calls(bob, "oldA")), map[string]bool{"oldA": true},
			`{}`, alice, ghost.Redact, ``, "redacting it needs power level 50"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var chosen []ghost.Entry
			for _, e := range ghost.List(test.facts, ghost.Knowledge{}, now) {
				if test.pick[e.DeviceID] {
					chosen = append(chosen, e)
				}
			}
			removals := ghost.Plan(test.facts, chosen, ghost.ParsePowers(json.RawMessage(test.powers), "11"), test.self)
			if len(removals) != 1 {
				t.Fatalf("%d removals", len(removals))
			}
			r := removals[0]
			if r.Deed != test.deed || string(r.Content) != test.content || len(r.Entries) != len(test.pick) {
				t.Errorf("%s %s for %d entries", r.Deed, r.Content, len(r.Entries))
			}
			if (r.Obstacle == "") != (test.obstacle == "") || !strings.Contains(r.Obstacle, test.obstacle) {
				t.Errorf("obstacle %q, want %q", r.Obstacle, test.obstacle)
			}
		})
	}
}

func TestPlan_LeavesTheOthersOfALegacyArray(t *testing.T) {
	event := membership.Event{
		Type: message.TypeCallMember, StateKey: alice, Sender: alice, EventID: "$legacy", SentAt: now,
		Content: json.RawMessage(`{"memberships":[{"device_id":"A","expires":1.5e3},{"device_id":"B"}]}`),
	}
	chosen := []ghost.Entry{{Party: message.Party{UserID: alice, DeviceID: "B"}, Type: event.Type, StateKey: alice, Sender: alice, EventID: "$legacy"}}
	r := ghost.Plan(facts(event), chosen, ghost.Powers{}, alice)[0]
	if string(r.Content) != `{"memberships":[{"device_id":"A","expires":1.5e3}]}` {
		t.Errorf("%s", r.Content)
	}
}

// sticky is a sticky membership of a device, sent some time ago.
func sticky(user, device, eventID string, age time.Duration) membership.Sticky {
	content, err := message.StickyMember{
		StickyKey: "id" + device, SlotID: message.SlotRoom, Application: message.ApplicationCall, MemberID: "id" + device, UserID: user, DeviceID: device,
		Transports: message.Transports{Published: []message.Focus{{Type: message.FocusFullMesh}}, CanSubscribe: []string{message.FocusFullMesh}},
	}.Encode()
	if err != nil {
		panic(err)
	}
	sent := now.Add(-age)
	return membership.Sticky{
		Event: membership.Event{Type: message.TypeMember, Sender: user, EventID: eventID, SentAt: sent, Content: content},
		Until: sent.Add(time.Hour), Duration: time.Hour,
	}
}

func TestSticky_IsListedAndTakenOut(t *testing.T) {
	room := facts()
	room.Sticky = []membership.Sticky{
		sticky(alice, "A", "$new", 40*time.Minute), sticky(alice, "A", "$old", 50*time.Minute), sticky(bob, "B", "$bob", 2*time.Hour),
	}
	entries := ghost.List(room, ghost.Knowledge{}, now)
	a, b := find(t, entries, alice, "A"), find(t, entries, bob, "B")
	if a.Form != message.FormSticky || !a.Counts || a.Verdict() != ghost.Doubtful || a.EventID != "$new" {
		t.Errorf("the living one: %+v", a)
	}
	if b.Counts || b.Verdict() != ghost.Ghost {
		t.Errorf("the one that has ended: %+v", b)
	}
	own := ghost.Plan(room, []ghost.Entry{a}, ghost.Powers{}, alice)[0]
	if own.Deed != ghost.SendSticky || own.Obstacle != "" {
		t.Errorf("our own: %+v", own)
	}
	if left, err := message.ParseStickyMember(own.Content); err != nil || !left.Left || left.StickyKey != "idA" {
		t.Errorf("it is taken out by %s, which reads as %+v, %v", own.Content, left, err)
	}
	others := ghost.Plan(room, []ghost.Entry{a}, ghost.ParsePowers(json.RawMessage(`{"users":{"@bob:hs":50}}`), "11"), bob)[0]
	if others.Deed != ghost.Redact || others.Obstacle != "" || strings.Join(others.EventIDs, " ") != "$new $old" {
		t.Errorf("another's: %+v", others)
	}
}

func TestFamedly_IsListedAndTakenOut(t *testing.T) {
	event := membership.Event{
		Type: message.TypeMemberFamedly, StateKey: alice, Sender: alice, EventID: "$f", SentAt: now.Add(-9 * time.Minute),
		Content: json.RawMessage(`{"memberships":[
			{"application":"m.call","call_id":"","scope":"m.room","device_id":"A","membershipID":"x","expires_ts":1789999820000,"foci_active":[{"type":"mesh"}]},
			{"application":"m.call","call_id":"","scope":"m.room","device_id":"B","membershipID":"y","expires_ts":1789999000000,"foci_active":[{"type":"mesh"}]}]}`),
	}
	room := facts(event)
	entries := ghost.List(room, ghost.Knowledge{}, now)
	a, b := find(t, entries, alice, "A"), find(t, entries, alice, "B")
	if a.Form != message.FormFamedly || !a.Counts || a.Verdict() == ghost.Ghost {
		t.Errorf("within six minutes of its end: %+v", a)
	}
	if b.Counts || b.Verdict() != ghost.Ghost {
		t.Errorf("later: %+v", b)
	}
	r := ghost.Plan(room, []ghost.Entry{b}, ghost.Powers{}, alice)[0]
	if left := string(r.Content); r.Deed != ghost.WriteState || strings.Contains(left, `"B"`) || !strings.Contains(left, `"A"`) {
		t.Errorf("%+v", r)
	}
}
