package matrix

import (
	"encoding/json"
	"slices"
	"testing"

	"meshfocus/signalling/message"
)

// written makes a state event; n numbers it.
func written(eventType, key, sender, content string, n int) roomEvent {
	return roomEvent{
		Type: eventType, StateKey: &key, Sender: sender, SentAt: int64(n) * 1000,
		EventID: "$" + string(rune('a'+n)), Content: json.RawMessage(content),
	}
}

func TestRoomState_BecomesFacts(t *testing.T) {
	redaction := func(field, content string) roomEvent {
		return roomEvent{Type: typeRedaction, Sender: "@a:t", Redacts: field, Content: json.RawMessage(content)}
	}
	membership := message.TypeCallMember
	for _, test := range []struct {
		name   string
		events []roomEvent
		last   change // of the last event
		check  func(*roomState) bool
	}{
		{"knows who is joined", []roomEvent{
			written(typeRoomMember, "@a:t", "@a:t", `{"membership":"join"}`, 1),
			written(typeRoomMember, "@b:t", "@b:t", `{"membership":"invite"}`, 2),
		}, changeNone, func(r *roomState) bool { f := r.facts(); return f.Joined["@a:t"] && len(f.Joined) == 1 }},
		{"forgets who left", []roomEvent{
			written(typeRoomMember, "@a:t", "@a:t", `{"membership":"join"}`, 1),
			written(typeRoomMember, "@a:t", "@b:t", `{"membership":"ban"}`, 2),
		}, changeFacts, func(r *roomState) bool { return len(r.facts().Joined) == 0 }},
		{"hears of a new name", []roomEvent{
			written(typeRoomMember, "@a:t", "@a:t", `{"membership":"join"}`, 1),
			written(typeRoomMember, "@a:t", "@a:t", `{"membership":"join","displayname":"A"}`, 2),
		}, changeFacts, func(r *roomState) bool { return r.facts().Joined["@a:t"] && r.names["@a:t"] == "A" }},
		{"does not mind a name that stays", []roomEvent{
			written(typeRoomMember, "@a:t", "@a:t", `{"membership":"join","displayname":"A"}`, 1),
			written(typeRoomMember, "@a:t", "@a:t", `{"membership":"join","displayname":"A","avatar_url":"mxc://t/a"}`, 2),
		}, changeNone, func(r *roomState) bool { return r.names["@a:t"] == "A" }},
		{"forgets the name of who leaves", []roomEvent{
			written(typeRoomMember, "@a:t", "@a:t", `{"membership":"join","displayname":"A"}`, 1),
			written(typeRoomMember, "@a:t", "@a:t", `{"membership":"leave","displayname":"A"}`, 2),
		}, changeFacts, func(r *roomState) bool { return len(r.names) == 0 }},
		{"lets the later event win", []roomEvent{
			written(membership, "k", "@a:t", `{"n":1}`, 1),
			written(membership, "k", "@a:t", `{"n":2}`, 2),
		}, changeFacts, func(r *roomState) bool {
			f := r.facts()
			return len(f.State) == 1 && string(f.State[0].Content) == `{"n":2}` && f.State[0].SentAt.UnixMilli() == 2000
		}},
		{"takes the same event once", []roomEvent{
			written(membership, "k", "@a:t", `{"n":1}`, 1), written(membership, "k", "@a:t", `{"n":1}`, 1),
		}, changeNone, func(r *roomState) bool { return len(r.facts().State) == 1 }},
		{"keeps state keys apart", []roomEvent{
			written(membership, "k", "@a:t", `{}`, 1), written(membership, "l", "@a:t", `{}`, 2),
			written(message.TypeCall, "k", "@a:t", `{}`, 3),
		}, changeFacts, func(r *roomState) bool { return len(r.facts().State) == 3 }},
		{"empties a redacted membership", []roomEvent{
			written(membership, "k", "@a:t", `{"n":1}`, 1), redaction("$b", `{}`),
		}, changeFacts, func(r *roomState) bool { return string(r.facts().State[0].Content) == `{}` }},
		{"reads what is redacted from the content too", []roomEvent{
			written(membership, "k", "@a:t", `{"n":1}`, 1), redaction("", `{"redacts":"$b"}`),
		}, changeFacts, func(r *roomState) bool { return string(r.facts().State[0].Content) == `{}` }},
		{"asks for the state when other state was redacted", []roomEvent{
			written(typeJoinRules, "", "@a:t", `{"join_rule":"public"}`, 1), redaction("$b", `{}`),
		}, changeUnknown, nil},
		{"does not mind a redacted message", []roomEvent{
			written(membership, "k", "@a:t", `{"n":1}`, 1), redaction("$zz", `{}`),
		}, changeNone, nil},
		{"does not take a redaction of nothing for one of an event without ID", []roomEvent{
			{Type: membership, StateKey: new(string), Sender: "@a:t", Content: json.RawMessage(`{"n":1}`)}, redaction("", `{}`),
		}, changeNone, nil},
		{"knows join rule, version and encryption", []roomEvent{
			written(typeJoinRules, "", "@a:t", `{"join_rule":"public"}`, 1),
			written(typeCreate, "", "@a:t", `{"room_version":"11"}`, 2),
			written(typeEncryption, "", "@a:t", `{"algorithm":"m.megolm.v1.aes-sha2"}`, 3),
		}, changeFacts, func(r *roomState) bool {
			f := r.facts()
			return f.JoinRule == "public" && f.RoomVersion == "11" && f.Encrypted
		}},
		{"takes a room without version for version 1", []roomEvent{
			written(typeCreate, "", "@a:t", `{}`, 1),
		}, changeFacts, func(r *roomState) bool { return r.facts().RoomVersion == "1" }},
		{"survives contents of any shape", []roomEvent{
			written(typeRoomMember, "@a:t", "@a:t", `[]`, 1), written(typeJoinRules, "", "@a:t", `7`, 2),
			written(typeCreate, "", "@a:t", `"x"`, 3), written(membership, "k", "@a:t", `null`, 4),
			redaction("", `3`),
		}, changeNone, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			state := newRoomState("!r:t")
			var last change
			for _, event := range test.events {
				last = state.apply(event)
			}
			if last != test.last {
				t.Errorf("the last event gave %d, want %d", last, test.last)
			}
			if test.check != nil && !test.check(state) {
				t.Errorf("facts are %+v", state.facts())
			}
		})
	}
}

