//go:build interop && goolm

package appservice

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// heard is a sink that passes signals on.
type heard struct{ signals chan matrix.Received }

func (heard) SetFacts(membership.Facts) {}

func (h heard) Receive(all []matrix.Received) {
	for _, received := range all {
		h.signals <- received
	}
}

func TestInterop_GuestsOfAnApplicationServiceCallEachOther(t *testing.T) {
	base := os.Getenv("MESHFOCUS_INTEROP_HOMESERVER")
	if base == "" {
		t.Fatal("MESHFOCUS_INTEROP_HOMESERVER names no homeserver; internal/scripts/interop starts one")
	}
	for file, config := range samples() {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".yaml"), func(t *testing.T) {
			config.Homeserver = base
			guestsMeet(t, config)
		})
	}
}

// guestsMeet lets two guests enter the room of a call and exchange an invite
// in Olm.
func guestsMeet(t *testing.T, config Config) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	service, err := Open(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	roomID, err := service.CreateRoom(ctx, "Tea")
	if err != nil {
		t.Fatal(err)
	}
	var accounts []*matrix.Account
	var sinks []*heard
	var loops sync.WaitGroup
	defer loops.Wait()
	running, stop := context.WithCancel(ctx)
	defer stop()
	for _, local := range []string{"one", "two"} {
		credentials, err := service.Issue(ctx, service.config.UserPrefix+local, "WEB"+strings.ToUpper(local), "guest")
		if err != nil {
			t.Fatal(err)
		}
		if err := service.Bring(ctx, roomID, credentials); err != nil {
			t.Fatal(err)
		}
		account, err := matrix.Open(ctx, matrix.Config{
			Homeserver: credentials.Homeserver, Token: credentials.Token, DeviceID: credentials.DeviceID, Transport: credentials.Transport,
			Encrypt: matrix.EncryptRequire, ReplaceKeys: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := (message.Party{UserID: credentials.UserID, DeviceID: credentials.DeviceID}); account.Party() != want {
			t.Fatalf("the account is %s, want %s", account.Party(), want)
		}
		sink := &heard{make(chan matrix.Received, 8)}
		account.Subscribe(roomID, sink)
		loops.Go(func() { _ = account.Run(running); _ = account.Close() })
		member := account.NewMembership(matrix.MembershipConfig{RoomID: roomID, Slot: true, CallID: "call"})
		if err := member.Join(ctx); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := member.Leave(ctx); err != nil {
				t.Error(err)
			}
			if err := service.Retire(ctx, roomID, credentials); err != nil {
				t.Error(err)
			}
		}()
		accounts, sinks = append(accounts, account), append(sinks, sink)
	}
	sent := make(chan error, 1)
	accounts[0].Send(accounts[1].Party(), message.Signal{
		Kind:     message.Hangup,
		Envelope: message.Envelope{CallID: "c", ConfID: message.SlotRoom, RoomID: roomID, DeviceID: accounts[0].Party().DeviceID, SenderSessionID: "s", DestSessionID: "d", Seq: new(uint32)},
		Reason:   message.ReasonUserHangup,
	}, func(err error) { sent <- err })
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-sinks[1].signals:
		if got.From != accounts[0].Party() || !got.Encrypted {
			t.Errorf("got %+v", got)
		}
	case <-ctx.Done():
		t.Error("nothing was heard")
	}
}
