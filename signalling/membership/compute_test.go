package membership_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
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
	for i := range rapid.IntRange(0, 6).Draw(t, "sticky events") {
		s := drawSticky(t)
		s.EventID = fmt.Sprintf("$s%d", i)
		facts.Sticky = append(facts.Sticky, s)
	}
	for _, id := range []string{"m.call#ROOM", "m.call#second"} {
		if rapid.Bool().Draw(t, "held") {
			facts.Held = append(facts.Held, membership.HeldSlot{
				ID: id, Slot: rapid.SampledFrom([]membership.Slot{{}, {Status: membership.SlotOpen}, {membership.SlotOpen, "b"}}).Draw(t, "as"),
				Since: noon.Add(drawOffset(t, "since")),
			})
		}
	}
	return facts
}

func drawSticky(t *rapid.T) membership.Sticky {
	sender := rapid.SampledFrom([]string{"@a:hs", "@b:hs", "@gone:hs"}).Draw(t, "sender")
	sent := noon.Add(drawOffset(t, "sent"))
	return membership.Sticky{
		Event: membership.Event{
			Type: rapid.SampledFrom([]string{message.TypeMember, message.TypeMemberStable}).Draw(t, "type"), Sender: sender, SentAt: sent,
			Content: json.RawMessage(drawStickyContent(t, sender)),
		},
		Until: sent.Add(time.Hour), Duration: time.Hour,
		Device: rapid.SampledFrom([]string{"", "D", "E"}).Draw(t, "encrypted by"),
	}
}

func drawStickyContent(t *rapid.T, sender string) string {
	key := rapid.SampledFrom([]string{"k1", "k2"}).Draw(t, "key")
	focus := rapid.SampledFrom([]string{"full_mesh", "livekit"}).Draw(t, "focus")
	slot := rapid.SampledFrom([]string{"m.call#ROOM", "m.call#room", "m.call#second"}).Draw(t, "slot")
	device := rapid.SampledFrom([]string{"D", "E"}).Draw(t, "device")
	return rapid.SampledFrom([]string{
		`{}`, `{"slot_id":1}`,
		fmt.Sprintf(`{"slot_id":%q,"msc4354_sticky_key":%q}`, slot, key),
		fmt.Sprintf(`{"slot_id":%q,"application":{"type":"m.call"},"rtc_transports":[{"type":%q}],"versions":[],`+
			`"member":{"user_id":%q,"device_id":%q,"id":%q},"msc4354_sticky_key":%q}`, slot, focus, sender, device, key, key),
		fmt.Sprintf(`{"slot_id":%q,"application":{"type":"m.call"},"transports":{"published":[{"type":%q}],"can_subscribe":[]},`+
			`"member":{"membership":"join","id":%q},"sticky_key":%q}`, slot, focus, key, key),
	}).Draw(t, "content")
}

