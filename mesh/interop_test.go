package mesh_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

func TestHydrogen_ASecondCallMayGoOnCounting(t *testing.T) {
	inWorld(t, func(w *world) {
		var next uint32
		alice, _ := foreign(w, func(zed *device, from message.Party, s message.Signal) {
			if s.Kind == message.Invite {
				zed.answer(from, s, next)
				next += 5
			}
		})
		wait(2 * time.Second)
		first := alice.link("zed")
		if first.State != negotiate.Connected {
			t.Fatalf("first call: %v", first.State)
		}
		w.fabric.Cut("alice", "zed")
		wait(40 * time.Second)
		w.fabric.Heal("alice", "zed")
		wait(2 * time.Minute)
		if l := alice.link("zed"); l.State != negotiate.Connected || l.CallID == first.CallID {
			t.Errorf("second call: %v (%s, %s)", l.State, l.Reason, l.Detail)
		}
	})
}

func TestJSSDK_WithoutOurAudioHangsUpAndIsNotCalledInACircle(t *testing.T) {
	inWorld(t, func(w *world) {
		invites := 0
		alice, _ := foreign(w, func(zed *device, from message.Party, s message.Signal) {
			if s.Kind == message.Invite {
				invites++
				zed.reply(from, s, message.Signal{Kind: message.Hangup, Reason: message.ReasonSetRemoteDescription})
			}
		})
		wait(10 * time.Minute)
		if invites < 8 || invites > 14 {
			t.Errorf("%d invites in ten minutes, want three soon and then one a minute", invites)
		}
		if l := alice.link("zed"); l.Words != negotiate.Words(message.ReasonSetRemoteDescription) {
			t.Errorf("the link says %q", l.Words)
		}
	})
}

func TestJSSDK_ThatAddsVideoRightAfterItsAnswerIsAnswered(t *testing.T) {
	inWorld(t, func(w *world) {
		answered := false
		alice, _ := foreign(w, func(zed *device, from message.Party, s message.Signal) {
			switch s.Kind {
			case message.Invite:
				zed.answer(from, s, 0)
				offer := describe("offer", zed.plugs[0].Local())
				zed.reply(from, s, message.Signal{
					Kind: message.Negotiate, Envelope: message.Envelope{Seq: number(1)},
					Description: message.Description{Type: "offer", SDP: offer.SDP},
				})
			case message.Negotiate:
				answered = answered || s.Description.Type == "answer"
			}
		})
		wait(2 * time.Second)
		if state := alice.link("zed").State; !answered || state != negotiate.Connected {
			t.Errorf("answered: %v, link: %v", answered, state)
		}
	})
}

func TestReject_OfACallWeAreNotInIsSentAfterTheWait(t *testing.T) {
	inWorld(t, func(w *world) {
		conf := w.conference("conf", false)
		alice := w.boot("alice").join() // in the slot, not in the conference
		zed := w.device("zed").play(func(message.Party, message.Signal) {})
		zed.joinConference(conf)
		wait(time.Second)
		zed.invite(alice, conf, "c")
		wait(20 * time.Second)
		if got := zed.hears(); got != "" {
			t.Fatalf("rejected before we could have entered: %s", got)
		}
		wait(15 * time.Second)
		if got := zed.hears(); got != "reject" {
			t.Errorf("zed heard %q, want a reject", got)
		}
		if errs := alice.refusals(); !errors.Is(errs[len(errs)-1], mesh.ErrNotEntered) {
			t.Errorf("refusals %v", errs)
		}
	})
}

func TestInvite_ToAnUnknownConferenceIsDroppedInSilence(t *testing.T) {
	inWorld(t, func(w *world) {
		alice, zed := foreign(w, func(*device, message.Party, message.Signal) {})
		wait(time.Second)
		sent := len(w.road.Sent())
		zed.invite(alice, membership.Key{RoomID: roomID, ConfID: "nowhere"}, "c")
		wait(31 * time.Second)
		if got := w.said("alice", "zed"); got != "invite" || len(w.road.Sent()) != sent+1 {
			t.Errorf("alice said %s", got)
		}
		if errs := alice.refusals(); len(errs) != 1 || !errors.Is(errs[0], mesh.ErrNoMembership) {
			t.Errorf("refusals %v", errs)
		}
	})
}

