package homeserver_test

import (
	"context"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/homeserver"
)

// olmDevice is a mautrix client with its Olm machine, as a bot would have it,
// in a loop of /sync that the test drives step by step.
type olmDevice struct {
	*mautrix.Client
	t       *testing.T
	machine *crypto.OlmMachine
	since   string
	heard   []*event.Event // what came decrypted, in order
}

// oneRoom is the state store of a machine that knows one encrypted room.
type oneRoom struct{ room id.RoomID }

func (o *oneRoom) IsEncrypted(context.Context, id.RoomID) (bool, error) { return true, nil }

func (o *oneRoom) GetEncryptionEvent(context.Context, id.RoomID) (*event.EncryptionEventContent, error) {
	return &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}, nil
}

func (o *oneRoom) GetHistoryVisibility(context.Context, id.RoomID) (*event.HistoryVisibilityEventContent, error) {
	return &event.HistoryVisibilityEventContent{HistoryVisibility: event.HistoryVisibilityShared}, nil
}

func (o *oneRoom) FindSharedRooms(context.Context, id.UserID) ([]id.RoomID, error) {
	return []id.RoomID{o.room}, nil
}

func newOlmDevice(t *testing.T, s *homeserver.Server, url, name string) *olmDevice {
	t.Helper()
	d := &olmDevice{Client: client(t, s, url, name), t: t}
	d.machine = crypto.NewOlmMachine(d.Client, nil, crypto.NewMemoryStore(nil), new(oneRoom))
	if err := d.machine.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.machine.ShareKeys(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	return d
}

// step answers one /sync to the machine.
func (d *olmDevice) step() {
	d.t.Helper()
	ctx := d.t.Context()
	answer, err := d.SyncRequest(ctx, 5000, d.since, "", false, "")
	if err != nil {
		d.t.Fatal(err)
	}
	d.machine.HandleDeviceLists(ctx, &answer.DeviceLists, d.since)
	for _, e := range answer.ToDevice.Events {
		e.Type.Class = event.ToDeviceEventType
		if err := e.Content.ParseRaw(e.Type); err != nil {
			d.t.Fatal(err)
		}
		if e.Type == event.ToDeviceEncrypted {
			if opened := d.machine.HandleEncryptedEvent(ctx, e); opened != nil {
				d.heard = append(d.heard, &event.Event{Type: opened.Type, Sender: opened.Sender, Content: opened.Content})
			}
			continue
		}
		d.machine.HandleToDeviceEvent(ctx, e)
	}
	d.machine.HandleOTKCounts(ctx, &answer.DeviceOTKCount)
	for roomID, room := range answer.Rooms.Join {
		for _, e := range room.Timeline.Events {
			if e.Type.Type != event.EventEncrypted.Type {
				continue
			}
			e.RoomID, e.Type.Class = roomID, event.MessageEventType
			if err := e.Content.ParseRaw(e.Type); err != nil {
				d.t.Fatal(err)
			}
			opened, err := d.machine.DecryptMegolmEvent(ctx, e)
			if err != nil {
				d.t.Fatal(err)
			}
			d.heard = append(d.heard, opened)
		}
	}
	d.since = answer.NextBatch
}

// await steps until something of a type was heard.
func (d *olmDevice) await(kind string) *event.Event {
	d.t.Helper()
	for range 20 {
		for i, e := range d.heard {
			if e.Type.Type == kind {
				d.heard = append(d.heard[:i:i], d.heard[i+1:]...)
				return e
			}
		}
		d.step()
	}
	d.t.Fatalf("%s never heard of %s", d.UserID, kind)
	return nil
}

// TestMautrix_TalksInOlmAndMegolm lets two machines find each other's keys,
// send call signalling in Olm both ways, a message in Megolm, and sign their
// own devices.
func TestMautrix_TalksInOlmAndMegolm(t *testing.T) {
	s, web := start(t, homeserver.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	alice, bob := newOlmDevice(t, s, web.URL, "alice"), newOlmDevice(t, s, web.URL, "bob")
	room, err := alice.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "public_chat"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.JoinRoomByID(ctx, room.RoomID); err != nil {
		t.Fatal(err)
	}
	alice.step()
	bob.step()

	invite := event.Type{Type: "m.call.invite", Class: event.ToDeviceEventType}
	whisper := func(from, to *olmDevice, callID string) {
		t.Helper()
		device, err := from.machine.GetOrFetchDevice(ctx, to.UserID, to.DeviceID)
		if err != nil {
			t.Fatal(err)
		}
		content := event.Content{Raw: map[string]any{"call_id": callID}}
		if err := from.machine.SendEncryptedToDevice(ctx, device, invite, content); err != nil {
			t.Fatal(err)
		}
	}
	for _, callID := range []string{"first", "second", "third"} {
		whisper(alice, bob, callID)
		if got := bob.await(invite.Type); got.Sender != alice.UserID || got.Content.Raw["call_id"] != callID {
			t.Fatalf("bob heard %v of %s", got.Content.Raw, got.Sender)
		}
		whisper(bob, alice, "answer to "+callID)
		if got := alice.await(invite.Type); got.Content.Raw["call_id"] != "answer to "+callID {
			t.Fatalf("alice heard %v", got.Content.Raw)
		}
	}

	if err := alice.machine.ShareGroupSession(ctx, room.RoomID, []id.UserID{bob.UserID}); err != nil {
		t.Fatal(err)
	}
	text := map[string]any{"msgtype": "m.text", "body": "only for the room"}
	sealed, err := alice.machine.EncryptMegolmEvent(ctx, room.RoomID, event.EventMessage, text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.SendMessageEvent(ctx, room.RoomID, event.EventEncrypted, sealed); err != nil {
		t.Fatal(err)
	}
	if got := bob.await("m.room.message"); got.Content.Raw["body"] != "only for the room" {
		t.Errorf("bob read %v", got.Content.Raw)
	}

	noPassword := func(*mautrix.RespUserInteractive) any { return nil }
	if _, _, err := alice.machine.GenerateAndUploadCrossSigningKeys(ctx, noPassword, "passphrase"); err != nil {
		t.Fatal(err)
	}
	if err := alice.machine.SignOwnDevice(ctx, alice.machine.OwnIdentity()); err != nil {
		t.Fatal(err)
	}
	if err := alice.machine.SignOwnMasterKey(ctx); err != nil {
		t.Fatal(err)
	}
	bob.step()
	seen, err := bob.machine.GetOrFetchDevice(ctx, alice.UserID, alice.DeviceID)
	if err != nil {
		t.Fatal(err)
	}
	if trust, err := bob.machine.ResolveTrustContext(ctx, seen); err != nil || trust != id.TrustStateCrossSignedTOFU {
		t.Errorf("bob trusts alice's device as %v (%v), want cross-signed on first use", trust, err)
	}
}