func drawEvent(t *rapid.T) membership.Event {
	e := membership.Event{
		Sender: rapid.SampledFrom([]string{"@a:hs", "@b:hs", "@gone:hs"}).Draw(t, "sender"),
		SentAt: noon.Add(drawOffset(t, "sent")),
	}
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0, 1:
		e.Type = rapid.SampledFrom([]string{message.TypeCall, message.TypeCallStable}).Draw(t, "type")
		e.StateKey = rapid.SampledFrom([]string{"conf", "other", "m.call#ROOM"}).Draw(t, "conf")
		e.Content = json.RawMessage(rapid.SampledFrom([]string{
			`{"m.intent":"m.room","m.type":"m.video"}`,
			`{"m.intent":"m.room","m.type":"m.video","m.terminated":true}`,
			`{}`,
		}).Draw(t, "call"))
		return e
	case 2:
		e.Type = rapid.SampledFrom([]string{message.TypeSlot, message.TypeSlotStable}).Draw(t, "type")
		e.StateKey = rapid.SampledFrom([]string{"m.call#ROOM", "m.call#room", "m.call#second"}).Draw(t, "slot")
		e.Content = json.RawMessage(rapid.SampledFrom([]string{
			`{}`, `{"application":{"type":"m.call"}}`, `{"status":"closed"}`, `{"status":"open","application":{"type":"m.call","m.call.id":"c"}}`,
		}).Draw(t, "content"))
		return e
	}
	e.Type = rapid.SampledFrom([]string{message.TypeCallMember, message.TypeMember, message.TypeMemberFamedly}).Draw(t, "type")
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
	switch rapid.IntRange(0, 6).Draw(t, "form") {
	case 0:
		return rapid.SampledFrom([]string{`{}`, `[]`, `{`, `{"memberships":[]}`, `{"m.calls":[1]}`}).Draw(t, "content")
	case 1, 2:
		conf := rapid.SampledFrom([]string{"conf", "other", "none", "m.call#ROOM"}).Draw(t, "call")
		entry := fmt.Sprintf(`{"device_id":%q,"session_id":%q,"expires_ts":%d,"feeds":[]}`, device, session, at)
		return fmt.Sprintf(`{"m.calls":[{"m.call_id":%q,"m.devices":[%s,%s]}]}`, conf, entry, entry)
	case 3:
		kind := rapid.SampledFrom([]string{"mesh", "livekit"}).Draw(t, "backend")
		return fmt.Sprintf(`{"memberships":[{"call_id":"","device_id":%q,"membershipID":%q,"expires_ts":%d,"foci_active":[{"type":%q}]}]}`,
			device, session, at, kind)
	case 4:
		return fmt.Sprintf(`{"m.application":"m.call","m.call_id":"","device_id":%q,"meshfocus.joined_ts":%d,"focus_active":{"type":"full_mesh"}}`, device, at)
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
		facts.Sticky = rapid.Permutation(facts.Sticky).Draw(t, "order of sticky events")
		if is := membership.Compute(facts, noon); !reflect.DeepEqual(is, want) {
			t.Errorf("in another order\n%s\nwant\n%s", describe("", noon, is), describe("", noon, want))
		}
	})
}

// Computations lend one another memory, which must not be that of an answer.
func TestCompute_DoesNotChangeWhatItHasAnswered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		first := membership.Compute(facts, noon)
		want := describe("", noon, first)
		others := []membership.Facts{drawFacts(t), drawFacts(t)}
		var running sync.WaitGroup
		for _, other := range others {
			running.Go(func() { membership.Compute(other, noon) })
		}
		again := membership.Compute(facts, noon)
		running.Wait()
		for _, is := range []membership.Result{first, again} {
			if is := describe("", noon, is); !bytes.Equal(is, want) {
				t.Errorf("the answer has become\n%s\nand was\n%s", is, want)
			}
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
		if !slices.ContainsFunc(s.Members, func(m membership.Member) bool { return m.Focus == s.Focus }) && s.Call == nil {
			t.Errorf("session %s has focus %s, which no member has", s.ConfID, s.Focus)
		}
		if (s.Form == message.FormFamedly) != strings.HasPrefix(s.ConfID, "com.famedly.") {
			t.Errorf("session %s is of form %s", s.ConfID, s.Form)
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
		slack := map[message.Form]time.Duration{message.FormFamedly: message.FamedlyLinger, message.FormSticky: 0}
		linger, ok := slack[m.Form]
		if !ok {
			linger = message.ExpirySlack
		}
		if !m.ExpiresAt.Add(linger).After(noon) {
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
		for _, s := range readRoom(f, name).Sticky {
			f.Add(s.Type, s.Device, s.Sender, []byte(s.Content))
		}
	}
	f.Fuzz(func(t *testing.T, eventType, stateKey, sender string, content []byte) {
		facts := membership.Facts{RoomID: "!room:hs", Joined: map[string]bool{sender: true}, State: []membership.Event{
			{Type: eventType, StateKey: stateKey, Sender: sender, EventID: "$1", SentAt: noon, Content: content},
			{Type: message.TypeCall, StateKey: "conf", Sender: "@a:hs", EventID: "$2", SentAt: noon,
				Content: json.RawMessage(`{"m.intent":"m.room","m.type":"m.video"}`)},
		}, Sticky: []membership.Sticky{{
			Event: membership.Event{Type: eventType, Sender: sender, EventID: "$3", SentAt: noon, Content: content}, Until: noon.Add(time.Hour), Device: stateKey,
		}}}
		checkResult(t, facts, membership.Compute(facts, noon))
	})
}