func TestCleartext_IsNeverAnsweredInAnEncryptedRoom(t *testing.T) {
	inWorld(t, func(w *world) {
		bob := w.boot("bob").join()
		al := w.device("al") // lesser: it is its part to call
		al.play(func(message.Party, message.Signal) {})
		al.join()
		wait(time.Second)
		invite := message.Signal{
			Kind: message.Invite,
			Envelope: message.Envelope{
				CallID: "c", ConfID: slot.ConfID, DeviceID: "AL", SenderSessionID: al.session,
				DestSessionID: bob.session, Seq: number(0),
			},
			Description: message.Description{Type: "offer", SDP: describe("offer", "x").SDP},
		}
		bob.registry.Receive([]mesh.Received{{From: al.party, Signal: invite}})
		wait(time.Minute)
		if got := w.said("bob", "al"); got != "" {
			t.Errorf("bob answered cleartext: %s", got)
		}
		if errs := bob.refusals(); len(errs) != 1 || !errors.Is(errs[0], mesh.ErrCleartext) {
			t.Errorf("refusals %v", errs)
		}
		w.change(func(f *membership.Facts) { f.Encrypted = false })
		wait(time.Second)
		bob.registry.Receive([]mesh.Received{{From: al.party, Signal: invite}})
		wait(time.Second)
		if got := w.said("bob", "al"); got != "answer" {
			t.Errorf("in a room without encryption bob said %q", got)
		}
	})
}

// What js-sdk 36 and 43, Hydrogen and the Dart SDK write differs; all of it
// leads to an answer.
func TestInvite_IsAnsweredInEveryDialect(t *testing.T) {
	base := map[string]any{
		"call_id": "c", "version": "1", "party_id": "AL", "conf_id": slot.ConfID, "device_id": "AL",
		"sender_session_id": "@", "dest_session_id": "@", "seq": 0, "lifetime": 60000,
		"offer": map[string]any{"type": "offer", "sdp": describe("offer", "x").SDP},
	}
	metadata := map[string]any{"stream": map[string]any{"purpose": "m.usermedia"}}
	for _, dialect := range []struct {
		name   string
		change func(c map[string]any)
	}{
		{"stable metadata", func(c map[string]any) { c["sdp_stream_metadata"] = metadata }},
		{"unstable metadata only", func(c map[string]any) { c["org.matrix.msc3077.sdp_stream_metadata"] = metadata }},
		{"no metadata", func(map[string]any) {}},
		{"numeric version", func(c map[string]any) { c["version"] = 1 }},
		{"numbers that do not begin at 0", func(c map[string]any) { c["seq"] = 41 }},
		{"no number", func(c map[string]any) { delete(c, "seq") }},
		{"no lifetime", func(c map[string]any) { delete(c, "lifetime") }},
	} {
		t.Run(dialect.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				bob := w.boot("bob").join()
				al := w.device("al")
				al.play(func(message.Party, message.Signal) {})
				al.join()
				wait(time.Second)
				content := maps.Clone(base)
				content["sender_session_id"], content["dest_session_id"] = al.session, bob.session
				dialect.change(content)
				raw, err := json.Marshal(content)
				if err != nil {
					t.Fatal(err)
				}
				invite, err := message.ParseSignal("m.call.invite", raw)
				if err != nil {
					t.Fatal(err)
				}
				bob.registry.Receive([]mesh.Received{{From: al.party, Encrypted: true, Signal: invite}})
				wait(time.Second)
				if got := w.said("bob", "al"); got != "answer" {
					t.Errorf("bob said %q, refused %v", got, bob.refusals())
				}
			})
		})
	}
}

