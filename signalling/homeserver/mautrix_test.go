package homeserver_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"meshfocus/signalling/homeserver"
)

// start runs a server for a test and stops it at the end.
func start(t *testing.T, config homeserver.Config) (*homeserver.Server, *httptest.Server) {
	t.Helper()
	if config.ServerName == "" {
		config.ServerName = "hs.test"
	}
	s, err := homeserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		web.Close()
	})
	return s, web
}

// client registers a user and returns a mautrix client for it.
func client(t *testing.T, s *homeserver.Server, url, name string) *mautrix.Client {
	t.Helper()
	if err := s.EnsureUser(name, ""); err != nil {
		t.Fatal(err)
	}
	token, err := s.IssueToken(name, "DEV"+name, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := mautrix.NewClient(url, id.NewUserID(name, "hs.test"), token)
	if err != nil {
		t.Fatal(err)
	}
	c.DeviceID = id.DeviceID("DEV" + name)
	return c
}

func TestMautrix_MeetsAndSignals(t *testing.T) {
	s, web := start(t, homeserver.Config{Registration: homeserver.RegistrationOpen})
	ctx := t.Context()

	alice, err := mautrix.NewClient(web.URL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	registered, err := alice.RegisterDummy(ctx, &mautrix.ReqRegister[any]{Username: "alice", Password: "correct horse"})
	if err != nil {
		t.Fatal(err)
	}
	alice.UserID, alice.AccessToken, alice.DeviceID = registered.UserID, registered.AccessToken, registered.DeviceID
	bob := client(t, s, web.URL, "bob")

	if versions, err := alice.Versions(ctx); err != nil || !versions.UnstableFeatures["org.matrix.msc4140"] {
		t.Fatalf("versions %+v, %v", versions, err)
	}
	if _, err := alice.TurnServer(ctx); err != nil {
		t.Fatal(err)
	}
	created, err := alice.CreateRoom(ctx, &mautrix.ReqCreateRoom{Preset: "public_chat", Name: "Tea", Invite: []id.UserID{bob.UserID}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.JoinRoomByID(ctx, created.RoomID); err != nil {
		t.Fatal(err)
	}
	first, err := bob.SyncRequest(ctx, 0, "", "", false, "")
	if err != nil {
		t.Fatal(err)
	}
	if first.Rooms.Join[created.RoomID] == nil {
		t.Fatalf("the room is not in the first sync: %+v", first.Rooms)
	}
	if _, err := alice.SendText(ctx, created.RoomID, "hello"); err != nil {
		t.Fatal(err)
	}
	state := event.Type{Type: "org.matrix.msc3401.call.member", Class: event.StateEventType}
	delayed, err := alice.SendStateEvent(ctx, created.RoomID, state, "_x", map[string]any{},
		mautrix.ReqSendEvent{UnstableDelay: 50 * time.Millisecond})
	if err != nil || delayed.UnstableDelayID == "" {
		t.Fatalf("delayed %+v, %v", delayed, err)
	}
	_, err = alice.SendToDevice(ctx, event.Type{Type: "m.call.invite", Class: event.ToDeviceEventType}, &mautrix.ReqSendToDevice{
		Messages: map[id.UserID]map[id.DeviceID]*event.Content{bob.UserID: {bob.DeviceID: {Raw: map[string]any{"call_id": "1"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var messages, invites, leaves int
	for since := first.NextBatch; messages == 0 || invites == 0 || leaves == 0; {
		next, err := bob.SyncRequest(ctx, 10_000, since, "", false, "")
		if err != nil {
			t.Fatal(err)
		}
		since = next.NextBatch
		invites += len(next.ToDevice.Events)
		if room := next.Rooms.Join[created.RoomID]; room != nil {
			for _, e := range room.Timeline.Events {
				switch e.Type.Type {
				case "m.room.message":
					messages++
				case state.Type:
					leaves++
				}
			}
		}
	}
	if messages != 1 || invites != 1 || leaves != 1 {
		t.Errorf("%d messages, %d to-device, %d delayed; want one of each", messages, invites, leaves)
	}
}
