package membership_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"

	"pgregory.net/rapid"
)

// noon is now in the made-up rooms of this file.
var noon = time.UnixMilli(1795188860000).UTC()

// drawFacts makes up a room from a small vocabulary, so that events meet:
// three users, three devices, few keys, few instants, every form and every
// fault.
func drawFacts(t *rapid.T) membership.Facts {
	facts := membership.Facts{RoomID: "!room:hs", Joined: map[string]bool{"@a:hs": true, "@b:hs": true}}
	taken := map[[2]string]bool{}
	for i := range rapid.IntRange(0, 12).Draw(t, "events") {
		e := drawEvent(t)
		e.EventID = fmt.Sprintf("$%02d", i)
		if place := [2]string{e.Type, e.StateKey}; !taken[place] {
			taken[place] = true
			facts.State = append(facts.State, e)
		}
	}
	return facts
}

func drawEvent(t *rapid.T) membership.Event {
	e := membership.Event{
		Sender: rapid.SampledFrom([]string{"@a:hs", "@b:hs", "@gone:hs"}).Draw(t, "sender"),
		SentAt: noon.Add(drawOffset(t, "sent")),
	}
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		e.Type = rapid.SampledFrom([]string{message.TypeCall, message.TypeCallStable}).Draw(t, "type")
		e.StateKey = rapid.SampledFrom([]string{"conf", "other", "m.call#ROOM"}).Draw(t, "conf")
		e.Content = json.RawMessage(rapid.SampledFrom([]string{
			`{"m.intent":"m.room","m.type":"m.video"}`,
			`{"m.intent":"m.room","m.type":"m.video","m.terminated":true}`,
			`{}`,
		}).Draw(t, "call"))
		return e
	}
	e.Type = rapid.SampledFrom([]string{message.TypeCallMember, message.TypeMember}).Draw(t, "type")
	e.StateKey = rapid.SampledFrom([]string{e.Sender, "_" + e.Sender + "_D_m.call", e.Sender + "_E_m.call", "@b:hs", "key"}).Draw(t, "key")
	e.Content = json.RawMessage(drawMember(t))
	return e
}

// drawOffset gives instants around now, the slack and the edges included.
func drawOffset(t *rapid.T, label string) time.Duration {
	return rapid.SampledFrom([]time.Duration{
		-5 * time.Hour, -4*time.Hour - 5*time.Second, -time.Minute, -5 * time.Second, -4999 * time.Millisecond,
		0, time.Millisecond, time.Minute, 3 * time.Hour,
	}).Draw(t, label)
}

func drawMember(t *rapid.T) string {
	device := rapid.SampledFrom([]string{"D", "E", ""}).Draw(t, "device")
	session := rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "session")
	at := noon.Add(drawOffset(t, "at")).UnixMilli()
	switch rapid.IntRange(0, 4).Draw(t, "form") {
	case 0:
		return rapid.SampledFrom([]string{`{}`, `[]`, `{`, `{"memberships":[]}`, `{"m.calls":[1]}`}).Draw(t, "content")
	case 1, 2:
		conf := rapid.SampledFrom([]string{"conf", "other", "none", "m.call#ROOM"}).Draw(t, "call")
		entry := fmt.Sprintf(`{"device_id":%q,"session_id":%q,"expires_ts":%d,"feeds":[]}`, device, session, at)
		return fmt.Sprintf(`{"m.calls":[{"m.call_id":%q,"m.devices":[%s,%s]}]}`, conf, entry, entry)
	}
	call := rapid.SampledFrom([]string{"", "ROOM", "room", "second"}).Draw(t, "call")
	focus := rapid.SampledFrom([]string{"full_mesh", "livekit", "mesh", ""}).Draw(t, "focus")
	expires := rapid.SampledFrom([]string{"", `,"expires":60000`, `,"expires":-1`, fmt.Sprintf(`,"created_ts":%d`, at)}).Draw(t, "expires")
	return fmt.Sprintf(`{"application":"m.call","call_id":%q,"device_id":%q,"membershipID":%q,"focus_active":{"type":%q}%s}`,
		call, device, session, focus, expires)
}

func TestCompute_DoesNotDependOnTheOrderOfState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		want := membership.Compute(facts, noon)
		facts.State = rapid.Permutation(facts.State).Draw(t, "order")
		if is := membership.Compute(facts, noon); !reflect.DeepEqual(is, want) {
			t.Errorf("in another order\n%s\nwant\n%s", describe("", noon, is), describe("", noon, want))
		}
	})
}

