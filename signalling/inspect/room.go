package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"meshfocus/signalling/message"
)

// room is the state of the room of calls, as far as it matters here.
type room struct {
	id        string
	version   string
	creators  []string // who has all power, since room version 12
	public    bool
	encrypted bool
	levels    powerLevels
	members   []string
}

// checkRoom reads the state of the room.
func (i *Inspector) checkRoom(ctx context.Context) Finding {
	name := i.config.Room
	if name == "" {
		return Finding{Level: Skipped, Tried: "look at a room", Found: "no room was given", Fix: "give --room with the room in which calls do not work"}
	}
	tried := "read the state of " + name + " as " + i.userID
	id := name
	if strings.HasPrefix(name, "#") {
		a := i.ask(ctx, http.MethodGet, clientPath("v3", "directory", "room", name), nil)
		var found struct {
			RoomID string `json:"room_id"`
		}
		a.read(&found)
		if id = found.RoomID; !a.ok() || id == "" {
			return Finding{Level: Broken, Tried: tried, Found: a.words(), Cause: "no room has that alias, or its server does not answer", Fix: "give the room's ID (!…), which clients show in the room's advanced settings"}
		}
	}
	a := i.ask(ctx, http.MethodGet, clientPath("v3", "rooms", id, "state"), nil)
	var events []stateEvent
	if a.status != http.StatusOK || json.Unmarshal(a.body, &events) != nil {
		return Finding{Level: Broken, Tried: tried, Found: a.words(), Cause: i.userID + " is not in the room", Fix: "invite and join it, or give a token of somebody who is in it"}
	}
	i.room = readRoom(id, events)
	f := fine("version %s, %s", i.room.version, counted(len(i.room.members), "member"))
	f.Tried = tried
	if i.room.encrypted {
		f.Found += ", encrypted"
	}
	switch {
	case i.room.public && i.turn.relays():
		f.Found += ", public: media goes over TURN only"
	case i.room.public:
		f.Level, f.Found = Note, f.Found+", public"
		f.Cause = "anybody may join and learn the addresses of those in a call; so media goes over TURN only there, and without TURN there is no call"
		f.Fix = "make the room invite-only, or have a TURN server, or say join --relay never"
	}
	return f
}

type stateEvent struct {
	Type     string          `json:"type"`
	StateKey string          `json:"state_key"`
	Sender   string          `json:"sender"`
	Content  json.RawMessage `json:"content"`
}

// counted is a number of things.
func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// readRoom puts together what matters; what cannot be read counts as missing.
func readRoom(id string, events []stateEvent) *room {
	r := &room{id: id, version: "1"}
	seen := false
	for _, e := range events {
		var content struct {
			Version    string   `json:"room_version"`
			Creators   []string `json:"additional_creators"`
			JoinRule   string   `json:"join_rule"`
			Membership string   `json:"membership"`
		}
		_ = json.Unmarshal(e.Content, &content)
		switch {
		case e.Type == "m.room.create":
			if content.Version != "" {
				r.version = content.Version
			}
			r.creators = append([]string{e.Sender}, content.Creators...)
		case e.Type == "m.room.join_rules":
			r.public = content.JoinRule == "public"
		case e.Type == "m.room.encryption":
			r.encrypted = true
		case e.Type == "m.room.power_levels":
			seen = true
			_ = json.Unmarshal(e.Content, &r.levels)
		case e.Type == "m.room.member" && content.Membership == "join":
			r.members = append(r.members, e.StateKey)
		}
	}
	if !seen && len(r.creators) > 0 {
		r.levels = powerLevels{Users: map[string]float64{r.creators[0]: 100}, StateDefault: new(float64)}
	}
	if !slices.Contains([]string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}, r.version) {
		return r
	}
	r.creators = nil // theirs is what the levels say
	return r
}

// powerLevels is m.room.power_levels (client-server API); nil fields have the
// defaults of the specification.
type powerLevels struct {
	Users         map[string]float64 `json:"users"`
	UsersDefault  float64            `json:"users_default"`
	Events        map[string]float64 `json:"events"`
	EventsDefault float64            `json:"events_default"`
	StateDefault  *float64           `json:"state_default"`
}

func (p powerLevels) of(userID string) float64 {
	if level, set := p.Users[userID]; set {
		return level
	}
	return p.UsersDefault
}

func (p powerLevels) needed(kind string, state bool) float64 {
	if level, set := p.Events[kind]; set {
		return level
	}
	if !state {
		return p.EventsDefault
	}
	if p.StateDefault != nil {
		return *p.StateDefault
	}
	return 50
}

// written is an event type that clients of a call write.
type written struct {
	kind, use string
	state     bool
	level     Level // when it may not be written
	plain     bool  // sent in clear in encrypted rooms too
}

func writtenTypes(encrypted bool) []written {
	types := []written{
		{message.TypeCallMember, "being in a call", true, Broken, true},
		{message.TypeMember, "being in a call as a sticky event", false, Note, false},
		{message.TypeNotification, "ringing", false, Warning, false},
		{message.TypeDecline, "declining", false, Note, false},
		{message.TypeCall, "opening a conference for js-sdk's GroupCall and Hydrogen", true, Note, true},
		{message.TypeSlot, "opening a slot", true, Note, true},
	}
	if encrypted {
		types = append(types, written{message.TypeEncrypted, "everything encrypted", false, Warning, true})
	}
	return types
}

// checkPower compares what we may write with what calls write.
func (i *Inspector) checkPower(context.Context) Finding {
	r := i.room
	f := judgePower(r, i.userID)
	f.Tried = fmt.Sprintf("compare the power of %s with what each event of a call needs", i.userID)
	return f
}

// judgePower names the worst that is missing. Pure.
func judgePower(r *room, userID string) Finding {
	if slices.Contains(r.creators, userID) {
		return fine("a creator of the room, who may write everything")
	}
	has := r.levels.of(userID)
	missing := map[Level][]string{}
	worst := Fine
	for _, w := range writtenTypes(r.encrypted) {
		kind := w.kind
		if r.encrypted && !w.plain {
			kind = message.TypeEncrypted
		}
		if need := r.levels.needed(kind, w.state); has < need {
			missing[w.level] = append(missing[w.level], fmt.Sprintf("%s (%s needs %g)", w.use, kind, need))
			worst = max(worst, w.level)
		}
	}
	f := Finding{Level: worst, Found: fmt.Sprintf("power %g, which is not enough for %s", has, strings.Join(missing[worst], ", ")), Snippet: snippetPower(r.encrypted),
		Fix: "an administrator allows them: in Element Room settings, Roles & Permissions, \"Join Element Call calls\": Default; or by hand, with these entries merged into m.room.power_levels"}
	switch worst {
	case Broken:
		f.Cause = "the room's power levels do not name these events, and all state that is not named needs a moderator; Element greys its call button out"
	case Warning:
		f.Cause = "in this room not everybody may write, as in one for announcements"
		f.Fix = "an administrator merges these entries into m.room.power_levels"
	case Note:
		f.Cause, f.Fix, f.Snippet = "these need a moderator; ordinary calls do without", "nothing to do", ""
	default:
		return fine("power %g, enough for all that calls write", has)
	}
	return f
}
