package message

import "strings"

// SlotID names the slot of an application and a call ID. The call of the room
// has three spellings in the wild, "" in the per-device state form, "ROOM" in
// js-sdk and "room" in newer texts; all read as SlotRoom. Other call IDs are
// taken exactly (decision D3).
func SlotID(application, callID string) string {
	if application == ApplicationCall && (callID == "" || strings.EqualFold(callID, "room")) {
		return SlotRoom
	}
	return application + "#" + callID
}

// SameSlot reports whether two slot or conference IDs mean the same place, by
// the rule of SlotID. The empty ID means the slot of the room.
func SameSlot(a, b string) bool {
	return a == b || canonicalSlot(a) == canonicalSlot(b)
}

func canonicalSlot(id string) string {
	application, callID, isSlot := strings.Cut(id, "#")
	switch {
	case id == "":
		return SlotRoom
	case isSlot:
		return SlotID(application, callID)
	}
	return id
}

// IsMesh reports whether a transport type means a full mesh: the seed's name,
// its namespaced forms such as "m.full_mesh" or "msc1234.full_mesh", and
// "mesh" of the Dart SDK (decision D5).
func IsMesh(transport string) bool {
	return transport == FocusFullMesh || transport == "mesh" || strings.HasSuffix(transport, "."+FocusFullMesh)
}

// SessionStateKey is the state key of a device's membership in a slot:
// "_@user:server_DEVICE_m.call" for the slot of the room. Only the two room
// versions with owned state keys do without the underscore, in all others the
// server would refuse a key that starts with "@" and is not the sender
// (MSC3757, MSC3779).
func SessionStateKey(party Party, slotID, roomVersion string) string {
	application, callID, _ := strings.Cut(canonicalSlot(slotID), "#")
	if SameSlot(slotID, SlotRoom) {
		callID = ""
	}
	key := party.UserID + "_" + party.DeviceID + "_" + application + callID
	if ownedKeys(roomVersion) {
		return key
	}
	return "_" + key
}

// ownedKeys reports whether users own the state keys that begin with their ID.
func ownedKeys(roomVersion string) bool {
	return strings.HasPrefix(roomVersion, "org.matrix.msc3757") || strings.HasPrefix(roomVersion, "org.matrix.msc3779")
}
