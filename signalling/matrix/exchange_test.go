package matrix

import (
	"testing"

	"meshfocus/signalling/message"
)

func TestSignalsTravelBetweenTwoAccounts_InOrder_WithTheModesEncryption(t *testing.T) {
	for _, test := range []struct {
		name      string
		from, to  EncryptMode
		encrypted bool
	}{
		{"both prefer", EncryptPrefer, EncryptPrefer, true},
		{"both require", EncryptRequire, EncryptRequire, true},
		{"auto to auto in a clear room", EncryptAuto, EncryptAuto, true},
		{"both off", EncryptOff, EncryptOff, false},
		{"prefer to one without keys", EncryptPrefer, EncryptOff, false},
		{"off to prefer", EncryptOff, EncryptPrefer, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			engines(t, func(t *testing.T, h *house) {
				fromConfig, toConfig := h.config("alice", "A"), h.config("bob", "B")
				fromConfig.Encrypt, toConfig.Encrypt = test.from, test.to
				alice, _ := h.enter(fromConfig)
				bob, heard := h.enter(toConfig)
				const count = 10
				for n := range count {
					alice.Send(bob.Party(), hangup(alice, h.room, n), nil)
				}
				heard.wait(t, "all signals", func(s *sink) bool { return len(s.received) == count })
				for n, got := range heard.take() {
					if got.From != alice.Party() || got.Encrypted != test.encrypted || *got.Signal.Seq != uint32(n) {
						t.Fatalf("signal %d: from %s, encrypted %v, seq %d; want from %s, encrypted %v",
							n, got.From, got.Encrypted, *got.Signal.Seq, alice.Party(), test.encrypted)
					}
				}
			})
		})
	}
}

func TestJoinRunLeave_ShowsTheMemberAndTakesItBack(t *testing.T) {
	for _, test := range []struct {
		name   string
		confID string
		config MembershipConfig
	}{
		{"in the slot", message.SlotRoom, MembershipConfig{Slot: true}},
		{"in a conference", "conf", MembershipConfig{CallID: "conf"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			engines(t, func(t *testing.T, h *house) {
				alice, _ := h.enter(h.config("alice", "A"))
				_, seen := h.enter(h.config("bob", "B"))
				test.config.RoomID = h.room
				own := alice.NewMembership(test.config)
				if err := own.Join(t.Context()); err != nil {
					t.Fatal(err)
				}
				running := make(chan error, 1)
				go func() { running <- own.Run(t.Context()) }()
				want := alice.Party().String() + "=" + own.SessionID()
				seen.wait(t, "the member", func(s *sink) bool {
					members := s.members(test.confID)
					return len(members) == 1 && members[0] == want
				})
				if err := own.Leave(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := <-running; err != nil {
					t.Fatalf("Run ended with %v after Leave, want nil", err)
				}
				seen.wait(t, "the leave", func(s *sink) bool { return len(s.members(test.confID)) == 0 })
			})
		})
	}
}
