package matrix

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// liveKit is another device's membership as js-sdk 43 writes it for LiveKit, in
// each of its modes.
type liveKit struct {
	account *Account
	mode    string
}

func (l liveKit) write(h *house, here bool) {
	h.t.Helper()
	focus := `{"type":"livekit","livekit_service_url":"https://sfu.test","livekit_alias":"` + h.room + `"}`
	party, err := l.account.Party(), error(nil)
	if l.mode == "matrix_2_0" {
		content := `{"msc4354_sticky_key":"lk","slot_id":"m.call#ROOM"}`
		if here {
			content = fmt.Sprintf(`{"msc4354_sticky_key":"lk","slot_id":"m.call#ROOM","application":{"type":"m.call"},"versions":[],"rtc_transports":[%s],`+
				`"member":{"claimed_user_id":%q,"claimed_device_id":%q,"id":"lk"}}`, focus, party.UserID, party.DeviceID)
		}
		err = l.account.SendSticky(h.t.Context(), h.room, message.TypeMember, json.RawMessage(content), time.Hour)
	} else {
		content := `{}`
		if here {
			content = fmt.Sprintf(`{"application":"m.call","call_id":"","scope":"m.room","device_id":%q,"expires":14400000,"membershipID":"lk",`+
				`"focus_active":{"type":"livekit","focus_selection":%q},"foci_preferred":[%s]}`, party.DeviceID,
				map[string]string{"legacy": "oldest_membership", "compatibility": "multi_sfu"}[l.mode], focus)
		}
		err = l.account.WriteState(h.t.Context(), h.room, message.TypeCallMember, "_"+party.UserID+"_"+party.DeviceID+"_m.call", json.RawMessage(content))
	}
	if err != nil {
		h.t.Fatal(err)
	}
	pass(2 * time.Second)
}

// writings counts the membership events of a device, by form.
func writings(g *gate, user string) (state, sticky int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, request := range g.seen {
		switch {
		case !strings.HasPrefix(request, "PUT "):
		case strings.Contains(request, "/state/"+message.TypeCallMember+"/_"+user+"_"):
			state++
		case strings.Contains(request, "/send/"+message.TypeMember+"/"):
			sticky++
		}
	}
	return state, sticky
}

// formOf is how the device of a user is seen to be in the slot.
func formOf(s *sink, user string) (form message.Form, session string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, found := range membership.Compute(s.facts, time.Now()).Sessions {
		for _, m := range found.Members {
			if m.UserID == user {
				return m.Form, m.SessionID
			}
		}
	}
	return message.FormLeft, ""
}

func TestFollower_GivesWayToWhoFollowsTheOldest_AndComesBack_SeenByAllTheTime(t *testing.T) {
	embedded(t, homeserver.Config{}, func(t *testing.T, h *house) {
		w := observe(t, h, message.SlotRoom, 0)
		alice, _ := h.enter(h.clear("alice", "A"))
		other := liveKit{h.open(h.clear("lk", "L")), "legacy"}
		own := h.join(alice, MembershipConfig{Slot: true, Profile: ProfileSticky})
		pass(time.Minute)
		begin := time.Now()
		is := func(when string, want message.Form) {
			t.Helper()
			form, session := formOf(w.sink, "@alice:test")
			if form != want || session != own.SessionID() {
				t.Errorf("%s: %v of session %q, want %v of %q", when, form, session, want, own.SessionID())
			}
		}
		is("alone", message.FormSticky)
		other.write(h, true)
		is("when a LiveKit member has come", message.FormSession)
		pass(3 * time.Hour)
		is("as long as it stays", message.FormSession)
		other.write(h, false)
		is("when it has just left", message.FormSession)
		pass(2 * time.Minute)
		is("when it is gone", message.FormSticky)
		if gone := w.departures(begin); len(gone) != 0 {
			t.Errorf("seen to go at %v", gone)
		}
		if err := own.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got := w.sink.now(message.SlotRoom); len(got) != 0 || h.server.Stats().Delayed != 0 {
			t.Errorf("after leaving: %q, %d delayed events", got, h.server.Stats().Delayed)
		}
	})
}

