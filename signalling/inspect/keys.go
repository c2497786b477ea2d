package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// deviceKeys is a device as /keys/query shows it.
type deviceKeys struct {
	Keys       map[string]string            `json:"keys"`
	Signatures map[string]map[string]string `json:"signatures"`
}

// keyring is the part of /keys/query that is about one user.
type keyring struct {
	devices     map[string]deviceKeys
	selfSigning string // key ID, "" when the user has no cross-signing
}

// signed says that the owner has signed the device with cross-signing.
func (k keyring) signed(userID, deviceID string) bool {
	return k.selfSigning != "" && k.devices[deviceID].Signatures[userID][k.selfSigning] != ""
}

// queryKeys asks for the devices and cross-signing keys of users.
func (i *Inspector) queryKeys(ctx context.Context, users ...string) (map[string]keyring, answer) {
	wanted := map[string][]string{}
	for _, user := range users {
		wanted[user] = []string{}
	}
	a := i.ask(ctx, http.MethodPost, clientPath("v3", "keys", "query"), map[string]any{"device_keys": wanted})
	var body struct {
		Devices     map[string]map[string]deviceKeys `json:"device_keys"`
		SelfSigning map[string]struct {
			Keys map[string]string `json:"keys"`
		} `json:"self_signing_keys"`
	}
	a.read(&body)
	rings := map[string]keyring{}
	for _, user := range users {
		ring := keyring{devices: body.Devices[user]}
		for id := range body.SelfSigning[user].Keys {
			ring.selfSigning = id
		}
		rings[user] = ring
	}
	return rings, a
}

// fewOneTimeKeys is when they run out soon; clients keep 50 to 100.
const fewOneTimeKeys = 5

// checkOneTimeKeys counts what others need to begin an encrypted conversation
// with this device (client-server API, "One-time and fallback keys").
func (i *Inspector) checkOneTimeKeys(ctx context.Context) Finding {
	tried := "count the one-time keys of device " + i.deviceID
	a := i.ask(ctx, http.MethodPost, clientPath("v3", "keys", "upload"), nothing)
	var body struct {
		Counts map[string]int `json:"one_time_key_counts"`
	}
	a.read(&body)
	if !a.ok() {
		return Finding{Level: Broken, Tried: tried, Found: a.words(), Cause: "the homeserver does not take keys, so nothing can be encrypted", Fix: "look at its log; with workers, see which one serves /keys/upload"}
	}
	if i.loggedIn {
		return Finding{Tried: tried, Found: "none yet: doctor has just made the device; the homeserver answers as it should"}
	}
	rings, _ := i.queryKeys(ctx, i.userID)
	if _, known := rings[i.userID].devices[i.deviceID]; !known {
		return Finding{Level: Warning, Tried: tried, Found: "device " + i.deviceID + " has published no keys",
			Cause: "it is a client without encryption, or one whose keys were lost; others refuse calls with it, or hold them in clear",
			Fix:   "log out and in again with a client that encrypts; if the token was made for doctor alone, nothing is wrong"}
	}
	count, fallback := body.Counts["signed_curve25519"], i.hasFallbackKey(ctx)
	switch {
	case count == 0 && !fallback:
		return Finding{Level: Broken, Tried: tried, Found: "0 left, and no fallback key", Cause: "the client has not been running, or cannot upload new ones: nobody can begin an encrypted conversation with this device, so calls ring and do not connect",
			Fix: "start the client; if the number stays 0, log out and in again with it"}
	case count < fewOneTimeKeys && !fallback:
		return Finding{Level: Warning, Tried: tried, Found: fmt.Sprintf("%d left, and no fallback key", count), Cause: "each new device that calls uses one up; the client should upload more while it runs",
			Fix: "start the client and look again"}
	}
	return Finding{Tried: tried, Found: fmt.Sprintf("%d, %s", count, map[bool]string{true: "and a fallback key", false: "without a fallback key"}[fallback])}
}

func (i *Inspector) hasFallbackKey(ctx context.Context) bool {
	_, answer := i.look(ctx, "")
	var body struct {
		Unused []string `json:"device_unused_fallback_key_types"`
	}
	answer.read(&body)
	return len(body.Unused) > 0
}

// checkCrossSigning looks whether others can know that the device is ours:
// those who talk to signed devices only leave others out (decision D24).
func (i *Inspector) checkCrossSigning(ctx context.Context) Finding {
	tried := "see whether " + i.userID + " has cross-signing and has signed device " + i.deviceID
	rings, a := i.queryKeys(ctx, i.userID)
	ring := rings[i.userID]
	switch {
	case !a.ok():
		return Finding{Level: Broken, Tried: tried, Found: a.words(), Cause: "the homeserver does not give keys out, so nothing can be encrypted", Fix: "look at its log"}
	case ring.selfSigning == "":
		return Finding{Level: Note, Tried: tried, Found: "the account has no cross-signing", Cause: "others cannot tell its devices from one that a homeserver made up; newer clients will not talk to them",
			Fix: "set up secure backup in a client; a bot may do without where others allow it"}
	case i.loggedIn:
		return Finding{Tried: tried, Found: "the account has cross-signing; the device that doctor made is not signed, and is gone afterwards"}
	case !ring.signed(i.userID, i.deviceID):
		return Finding{Level: Warning, Tried: tried, Found: "the account has cross-signing, and this device is not signed", Cause: "it was never verified by another device or the recovery key; whoever wants signed devices leaves it out of calls",
			Fix: "verify it in the client that uses it: Settings, Sessions, Verify"}
	}
	return Finding{Tried: tried, Found: "the device is signed by its owner"}
}

// checkDevices counts devices in the room that others will not talk to.
func (i *Inspector) checkDevices(ctx context.Context) Finding {
	const most = 50 // members; more is no mesh
	if len(i.room.members) > most {
		return skipped("%d members are too many to ask for", len(i.room.members))
	}
	tried := fmt.Sprintf("look at the devices of %s", counted(len(i.room.members), "member"))
	rings, a := i.queryKeys(ctx, i.room.members...)
	if !a.ok() {
		return Finding{Level: Broken, Tried: tried, Found: a.words(), Cause: "the homeserver does not give keys out", Fix: "look at its log"}
	}
	var failed struct {
		Failures map[string]json.RawMessage `json:"failures"`
	}
	a.read(&failed)
	if len(failed.Failures) > 0 {
		for server := range failed.Failures {
			return Finding{Level: Warning, Tried: tried, Found: "no keys from " + server, Cause: "federation with that server does not work at the moment; its users cannot be called", Fix: "check " + server + " with a federation tester"}
		}
	}
	devices, unsigned, example := 0, 0, ""
	for user, ring := range rings {
		for device := range ring.devices {
			devices++
			if ring.selfSigning != "" && !ring.signed(user, device) && device != i.deviceID {
				unsigned, example = unsigned+1, user+" "+device
			}
		}
	}
	if unsigned > 0 {
		return Finding{Level: Note, Tried: tried, Found: fmt.Sprintf("%d devices, %d of them not signed by their owners, such as %s", devices, unsigned, example),
			Cause: "devices that were never verified; under the default trust no call is held with them", Fix: "their owners verify them: Settings, Sessions, Verify"}
	}
	return Finding{Tried: tried, Found: counted(devices, "device")}
}
