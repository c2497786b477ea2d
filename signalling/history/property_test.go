package history_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/history"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// someTimeline makes up a room in which few people come and go for days. All
// times differ, so that time alone gives the order of the timeline.
func someTimeline(random *rand.Rand, events int) *timeline {
	l := &timeline{}
	users := []string{ann, bob, cy}
	at := 0.0
	for range events {
		at += float64(1+random.IntN(90)) / 2
		if random.IntN(40) == 0 {
			at += 60 * 40
		}
		user, device := users[random.IntN(3)], fmt.Sprintf("D%d", random.IntN(2))
		switch random.IntN(10) {
		case 0, 1, 2, 3:
			l.join(user, device, minute(at), none, "")
		case 4:
			l.join(user, device, minute(at), none, `,"application":"x.board","call_id":"x"`)
		case 5:
			l.room(user, "leave", minute(at))
		case 6:
			l.decline(users[random.IntN(3)], minute(at), l.ring(user, minute(at-0.1), `{"user_ids":["@bob:hs","@cy:hs"]}`))
		default:
			l.leave(user, device, minute(at))
		}
	}
	return l
}

// forwards computes the spans of the sessions in the plainest way: all events
// in order, then all intervals at once.
func forwards(l *timeline, now time.Time) []string {
	type span struct {
		id         string
		start, end time.Time
	}
	open := map[string]*span{}
	ends := map[string]time.Time{}
	var spans []span
	shut := func(key string, at time.Time) {
		if s := open[key]; s != nil {
			s.end = at
			if ends[key].Before(at) {
				s.end = ends[key]
			}
			spans = append(spans, *s)
			delete(open, key)
		}
	}
	for _, e := range l.events {
		switch {
		case e.Type == "m.room.member":
			for key := range open {
				if len(key) > len(e.Sender) && key[1:1+len(e.Sender)] == e.Sender {
					shut(key, e.SentAt)
				}
			}
		case e.Type == message.TypeCallMember:
			content, _ := message.ParseMember(e.Content)
			id := ""
			if content.Session != nil {
				id = content.Session.SlotID()
			}
			if s := open[e.StateKey]; s != nil && (s.id != id || ends[e.StateKey].Before(e.SentAt)) {
				shut(e.StateKey, e.SentAt)
			}
			if id != "" {
				if open[e.StateKey] == nil {
					open[e.StateKey] = &span{id: id, start: e.SentAt}
				}
				ends[e.StateKey] = e.SentAt.Add(content.Session.Expires)
			}
		}
	}
	for key := range open {
		shut(key, now)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.id, b.id), a.start.Compare(b.start)) })
	var sessions []string
	for i := 0; i < len(spans); {
		s := spans[i]
		for i++; i < len(spans) && spans[i].id == s.id && spans[i].start.Before(s.end); i++ {
			if spans[i].end.After(s.end) {
				s.end = spans[i].end
			}
		}
		sessions = append(sessions, fmt.Sprint(s.id, s.start, s.end))
	}
	slices.Sort(sessions)
	return sessions
}

func TestSessions_AreThoseOfThePlainestReading(t *testing.T) {
	for seed := range uint64(12) {
		l := someTimeline(rand.New(rand.NewPCG(seed, 7)), 200)
		now := l.events[len(l.events)-1].SentAt.Add(time.Hour)
		var got []string
		for s := range history.Sessions(slices.Values(l.backwards()), history.Options{Now: now}) {
			if !s.Anchor {
				got = append(got, fmt.Sprint(s.Slot, s.Start, s.End))
			}
		}
		slices.Sort(got)
		if want := forwards(l, now); !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %d sessions, want %d\n%v\n%v", seed, len(got), len(want), got, want)
		}
	}
}

func TestSessions_AreTheSameFromAShuffledTimeline(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 8))
		l := someTimeline(random, 150)
		options := history.Options{Now: l.events[len(l.events)-1].SentAt.Add(time.Hour), Self: cy, Rule: history.Rule(seed % 2)}
		events := l.backwards()
		want := read(events, options)
		events = append(events, events[:random.IntN(len(events))]...) // some come twice
		random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		history.Sort(events)
		if got := read(events, options); got != want {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
	}
}

