package history_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/history"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// minute is an instant of the tables below: minutes after noon.
func minute(n float64) time.Time { return noon.Add(time.Duration(n * float64(time.Minute))) }

// timeline builds a room's timeline, oldest event first, with the
// prev_content that a homeserver adds.
type timeline struct {
	events []history.Event
	latest map[string]history.Event
}

func (l *timeline) add(e history.Event) string {
	if l.latest == nil {
		l.latest = map[string]history.Event{}
	}
	e.EventID = fmt.Sprintf("$%04d", len(l.events))
	if e.State {
		key := e.Type + " " + e.StateKey
		if before, ok := l.latest[key]; ok {
			e.Previous, e.Replaces = before.Content, before.EventID
		}
		l.latest[key] = e
	}
	l.events = append(l.events, e)
	return e.EventID
}

func (l *timeline) state(eventType, key, sender string, at time.Time, content string) string {
	return l.add(history.Event{State: true, Event: membership.Event{
		Type: eventType, StateKey: key, Sender: sender, SentAt: at, Content: json.RawMessage(content),
	}})
}

func (l *timeline) say(eventType, sender string, at time.Time, content string) string {
	return l.add(history.Event{Event: membership.Event{Type: eventType, Sender: sender, SentAt: at, Content: json.RawMessage(content)}})
}

func deviceKey(user, device string) string { return "_" + user + "_" + device + "_m.call" }

// join writes a per-device membership. expires is counted from the event.
func (l *timeline) join(user, device string, at, created time.Time, extra string) string {
	expires := 4 * time.Hour
	if !created.IsZero() {
		expires += at.Sub(created)
		extra += fmt.Sprintf(`,"created_ts":%d`, created.UnixMilli())
	}
	if !strings.Contains(extra, "focus_active") {
		extra += `,"focus_active":{"type":"full_mesh"}`
	}
	if !strings.Contains(extra, `"application"`) {
		extra += `,"application":"m.call"`
	}
	if !strings.Contains(extra, `"call_id"`) {
		extra += `,"call_id":""`
	}
	return l.state(message.TypeCallMember, deviceKey(user, device), user, at, fmt.Sprintf(
		`{"device_id":%q,"expires":%d%s}`, device, expires.Milliseconds(), extra))
}

func (l *timeline) leave(user, device string, at time.Time) string {
	return l.state(message.TypeCallMember, deviceKey(user, device), user, at, `{}`)
}

func (l *timeline) room(user, is string, at time.Time) {
	l.state("m.room.member", user, user, at, fmt.Sprintf(`{"membership":%q}`, is))
}

func (l *timeline) ring(sender string, at time.Time, mentions string) string {
	return l.say(message.TypeNotification, sender, at, fmt.Sprintf(
		`{"slot_id":"m.call#ROOM","notification_type":"ring","sender_ts":%d,"lifetime":90000,"m.call.intent":"audio","m.mentions":%s}`, at.UnixMilli(), mentions))
}

func (l *timeline) decline(sender string, at time.Time, notification string) {
	l.say(message.TypeDecline, sender, at, fmt.Sprintf(`{"m.relates_to":{"rel_type":"m.reference","event_id":%q}}`, notification))
}

// backwards is the timeline as pagination gives it.
func (l *timeline) backwards() []history.Event {
	events := slices.Clone(l.events)
	slices.Reverse(events)
	return events
}

