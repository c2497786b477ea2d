package ring_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

// notified is Alice's notification as the timeline has it.
func notified(id string, at time.Time, content string) ring.Heard {
	if content == "" {
		content = `"m.mentions":{"user_ids":["@bob:hs"]}`
	}
	return ring.Heard{EventID: id, Type: message.TypeNotification, Sender: alice.UserID, SentAt: at, Content: json.RawMessage(fmt.Sprintf(
		`{"slot_id":"m.call#ROOM","msc4354_sticky_key":"m.call#ROOM","notification_type":"ring","lifetime":90000,"sender_ts":%d,%s}`, at.UnixMilli(), content))}
}

func declined(by message.Party, notification string) ring.Heard {
	return ring.Heard{EventID: "$d", Type: message.TypeDecline, Sender: by.UserID, SentAt: noon, Content: json.RawMessage(fmt.Sprintf(
		`{"m.relates_to":{"rel_type":"m.reference","event_id":%q}}`, notification))}
}

func factsOf(parties ...message.Party) membership.Facts {
	facts := membership.Facts{RoomID: "!r:hs", Joined: map[string]bool{alice.UserID: true, bob.UserID: true}}
	for _, party := range parties {
		facts.State = append(facts.State, joined(party))
	}
	return facts
}

// lines gives changes in one line each.
func lines(changes []ring.Change) string {
	var all []string
	for _, c := range changes {
		if c.Refused != "" {
			all = append(all, c.Ring.ID+" refused")
			continue
		}
		all = append(all, fmt.Sprint(c.Ring.ID, " ", c.State, " ", c.Actions))
	}
	return strings.Join(all, "; ")
}

func anybody(string) bool { return true }
func nobody(string) bool  { return false }

func TestDesk_TakesARingToItsEnd(t *testing.T) {
	withdrawal := ring.Heard{EventID: "$w", Type: message.TypeNotification, Sender: alice.UserID, SentAt: noon, Content: json.RawMessage(`{"msc4354_sticky_key":"m.call#ROOM"}`)}
	redaction := ring.Heard{EventID: "$x", Type: "m.room.redaction", Sender: alice.UserID, SentAt: noon, Redacts: "$n"}
	cases := []struct {
		name  string
		then  func(*ring.Desk) []ring.Change
		after string
	}{
		{"we answer", func(d *ring.Desk) []ring.Change { return d.Handle("$n", ring.Answer) }, "$n answered here [silence join]"},
		{"we decline", func(d *ring.Desk) []ring.Change { return d.Handle("$n", ring.Decline) }, "$n declined [silence send decline]"},
		{"our other device declines", func(d *ring.Desk) []ring.Change {
			return d.Hear([]ring.Heard{declined(bob2, "$n")}, factsOf(alice), nobody, noon)
		}, "$n declined [silence]"},
		{"another declines", func(d *ring.Desk) []ring.Change {
			return d.Hear([]ring.Heard{declined(carol, "$n")}, factsOf(alice), nobody, noon)
		}, ""},
		{"our other device joins", func(d *ring.Desk) []ring.Change { return d.Observe(factsOf(alice, bob2), noon) }, "$n answered elsewhere [silence]"},
		{"the caller leaves", func(d *ring.Desk) []ring.Change { return d.Observe(factsOf(), noon) }, "$n cancelled [silence]"},
		{"the caller withdraws", func(d *ring.Desk) []ring.Change {
			return d.Hear([]ring.Heard{withdrawal}, factsOf(alice), nobody, noon)
		}, "$n cancelled [silence]"},
		{"the notification is redacted", func(d *ring.Desk) []ring.Change {
			return d.Hear([]ring.Heard{redaction}, factsOf(alice), nobody, noon)
		}, "$n cancelled [silence]"},
		{"the caller rings again", func(d *ring.Desk) []ring.Change {
			return d.Hear([]ring.Heard{notified("$o", noon, "")}, factsOf(alice), nobody, noon)
		}, "$n cancelled [silence]; $o ringing [alert]"},
		{"the same comes twice", func(d *ring.Desk) []ring.Change {
			return d.Hear([]ring.Heard{notified("$n", noon, "")}, factsOf(alice), nobody, noon)
		}, ""},
		{"nobody says anything", func(d *ring.Desk) []ring.Change { return d.Tick(d.Next()) }, "$n expired [silence]"},
		{"a ring that is not there is answered", func(d *ring.Desk) []ring.Change { return d.Handle("$z", ring.Answer) }, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := ring.NewDesk(bob, "!r:hs")
			begin := d.Hear([]ring.Heard{notified("$n", noon, "")}, factsOf(alice), nobody, noon)
			if got := lines(begin); got != "$n ringing [alert]" {
				t.Fatalf("it begins with %q", got)
			}
			if got := lines(c.then(d)); got != c.after {
				t.Errorf("got %q, want %q", got, c.after)
			}
		})
	}
}

