package matrix

import (
	"errors"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// nameSink is a sink that wants names.
type nameSink struct {
	*sink
	names map[string]string // guarded by mutex
}

func (s *nameSink) SetNames(_ string, names map[string]string) {
	s.note(func() { s.names = names })
}

func TestNames_ComeBeforeTheFactsTheyBelongTo(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice := h.open(h.clear("alice", "A"))
	got := &nameSink{sink: newSink()}
	alice.Subscribe(h.room, got)
	start(t, alice)
	bob := h.open(h.clear("bob", "B"))
	got.wait(t, "bob", func(s *sink) bool { return s.facts.Joined[bob.Party().UserID] })
	if err := bob.SetDisplayName(t.Context(), "Bob the Builder"); err != nil {
		t.Fatal(err)
	}
	got.wait(t, "bob's name", func(*sink) bool { return got.names[bob.Party().UserID] == "Bob the Builder" })
	if err := bob.LeaveRoom(t.Context(), h.room); err != nil {
		t.Fatal(err)
	}
	got.wait(t, "bob to leave", func(s *sink) bool { return !s.facts.Joined[bob.Party().UserID] })
	if err := bob.LeaveRoom(t.Context(), h.room); err != nil {
		t.Errorf("leaving twice: %v", err)
	}
}

func TestReadRoom_TellsNameAndMembers(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice := h.open(h.clear("alice", "A"))
	room, err := alice.ReadRoom(t.Context(), h.room)
	if err != nil {
		t.Fatal(err)
	}
	if room.Name != "Lobby" || room.JoinRule != "public" || !room.Joined[alice.Party().UserID] || room.Encrypted {
		t.Errorf("the room reads as %+v", room)
	}
	if _, err := alice.ReadRoom(t.Context(), "!nowhere:test"); !errors.Is(err, ErrNotAllowed) && !errors.Is(err, ErrNotFound) {
		t.Errorf("a room we are not in gives %v", err)
	}
}

func TestReceived_CarriesTheMessageAsItCame(t *testing.T) {
	h := newEmbeddedHouse(t)
	for name, encrypt := range map[string]EncryptMode{"in Olm": EncryptRequire, "in clear text": EncryptOff} {
		t.Run(name, func(t *testing.T) {
			from, to := h.config("alice", "A"+encrypt.String()), h.config("bob", "B"+encrypt.String())
			from.Encrypt, to.Encrypt = encrypt, encrypt
			alice, _ := h.enter(from)
			bob, heard := h.enter(to)
			sent := hangup(alice, h.room, 1)
			alice.Send(bob.Party(), sent, nil)
			heard.wait(t, "the signal", func(s *sink) bool { return len(s.received) == 1 })
			got := heard.take()[0]
			again, err := message.ParseSignal(got.Type, got.Content)
			if err != nil || got.Type != message.TypeHangup || again.CallID != sent.CallID {
				t.Errorf("came as %s %s: %v", got.Type, got.Content, err)
			}
		})
	}
}

func TestSetFeeds_ChangesWhatTheConferenceShows(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice, seen := h.enter(h.clear("alice", "A"))
	own := h.join(alice, MembershipConfig{Slot: true, CallID: "conf"})
	shown := func(s *sink) (feeds []message.Feed) {
		for _, event := range s.facts.State {
			member, err := message.ParseMember(event.Content)
			if err == nil && len(member.Calls) == 1 && len(member.Calls[0].Devices) == 1 {
				feeds = member.Calls[0].Devices[0].Feeds
			}
		}
		return feeds
	}
	seen.wait(t, "one feed", func(s *sink) bool { return len(shown(s)) == 1 })
	both := []message.Feed{{Purpose: message.PurposeUserMedia}, {Purpose: message.PurposeScreenShare}}
	if err := own.SetFeeds(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	seen.wait(t, "two feeds", func(s *sink) bool { return len(shown(s)) == 2 })
	if err := own.SetFeeds(t.Context(), both[:1]); err != nil {
		t.Fatal(err)
	}
	seen.wait(t, "one feed again", func(s *sink) bool { return len(shown(s)) == 1 })
	if err := own.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-own.done; err != nil {
		t.Error(err)
	}
}

func TestOneTimeKeys_AreAsManyAsWanted(t *testing.T) {
	h := newEmbeddedHouse(t)
	config := h.config("alice", "A")
	config.OneTimeKeys = 10
	alice := h.open(config)
	var answer struct {
		Counts map[string]int `json:"one_time_key_counts"`
	}
	if err := alice.call(t.Context(), "POST", clientPath("v3", "keys", "upload"), nil, struct{}{}, &answer); err != nil {
		t.Fatal(err)
	}
	if n := answer.Counts["signed_curve25519"]; n != 10 {
		t.Errorf("%d one-time keys are published, want 10", n)
	}
	config.OneTimeKeys = 51
	if err := config.Validate(); err == nil {
		t.Error("more keys than Olm keeps were let pass")
	}
}

func TestSetVia_IsSaidInEveryFormAndTakenBack(t *testing.T) {
	byFocus := message.Party{UserID: "@focus:x", DeviceID: "F"}
	forms(t, func(t *testing.T, confID string, config MembershipConfig) {
		virtual(t, func(t *testing.T, h *house) {
			alice, _ := h.enter(h.clear("alice", "A"))
			_, seen := h.enter(h.clear("bob", "B"))
			route := func() (is message.Route) {
				for _, s := range membership.Compute(seen.known(), time.Now()).Sessions {
					if s.ConfID == confID && len(s.Members) == 1 {
						is = s.Members[0].Route
					}
				}
				return is
			}
			config.Forwards = true
			own := h.join(alice, config)
			pass(time.Second)
			if is := route(); !is.Forwards || is.Via != (message.Party{}) {
				t.Fatalf("its route is %+v", is)
			}
			for _, via := range []message.Party{byFocus, {}, byFocus} {
				if err := own.SetVia(t.Context(), via); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				if is := route(); !is.Forwards || is.Via != via {
					t.Fatalf("its route is %+v, want one via %s", is, via)
				}
			}
			pass(5 * time.Hour) // renewed meanwhile
			if is := route(); is.Via != byFocus {
				t.Fatalf("later its route is %+v", is)
			}
			own.stop()
		})
	})
}