// words gives sessions in one line each, times in minutes after noon.
func words(sessions []history.Session) string {
	clock := func(at time.Time) string { return fmt.Sprintf("%.4g", at.Sub(noon).Minutes()) }
	var lines []string
	for _, s := range sessions {
		line := fmt.Sprintf("%s %s-%s", s.Slot, clock(s.Start), clock(s.End))
		if s.Running {
			line += " running"
		}
		if s.Anchor {
			line += " anchor"
		}
		for _, p := range s.Participants {
			line += " " + p.UserID
			for _, part := range p.Parts {
				line += fmt.Sprintf("/%s %s-%s", part.DeviceID, clock(part.Start), clock(part.End))
			}
		}
		line += " by " + s.Initiator
		for _, word := range []struct{ name, is string }{
			{"intent", s.Intent}, {"missed", strings.Join(s.Missed, ",")}, {"declined", strings.Join(s.Declined, ",")}, {"over", s.Topology},
		} {
			if word.is != "" {
				line += " " + word.name + " " + word.is
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func read(events []history.Event, options history.Options) string {
	return words(slices.Collect(history.Sessions(slices.Values(events), options)))
}

const (
	ann = "@ann:hs"
	bob = "@bob:hs"
	cy  = "@cy:hs"
)

var none time.Time

// scene is a timeline and what is to be read from it. Rings are read by cy.
type scene struct {
	name  string
	now   time.Time // ten thousand minutes after noon when zero
	build func(*timeline)
	want  string
}

func (c scene) options() history.Options {
	if c.now.IsZero() {
		c.now = minute(10000)
	}
	return history.Options{Now: c.now, Self: cy}
}

func (c scene) test(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		var l timeline
		c.build(&l)
		if got := read(l.backwards(), c.options()); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	})
}

func TestSessions_ByTheRuleOfSlots(t *testing.T) {
	for _, c := range slotScenes() {
		c.test(t)
	}
}

func slotScenes() []scene {
	other := `,"application":"x.board"`
	return []scene{
		{"nobody ever called", none, func(*timeline) {}, ""},
		{"one call of two", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, `,"m.call.intent":"video"`)
			l.join(bob, "B", minute(1), none, "")
			l.leave(ann, "A", minute(9))
			l.leave(bob, "B", minute(10))
		}, "m.call#ROOM 0-10 @ann:hs/A 0-9 @bob:hs/B 1-10 by @ann:hs intent video over full_mesh"},
		{"two calls that only touch", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.leave(ann, "A", minute(5))
			l.join(bob, "B", minute(5), none, "")
			l.leave(bob, "B", minute(6))
		}, "m.call#ROOM 5-6 @bob:hs/B 5-6 by @bob:hs over full_mesh\nm.call#ROOM 0-5 @ann:hs/A 0-5 by @ann:hs over full_mesh"},
		{"three that overlap in a chain", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.join(bob, "B", minute(4), none, "")
			l.leave(ann, "A", minute(5))
			l.join(cy, "C", minute(9), none, "")
			l.leave(bob, "B", minute(10))
			l.leave(cy, "C", minute(15))
		}, "m.call#ROOM 0-15 @ann:hs/A 0-5 @bob:hs/B 4-10 @cy:hs/C 9-15 by @ann:hs over full_mesh"},
		{"a refresh is no second part", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.join(ann, "A", minute(180), minute(0), "")
			l.leave(ann, "A", minute(300))
		}, "m.call#ROOM 0-300 @ann:hs/A 0-300 by @ann:hs over full_mesh"},
		{"who crashed was there until the expiry", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
		}, "m.call#ROOM 0-240 @ann:hs/A 0-240 by @ann:hs over full_mesh"},
		{"who crashed and came back two days later was not there in between", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.join(ann, "A", minute(2880), none, "")
			l.leave(ann, "A", minute(2881))
		}, "m.call#ROOM 2880-2881 @ann:hs/A 2880-2881 by @ann:hs over full_mesh\nm.call#ROOM 0-240 @ann:hs/A 0-240 by @ann:hs over full_mesh"},
		{"who left the room left the call", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.room(ann, "leave", minute(7))
		}, "m.call#ROOM 0-7 @ann:hs/A 0-7 by @ann:hs over full_mesh"},
		{"who was banned left with all devices and may return", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.join(ann, "B", minute(1), none, "")
			l.room(ann, "ban", minute(7))
			l.room(ann, "join", minute(8))
			l.join(ann, "A", minute(8), none, "")
			l.leave(ann, "A", minute(9))
		}, "m.call#ROOM 8-9 @ann:hs/A 8-9 by @ann:hs over full_mesh\nm.call#ROOM 0-7 @ann:hs/A 0-7/B 1-7 by @ann:hs over full_mesh"},
		{"a switch of the slot ends one part and begins another", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.join(ann, "A", minute(3), none, other)
			l.leave(ann, "A", minute(5))
		}, "x.board# 3-5 @ann:hs/A 3-5 by @ann:hs over full_mesh\nm.call#ROOM 0-3 @ann:hs/A 0-3 by @ann:hs over full_mesh"},
		{"created_ts an hour before counts", none, func(l *timeline) {
			l.join(ann, "A", minute(60), minute(0), "")
			l.leave(ann, "A", minute(61))
		}, "m.call#ROOM 0-61 @ann:hs/A 0-61 by @ann:hs over full_mesh"},
		{"created_ts further back does not", none, func(l *timeline) {
			l.join(ann, "A", minute(61), minute(0), "")
			l.leave(ann, "A", minute(62))
		}, "m.call#ROOM 61-62 @ann:hs/A 61-62 by @ann:hs over full_mesh"},
		{"intents that differ are none", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, `,"m.call.intent":"video"`)
			l.join(bob, "B", minute(1), none, `,"m.call.intent":"audio"`)
			l.leave(ann, "A", minute(2))
			l.leave(bob, "B", minute(2))
		}, "m.call#ROOM 0-2 @ann:hs/A 0-2 @bob:hs/B 1-2 by @ann:hs over full_mesh"},
		{"two transports", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, `,"focus_active":{"type":"livekit"}`)
			l.join(bob, "B", minute(1), none, "")
			l.leave(ann, "A", minute(2))
			l.leave(bob, "B", minute(2))
		}, "m.call#ROOM 0-2 @ann:hs/A 0-2 @bob:hs/B 1-2 by @ann:hs over full_mesh+livekit"},
		{"m.calls of two devices in one event", none, func(l *timeline) {
			device := func(id string, until float64) string {
				return fmt.Sprintf(`{"device_id":%q,"session_id":"s","expires_ts":%d,"feeds":[]}`, id, minute(until).UnixMilli())
			}
			calls := `{"m.calls":[{"m.call_id":"conf","m.devices":[%s]}]}`
			l.state(message.TypeCallMember, ann, ann, minute(0), fmt.Sprintf(calls, device("A", 60)))
			l.state(message.TypeCallMember, ann, ann, minute(1), fmt.Sprintf(calls, device("A", 60)+","+device("B", 61)))
			l.state(message.TypeCallMember, ann, ann, minute(5), fmt.Sprintf(calls, device("B", 61)))
			l.state(message.TypeCallMember, ann, ann, minute(8), `{"m.calls":[]}`)
		}, "conf 0-8 @ann:hs/A 0-5/B 1-8 by @ann:hs over full_mesh"},
		{"the legacy list and the Dart SDK's, apart", none, func(l *timeline) {
			entry := `{"memberships":[{"application":"m.call","call_id":"","scope":"m.room","device_id":"A","membershipID":"m",%s,"foci_active":[{"type":%q}]}]}`
			l.state(message.TypeCallMember, ann, ann, minute(0), fmt.Sprintf(entry, fmt.Sprintf(`"created_ts":%d,"expires":3600000`, minute(0).UnixMilli()), "livekit"))
			l.state(message.TypeMemberFamedly, bob, bob, minute(1), fmt.Sprintf(entry, fmt.Sprintf(`"expires_ts":%d`, minute(7).UnixMilli()), "mesh"))
			l.state(message.TypeCallMember, ann, ann, minute(2), `{}`)
			l.state(message.TypeMemberFamedly, bob, bob, minute(3), `{"memberships":[]}`)
		}, membership.FamedlyConfID("m.call", "") + " 1-3 @bob:hs/A 1-3 by @bob:hs over full_mesh\nm.call#ROOM 0-2 @ann:hs/A 0-2 by @ann:hs over livekit"},
		{"sticky memberships in the clear", none, func(l *timeline) {
			l.say(message.TypeMember, ann, minute(0), `{"slot_id":"m.call#ROOM","application":{"type":"m.call","m.call.intent":"video"},"member":{"id":"m1","user_id":"@ann:hs","device_id":"A"},"transports":{"published":[{"type":"full_mesh"}]},"msc4354_sticky_key":"k","versions":[]}`)
			l.say(message.TypeMember, ann, minute(4), `{"slot_id":"m.call#ROOM","msc4354_sticky_key":"k"}`)
		}, "m.call#ROOM 0-4 @ann:hs/A 0-4 by @ann:hs intent video over full_mesh"},
		{"what cannot be read leaves", none, func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.state(message.TypeCallMember, deviceKey(ann, "A"), ann, minute(3), `[]`)
		}, "m.call#ROOM 0-3 @ann:hs/A 0-3 by @ann:hs over full_mesh"},
		{"nobody counts a day after they last said so", none, func(l *timeline) {
			l.state(message.TypeCallMember, deviceKey(ann, "A"), ann, minute(0),
				`{"application":"m.call","call_id":"","device_id":"A","expires":864000000,"focus_active":{"type":"full_mesh"}}`)
		}, "m.call#ROOM 0-1440 @ann:hs/A 0-1440 by @ann:hs over full_mesh"},
		{"a time that runs backwards is no part", none, func(l *timeline) {
			l.join(ann, "A", minute(5), none, "")
			l.leave(ann, "A", minute(4))
		}, ""},
	}
}