func TestMessages_StayBelowTheSizeOfAnEvent(t *testing.T) {
	inWorld(t, func(w *world) {
		alice := w.boot("alice")
		alice.padding = strings.Repeat("a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host generation 0\r\n", 1500)
		alice.join()
		w.boot("bob").join()
		wait(5 * time.Second)
		w.connected("alice", "bob")
		for _, s := range w.road.Sent() {
			if s.Message.RoomID == "" || s.From != "alice" {
				continue
			}
			_, content, err := s.Message.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if len(content) > 60_000 {
				t.Errorf("%s takes %d bytes", word(s.Message), len(content))
			}
		}
	})
}

func TestSlotAndConference_ACallStaysWhereThePeerPlacedIt(t *testing.T) {
	inWorld(t, func(w *world) {
		conf := w.conference("conf", false)
		bob := w.boot("bob").join().joinConference(conf)
		al := w.device("al").play(func(message.Party, message.Signal) {})
		al.join().joinConference(conf)
		wait(time.Second)
		if l := bob.link("al"); l.Key != slot || l.State != negotiate.Waiting {
			t.Fatalf("bob waits in %v (%v), want the slot", l.Key, l.State)
		}
		al.invite(bob, conf, "one")
		wait(time.Second)
		if l := bob.link("al"); l.Key != conf || l.State != negotiate.Calling {
			t.Errorf("bob is %v in %v, want the conference", l.State, l.Key)
		}
		al.invite(bob, slot, "two")
		wait(time.Second)
		if l := bob.link("al"); l.Key != conf || l.CallID != "one" {
			t.Errorf("the call moved to %v", l.Key)
		}
		if errs := bob.refusals(); len(errs) != 1 || !errors.Is(errs[0], mesh.ErrMetElsewhere) {
			t.Errorf("refusals %v", errs)
		}
		if got := al.hears(); got != "answer" {
			t.Errorf("al heard %q", got)
		}
		// A new session of the device begins where pairs meet by default.
		al = w.device("al").play(func(message.Party, message.Signal) {})
		al.join().joinConference(conf)
		wait(time.Minute)
		w.announce() // with any news of the room
		wait(time.Second)
		if l := bob.link("al"); l.Key != slot {
			t.Errorf("bob waits for the new session in %v", l.Key)
		}
	})
}

func TestSlotAndConference_WhoWaitsInTheConferenceMovesToTheSlot(t *testing.T) {
	inWorld(t, func(w *world) {
		conf := w.conference("conf", false)
		bob := w.boot("bob").joinConference(conf)
		al := w.device("al").play(func(message.Party, message.Signal) {})
		al.joinConference(conf)
		wait(time.Second)
		if l := bob.link("al"); l.Key != conf {
			t.Fatalf("bob waits in %v", l.Key)
		}
		bob.join()
		al.join()
		wait(time.Second)
		if l := bob.link("al"); l.Key != slot {
			t.Errorf("bob still waits in %v", l.Key)
		}
	})
}

func TestSlotAndConference_APairOfOursMeetsOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		conf := w.conference("conf", false)
		w.boot("alice").join().joinConference(conf)
		w.boot("bob").joinConference(conf).join()
		wait(2 * time.Second)
		w.connected("alice", "bob")
		if most := w.fabric.Most("alice", "bob"); most != 1 {
			t.Errorf("%d connections at once", most)
		}
	})
}

func TestSizeCap_AnInviteOfTheJoinerIsRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		limit := func(c *mesh.Config) { c.MaxMembers = 2 }
		bob := w.boot("bob", limit).join()
		wait(time.Second)
		w.boot("carol", limit).join()
		wait(time.Second)
		al := w.device("al").play(func(message.Party, message.Signal) {})
		al.join()
		wait(time.Second)
		al.invite(bob, slot, "c")
		wait(time.Second)
		if errs := bob.refusals(); len(errs) != 1 || !errors.Is(errs[0], mesh.ErrMeshFull) {
			t.Errorf("refusals %v", errs)
		}
		w.connected("bob", "carol")
	})
}
