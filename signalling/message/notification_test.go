package message_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// rung is what a notification of the table below says, in words.
func rung(n message.Notification) string {
	return fmt.Sprintf("%s slot=%s derived=%v ring=%v sent=%d life=%s users=%v room=%v member=%s intent=%s key=%s withdrawn=%v",
		n.Revision, n.Slot, n.Derived, n.Ring, max(n.SentAt.UnixMilli(), 0), n.Lifetime, n.Mentions.Users, n.Mentions.Room,
		n.Member, n.Intent, n.StickyKey, n.Withdrawn)
}

func TestParseNotification_ReadsEveryRevision(t *testing.T) {
	cases := []struct{ name, eventType, content, want string }{
		{
			"Element Call 0.26 with js-sdk 43, recorded", message.TypeNotification,
			`{"m.mentions":{"user_ids":[],"room":true},"notification_type":"notification","m.relates_to":{"event_id":"$m","rel_type":"m.reference"},"sender_ts":1795189379892,"lifetime":90000,"m.call.intent":"video"}`,
			"rtc.notification slot=m.call#ROOM derived=true ring=false sent=1795189379892 life=1m30s users=[] room=true member=$m intent=video key= withdrawn=false",
		},
		{
			"js-sdk 38 in a direct chat", message.TypeNotification,
			`{"m.mentions":{"user_ids":["@b:hs"],"room":false},"notification_type":"ring","m.relates_to":{"event_id":"$m","rel_type":"m.reference"},"sender_ts":5,"lifetime":30000}`,
			"rtc.notification slot=m.call#ROOM derived=true ring=true sent=5 life=30s users=[@b:hs] room=false member=$m intent= key= withdrawn=false",
		},
		{
			"js-sdk 43 with a slot and sticky", message.TypeNotification,
			`{"slot_id":"m.call#room","msc4354_sticky_key":"m.call#room","m.mentions":{"user_ids":["@b:hs"]},"notification_type":"ring","sender_ts":5,"lifetime":90000}`,
			"rtc.notification slot=m.call#ROOM derived=false ring=true sent=5 life=1m30s users=[@b:hs] room=false member= intent= key=m.call#room withdrawn=false",
		},
		{
			"Dart, without a lifetime", message.TypeNotification,
			`{"m.mentions":{"room":true},"notification_type":"notification","sender_ts":5}`,
			"rtc.notification slot=m.call#ROOM derived=true ring=false sent=5 life=30s users=[] room=true member= intent= key= withdrawn=false",
		},
		{
			"the text of June 2026", message.TypeNotification,
			`{"application":{"type":"m.call","notification_type":"ring","slot_id":"m.call#x","m.call.intent":"voice","sender_ts":5,"lifetime":60000},"m.mentions":{"room":true},"m.text":[{"body":"rings"}]}`,
			"application slot=m.call#x derived=false ring=true sent=5 life=1m0s users=[] room=true member= intent=audio key= withdrawn=false",
		},
		{
			"the newest text, stable", message.TypeNotificationInvite,
			`{"slot_id":"m.call#ROOM","sender_ts":5,"lifetime":90000,"m.mentions":{"user_ids":["@b:hs","@b:hs","@c:hs"]},"sticky_key":"m.call#ROOM"}`,
			"rtc.invite slot=m.call#ROOM derived=false ring=true sent=5 life=1m30s users=[@b:hs @c:hs] room=false member= intent= key=m.call#ROOM withdrawn=false",
		},
		{
			"the newest text, unstable", message.TypeNotification,
			`{"slot_id":"m.call#ROOM","sender_ts":5,"lifetime":90000,"m.mentions":{"room":true},"msc4354_sticky_key":"m.call#ROOM"}`,
			"rtc.invite slot=m.call#ROOM derived=false ring=true sent=5 life=1m30s users=[] room=true member= intent= key=m.call#ROOM withdrawn=false",
		},
		{
			"the stable name of early 2026", message.TypeNotificationStable,
			`{"slot_id":"m.call#ROOM","notification_type":"ring","sender_ts":5,"lifetime":90000,"m.mentions":{"user_ids":["@b:hs"]},"m.call.intent":"hologram"}`,
			"rtc.notification slot=m.call#ROOM derived=false ring=true sent=5 life=1m30s users=[@b:hs] room=false member= intent=audio key= withdrawn=false",
		},
		{
			"what we write ourselves", message.TypeNotification,
			`{"lifetime":90000,"m.call.intent":"audio","m.mentions":{"user_ids":["@b:hs"]},"m.relates_to":{"event_id":"$m","rel_type":"m.reference"},"msc4354_sticky_key":"m.call#ROOM","notification_type":"ring","sender_ts":1700,"slot_id":"m.call#ROOM"}`,
			"rtc.notification slot=m.call#ROOM derived=false ring=true sent=1700 life=1m30s users=[@b:hs] room=false member=$m intent=audio key=m.call#ROOM withdrawn=false",
		},
		{
			"the text of June 2026, quiet, by its stable name", message.TypeNotificationStable,
			`{"application":{"type":"m.call","notification_type":"notification","slot_id":"m.call#ROOM","intent":"video","sender_ts":5},"m.mentions":{"user_ids":["@b:hs"]}}`,
			"application slot=m.call#ROOM derived=false ring=false sent=5 life=30s users=[@b:hs] room=false member= intent=video key= withdrawn=false",
		},
		{
			"withdrawn, in the newest words", message.TypeNotificationInvite, `{"sticky_key":"m.call#ROOM"}`,
			"call.notify slot= derived=false ring=false sent=0 life=0s users=[] room=false member= intent= key=m.call#ROOM withdrawn=true",
		},
		{
			"withdrawn", message.TypeNotification, `{"msc4354_sticky_key":"m.call#ROOM"}`,
			"call.notify slot= derived=false ring=false sent=0 life=0s users=[] room=false member= intent= key=m.call#ROOM withdrawn=true",
		},
		{
			"call.notify", message.TypeNotify,
			`{"application":"m.call","call_id":"","notify_type":"ring","m.mentions":{"user_ids":["@b:hs"]}}`,
			"call.notify slot=m.call#ROOM derived=false ring=true sent=0 life=30s users=[@b:hs] room=false member= intent= key= withdrawn=false",
		},
		{
			"call.notify, stable and quiet", message.TypeNotifyStable,
			`{"application":"m.call","call_id":"x","notify_type":"notify","m.mentions":{"room":true}}`,
			"call.notify slot=m.call#x derived=false ring=false sent=0 life=30s users=[] room=true member= intent= key= withdrawn=false",
		},
		{
			"a lifetime of an hour", message.TypeNotification,
			`{"m.mentions":{"room":true},"sender_ts":5,"lifetime":3600000,"slot_id":"m.call#ROOM"}`,
			"rtc.invite slot=m.call#ROOM derived=false ring=true sent=5 life=2m0s users=[] room=true member= intent= key= withdrawn=false",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n, err := message.ParseNotification(c.eventType, []byte(c.content))
			if err != nil {
				t.Fatal(err)
			}
			if got := rung(n); got != c.want {
				t.Errorf("read\n%s, want\n%s", got, c.want)
			}
		})
	}
}