func TestSessions_ByTheRuleOfTheSeed(t *testing.T) {
	cases := []struct {
		name  string
		build func(*timeline)
		want  string
	}{
		{"a join and a leave", func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.leave(ann, "A", minute(3))
		}, "m.call#ROOM 0-3 @ann:hs/A 0-3 by @ann:hs over full_mesh"},
		{"a switch of the application alone goes unseen", func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.join(ann, "A", minute(3), none, `,"application":"x.board"`)
			l.leave(ann, "A", minute(5))
		}, "m.call#ROOM 0-5 @ann:hs/A 0-5 by @ann:hs over full_mesh"},
		{"a switch of the call alone too", func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.join(ann, "A", minute(3), none, `,"call_id":"x"`)
			l.leave(ann, "A", minute(5))
		}, "m.call#ROOM 0-5 @ann:hs/A 0-5 by @ann:hs over full_mesh"},
		{"a switch of both is a join", func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.join(ann, "A", minute(3), none, `,"application":"x.board","call_id":"x"`)
			l.leave(ann, "A", minute(5))
		}, "x.board#x 3-5 @ann:hs/A 3-5 by @ann:hs over full_mesh\nm.call#ROOM 0-3 @ann:hs/A 0-3 by @ann:hs over full_mesh"},
		{"an expiry is unknown", func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.leave(ann, "A", minute(600))
		}, "m.call#ROOM 0-600 @ann:hs/A 0-600 by @ann:hs over full_mesh"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var l timeline
			c.build(&l)
			if got := read(l.backwards(), history.Options{Now: minute(10000), Rule: history.RuleSeed}); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestSessions_TellWhatCameOfARing(t *testing.T) {
	for _, c := range ringScenes() {
		c.test(t)
	}
}

