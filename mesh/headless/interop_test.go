//go:build interop

package headless

import (
	"os"
	"testing"

	"meshfocus/signalling/matrix"
)

// foreign is a room on the homeserver that `make interop` started.
func foreign(t *testing.T) *remote {
	t.Helper()
	base := os.Getenv("MESHFOCUS_INTEROP_HOMESERVER")
	if base == "" {
		t.Fatal("MESHFOCUS_INTEROP_HOMESERVER is not set: run make interop, which starts a homeserver")
	}
	return foreignAt(t, base)
}

// foreignAt makes a public room on a homeserver with open registration.
func foreignAt(t *testing.T, base string) *remote {
	t.Helper()
	h := &remote{base: base}
	host := h.account(t, "host"+suffix(t))
	var room struct {
		ID    string `json:"room_id"`
		Error string
	}
	err := request("POST", base+"/_matrix/client/v3/createRoom", host.Token, map[string]any{
		"preset": "public_chat",
		"power_level_content_override": map[string]any{"events": map[string]int{
			"org.matrix.msc3401.call": 0, "org.matrix.msc3401.call.member": 0,
		}},
	}, &room)
	if err != nil || room.ID == "" {
		t.Fatalf("no room: %v %s", err, room.Error)
	}
	h.alias = room.ID
	return h
}

func TestInterop_ThreePartiesOnAForeignHomeserver(t *testing.T) {
	threeParties(t, foreign(t))
}

func TestInterop_RecordingsPlay(t *testing.T) { recordings(t, foreign(t)) }

func TestInterop_ConferenceWithEncryptionRequired(t *testing.T) {
	h := foreign(t)
	join := func(c *Config) { c.Account.Encrypt = matrix.EncryptRequire; c.CallID = "conference" }
	allFlow(t, patience, startParty(t, h, "alice", join), startParty(t, h, "bob", join))
}

func TestInterop_KilledPartyIsGoneWithinTheDelayedLeave(t *testing.T) { killedParty(t, foreign(t)) }

func TestInterop_PartiesMeetInEveryProfile(t *testing.T) { profiles(t, foreign(t)) }