func TestParseNotification_RefusesWhatNobodyCouldRingFor(t *testing.T) {
	cases := []struct{ name, content, want string }{
		{"no mentions", `{"sender_ts":5,"lifetime":1}`, "m.mentions: missing"},
		{"empty mentions", `{"sender_ts":5,"lifetime":1,"m.mentions":{}}`, "nobody is mentioned"},
		{"nobody in them", `{"sender_ts":5,"m.mentions":{"user_ids":[7,""],"room":"yes"}}`, "nobody is mentioned"},
		{"no time", `{"lifetime":1,"m.mentions":{"room":true}}`, "sender_ts: missing"},
		{"a time before the epoch", `{"sender_ts":-1,"lifetime":1,"m.mentions":{"room":true}}`, "sender_ts"},
		{"a time in words", `{"sender_ts":"now","lifetime":1,"m.mentions":{"room":true}}`, "sender_ts"},
		{"redacted, which is no withdrawal", `{}`, "m.mentions: missing"},
		{"no object", `[]`, "want an object"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := message.ParseNotification(message.TypeNotification, []byte(c.content))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %q", err, c.want)
			}
		})
	}
	if _, err := message.ParseNotification("m.room.message", []byte(`{}`)); !errors.Is(err, message.ErrUnknownType) {
		t.Errorf("a message gave %v", err)
	}
}