func ringScenes() []scene {
	to := func(users ...string) string {
		text, _ := json.Marshal(map[string]any{"user_ids": users})
		return string(text)
	}
	return []scene{
		{"answered", minute(100), func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.ring(ann, minute(0), to(bob))
			l.join(bob, "B", minute(1), none, "")
			l.leave(ann, "A", minute(2))
			l.leave(bob, "B", minute(2))
		}, "m.call#ROOM 0-2 @ann:hs/A 0-2 @bob:hs/B 1-2 by @ann:hs intent audio over full_mesh"},
		{"missed by one and declined by another", minute(100), func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			n := l.ring(ann, minute(0), to(bob, cy))
			l.decline(cy, minute(0.5), n)
			l.leave(ann, "A", minute(2))
		}, "m.call#ROOM 0-2 @ann:hs/A 0-2 by @ann:hs intent audio missed @bob:hs declined @cy:hs over full_mesh"},
		{"declined by one who was not called", minute(100), func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			n := l.ring(ann, minute(0), to(bob))
			l.decline(cy, minute(0.5), n)
			l.leave(ann, "A", minute(2))
		}, "m.call#ROOM 0-2 @ann:hs/A 0-2 by @ann:hs intent audio missed @bob:hs over full_mesh"},
		{"missed by us when the room was called", minute(100), func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.ring(ann, minute(0), `{"room":true}`)
			l.leave(ann, "A", minute(2))
		}, "m.call#ROOM 0-2 @ann:hs/A 0-2 by @ann:hs intent audio missed @cy:hs over full_mesh"},
		{"not missed while it rings", minute(1), func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.ring(ann, minute(0), to(bob))
		}, "m.call#ROOM 0-1 running @ann:hs/A 0-1 by @ann:hs intent audio over full_mesh"},
		{"missed once the call is over, however long it would have rung", minute(1), func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.ring(ann, minute(0), to(bob))
			l.leave(ann, "A", minute(0.5))
		}, "m.call#ROOM 0-0.5 @ann:hs/A 0-0.5 by @ann:hs intent audio missed @bob:hs over full_mesh"},
		{"all that is known is a ring that goes on", minute(1), func(l *timeline) {
			l.ring(ann, minute(0), to(bob))
		}, "m.call#ROOM 0-0 anchor by @ann:hs intent audio"},
		{"all that is known is the ring", minute(100), func(l *timeline) {
			n := l.ring(ann, minute(0), to(bob, cy))
			l.decline(cy, minute(0.5), n)
		}, "m.call#ROOM 0-0 anchor by @ann:hs intent audio missed @bob:hs declined @cy:hs"},
		{"somebody who is not in the call rings for it", minute(100), func(l *timeline) {
			l.join(ann, "A", minute(0), none, "")
			l.ring(cy, minute(1), to(bob))
			l.leave(ann, "A", minute(2))
		}, "m.call#ROOM 1-1 anchor by @cy:hs intent audio missed @bob:hs\nm.call#ROOM 0-2 @ann:hs/A 0-2 by @ann:hs over full_mesh"},
	}
}

