package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"meshfocus/signalling/message"
)

// forwards is who says in the state that it passes on what others send it.
func forwards(f frame) (parties []string) {
	for _, event := range f.Events {
		says := strings.Contains(string(event.Content), `"`+message.KeyForwards+`":true`)
		if says && !slices.Contains(parties, event.Sender) { // in the slot and in the conference
			parties = append(parties, event.Sender)
		}
	}
	return parties
}

// focuses counts the parties that forward, by room.
func focuses(t *testing.T, address string) (rooms []string) {
	t.Helper()
	for _, party := range getStatus(t, address).Parties {
		if party.Role == focusUser && party.State == "joined" {
			rooms = append(rooms, party.Room)
		}
	}
	return rooms
}

func TestForward_IsInCallsForAsLongAsSomebodyIs(t *testing.T) {
	t.Parallel()
	address, stop := startServe(t, "--lobby=false", "--forward", "--forward-max-calls", "1", "--config", writeConfig(t, "call: {grace: 1s}\n"))
	why := func() string { text, _ := json.Marshal(getStatus(t, address)); return string(text) }
	tea, coffee := newCall(t, address, `{"name":"tea"}`), newCall(t, address, `{"name":"coffee"}`)
	ada := visit(t, address, tea)
	room := ada.get("welcome").Room.ID
	if there := focuses(t, address); len(there) > 0 {
		t.Errorf("before anybody has entered it is in %v", there)
	}
	ada.write("type", "enter", "feeds", []string{"m.usermedia"})
	ada.get("entered")
	state := ada.until("state with who forwards", func(f frame) bool { return len(forwards(f)) == 1 })
	if user := forwards(state)[0]; user >= "@web-a" || !strings.HasPrefix(user, "@web-2222") {
		t.Errorf("%s does not call the guests", user)
	}
	eventually(t, patience, "it is in ada's call", func() bool { return len(focuses(t, address)) == 1 }, why)
	if there := focuses(t, address); there[0] != room {
		t.Errorf("it is in %v, want %s", there, room)
	}

	// One call more than it may be in: it comes when the first is over.
	ben := visit(t, address, coffee)
	other := ben.get("welcome").Room.ID
	ben.write("type", "enter", "feeds", []string{"m.usermedia"})
	ben.get("entered")
	if there := focuses(t, address); fmt.Sprint(there) != fmt.Sprint([]string{room}) {
		t.Errorf("it is in %v", there)
	}
	ada.write("type", "leave")
	ada.get("left")
	eventually(t, patience, "it has gone over to ben", func() bool {
		there := focuses(t, address)
		return len(there) == 1 && there[0] == other
	}, why)
	ben.close() // and does not come back
	eventually(t, patience, "nobody is in a call", func() bool { return len(getStatus(t, address).Parties) == 0 }, why)
	eventually(t, patience, "its users are gone", func() bool { return getStatus(t, address).Users == 1 }, why) // the host
	stop()
}

// What a daemon that forwards has opened for parties that do not is closed as well;
// goleak looks.
func TestForwarding_EndsWithItsLobby(t *testing.T) {
	_, stop := startServe(t, "--forward")
	stop()
}
