package homeserver

import (
	"fmt"
	"testing"
)

// told is the to-device section of an answer as "type content" lines.
func told(r reply) []string {
	lines := []string{}
	for _, e := range r.list("to_device", "events") {
		lines = append(lines, fmt.Sprint(dig(e, "type"), " ", asJSON(dig(e, "content"))))
	}
	return lines
}

func TestToDevice_ArrivesOnceForATransaction(t *testing.T) {
	a := newAPI(t, Config{})
	alice, other, bob := a.user("alice"), a.deviceOf("alice", "OTHER"), a.user("bob")
	since := bob.now()
	tell := func(who *caller, txn string, n int) {
		who.do("PUT", "sendToDevice/m.call.invite/"+txn, obj{"messages": obj{"@bob:hs": obj{"BOB": obj{"n": n}}}}).ok()
	}
	tell(alice, "1", 1)
	tell(alice, "1", 2) // the same transaction: not looked at
	tell(alice, "2", 3)
	tell(other, "1", 4) // transactions are of a device
	got := bob.sync(since)
	want := []string{`m.call.invite {"n":1}`, `m.call.invite {"n":3}`, `m.call.invite {"n":4}`}
	same(t, "told", told(got), want)
	got.is(`"@alice:hs"`, "to_device", "events", 0, "sender")
	same(t, "the same token again", told(bob.sync(since)), want)
	same(t, "the next token", told(bob.sync(got.text("next_batch"))), []string{})
	same(t, "the first token, after that", told(bob.sync(since)), []string{})
	if n := a.server.Stats().Undelivered; n != 0 {
		t.Errorf("%d messages are kept", n)
	}
}

func TestToDevice_ReachesAllDevicesOrOne(t *testing.T) {
	a := newAPI(t, Config{})
	alice, phone, laptop := a.user("alice"), a.deviceOf("bob", "PHONE"), a.deviceOf("bob", "LAPTOP")
	alice.do("PUT", "sendToDevice/m.x/1", obj{"messages": obj{
		"@bob:hs": obj{"*": obj{"to": "all"}}, "@nobody:hs": obj{"*": obj{}},
	}}).ok()
	alice.do("PUT", "sendToDevice/m.x/2", obj{"messages": obj{"@bob:hs": obj{"PHONE": obj{"to": "one"}, "NONE": obj{}}}}).ok()
	same(t, "phone", told(phone.sync("")), []string{`m.x {"to":"all"}`, `m.x {"to":"one"}`})
	same(t, "laptop", told(laptop.sync("")), []string{`m.x {"to":"all"}`})
}

func TestToDevice_ComesInBatchesWithoutLoss(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	const all = 2*inboxBatch + 7
	for i := range all {
		alice.do("PUT", fmt.Sprint("sendToDevice/m.x/", i), obj{"messages": obj{"@bob:hs": obj{"BOB": obj{"n": i}}}}).ok()
	}
	next, since := 0, ""
	for _, size := range []int{inboxBatch, inboxBatch, 7, 0} {
		r := bob.sync(since)
		since = r.text("next_batch")
		lines := told(r)
		if len(lines) != size {
			t.Fatalf("a batch of %d, want %d", len(lines), size)
		}
		for _, line := range lines {
			if want := fmt.Sprintf(`m.x {"n":%d}`, next); line != want {
				t.Fatalf("%s, want %s", line, want)
			}
			next++
		}
	}
}

func TestToDevice_OfALostDeviceIsForgotten(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	alice.do("PUT", "sendToDevice/m.x/1", obj{"messages": obj{"@bob:hs": obj{"BOB": obj{}}}}).ok()
	bob.do("POST", "logout", nil).ok()
	same(t, "after signing in again", told(a.user("bob").sync("")), []string{})
}
