package main

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// verb is a verb that runs until it ends or is stopped.
type verb struct {
	t         *testing.T
	out, errs *buffer
	code      chan int
	stop      context.CancelFunc
}

// begin runs a verb as a device of a user, with JSON lines; without encryption
// unless the arguments say --encrypt.
func (h *callsHome) begin(name, user, device string, args ...string) *verb {
	h.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	v := &verb{t: h.t, out: &buffer{}, errs: &buffer{}, code: make(chan int, 1), stop: stop}
	all := slices.Concat([]string{name, "--homeserver", h.base, "--json"}, args, []string{h.roomID})
	if !slices.Contains(args, "--encrypt") {
		all = append(all, "--encrypt", "off")
	}
	std := streams{in: strings.NewReader(""), out: v.out, err: v.errs, environ: []string{"MESHFOCUS_TOKEN=" + h.token(user, device)}}
	go func() { v.code <- run(ctx, all, std) }()
	h.t.Cleanup(func() {
		stop()
		select {
		case code := <-v.code:
			v.code <- code
		case <-time.After(patience):
			h.t.Errorf("%s does not end", name)
		}
	})
	return v
}

// rings gives the lines about rings so far.
func (v *verb) rings() (lines []ringLine) {
	for line := range strings.SplitSeq(v.out.String(), "\n") {
		var ring ringLine
		if json.Unmarshal([]byte(line), &ring) == nil && ring.Event == "ring" {
			lines = append(lines, ring)
		}
	}
	return lines
}

// until waits for a line about a ring and gives it.
func (v *verb) until(what string, is func(ringLine) bool) (found ringLine) {
	v.t.Helper()
	eventually(v.t, patience, what, func() bool {
		return slices.ContainsFunc(v.rings(), func(line ringLine) bool {
			if is(line) {
				found = line
				return true
			}
			return false
		})
	}, func() string { return v.out.String() + v.errs.String() })
	return found
}

func inState(name string) func(ringLine) bool {
	return func(line ringLine) bool { return line.State == name }
}

// end waits for the verb's end and gives its exit code.
func (v *verb) end() int {
	v.t.Helper()
	select {
	case code := <-v.code:
		v.code <- code
		return code
	case <-time.After(patience):
		v.t.Fatalf("does not end:\n%s%s", v.out, v.errs)
		return -1
	}
}

func TestRing_IsAnsweredByJoinAnswer_CallAfterCall(t *testing.T) {
	t.Parallel()
	for _, room := range []struct {
		name, encrypt string
	}{{"in a clear room", "off"}, {"in an encrypted room", "auto"}} {
		t.Run(room.name, func(t *testing.T) {
			h := newCallsHome(t)
			if room.encrypt == "auto" {
				h.put("mod", "MOD", "m.room.encryption", "", map[string]string{"algorithm": "m.megolm.v1.aes-sha2"})
			}
			bot := h.begin("join", "bob", "B1", "--answer", "--encrypt", room.encrypt)
			for _, device := range []string{"A1", "A2"} {
				h.callAndHangUp(bot, device, room.encrypt)
			}
			bot.stop()
			if code := bot.end(); code != exitOK {
				t.Errorf("join --answer ended with %d: %s", code, bot.errs)
			}
		})
	}
}

// callAndHangUp rings Bob's bot as a device of Alice, and leaves when it came.
func (h *callsHome) callAndHangUp(bot *verb, device, encrypt string) {
	t := h.t
	t.Helper()
	bell := h.begin("ring", "alice", device, "--callee", id("bob"), "--intent", "audio", "--encrypt", encrypt)
	rang := bell.until("the ring", inState("ringing"))
	of := func(state string) func(ringLine) bool {
		return func(line ringLine) bool { return line.ID == rang.ID && line.State == state }
	}
	came := bot.until("the ring", of("ringing"))
	if came.Sender != id("alice") || came.Intent != "audio" || !came.Loud || came.Slot != message.SlotRoom || came.Expires == nil {
		t.Errorf("the ring is %+v", came)
	}
	bot.until("the answer", of("answered here"))
	if member := h.state(message.TypeCallMember, slotKey("bob", "B1")); !strings.Contains(member, "B1") {
		t.Errorf("it says that it has answered, and its membership is %s", member)
	}
	if got := bell.until("that somebody came", inState("accepted")); got.AnsweredBy != id("bob") {
		t.Errorf("the caller saw %+v", got)
	}
	if member := h.state(message.TypeCallMember, slotKey("alice", device)); !strings.Contains(member, `"m.call.intent":"audio"`) {
		t.Errorf("the caller's membership is %s", member)
	}
	bell.stop()
	if code := bell.end(); code != exitOK {
		t.Errorf("ring ended with %d: %s", code, bell.errs)
	}
	eventually(t, patience, "the bot's leave", func() bool {
		return h.state(message.TypeCallMember, slotKey("bob", "B1")) == `{}`
	}, func() string { return bot.out.String() + bot.errs.String() })
}

