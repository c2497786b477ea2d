//go:build interop

package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	peers "meshfocus/internal/foreign"
	"meshfocus/signalling/message"
)

// synapse is the homeserver that `make interop` started.
func synapse(t *testing.T) peers.Home {
	t.Helper()
	base := os.Getenv("MESHFOCUS_INTEROP_HOMESERVER")
	if base == "" {
		t.Fatal("MESHFOCUS_INTEROP_HOMESERVER is not set: run make interop, which starts Synapse")
	}
	return peers.Home{Name: "synapse", Base: base}
}

// abroad runs `calls` against Synapse, which answers a first sync from a cache
// for two minutes and takes few events in a row.
type abroad struct {
	*testing.T
	peers.Home
	roomID string
}

// as runs a verb as somebody and wants it to succeed.
func (a abroad) as(who peers.Account, verb string, args ...string) (out string) {
	a.Helper()
	var stdout, stderr buffer
	std := streams{in: strings.NewReader(""), out: &stdout, err: &stderr, environ: []string{"MESHFOCUS_TOKEN=" + who.Token}}
	args = append(append([]string{"calls", verb, "--homeserver", a.Base}, args...), a.roomID)
	if code := run(a.Context(), args, std); code != exitOK {
		a.Fatalf("%v as %s: exit code %d: %s\n%s", args, who.UserID, code, stderr.String(), stdout.String())
	}
	return stdout.String()
}

// list wants some in the list and some not.
func (a abroad) list(who peers.Account, when string, in, out []peers.Account) {
	a.Helper()
	text := a.as(who, "list")
	for _, account := range in {
		if !strings.Contains(text, account.UserID+"/"+account.DeviceID) {
			a.Errorf("%s, %s/%s is missing in\n%s", when, account.UserID, account.DeviceID, text)
		}
	}
	for _, account := range out {
		if strings.Contains(text, account.UserID+"/"+account.DeviceID) {
			a.Errorf("%s, %s/%s is still in\n%s", when, account.UserID, account.DeviceID, text)
		}
	}
}

// inSlot writes a per-device membership that began some time ago and lasts four
// hours.
func (a abroad) inSlot(who peers.Account, age time.Duration) {
	a.Helper()
	party := message.Party{UserID: who.UserID, DeviceID: who.DeviceID}
	content, err := message.SessionContent{
		Application: message.ApplicationCall, DeviceID: who.DeviceID, MembershipID: "s" + who.DeviceID, CreatedAt: time.Now().Add(-age),
		FocusActive: message.Focus{Type: message.FocusFullMesh}, FociPreferred: []message.Focus{{Type: message.FocusFullMesh}},
	}.Encode()
	if err != nil {
		a.Fatal(err)
	}
	a.SetState(a.T, who, a.roomID, message.TypeCallMember, message.SessionStateKey(party, message.SlotRoom, ""), json.RawMessage(content))
}

// sticky sends a membership as a sticky event.
func (a abroad) sticky(who peers.Account) {
	a.Helper()
	content, err := message.StickyMember{
		StickyKey: "id" + who.DeviceID, SlotID: message.SlotRoom, Application: message.ApplicationCall, MemberID: "id" + who.DeviceID,
		UserID: who.UserID, DeviceID: who.DeviceID, Transports: message.Transports{
			Published: []message.Focus{{Type: message.FocusFullMesh}}, CanSubscribe: []string{message.FocusFullMesh},
		},
	}.Encode()
	if err != nil {
		a.Fatal(err)
	}
	a.Ask(a.T, who, "PUT", "/rooms/"+url.PathEscape(a.roomID)+"/send/"+message.TypeMember+"/"+who.DeviceID+"?"+message.QuerySticky+"=3600000", json.RawMessage(content))
}

func TestInterop_CallsOnSynapseShowWhatIsThereNow(t *testing.T) {
	home := synapse(t)
	account := func(name string) peers.Account {
		return home.Register(t, fmt.Sprintf("%s-calls-%d", name, os.Getpid()), strings.ToUpper(name))
	}
	mod, alice, bob, carol := account("mod"), account("alice"), account("bob"), account("carol")
	a := abroad{t, home, home.Room(t, mod, 0)}
	for _, member := range []peers.Account{alice, bob, carol} {
		a.Ask(t, member, "POST", "/join/"+url.PathEscape(a.roomID), struct{}{})
	}
	a.list(mod, "at the beginning", nil, []peers.Account{alice, bob, carol})

	a.inSlot(alice, time.Minute)
	a.inSlot(bob, 5*time.Hour) // a ghost: its four hours are over
	a.sticky(carol)
	a.list(mod, "when they have joined", []peers.Account{alice, bob, carol}, nil)
	if out := a.as(mod, "show"); !strings.Contains(out, "refused by MSC4143 per-device state") || !strings.Contains(out, alice.UserID) {
		t.Errorf("show prints\n%s", out)
	}

	a.as(alice, "leave")
	a.list(mod, "when alice has left", []peers.Account{bob, carol}, []peers.Account{alice})
	a.as(mod, "unstick", "--yes")
	a.list(mod, "when the ghost is taken out", []peers.Account{carol}, []peers.Account{alice, bob})
	a.as(mod, "unstick", "--yes", "--of-user", carol.UserID, "--of-device", carol.DeviceID)
	a.list(mod, "when the sticky member is taken out", nil, []peers.Account{alice, bob, carol})

	out := a.as(mod, "history")
	for _, want := range []string{"m.call#ROOM", alice.UserID, "on ALICE", "best effort"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in the history\n%s", want, out)
		}
	}
}