// Whoever comes and goes does not make us write at that pace.
func TestFollower_WritesSeldom_WhateverTheOthersDo(t *testing.T) {
	for _, test := range []struct {
		mode    string
		profile Profile
		most    int
	}{
		{"legacy", ProfileSession, 0}, {"compatibility", ProfileSession, 0}, {"matrix_2_0", ProfileSession, 0},
		{"legacy", ProfileSticky, 12}, {"compatibility", ProfileSticky, 0}, {"matrix_2_0", ProfileSticky, 0},
	} {
		t.Run(test.mode+", "+test.profile.String(), func(t *testing.T) {
			embedded(t, homeserver.Config{}, func(t *testing.T, h *house) {
				alice, seen := h.enter(h.clear("alice", "A"))
				other := liveKit{h.open(h.clear("lk", "L")), test.mode}
				own := h.join(alice, MembershipConfig{Slot: true, Profile: test.profile})
				pass(10 * time.Second)
				state, sticky := writings(h.gate, "@alice:test")
				sent := 0
				for i := range 40 { // comes and goes for half an hour
					other.write(h, i%2 == 0)
					if test.mode == "matrix_2_0" {
						sent++
					}
					pass(43 * time.Second)
				}
				stateNow, stickyNow := writings(h.gate, "@alice:test")
				if n := stateNow - state + stickyNow - sticky - sent; n > test.most {
					t.Errorf("%d writes, want at most %d", n, test.most)
				}
				if got := seen.now(message.SlotRoom); !slices.Contains(got, "@alice:test/A="+own.SessionID()) {
					t.Errorf("members %q", got)
				}
			})
		})
	}
}

func TestFollower_StaysInTheStateOfAnEncryptedRoom_WhenEncryptionIsOff(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	alice, seen := h.enter(h.clear("alice", "A"))
	own := h.join(alice, MembershipConfig{Slot: true, Profile: ProfileSticky})
	eventually(t, "the membership", func() bool { return len(seen.now(message.SlotRoom)) == 1 })
	if form, _ := formOf(seen, "@alice:test"); form != message.FormSession || !strings.Contains(own.Trouble(), "encrypted") {
		t.Errorf("%v, trouble %q", form, own.Trouble())
	}
	if err := own.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStickyMembership_IsEncryptedInAnEncryptedRoom_AlsoItsDelayedLeave(t *testing.T) {
	h := newEncryptedHouse(t, megolm)
	alice, _ := h.enter(h.config("alice", "A"))
	_, seen := h.enter(h.config("bob", "B"))
	own := h.join(alice, MembershipConfig{Slot: true, Profile: ProfileSticky})
	eventually(t, "the membership", func() bool { return len(seen.now(message.SlotRoom)) == 1 })
	_, late := h.enter(h.config("carol", "C"))
	eventually(t, "a newcomer to see it", func() bool { return len(late.now(message.SlotRoom)) == 1 })
	for _, s := range seen.known().Sticky {
		if !s.Encrypted || s.Device != "A" {
			t.Errorf("%s is encrypted: %v, by %q", s.EventID, s.Encrypted, s.Device)
		}
	}
	if h.gate.count("/send/"+message.TypeMember) > 0 {
		t.Error("something was sent in the clear")
	}
	post := own.kept()[0]
	<-post.turn
	armed := post.heart.armed
	post.turn <- struct{}{}
	if err := alice.delayedEvent(t.Context(), armed, "send"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the delayed leave to be read by all", func() bool {
		a, _ := formOf(seen, "@alice:test")
		b, _ := formOf(late, "@alice:test")
		return a == message.FormLeft && b == message.FormLeft
	})
	own.stop()
}

func TestRevision_IsUrgentOnlyWhenItGivesWay(t *testing.T) {
	state, sticky := membership.Plan{Form: message.FormSession}, membership.Plan{Form: message.FormSticky}
	start := time.Unix(1_800_000_000, 0)
	var r revision
	for turn, want := range []time.Duration{30 * time.Second, 2 * time.Minute, 8 * time.Minute, 30 * time.Minute} {
		if at, differs := r.at(state, sticky, start); !differs || at.Sub(start) != want {
			t.Errorf("turn %d back after %s", turn, at.Sub(start))
		}
		r.turned(start)
		if at, _ := r.at(sticky, state, start); at.Sub(start) != settling {
			t.Errorf("gives way after %s", at.Sub(start))
		}
		r.turned(start)
	}
	later := start.Add(2*revisionMost + time.Second)
	if at, _ := r.at(state, sticky, later); at.Sub(later) != revisionPause {
		t.Errorf("after a long rest it takes %s", at.Sub(later))
	}
	if _, differs := r.at(state, state, later); differs {
		t.Error("the same plan differs")
	}
}
