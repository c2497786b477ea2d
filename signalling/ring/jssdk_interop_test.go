//go:build interop

package ring_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

// jsEvent is an event for the program that asks js-sdk.
type jsEvent struct {
	Type     string          `json:"type"`
	StateKey string          `json:"state_key"`
	EventID  string          `json:"event_id"`
	Sender   string          `json:"sender"`
	SentAt   int64           `json:"origin_server_ts"`
	Sticky   bool            `json:"sticky"`
	Content  json.RawMessage `json:"content"`
}

// jsCase is one notification in one situation.
type jsCase struct {
	name string
	// otherwise: js-sdk differs from us, and we know why.
	otherwise string

	User        string    `json:"user"`
	Now         int64     `json:"now"`
	Event       jsEvent   `json:"event"`
	State       []jsEvent `json:"state"`
	MayCallRoom bool      `json:"may_call_room"`
	Declined    bool      `json:"declined"`
	Replaced    bool      `json:"replaced"`
}

func jsState(e membership.Event) jsEvent {
	return jsEvent{Type: e.Type, StateKey: e.StateKey, EventID: e.EventID, Sender: e.Sender, SentAt: e.SentAt.UnixMilli(), Content: e.Content}
}

// jsCases writes notifications as we send them, each condition on its own.
func jsCases(t *testing.T) []jsCase {
	slot := jsState(state(message.TypeSlot, "m.call#ROOM", alice.UserID, noon.Add(-time.Hour), `{"status":"open","application":{"type":"m.call"}}`))
	closed := slot
	closed.Content = json.RawMessage(`{"status":"closed"}`)
	one := func(name string, spoil func(*message.Notification), change func(*jsCase)) jsCase {
		n := message.Notification{Ring: true, SentAt: noon, Mentions: toBob, Member: "$m", Intent: "video"}
		spoil(&n)
		content, err := n.Encode()
		if err != nil {
			t.Fatal(err)
		}
		c := jsCase{name: name, User: bob.UserID, Now: noon.Add(time.Second).UnixMilli(), State: []jsEvent{slot}, Event: jsEvent{
			Type: message.TypeNotification, EventID: "$n", Sender: alice.UserID, SentAt: noon.UnixMilli(), Sticky: true, Content: content,
		}}
		change(&c)
		return c
	}
	as := func(*message.Notification) {}
	is := func(*jsCase) {}
	at := func(d time.Duration) func(*jsCase) { return func(c *jsCase) { c.Now = noon.Add(d).UnixMilli() } }
	toRoom := func(n *message.Notification) { n.Mentions = message.Mentions{Room: true} }
	return []jsCase{
		one("as we send it", as, is),
		one("not sticky", as, func(c *jsCase) { c.Event.Sticky = false }),
		one("by ourselves", as, func(c *jsCase) { c.Event.Sender = bob.UserID }),
		one("replaced", as, func(c *jsCase) { c.Replaced = true }),
		one("withdrawn", func(n *message.Notification) { *n = message.Notification{Withdrawn: true} }, is),
		one("a closed slot", as, func(c *jsCase) { c.State = []jsEvent{closed} }),
		one("no slot", as, func(c *jsCase) { c.State, c.otherwise = []jsEvent{}, "decision D36" }),
		one("the last second", as, at(89*time.Second)),
		one("too late", as, at(90*time.Second)),
		one("a clock 20 s ahead", func(n *message.Notification) { n.SentAt = noon.Add(20 * time.Second) }, at(100*time.Second)),
		one("a clock 21 s ahead", func(n *message.Notification) { n.SentAt = noon.Add(21 * time.Second) }, at(100*time.Second)),
		one("a clock behind", func(n *message.Notification) { n.SentAt = noon.Add(-80 * time.Second) }, at(11*time.Second)),
		one("to somebody else", func(n *message.Notification) { n.Mentions.Users = []string{carol.UserID} }, is),
		one("to the room, allowed", toRoom, func(c *jsCase) { c.MayCallRoom = true }),
		one("to the room, not allowed", toRoom, is),
		one("while another device of ours is in", as, func(c *jsCase) { c.State = append(c.State, jsState(joined(bob2))) }),
		one("while somebody else is in", as, func(c *jsCase) { c.State = append(c.State, jsState(joined(alice))) }),
		one("declined", as, func(c *jsCase) { c.Declined = true }),
	}
}

// ours is what we say to a case.
func (c jsCase) ours(t *testing.T) ring.Rule {
	n, err := message.ParseNotification(c.Event.Type, c.Event.Content)
	if err != nil {
		t.Fatal(err)
	}
	facts := membership.Facts{RoomID: "!r:hs", Joined: map[string]bool{alice.UserID: true, bob.UserID: true}}
	for _, e := range c.State {
		facts.State = append(facts.State, state(e.Type, e.StateKey, e.Sender, time.UnixMilli(e.SentAt), string(e.Content)))
	}
	now := time.UnixMilli(c.Now)
	situation := ring.Look(facts, bob, message.SlotRoom, now)
	situation.Replaced, situation.Declined, situation.MayCallRoom = c.Replaced, c.Declined, c.MayCallRoom
	_, rule := ring.Receive(ring.Incoming{EventID: c.Event.EventID, Sender: c.Event.Sender, SentAt: time.UnixMilli(c.Event.SentAt), Notification: n}, situation, now)
	return rule
}

func TestInterop_ReceiveAgreesWithJsSdk43(t *testing.T) {
	cases := jsCases(t)
	var in bytes.Buffer
	for _, c := range cases {
		if err := json.NewEncoder(&in).Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "node", "testdata/jssdk43.mjs", "../../internal/npm/node_modules/matrix-js-sdk-43")
	command.Stdin = &in
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	answers := bufio.NewScanner(bytes.NewReader(out)) // one line each
	for _, c := range cases {
		var theirs string
		if !answers.Scan() || json.Unmarshal(answers.Bytes(), &theirs) != nil {
			t.Fatalf("no answer to %q\n%s", c.name, errs.String())
		}
		rule := c.ours(t)
		if agree := (theirs == "") == (rule == ""); agree != (c.otherwise == "") {
			t.Errorf("%s: js-sdk says %q, we %q", c.name, theirs, rule)
		}
		t.Logf("%-40s js-sdk: %-60s ours: %s", c.name, theirs, strings.SplitN(string(rule), ":", 2)[0])
	}
}
