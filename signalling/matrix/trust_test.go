package matrix

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/message"
)

func TestTrust_JudgesADeviceByPolicyAndStanding(t *testing.T) {
	standings := []struct {
		name  string
		is    standing
		takes map[TrustPolicy]bool
	}{
		{"first seen, owner has no cross-signing", standing{}, map[TrustPolicy]bool{TrustAny: true, TrustKnown: true, TrustCrossSigned: true}},
		{"signed by its owner", standing{crossSigns: true, signed: true}, map[TrustPolicy]bool{TrustAny: true, TrustKnown: true, TrustCrossSigned: true}},
		{"not signed by an owner who signs", standing{crossSigns: true}, map[TrustPolicy]bool{TrustAny: true, TrustKnown: true}},
		{"signed by a new identity of its owner", standing{crossSigns: true, signed: true, renewed: true}, map[TrustPolicy]bool{TrustAny: true, TrustKnown: true}},
		{"shows other keys than before", standing{changed: true}, map[TrustPolicy]bool{TrustAny: true, TrustCrossSigned: true}},
		{"verified", standing{verified: true}, map[TrustPolicy]bool{TrustAny: true, TrustKnown: true, TrustCrossSigned: true, TrustVerified: true}},
		{"verified once, with other keys now", standing{verified: true, changed: true}, map[TrustPolicy]bool{TrustAny: true, TrustCrossSigned: true}},
	}
	for _, s := range standings {
		t.Run(s.name, func(t *testing.T) {
			for policy := range TrustPolicy(len(trustPolicyNames)) {
				if why := policy.judge(s.is); (why == "") != s.takes[policy] {
					t.Errorf("%v says %q", policy, why)
				}
			}
		})
	}
}

func TestTrust_SaysInWordsWhomItConcernsAndWhatHelps(t *testing.T) {
	err := error(&Distrust{
		Party:  message.Party{UserID: "@alice:test", DeviceID: "PHONE"},
		Policy: TrustCrossSigned, Why: TrustCrossSigned.judge(standing{crossSigns: true}),
	})
	var distrust *Distrust
	if !errors.Is(err, ErrUntrusted) || !errors.As(err, &distrust) {
		t.Fatalf("%v is no ErrUntrusted", err)
	}
	for _, word := range []string{"PHONE", "@alice:test", "not signed", "owner can verify it"} {
		if !strings.Contains(distrust.Words(), word) {
			t.Errorf("%q lacks %q", distrust.Words(), word)
		}
	}
}

// trusting opens a device that talks to everybody.
func (h *house) trusting(user, device string) (*Account, *refusals) {
	h.t.Helper()
	config := h.config(user, device)
	config.Trust = TrustAny
	return h.wary(config)
}

// wary opens a device and keeps what it refuses.
func (h *house) wary(config Config) (*Account, *refusals) {
	h.t.Helper()
	account := h.open(config)
	got := &refusals{sink: newSink()}
	account.Subscribe(h.room, got)
	start(h.t, account)
	got.wait(h.t, "first facts", func(s *sink) bool { return s.facts.RoomID == h.room })
	return account, got
}

// refusals is a sink that hears of refused messages.
type refusals struct {
	*sink
	all []Refusal // guarded by the sink's mutex
}

func (r *refusals) Refuse(refused []Refusal) {
	r.note(func() { r.all = append(r.all, refused...) })
}