func TestDesk_DoesNotRingForWhatIsOverWhenItComes(t *testing.T) {
	cases := []struct {
		name  string
		batch []ring.Heard
		facts membership.Facts
		power func(string) bool
		want  string
	}{
		{"declined in the same batch", []ring.Heard{notified("$n", noon, ""), declined(bob, "$n")}, factsOf(alice), nobody, "$n refused"},
		{"declined by another in the same batch", []ring.Heard{notified("$n", noon, ""), declined(carol, "$n")}, factsOf(alice), nobody, "$n ringing [alert]"},
		{"redacted in the same batch", []ring.Heard{notified("$n", noon, ""), {Redacts: "$n"}}, factsOf(alice), nobody, ""},
		{"replaced in the same batch", []ring.Heard{notified("$n", noon, ""), notified("$o", noon, "")}, factsOf(alice), nobody, "$n refused; $o ringing [alert]"},
		{"of an hour ago", []ring.Heard{notified("$n", noon.Add(-time.Hour), "")}, factsOf(alice), nobody, "$n refused"},
		{"for a call that we are in", []ring.Heard{notified("$n", noon, "")}, factsOf(alice, bob), nobody, "$n refused"},
		{"to a room by one who may not", []ring.Heard{notified("$n", noon, `"m.mentions":{"room":true}`)}, factsOf(alice), nobody, "$n refused"},
		{"to a room by one who may", []ring.Heard{notified("$n", noon, `"m.mentions":{"room":true}`)}, factsOf(alice), anybody, "$n ringing [alert]"},
		{"that cannot be read", []ring.Heard{{EventID: "$n", Type: message.TypeNotification, Sender: alice.UserID, Content: json.RawMessage(`{}`)}}, factsOf(alice), anybody, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := lines(ring.NewDesk(bob, "!r:hs").Hear(c.batch, c.facts, c.power, noon)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDesk_HoldsSeveralRings(t *testing.T) {
	d := ring.NewDesk(bob, "!r:hs")
	other := notified("$c", noon.Add(time.Second), "")
	other.Sender = carol.UserID
	d.Hear([]ring.Heard{other, notified("$n", noon, "")}, factsOf(alice), nobody, noon)
	if !d.Next().Equal(noon.Add(90 * time.Second)) {
		t.Errorf("wants to be woken at %s", d.Next())
	}
	if got := lines(d.Tick(noon.Add(time.Hour))); got != "$n expired [silence]; $c expired [silence]" || !d.Next().IsZero() {
		t.Errorf("got %q, next %s", got, d.Next())
	}
	if changes := d.Tick(noon.Add(2 * time.Hour)); len(changes) > 0 {
		t.Errorf("what is over ends again: %v", changes)
	}
}

// What a notification does not say itself stands in its sender's membership.
func TestDesk_ReadsSlotAndIntentFromTheMembership(t *testing.T) {
	conference := func(party message.Party, callID, intent string) membership.Event {
		e := joined(party)
		e.Content = json.RawMessage(strings.Replace(strings.Replace(string(e.Content), `"call_id":""`, fmt.Sprintf(`"call_id":%q`, callID), 1),
			`"foci_preferred"`, fmt.Sprintf(`"m.call.intent":%q,"foci_preferred"`, intent), 1))
		return e
	}
	facts := factsOf()
	facts.State = []membership.Event{conference(alice, "x", "video")}
	own := facts.State[0].EventID
	cases := []struct{ name, content, slot, intent string }{
		{"a reference names the slot", `"m.relates_to":{"rel_type":"m.reference","event_id":"` + own + `"}`, "m.call#x", "video"},
		{"a slot counts more than a reference", `"slot_id":"m.call#ROOM","m.relates_to":{"rel_type":"m.reference","event_id":"` + own + `"}`, "m.call#ROOM", ""},
		{"an intent of its own counts more", `"slot_id":"m.call#x","m.call.intent":"audio"`, "m.call#x", "audio"},
		{"the intent is in the membership", `"slot_id":"m.call#x"`, "m.call#x", "video"},
		{"a reference to nothing means the room", `"m.relates_to":{"rel_type":"m.reference","event_id":"$other"}`, "m.call#ROOM", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := ring.Heard{EventID: "$n", Type: message.TypeNotification, Sender: alice.UserID, SentAt: noon, Content: json.RawMessage(fmt.Sprintf(
				`{"sender_ts":%d,"lifetime":90000,"m.mentions":{"user_ids":["@bob:hs"]},%s}`, noon.UnixMilli(), c.content))}
			changes := ring.NewDesk(bob, "!r:hs").Hear([]ring.Heard{in}, facts, nobody, noon)
			if len(changes) != 1 || changes[0].Refused != "" || changes[0].Ring.Slot != c.slot || changes[0].Ring.Intent != c.intent {
				t.Errorf("got %+v, want slot %s and intent %q", changes, c.slot, c.intent)
			}
		})
	}
}