func TestCompute_HoldsUntilNextAndNoLonger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		want := membership.Compute(facts, noon)
		if want.Next.IsZero() {
			far := noon.Add(100 * 365 * 24 * time.Hour)
			if is := membership.Compute(facts, far); !reflect.DeepEqual(is, want) {
				t.Errorf("a century later\n%s\nwant\n%s", describe("", noon, is), describe("", noon, want))
			}
			return
		}
		if !want.Next.After(noon) {
			t.Fatalf("next %s is not after now", want.Next)
		}
		at := noon.Add(time.Duration(rapid.Int64Range(0, int64(want.Next.Sub(noon))-1).Draw(t, "later")))
		if is := membership.Compute(facts, at); !reflect.DeepEqual(is, want) {
			t.Errorf("after %s\n%s\nwant\n%s", at.Sub(noon), describe("", noon, is), describe("", noon, want))
		}
		is := membership.Compute(facts, want.Next)
		if reflect.DeepEqual(is.Sessions, want.Sessions) && reflect.DeepEqual(is.Refusals, want.Refusals) {
			t.Errorf("nothing changes at next %s:\n%s", want.Next.Sub(noon), describe("", noon, want))
		}
	})
}

func TestCompute_CountsOnlyWhoMayCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		checkResult(t, facts, membership.Compute(facts, noon))
	})
}

// failer is what testing.T and rapid.T have in common.
type failer interface {
	Errorf(format string, args ...any)
}

// checkResult checks what holds for every answer.
func checkResult(t failer, facts membership.Facts, result membership.Result) {
	keys := map[membership.Key]bool{}
	current := 0
	for _, s := range result.Sessions {
		if keys[s.Key] || s.ConfID == "" || s.RoomID != facts.RoomID {
			t.Errorf("session %v stands twice or has no name", s.Key)
		}
		keys[s.Key] = true
		if len(s.Members) == 0 && s.Call == nil {
			t.Errorf("session %s has nobody and is no call", s.ConfID)
		}
		if (s.Form == message.FormCalls) != (s.Call != nil) {
			t.Errorf("session %s of form %s has call %v", s.ConfID, s.Form, s.Call)
		}
		if s.Form == message.FormCalls && s.Current {
			current++
		}
		if s.Form == message.FormSession && s.Focus != s.Members[0].Focus {
			t.Errorf("session %s has focus %s, its oldest member %s", s.ConfID, s.Focus, s.Members[0].Focus)
		}
		checkMembers(t, facts, s)
	}
	if current > 1 {
		t.Errorf("%d calls are the current one", current)
	}
	for _, refusal := range result.Refusals {
		if refusal.Rule == "" || refusal.RoomID != facts.RoomID {
			t.Errorf("a refusal without a rule or a room: %+v", refusal)
		}
	}
}

func checkMembers(t failer, facts membership.Facts, s membership.Session) {
	parties := map[message.Party]bool{}
	for i, m := range s.Members {
		if parties[m.Party] || m.DeviceID == "" || m.SessionID == "" {
			t.Errorf("member %s stands twice in %s or has no name", m.Party, s.ConfID)
		}
		parties[m.Party] = true
		if !facts.Joined[m.UserID] {
			t.Errorf("member %s is not in the room", m.Party)
		}
		if !m.ExpiresAt.Add(message.ExpirySlack).After(noon) {
			t.Errorf("member %s has expired at %s", m.Party, m.ExpiresAt)
		}
		if m.Mesh != message.IsMesh(m.Focus) {
			t.Errorf("member %s: mesh is %v with focus %s", m.Party, m.Mesh, m.Focus)
		}
		if i > 0 && m.CreatedAt.Before(s.Members[i-1].CreatedAt) {
			t.Errorf("member %s stands behind a younger one", m.Party)
		}
	}
}

func FuzzCompute(f *testing.F) {
	for _, name := range roomNames(f) {
		for _, e := range readRoom(f, name).State {
			f.Add(e.Type, e.StateKey, e.Sender, []byte(e.Content))
		}
	}
	f.Fuzz(func(t *testing.T, eventType, stateKey, sender string, content []byte) {
		facts := membership.Facts{RoomID: "!room:hs", Joined: map[string]bool{sender: true}, State: []membership.Event{
			{Type: eventType, StateKey: stateKey, Sender: sender, EventID: "$1", SentAt: noon, Content: content},
			{Type: message.TypeCall, StateKey: "conf", Sender: "@a:hs", EventID: "$2", SentAt: noon,
				Content: json.RawMessage(`{"m.intent":"m.room","m.type":"m.video"}`)},
		}}
		checkResult(t, facts, membership.Compute(facts, noon))
	})
}