func TestFacts_StayAsTheyWereGiven(t *testing.T) {
	state := newRoomState("!r:t")
	state.apply(written(typeRoomMember, "@a:t", "@a:t", `{"membership":"join"}`, 1))
	facts := state.facts()
	state.apply(written(typeRoomMember, "@a:t", "@a:t", `{"membership":"leave"}`, 2))
	state.apply(written(message.TypeCall, "k", "@a:t", `{}`, 3))
	if !facts.Joined["@a:t"] || len(facts.State) != 0 {
		t.Errorf("given facts changed to %+v", facts)
	}
}

func TestSyncFilter_AsksForTheFollowedRoomsOnly_EvenIfThereAreNone(t *testing.T) {
	var filter struct {
		Room struct {
			Rooms    *[]string
			State    struct{ Types []string }
			Timeline struct{ Types []string }
		}
	}
	text := (&Account{}).syncFilter(nil)
	if err := json.Unmarshal([]byte(text), &filter); err != nil {
		t.Fatal(err)
	}
	if filter.Room.Rooms == nil || len(*filter.Room.Rooms) != 0 {
		t.Error("a filter without rooms asks for all rooms")
	}
	if again := unseen(text); again == unseen(text) || json.Unmarshal([]byte(again), new(map[string]any)) != nil {
		t.Errorf("a homeserver has seen %s before, or cannot read it", again)
	}
	if slices.Contains(filter.Room.State.Types, typeRedaction) || !slices.Contains(filter.Room.Timeline.Types, typeRedaction) {
		t.Error("redactions belong to the timeline")
	}
}

func FuzzReadRoomEvent(f *testing.F) {
	f.Add(`{"type":"m.room.member","state_key":"@a:t","sender":"@a:t","content":{"membership":"join"}}`)
	f.Add(`{"type":"m.room.redaction","sender":"@a:t","content":{"redacts":"$x"},"redacts":7}`)
	f.Add(`{"type":"org.matrix.msc3401.call.member","state_key":"","sender":"@a:t","content":[[]]}`)
	f.Fuzz(func(t *testing.T, text string) {
		event, ok := readRoomEvent(json.RawMessage(text))
		if !ok {
			return
		}
		state := newRoomState("!r:t")
		state.apply(event)
		state.apply(event)
		for _, fact := range state.facts().State {
			if !json.Valid(fact.Content) && fact.Content != nil {
				t.Errorf("content %q is no JSON", fact.Content)
			}
		}
	})
}