// crossSign gives a user cross-signing and signs the device.
func crossSign(t *testing.T, account *Account) {
	t.Helper()
	machine := account.crypto.machine
	keys, err := machine.GenerateCrossSigningKeys()
	if err == nil {
		err = machine.PublishCrossSigningKeys(t.Context(), keys, nil)
	}
	if err == nil {
		err = machine.SignOwnDevice(t.Context(), machine.OwnIdentity())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// verify marks a device as verified by a person.
func verify(t *testing.T, by *Account, party message.Party) {
	t.Helper()
	device, err := by.crypto.devices.find(t.Context(), party)
	if err != nil || device == nil {
		t.Fatalf("keys of %s: %v, %v", party, device, err)
	}
	device.Trust = id.TrustStateVerified
	if err := by.crypto.store.PutDevice(context.Background(), device.UserID, device); err != nil {
		t.Fatal(err)
	}
}

// Each policy with real Olm, in both directions: what may not be sent to may
// not be heard from either, and both are said.
func TestTrust_EveryPolicyTakesAndRefusesTheSameBothWays(t *testing.T) {
	h := newEmbeddedHouse(t)
	signed, _ := h.trusting("alice", "SIGNED")
	crossSign(t, signed)
	unsigned, _ := h.trusting("alice", "UNSIGNED")
	plain, _ := h.trusting("carol", "PLAIN")
	verified, _ := h.trusting("dora", "VERIFIED")
	all := []*Account{signed, unsigned, plain, verified}
	for _, test := range []struct {
		policy TrustPolicy
		takes  []*Account
	}{
		{TrustAny, all},
		{TrustKnown, all},
		{TrustCrossSigned, []*Account{signed, plain, verified}},
		{TrustVerified, []*Account{verified}},
	} {
		t.Run(test.policy.String(), func(t *testing.T) {
			config := h.config("bob", "B"+test.policy.String())
			config.Trust = test.policy
			bob, heard := h.wary(config)
			verify(t, bob, verified.Party())
			for _, account := range all {
				takes := slices.Contains(test.takes, account)
				err := deliver(t, bob, account.Party(), hangup(bob, h.room, 1))
				if takes != (err == nil) || (!takes && !errors.Is(err, ErrUntrusted)) {
					t.Errorf("to %s: %v, want taken %v", account.Party(), err, takes)
				}
				if err = deliver(t, account, bob.Party(), hangup(account, h.room, 2)); err != nil {
					t.Fatal(err)
				}
				heard.wait(t, "a verdict", func(s *sink) bool { return len(s.received)+len(heard.all) > 0 })
				var distrust *Distrust
				if refused := len(heard.all) > 0; refused == takes || refused && !errors.As(heard.all[0].Err, &distrust) {
					t.Errorf("from %s: refused %+v, want taken %v", account.Party(), heard.all, takes)
				}
				heard.take()
				heard.all = nil
			}
		})
	}
}

// A device that comes back with other keys under its old name is, to `known`,
// somebody else: neither sent to nor heard, and never talked to in cleartext.
func TestTrust_KnownHoldsOnToTheKeysItSawFirst(t *testing.T) {
	for _, test := range []struct {
		policy TrustPolicy
		takes  bool
	}{{TrustKnown, false}, {TrustAny, true}} {
		t.Run(test.policy.String(), func(t *testing.T) {
			h := newEmbeddedHouse(t)
			config := h.config("bob", "B")
			config.Trust, config.Encrypt = test.policy, EncryptPrefer
			bob, heard := h.wary(config)
			before := h.open(h.config("alice", "A"))
			stop := start(t, before)
			if err := deliver(t, before, bob.Party(), hangup(before, h.room, 1)); err != nil {
				t.Fatal(err)
			}
			heard.wait(t, "the old keys", func(s *sink) bool { return len(s.received) == 1 })
			stop()
			renewed := h.config("alice", "A")
			renewed.ReplaceKeys = true
			after, _ := h.enter(renewed)
			if err := deliver(t, after, bob.Party(), hangup(after, h.room, 2)); err != nil {
				t.Fatal(err)
			}
			heard.wait(t, "a verdict", func(s *sink) bool { return len(s.received)+len(heard.all) == 2 })
			if taken := len(heard.received) == 2; taken != test.takes {
				t.Errorf("taken %v, want %v: %+v", taken, test.takes, heard.all)
			}
			err := deliver(t, bob, after.Party(), hangup(bob, h.room, 3))
			if test.takes != (err == nil) || !test.takes && !strings.Contains(err.Error(), "first seen with") {
				t.Errorf("sending gives %v, want taken %v", err, test.takes)
			}
		})
	}
}

// A to-device message that the homeserver delivers again says nothing new: the
// Olm message key is used up.
func TestHostile_AReplayedOlmMessageIsNotHandedOnAgain(t *testing.T) {
	h := newEmbeddedHouse(t)
	alice, _ := h.enter(h.config("alice", "A"))
	bob, heard := h.enter(h.config("bob", "B"))
	for n := range 2 { // a pre-key message, then one of the session
		_, plain, err := hangup(alice, h.room, n).Encode()
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := alice.crypto.encrypt(t.Context(), bob.Party(), message.TypeHangup, plain)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			h.post(alice, message.TypeEncrypted, bob.Party(), string(sealed))
		}
		mark := hangup(alice, h.room, 100+n)
		if err = deliver(t, alice, bob.Party(), mark); err != nil {
			t.Fatal(err)
		}
		heard.wait(t, "what came after", func(s *sink) bool {
			return len(s.received) > 0 && s.received[len(s.received)-1].Signal.CallID == mark.CallID
		})
		if got := heard.take(); len(got) != 2 {
			t.Errorf("%d messages were handed on, want the first and the mark: %+v", len(got), got)
		}
	}
}