func TestJoinAnswer_SaysWhyItDoesNotAnswer_AndAnswersTheNext(t *testing.T) {
	t.Parallel()
	h := newCallsHome(t)
	h.token("alice", "A1")
	bot := h.begin("join", "bob", "B1", "--answer")
	of := func(id, state string) func(ringLine) bool {
		return func(line ringLine) bool { return line.ID == id && line.State == state }
	}
	content, err := message.Notification{Slot: "m.call#other", Ring: true, SentAt: time.Now(), Mentions: message.Mentions{Users: []string{id("bob")}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	other := h.say("alice", "A1", message.TypeNotification, json.RawMessage(content))
	if line := bot.until("the ring of another slot", of(other, "dismissed")); !strings.Contains(line.Error, "m.call#other") {
		t.Errorf("it was dismissed because %q", line.Error)
	}
	levels := func(member int) {
		h.put("mod", "MOD", "m.room.power_levels", "", map[string]any{
			"users": map[string]int{id("mod"): 100}, "events": map[string]int{message.TypeCallMember: member},
		})
	}
	h.inSlot("alice", "A1", 0)
	levels(50)
	refused := h.ring("alice", "A1", id("bob"))
	if line := bot.until("that it cannot join", of(refused, "dismissed")); !strings.Contains(line.Error, "power level") {
		t.Errorf("it was dismissed because %q", line.Error)
	}
	for _, line := range bot.rings() {
		if line.State == "answered here" {
			t.Errorf("it says that it has answered: %+v", line)
		}
	}
	levels(0)
	taken := h.ring("alice", "A1", id("bob"))
	bot.until("the answer", of(taken, "answered here"))
	again := h.ring("alice", "A1", id("bob"))
	bot.until("why it does not ring twice", func(line ringLine) bool {
		return line.ID == again && strings.Contains(line.Refused, "in the session already")
	})
	bot.stop()
	if code := bot.end(); code != exitOK {
		t.Errorf("exit code %d: %s", code, bot.errs)
	}
	if member := h.state(message.TypeCallMember, slotKey("bob", "B1")); member != `{}` {
		t.Errorf("it has not left: %s", member)
	}
}

func TestRing_EndsWhenAllHaveDeclined(t *testing.T) {
	t.Parallel()
	h := newCallsHome(t)
	h.token("bob", "B1")
	bell := h.begin("ring", "alice", "A1", "--callee", id("bob"))
	n := bell.until("the ring", inState("ringing"))
	h.say("bob", "B1", message.TypeDecline, map[string]any{"m.relates_to": map[string]string{"rel_type": "m.reference", "event_id": n.ID}})
	if got := bell.until("the decline", inState("declined")); !slices.Equal(got.DeclinedBy, []string{id("bob")}) {
		t.Errorf("declined by %v", got.DeclinedBy)
	}
	if code := bell.end(); code != exitFailed || !strings.Contains(bell.errs.String(), "declined by @bob") {
		t.Errorf("exit code %d: %s", code, bell.errs)
	}
	if member := h.state(message.TypeCallMember, slotKey("alice", "A1")); member != `{}` {
		t.Errorf("the caller's membership is still %s", member)
	}
}

func TestRing_EndsWhenNobodyAnswersOrTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	h := newCallsHome(t)
	bell := h.begin("ring", "alice", "A1", "--callee", id("bob"), "--lifetime", "1s")
	bell.until("the end of the time", inState("expired"))
	if code := bell.end(); code != exitFailed || !strings.Contains(bell.errs.String(), "no answer in 1s") {
		t.Errorf("exit code %d: %s", code, bell.errs)
	}
	bell = h.begin("ring", "alice", "A2", "--callee", id("bob"))
	bell.until("the ring", inState("ringing"))
	bell.stop()
	bell.until("the end", inState("cancelled"))
	if code := bell.end(); code != exitFailed {
		t.Errorf("exit code %d: %s", code, bell.errs)
	}
}

func TestJoinAnswer_TellsWhyItDoesNotRing_AndStopsWhenAsked(t *testing.T) {
	t.Parallel()
	h := newCallsHome(t)
	bot := h.begin("join", "bob", "B1", "--answer")
	eventually(t, patience, "a first sample", func() bool { return strings.Contains(bot.out.String(), "waiting") }, func() string { return bot.errs.String() })
	h.ring("alice", "A1", id("carol"))
	bot.until("the reason", func(line ringLine) bool {
		return strings.Contains(line.Refused, "mention") && line.Sender == id("alice")
	})
	content, err := message.Notification{Ring: true, SentAt: time.Now(), Mentions: message.Mentions{Room: true}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	h.say("alice", "A1", message.TypeNotification, json.RawMessage(content))
	bot.until("another reason", func(line ringLine) bool { return strings.Contains(line.Refused, "notifications.room") })
	bot.stop()
	if code := bot.end(); code != exitOK {
		t.Errorf("exit code %d: %s", code, bot.errs)
	}
}

// The text of June 2026 has those who ring say so.
func TestRing_IsAcknowledgedWhereTheRevisionHasThat(t *testing.T) {
	h := newCallsHome(t)
	h.token("alice", "A1")
	bot := h.begin("join", "bob", "B1", "--answer")
	sent := time.Now().UnixMilli()
	h.inSlot("alice", "A1", 0)
	h.say("alice", "A1", message.TypeNotification, map[string]any{
		"application": map[string]any{"type": "m.call", "slot_id": message.SlotRoom, "notification_type": "ring", "sender_ts": sent, "lifetime": 60000},
		"m.mentions":  map[string]any{"user_ids": []string{id("bob")}},
	})
	bot.until("the ring", inState("ringing"))
	var answer struct {
		ToDevice struct {
			Events []struct {
				Type, Sender string
				Content      struct {
					SentAt int64 `json:"sender_ts"`
				} `json:"content"`
			} `json:"events"`
		} `json:"to_device"`
	}
	eventually(t, patience, "the acknowledgement", func() bool {
		h.do("GET", "/_matrix/client/v3/sync?timeout=0", h.token("alice", "A1"), nil, &answer)
		for _, event := range answer.ToDevice.Events {
			if event.Type == message.TypeRingAck && event.Sender == id("bob") && event.Content.SentAt == sent {
				return true
			}
		}
		return false
	}, func() string { return bot.out.String() })
}

func TestRing_TellsWhereItRings(t *testing.T) {
	h := newCallsHome(t)
	h.token("mod", "MOD")
	bell := h.begin("ring", "alice", "A1", "--callee", id("mod"))
	placed := bell.until("the ring", inState("ringing"))
	var event struct {
		Content struct {
			SentAt int64 `json:"sender_ts"`
		} `json:"content"`
	}
	h.do("GET", "/_matrix/client/v3/rooms/"+url.PathEscape(h.roomID)+"/event/"+url.PathEscape(placed.ID), h.token("mod", "MOD"), nil, &event)
	h.do("PUT", "/_matrix/client/v3/sendToDevice/"+message.TypeRingAck+"/1", h.token("mod", "MOD"), map[string]any{
		"messages": map[string]any{id("alice"): map[string]any{"A1": map[string]any{"sender_ts": event.Content.SentAt}}},
	}, nil)
	bell.until("where it rings", func(line ringLine) bool { return line.RingsAt == id("mod") })
}

func TestRing_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newCallsHome(t)
	for _, args := range [][]string{{"--intent", "hologram"}, {"--lifetime", "1h"}, {"--callee", "bob"}} {
		if v := h.begin("ring", "alice", "A1", args...); v.end() != exitUsage || !strings.Contains(v.errs.String(), args[0]) {
			t.Errorf("%v: %s", args, v.errs)
		}
	}
}

func TestWhomToRing_PrefersNamesAndThenTheOtherOfTwo(t *testing.T) {
	cases := []struct {
		name  string
		named []string
		room  []string
		want  message.Mentions
	}{
		{"named", []string{"@x:hs"}, []string{"@me:hs", "@b:hs"}, message.Mentions{Users: []string{"@x:hs"}}},
		{"two in the room", nil, []string{"@me:hs", "@b:hs"}, message.Mentions{Users: []string{"@b:hs"}}},
		{"three in the room", nil, []string{"@me:hs", "@b:hs", "@c:hs"}, message.Mentions{Room: true}},
		{"nobody else", nil, []string{"@me:hs"}, message.Mentions{Room: true}},
	}
	for _, c := range cases {
		joined := map[string]bool{}
		for _, user := range c.room {
			joined[user] = true
		}
		if got := whomToRing(c.named, joined, "@me:hs"); got.Room != c.want.Room || !slices.Equal(got.Users, c.want.Users) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
