package guest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/testcard"
	"meshfocus/mesh"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/message"
	"meshfocus/signalling/socket"
)

// party starts a headless party in a call.
func (h *house) party(t *testing.T, call, name string) *headless.Participant {
	t.Helper()
	account, err := h.credentials(message.Party{UserID: "@" + name + ":test.local", DeviceID: "CARD"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := headless.Open(t.Context(), headless.Config{
		Account: account, Room: h.room(call), CallID: DefaultConfID, Clip: &headless.Clip{Video: testcard.Video, Audio: testcard.Audio},
		Media: transport.Config{Loopback: true}, Log: testLog(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
	})
	return p
}

func TestGuests_AndAHeadlessParty_MeetOverRealSockets(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", nil)
	card := h.party(t, "lobby", "testcard").Party()
	ada, bob := h.join(t, "lobby", "Ada", nil), h.join(t, "lobby", "Bob", nil)
	for _, b := range []*browser{ada, bob} {
		eventually(t, "everybody sees everybody", func() bool {
			return b.sees(card.DeviceID) != "" && b.sees(ada.self.DeviceID) == ada.session && b.sees(bob.self.DeviceID) == bob.session
		})
		b.mu.Lock()
		if b.names[ada.self.UserID] != "Ada" || b.names[bob.self.UserID] != "Bob" {
			t.Errorf("names are %v", b.names)
		}
		b.mu.Unlock()
	}
	exchange(t, ada, bob, "first")
	// The test card sorts first, so it places the calls.
	eventually(t, "an invite of the test card", func() bool {
		ada.mu.Lock()
		defer ada.mu.Unlock()
		for _, s := range ada.signals {
			if s.Event == message.TypeInvite && s.From == card && s.Encrypted {
				return true
			}
		}
		return false
	})
}

func TestGuest_LeavesNothingBehind(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", func(_ *homeserver.Config, gate *socket.Config) { gate.Linger = 50 * time.Millisecond })
	ada, bob := h.join(t, "lobby", "Ada", nil), h.join(t, "lobby", "Bob", nil)
	eventually(t, "Ada sees Bob", func() bool { return ada.sees(bob.self.DeviceID) != "" })
	bob.say(map[string]any{"type": "leave"})
	eventually(t, "Ada sees Bob leave", func() bool { return ada.sees(bob.self.DeviceID) == "" })
	eventually(t, "the seat has ended", func() bool { return h.gateway.Stats().Seats == 1 })
	eventually(t, "Bob has left the room", func() bool {
		ada.mu.Lock()
		defer ada.mu.Unlock()
		return ada.names[bob.self.UserID] == ""
	})
}

func TestReload_IsTheSameDeviceInAFreshSession(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", nil)
	ada, bob := h.join(t, "lobby", "Ada", nil), h.join(t, "lobby", "Bob", nil)
	exchange(t, ada, bob, "before")
	ada.close()
	again := h.join(t, "lobby", "Ada", map[string]any{"seat": ada.seat})
	if again.self != ada.self || again.session == ada.session {
		t.Errorf("came back as %v with session %s, was %v with %s", again.self, again.session, ada.self, ada.session)
	}
	eventually(t, "Bob sees the new session", func() bool { return bob.sees(ada.self.DeviceID) == again.session })
	exchange(t, again, bob, "after")
}

func TestDaemon_ThatStartsAgain_HasTheSameDevicesAndSessions(t *testing.T) {
	data := t.TempDir()
	first := start(t, data, "127.0.0.1:0", nil)
	ada, bob := first.join(t, "lobby", "Ada", nil), first.join(t, "lobby", "Bob", nil)
	exchange(t, ada, bob, "before")
	first.halt()
	<-ada.done
	second := start(t, data, first.listener.Addr().String(), nil)
	back := map[*browser]*browser{}
	for _, b := range []*browser{ada, bob} {
		back[b] = second.join(t, "lobby", "Again", map[string]any{"seat": b.seat, "session": b.session})
		if r := back[b]; r.self != b.self || r.session != b.session || !r.resumed {
			t.Errorf("came back as %v with %s, was %v with %s", r.self, r.session, b.self, b.session)
		}
	}
	exchange(t, back[ada], back[bob], "after")
}

func TestGuest_WhoIsThrownOut_IsToldSo(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", nil)
	ada, bob := h.join(t, "lobby", "Ada", nil), h.join(t, "lobby", "Bob", nil)
	token, err := h.server.IssueToken("host", "HOST", "")
	if err != nil {
		t.Fatal(err)
	}
	ban, err := http.NewRequest(http.MethodPost, h.base+"/_matrix/client/v3/rooms/"+ada.room+"/ban",
		strings.NewReader(`{"user_id":"`+bob.self.UserID+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	ban.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(ban)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(err, answer)
	}
	_ = answer.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	eventually(t, "the guest is told", func() bool {
		bob.mu.Lock()
		defer bob.mu.Unlock()
		return len(bob.faults) == 1 && strings.HasPrefix(bob.faults[0], string(socket.CodeGone))
	})
	eventually(t, "the others see it", func() bool {
		ada.mu.Lock()
		defer ada.mu.Unlock()
		return ada.names[bob.self.UserID] == ""
	})
}

func TestEnter_ShowsAScreenInTheConference(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", nil)
	ada := h.join(t, "lobby", "Ada", nil)
	ada.say(map[string]any{"type": "enter", "feeds": []string{"m.usermedia", "m.screenshare"}})
	eventually(t, "the change is taken", func() bool { return ada.answered("entered") == 2 })
}

func TestEnter_IsRefusedWhenTheCallIsFull(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", nil)
	h.join(t, "lobby", "Ada", nil)
	account, err := h.credentials(NewParty("test.local"))
	if err != nil {
		t.Fatal(err)
	}
	seat, err := Open(t.Context(), Config{Account: account, Name: "Bob", Room: h.room("lobby"), MaxMembers: 1})
	if err != nil {
		t.Fatal(err)
	}
	refusal, ok := seat.Enter(t.Context(), socket.Presence{Session: "session"}).(*socket.Refusal)
	if !ok || refusal.Code != socket.CodeRoomFull {
		t.Errorf("refused with %v", refusal)
	}
	if err := seat.Close(t.Context(), socket.Gone); err != nil {
		t.Error(err)
	}
}

func TestSeat_RelaysOnlyInPublicRoomsWithARelay(t *testing.T) {
	relay := &homeserver.TurnServers{URIs: []string{"turn:127.0.0.1:3478"}, Username: "u", Password: "p", Lifetime: time.Hour}
	cases := []struct {
		name   string
		turn   *homeserver.TurnServers
		policy headless.RelayPolicy
		want   bool
	}{
		{"auto without a relay", nil, headless.RelayAuto, false},
		{"auto with a relay", relay, headless.RelayAuto, true},
		{"never", relay, headless.RelayNever, false},
		{"always", nil, headless.RelayAlways, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := start(t, "", "127.0.0.1:0", func(home *homeserver.Config, _ *socket.Config) { home.Turn = c.turn })
			account, err := h.credentials(NewParty("test.local"))
			if err != nil {
				t.Fatal(err)
			}
			seat, err := Open(t.Context(), Config{Account: account, Name: "Ada", Room: h.room("lobby"), Relay: c.policy})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = seat.Close(t.Context(), socket.Gone) }()
			place := seat.Place()
			if place.RelayOnly != c.want || (c.turn != nil) != (len(place.ICEServers) == 1) {
				t.Errorf("relay only is %v with %v", place.RelayOnly, place.ICEServers)
			}
		})
	}
}

func TestSeat_SaysWhatItsBrowserEncrypts(t *testing.T) {
	h := start(t, "", "127.0.0.1:0", nil)
	host, err := h.credentials(message.Party{UserID: "@host:test.local", DeviceID: "HOST"})
	if err != nil {
		t.Fatal(err)
	}
	encrypt, err := http.NewRequestWithContext(t.Context(), http.MethodPut, h.base+"/_matrix/client/v3/rooms/"+h.room("secret")+"/state/m.room.encryption/",
		strings.NewReader(`{"algorithm":"m.megolm.v1.aes-sha2"}`))
	if err != nil {
		t.Fatal(err)
	}
	encrypt.Header.Set("Authorization", "Bearer "+host.Token)
	answer, err := http.DefaultClient.Do(encrypt)
	if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	for policy, wants := range map[mesh.FramePolicy]map[string][2]bool{ // everywhere, and what is forwarded
		mesh.FramesAuto: {"secret": {false, true}, "lobby": {false, false}},
		mesh.FramesOn:   {"secret": {true, true}, "lobby": {true, true}},
		mesh.FramesOff:  {"secret": {false, false}, "lobby": {false, false}},
	} {
		for call, want := range wants {
			account, err := h.credentials(NewParty("test.local"))
			if err != nil {
				t.Fatal(err)
			}
			seat, err := Open(t.Context(), Config{Account: account, Room: h.room(call), EncryptFrames: policy, Log: testLog(t)})
			if err != nil {
				t.Fatal(err)
			}
			if is := seat.Place(); [2]bool{is.EncryptFrames, is.EncryptForwarded} != want {
				t.Errorf("in %s, %v: %v and %v, want %v", call, policy, is.EncryptFrames, is.EncryptForwarded, want)
			}
			if err := seat.Close(t.Context(), socket.Gone); err != nil {
				t.Error(err)
			}
		}
	}
}