func TestExpiry_TrustsTheSenderWithinTwentySeconds(t *testing.T) {
	server := time.UnixMilli(1_800_000_000_000)
	cases := []struct {
		name             string
		sent, life, late time.Duration // sender_ts after the server's time; when we read it
		want             time.Duration
	}{
		{"clocks agree", 0, 90 * time.Second, 0, 90 * time.Second},
		{"20 s ahead is believed", 20 * time.Second, 90 * time.Second, 0, 110 * time.Second},
		{"21 s ahead is not", 21 * time.Second, 90 * time.Second, 0, 90 * time.Second},
		{"what waited an hour to be sent is over", -time.Hour, 90 * time.Second, 0, 90*time.Second - time.Hour},
		{"never longer than two minutes from now", 15 * time.Second, 120 * time.Second, 0, 120 * time.Second},
		{"a reader who comes late", 0, 90 * time.Second, 60 * time.Second, 90 * time.Second},
		{"a reader whose clock is behind", 0, 90 * time.Second, -time.Hour, 120*time.Second - time.Hour},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := message.Notification{SentAt: server.Add(c.sent), Lifetime: c.life}
			if got := n.Expiry(server, server.Add(c.late)).Sub(server); got != c.want {
				t.Errorf("ends after %s, want %s", got, c.want)
			}
		})
	}
	if got := (message.Notification{Lifetime: time.Minute}).Expiry(server, server); !got.Equal(server.Add(time.Minute)) {
		t.Errorf("without a time of the sender it ends at %s", got)
	}
}

