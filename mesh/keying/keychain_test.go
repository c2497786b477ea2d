package keying

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"meshfocus/internal/secret"
	"meshfocus/signalling/message"
)

// from is a key that a device sent for a stay.
func from(name, stay string, index uint8, sent int64) Received {
	r := Received{From: member(name + ":").Party, Key: message.MediaKey{RoomID: "!r", MemberID: stay, Index: index, Key: secret.Of([]byte(name + stay))}}
	if sent != 0 {
		r.Key.SentAt = time.UnixMilli(sent)
	}
	return r
}

func TestKeychain_TakesTheKeysOfMembersAndKeepsThoseThatAreEarly(t *testing.T) {
	k := NewKeychain()
	expect := func(what string, got, want Verdict) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	expect("before the membership", k.Take(from("a", "1", 0, 0), start), Held)
	expect("another, before the membership", k.Take(from("a", "1", 1, 0), start), Held)
	accepted, gone := k.Members(members([]string{"a:1", "b:1"}), start.Add(time.Second))
	if len(accepted) != 2 || accepted[0].Key.Index != 0 || accepted[1].Key.Index != 1 || gone != nil {
		t.Errorf("the membership brings %v and takes %v", accepted, gone)
	}
	expect("of a member", k.Take(from("b", "1", 0, 0), start), Accepted)
	expect("of a member, again", k.Take(from("b", "1", 0, 0), start), Accepted)
	expect("of another stay", k.Take(from("b", "2", 0, 0), start), Held)
	expect("of a stranger", k.Take(from("c", "1", 0, 0), start), Held)
	forged := from("b", "1", 0, 0)
	forged.From.DeviceID = "ANOTHER" // of the same user
	expect("of another device of a member", k.Take(forged, start), Held)
	claimed := from("b", "1", 0, 0)
	claimed.Key.DeviceID = "ANOTHER"
	expect("that claims another device", k.Take(claimed, start), Held)

	accepted, gone = k.Members(members([]string{"b:2"}), start.Add(time.Minute))
	if len(accepted) != 1 || accepted[0].Key.MemberID != "2" || !slices.Equal(gone, []message.Party{member("b:").Party}) {
		t.Errorf("another stay brings %v and takes %v", accepted, gone)
	}
	expect("of one who has left", k.Take(from("a", "1", 2, 0), start), Held)
	accepted, gone = k.Members(members([]string{"a:1", "b:2"}), start.Add(2*time.Minute))
	if len(accepted) != 1 || accepted[0].Key.Index != 2 || gone != nil {
		t.Errorf("one who was missed and comes back brings %v and takes %v", accepted, gone)
	}
	k.Members(nil, start.Add(3*time.Minute))
	if _, gone = k.Members(nil, start.Add(3*time.Minute+HoldFor)); !slices.Equal(gone, []message.Party{member("a:").Party, member("b:").Party}) {
		t.Errorf("in the end %v are forgotten", gone)
	}
}

func TestKeychain_DropsWhatAnotherHasFollowed(t *testing.T) {
	k := NewKeychain()
	k.Members(members([]string{"a:1"}), start)
	for i, test := range []struct {
		index uint8
		sent  int64
		want  Verdict
	}{{0, 1000, Accepted}, {0, 3000, Accepted}, {0, 2000, Stale}, {1, 2000, Accepted}, {0, 3000, Accepted}} {
		if got := k.Take(from("a", "1", test.index, test.sent), start); got != test.want {
			t.Errorf("key %d: %d, want %d", i, got, test.want)
		}
	}
	k.Members(members([]string{"a:2"}), start)
	if got := k.Take(from("a", "2", 0, 1), start); got != Accepted {
		t.Error("what was known of another stay counts still")
	}
}

func TestKeychain_KeepsNoMoreThanItMay(t *testing.T) {
	k := NewKeychain()
	for i := range 3 * HoldEach {
		k.Take(from("a", "1", uint8(i), 0), start)
	}
	for i := range 2 * HoldAll {
		k.Take(from(fmt.Sprintf("x%d", i), "1", 0, 0), start)
	}
	if len(k.held) != HoldAll {
		t.Errorf("%d are held", len(k.held))
	}
	k = NewKeychain()
	for i := range 3 * HoldEach {
		k.Take(from("a", "1", uint8(i), 0), start)
	}
	k.Take(from("b", "1", 0, 0), start.Add(time.Minute))
	accepted, _ := k.Members(members([]string{"a:1"}), start.Add(HoldFor-1))
	if len(accepted) != HoldEach || accepted[0].Key.Index != 2*HoldEach {
		t.Errorf("of one device %d are kept, the first of them %d", len(accepted), accepted[0].Key.Index)
	}
	if accepted, _ = k.Members(members([]string{"b:1"}), start.Add(time.Minute+HoldFor)); accepted != nil {
		t.Error("one was kept for too long")
	}
}

func FuzzKeychain_GivesOnlyKeysOfMembers(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 1, 1, 0, 7, 1, 0, 0, 3, 0, 1, 3, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		k, now := NewKeychain(), start
		present := map[message.Party]string{}
		check := func(r Received) {
			if stay, ok := present[r.From]; !ok || r.Key.MemberID != stay {
				t.Fatalf("a key of %v, %s was taken", r.From, r.Key.MemberID)
			}
		}
		for ; len(steps) >= 3; steps = steps[3:] {
			name, stay := fmt.Sprint(steps[1]%5), fmt.Sprint(steps[2]%3)
			now = now.Add(time.Duration(steps[2]) * time.Second)
			if steps[0]%2 == 0 {
				r := from(name, stay, steps[1]/5, int64(steps[2]))
				if k.Take(r, now) == Accepted {
					check(r)
				}
				continue
			}
			var all []Member
			present = map[message.Party]string{}
			for i := range 5 {
				if steps[1]>>i&1 == 1 {
					m := member(fmt.Sprintf("%d:%s", i, stay))
					all = append(all, m)
					present[m.Party] = stay
				}
			}
			accepted, _ := k.Members(all, now)
			for _, r := range accepted {
				check(r)
			}
			if len(k.held) > HoldAll {
				t.Fatalf("%d are held", len(k.held))
			}
		}
	})
}
