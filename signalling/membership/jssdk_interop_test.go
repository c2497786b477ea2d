//go:build interop

package membership_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"testing"

	"meshfocus/signalling/membership"

	"pgregory.net/rapid"
)

// jsRoom is a room for testdata/jssdk.mjs.
type jsRoom struct {
	Now    int64     `json:"now"`
	State  []jsEvent `json:"state"`
	Sticky []jsEvent `json:"sticky"`
}

type jsEvent struct {
	Type     string          `json:"type"`
	StateKey string          `json:"state_key"`
	Sender   string          `json:"sender"`
	EventID  string          `json:"event_id"`
	SentAt   int64           `json:"origin_server_ts"`
	Content  json.RawMessage `json:"content"`
}

func jsEventOf(e membership.Event) jsEvent {
	return jsEvent{e.Type, e.StateKey, e.Sender, e.EventID, e.SentAt.UnixMilli(), e.Content}
}

func (c *call) jsRoom(without string) jsRoom {
	facts := c.facts(without)
	room := jsRoom{Now: c.now.UnixMilli(), State: []jsEvent{}, Sticky: []jsEvent{}}
	for _, e := range facts.State {
		room.State = append(room.State, jsEventOf(e))
	}
	for _, s := range facts.Sticky {
		if s.Until.After(c.now) {
			room.Sticky = append(room.Sticky, jsEventOf(s.Event))
		}
	}
	return room
}

// drawCall is a room after a few of LiveKit members and we have come and gone.
func drawCall(t *rapid.T, fail failer) *call {
	users := []string{"@a:hs", "@b:hs", "@c:hs"}
	c := newCall(users...)
	able := drawAbilities(t)
	for range rapid.IntRange(2, 9).Draw(t, "steps") {
		user := rapid.SampledFrom(append(users, us)).Draw(t, "user")
		action := rapid.SampledFrom(append([]string{"leave", "hour"}, modes...)).Draw(t, "action")
		c.step(fail, able, user, action)
	}
	return c
}

// The real js-sdk 43 computes what our model of it says, and for LiveKit
// members the same with us as without us.
func TestInterop_JSSDKComputesTheSameTransportsWithUsAndWithoutUs(t *testing.T) {
	var rooms []jsRoom
	var models []map[string]string
	generator := rapid.Custom(func(rt *rapid.T) *call { return drawCall(rt, t) })
	for seed := range 1000 {
		c := generator.Example(seed)
		for _, without := range []string{"", us} {
			rooms = append(rooms, c.jsRoom(without))
			models = append(models, jsTransports(jsMembers(c.facts(without), c.now), ""))
		}
	}
	answers := askJSSDK(t, rooms)
	together := 0
	for i := 0; i < len(answers); i += 2 {
		for j, is := range answers[i : i+2] {
			if !maps.Equal(is, models[i+j]) {
				t.Errorf("room %s: js-sdk says %v, the model %v", roomText(rooms[i+j]), is, models[i+j])
			}
		}
		with := maps.Clone(answers[i])
		delete(with, us+"/D")
		if len(with) > 0 && len(answers[i]) > len(with) {
			together++
		}
		if !maps.Equal(with, answers[i+1]) {
			t.Errorf("room %s: with us %v, without us %v", roomText(rooms[i]), with, answers[i+1])
		}
	}
	if together < 100 {
		t.Errorf("we and LiveKit members are together in %d rooms only", together)
	}
}

func roomText(room jsRoom) string {
	text, err := json.Marshal(room)
	return fmt.Sprintf("%s %v", text, err)
}

func askJSSDK(t *testing.T, rooms []jsRoom) (answers []map[string]string) {
	t.Helper()
	input, err := json.Marshal(rooms)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "testdata/jssdk.mjs")
	node.Stdin = bytes.NewReader(input)
	var problems bytes.Buffer
	node.Stderr = &problems
	output, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, problems.String())
	}
	if err := json.Unmarshal(output, &answers); err != nil || len(answers) != len(rooms) {
		t.Fatalf("js-sdk answered %.200s, error %v", output, err)
	}
	return answers
}