func TestNotification_IsWrittenForAllReaders(t *testing.T) {
	n := message.Notification{
		Slot: message.SlotRoom, Ring: true, SentAt: time.UnixMilli(1700).UTC(), Member: "$m", Intent: "audio",
		Mentions: message.Mentions{Users: []string{"@b:hs"}},
	}
	text, err := n.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"lifetime":90000,"m.call.intent":"audio","m.mentions":{"user_ids":["@b:hs"]},"m.relates_to":{"event_id":"$m","rel_type":"m.reference"},"msc4354_sticky_key":"m.call#ROOM","notification_type":"ring","sender_ts":1700,"slot_id":"m.call#ROOM"}`
	if string(text) != want {
		t.Errorf("wrote\n%s, want\n%s", text, want)
	}
	withdrawn, err := message.Notification{Slot: message.SlotRoom, Withdrawn: true}.Encode()
	if err != nil || string(withdrawn) != `{"msc4354_sticky_key":"m.call#ROOM"}` {
		t.Errorf("a withdrawal is %s, %v", withdrawn, err)
	}
}

func TestNotification_RefusesToBeWrittenWrong(t *testing.T) {
	good := message.Notification{SentAt: time.UnixMilli(1), Mentions: message.Mentions{Room: true}}
	cases := []struct {
		name  string
		spoil func(*message.Notification)
	}{
		{"nobody to ring", func(n *message.Notification) { n.Mentions = message.Mentions{} }},
		{"no user ID", func(n *message.Notification) { n.Mentions.Users = []string{"bob"} }},
		{"no time", func(n *message.Notification) { n.SentAt = time.Time{} }},
		{"longer than anybody rings", func(n *message.Notification) { n.Lifetime = time.Hour }},
		{"no event", func(n *message.Notification) { n.Member = "m" }},
	}
	if _, err := good.Encode(); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		n := good
		c.spoil(&n)
		if text, err := n.Encode(); err == nil {
			t.Errorf("%s: wrote %s", c.name, text)
		}
	}
}

func TestIntent_ReadsTheWordsOfAllTexts(t *testing.T) {
	for word, want := range map[string]string{"": "", "video": "video", "audio": "audio", "voice": "audio", "any": "audio", "hologram": "audio"} {
		if got := message.Intent(word); got != want {
			t.Errorf("%q reads as %q, want %q", word, got, want)
		}
	}
}

func TestDecline_ReadsAndWritesItsReference(t *testing.T) {
	text, err := message.Decline{Notification: "$n"}.Encode()
	if want := `{"m.relates_to":{"event_id":"$n","rel_type":"m.reference"},"msc4354_sticky_key":"$n"}`; err != nil || string(text) != want {
		t.Errorf("wrote %s, %v", text, err)
	}
	good := map[string]int{ // content: faults tolerated
		string(text): 0,
		`{"m.relates_to":{"rel_type":"m.reference","event_id":"$n"},"reason":"busy"}`:           0,
		`{"m.relates_to":{"rel_type":"m.reference","event_id":"$n"},"msc4354_sticky_key":"$x"}`: 1,
	}
	for content, faults := range good {
		d, err := message.ParseDecline([]byte(content))
		if err != nil || d.Notification != "$n" || len(d.Faults) != faults {
			t.Errorf("%s: %+v, %v", content, d, err)
		}
	}
	for _, content := range []string{`{}`, `{"m.relates_to":{"rel_type":"m.thread","event_id":"$n"}}`, `{"m.relates_to":{"rel_type":"m.reference"}}`, `7`} {
		if d, err := message.ParseDecline([]byte(content)); err == nil {
			t.Errorf("%s was taken as %+v", content, d)
		}
	}
	if _, err := (message.Decline{Notification: "n"}).Encode(); err == nil {
		t.Error("a decline of no event was written")
	}
}

func TestRingAck_CarriesTheTimeOfTheNotification(t *testing.T) {
	text, err := message.RingAck{SentAt: time.UnixMilli(1700)}.Encode()
	if err != nil || string(text) != `{"sender_ts":1700}` {
		t.Fatalf("wrote %s, %v", text, err)
	}
	ack, err := message.ParseRingAck(text)
	if err != nil || ack.SentAt.UnixMilli() != 1700 {
		t.Errorf("read %+v, %v", ack, err)
	}
	if _, err := message.ParseRingAck([]byte(`{}`)); err == nil {
		t.Error("an acknowledgement of nothing was taken")
	}
	if !message.IsRingAck(message.TypeRingAckStable) || message.IsRingAck(message.TypeDecline) || !message.IsDecline(message.TypeDeclineStable) {
		t.Error("types are taken for each other")
	}
}

func FuzzParseNotification(f *testing.F) {
	f.Add(true, []byte(`{"slot_id":"m.call#ROOM","m.mentions":{"user_ids":["@b:hs"]},"notification_type":"ring","sender_ts":5,"lifetime":90000,"m.call.intent":"video"}`))
	f.Add(true, []byte(`{"application":{"sender_ts":1e3,"lifetime":-1},"m.mentions":{"room":true}}`))
	f.Add(false, []byte(`{"application":"m.call","call_id":"","notify_type":"ring","m.mentions":{"room":true}}`))
	f.Add(true, []byte(`{"sticky_key":"k"}`))
	f.Fuzz(func(t *testing.T, newer bool, content []byte) {
		eventType := map[bool]string{true: message.TypeNotification, false: message.TypeNotify}[newer]
		n, err := message.ParseNotification(eventType, content)
		if err != nil || n.Withdrawn {
			return
		}
		if n.Mentions.None() || n.Slot == "" || n.Lifetime <= 0 || n.Lifetime > message.RingCap {
			t.Errorf("%s reads as %s", content, rung(n))
		}
		now := time.UnixMilli(1_800_000_000_000)
		if end := n.Expiry(now, now); end.After(now.Add(message.RingCap)) {
			t.Errorf("%s rings until %s", content, end)
		}
		text, err := n.Encode()
		if err != nil {
			return // what is read may be odd, what is written may not
		}
		again, err := message.ParseNotification(message.TypeNotification, text)
		n.Revision, n.Derived, n.Faults, n.StickyKey = again.Revision, again.Derived, again.Faults, again.StickyKey
		if err != nil || !reflect.DeepEqual(n, again) {
			t.Errorf("%s became %s, %v", rung(n), rung(again), err)
		}
	})
}

func FuzzParseDecline(f *testing.F) {
	f.Add([]byte(`{"m.relates_to":{"rel_type":"m.reference","event_id":"$n"},"msc4354_sticky_key":"$n"}`))
	f.Add([]byte(`{"sender_ts":5}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if d, err := message.ParseDecline(content); err == nil && d.Notification == "" {
			t.Errorf("%s declines nothing", content)
		}
		if _, err := message.ParseRingAck(content); err == nil && !json.Valid(content) {
			t.Errorf("%s is no JSON", content)
		}
	})
}