// What is told early is what would be told at the end.
func TestReader_TellsTheSameHoweverOftenItSweeps(t *testing.T) {
	for seed := range uint64(8) {
		l := someTimeline(rand.New(rand.NewPCG(seed, 10)), 250)
		options := history.Options{Now: l.events[len(l.events)-1].SentAt.Add(time.Hour), Self: cy, Rule: history.Rule(seed % 2)}
		var got [2][]string
		for i, every := range []int{1, 1 << 30} {
			r := history.NewReader(options).SweepEvery(every)
			var sessions []history.Session
			for _, e := range l.backwards() {
				sessions = append(sessions, r.Add(e)...)
			}
			for _, s := range append(sessions, r.Finish()...) {
				got[i] = append(got[i], words([]history.Session{s}))
			}
			slices.Sort(got[i])
		}
		if !slices.Equal(got[0], got[1]) {
			t.Fatalf("seed %d: sweeping gives\n%s\nwant\n%s", seed, strings.Join(got[0], "\n"), strings.Join(got[1], "\n"))
		}
	}
}

// Servers disagree a little about the order of events; what matters is the
// order in which each member spoke.
func TestSessions_DoNotDependOnHowMembersInterleave(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 9))
		l := someTimeline(random, 150)
		options := history.Options{Now: l.events[len(l.events)-1].SentAt.Add(time.Hour)}
		events := l.backwards()
		want := read(events, options)
		for i := range len(events) - 1 {
			a, b := &events[i], &events[i+1]
			if isMembership(*a) && isMembership(*b) && a.Sender != b.Sender && random.IntN(2) == 0 {
				*a, *b = *b, *a
			}
		}
		if got := read(events, options); got != want {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
	}
}

func isMembership(e history.Event) bool { return e.Type == message.TypeCallMember }

// long yields a timeline of calls, newest first, without ever holding it.
func long(events int, now time.Time, yield func(history.Event) bool) {
	at := now
	for i := range events {
		at = at.Add(-40 * time.Second)
		user := fmt.Sprintf("@user%d:hs", i%7)
		e := history.Event{State: true, Event: membership.Event{
			Type: message.TypeCallMember, Sender: user, EventID: fmt.Sprintf("$%d", i), SentAt: at,
			// Each call has devices of its own, as browsers do.
			StateKey: fmt.Sprintf("_%s_D%d_m.call", user, i/14), Content: json.RawMessage(`{}`),
		}}
		if i%14 >= 7 {
			e.Content = json.RawMessage(fmt.Sprintf(
				`{"application":"m.call","call_id":"","device_id":"D%d","expires":14400000,"focus_active":{"type":"full_mesh"},"foci_preferred":[]}`, i/14))
		}
		if !yield(e) {
			return
		}
	}
}

func TestReader_HoldsNoMoreThanADay(t *testing.T) {
	r := history.NewReader(history.Options{Now: noon})
	sessions, most, i := 0, 0, 0
	long(8_000, noon, func(e history.Event) bool {
		sessions += len(r.Add(e))
		if i++; i%1000 == 0 {
			most = max(most, r.Held())
		}
		return true
	})
	sessions += len(r.Finish())
	// 25 hours are 2250 events of 40 s, and 512 more come before they are swept.
	if most > 3000 || r.Held() != 0 {
		t.Errorf("holds up to %d things, %d at the end", most, r.Held())
	}
	if want := 8_000 / 14; sessions < want || sessions > want+1 {
		t.Errorf("%d sessions, want %d", sessions, want)
	}
}

func BenchmarkSessions_100000Events(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		r := history.NewReader(history.Options{Now: noon})
		most, i := 0, 0
		long(100_000, noon, func(e history.Event) bool {
			r.Add(e)
			if i++; i%1000 == 0 {
				most = max(most, r.Held())
			}
			return true
		})
		r.Finish()
		b.ReportMetric(float64(most), "held")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"application":"m.call","call_id":"","device_id":"D","expires":1,"focus_active":{"type":"mesh"},"created_ts":5}`), []byte(`{}`), int64(5), int64(1))
	f.Add([]byte(`{"m.calls":[{"m.call_id":"c","m.devices":[{"device_id":"D","session_id":"s","expires_ts":9,"feeds":[]}]}]}`), []byte(`{"memberships":[]}`), int64(-5), int64(0))
	f.Fuzz(func(t *testing.T, a, b []byte, first, second int64) {
		r := history.NewReader(history.Options{Now: noon, Rule: history.Rule(first & 1)})
		at := func(millis int64) time.Time { return time.UnixMilli(millis % (1 << 50)) }
		for i, content := range [][]byte{a, b, a} {
			e := history.Event{State: i != 1, Previous: b, Replaces: "$x", Event: membership.Event{
				Type: message.TypeMember, Sender: ann, EventID: fmt.Sprint("$", i), SentAt: at(first + second*int64(i)), Content: content,
			}}
			r.Add(e)
		}
		for _, s := range r.Finish() {
			if !s.End.After(s.Start) || len(s.Participants) == 0 || s.Initiator != ann {
				t.Errorf("a session like %+v", s)
			}
		}
	})
}