func TestReader_CountsWhatItCannotRead(t *testing.T) {
	var l timeline
	l.say(message.TypeEncrypted, ann, minute(0), `{"algorithm":"m.megolm.v1.aes-sha2"}`)
	l.say("m.room.message", ann, minute(1), `{}`)
	r := history.NewReader(history.Options{Now: minute(9)})
	for _, e := range l.backwards() {
		r.Add(e)
	}
	if r.Unreadable != 1 || r.Events() != 2 || len(r.Finish()) != 0 {
		t.Errorf("%d of %d unreadable", r.Unreadable, r.Events())
	}
}

func TestReader_KnowsFromTheNextEventWhatItsFirstPageLacks(t *testing.T) {
	var l timeline
	l.join(ann, "A", minute(0), none, "")
	l.join(ann, "A", minute(30), minute(0), "")
	l.join(ann, "A", minute(180), minute(0), "")
	l.leave(ann, "A", minute(200))
	events := l.backwards()
	want := "m.call#ROOM 0-200 @ann:hs/A 0-200 by @ann:hs over full_mesh"
	for _, lost := range [][]int{nil, {3}, {2}, {1}, {2, 3}, {1, 2, 3}} {
		kept := slices.Clone(events)
		for _, at := range slices.Backward(lost) {
			kept = slices.Delete(kept, at, at+1)
		}
		if got := read(kept, history.Options{Now: minute(1000)}); got != want {
			t.Errorf("without %v:\n%s\nwant\n%s", lost, got, want)
		}
	}
}

func TestReader_KnowsFromTheNextEventWhatIsMissingInTheMiddle(t *testing.T) {
	var l timeline
	l.join(ann, "A", minute(0), none, "")
	l.leave(ann, "A", minute(10))
	l.join(ann, "A", minute(31), minute(30), "")
	l.leave(ann, "A", minute(40))
	want := "m.call#ROOM 30-40 @ann:hs/A 30-40 by @ann:hs over full_mesh\nm.call#ROOM 0-10 @ann:hs/A 0-10 by @ann:hs over full_mesh"
	if got := read(slices.Delete(l.backwards(), 1, 2), history.Options{Now: minute(1000)}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReader_TakesAnEventThatComesTwiceOnce(t *testing.T) {
	var l timeline
	l.join(ann, "A", minute(31), minute(30), "")
	l.leave(ann, "A", minute(40))
	events := l.backwards()
	want := "m.call#ROOM 30-40 @ann:hs/A 30-40 by @ann:hs over full_mesh"
	if got := read([]history.Event{events[0], events[0], events[1], events[1]}, history.Options{Now: minute(1000)}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReader_RunsAtItsOwnTime(t *testing.T) {
	var l timeline
	l.join(ann, "A", minute(0), none, "")
	l.join(bob, "B", minute(5), none, "")
	l.leave(bob, "B", minute(6))
	want := "m.call#ROOM 0-20 running @ann:hs/A 0-20 @bob:hs/B 5-6 by @ann:hs over full_mesh"
	if got := read(l.backwards(), history.Options{Now: minute(20)}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
