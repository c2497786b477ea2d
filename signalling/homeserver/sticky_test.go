package homeserver

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func (c *caller) stick(room string, n int, duration time.Duration) string {
	c.t.Helper()
	lastTxn++
	path := in(room, "send", "org.matrix.msc4143.rtc.member", fmt.Sprint("s", lastTxn)) +
		fmt.Sprint("?org.matrix.msc4354.sticky_duration_ms=", duration.Milliseconds())
	return c.do("PUT", path, obj{"msc4354_sticky_key": fmt.Sprint("k", n), "n": n}).ok().text("event_id")
}

func numbers(events []any) []string {
	list := []string{}
	for _, e := range events {
		list = append(list, fmt.Sprint(dig(e, "content", "n")))
	}
	return list
}

func TestSticky_ShowsToNewcomersUntilItRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, Config{})
		alice, bob, carol, dave := a.user("alice"), a.user("bob"), a.user("carol"), a.user("dave")
		room := alice.room(nil)
		alice.stick(room, 1, 10*time.Second)
		alice.stick(room, 2, 5*time.Hour) // cut to one hour
		for i := range timelineDefault {
			alice.send(room, fmt.Sprint(i))
		}
		since := bob.now()
		bob.join(room)
		section := []any{"rooms", "join", room, "msc4354_sticky", "events"}
		joined := bob.sync(since)
		same(t, "who joins", numbers(joined.list(section...)), []string{"1", "2"})
		joined.is("10000", append(section, 0, "msc4354_sticky", "duration_ms")...)
		joined.is("3600000", append(section, 1, "msc4354_sticky", "duration_ms")...)
		same(t, "each once", numbers(bob.sync(joined.text("next_batch")).list(section...)), []string{})

		time.Sleep(4 * time.Second)
		carol.join(room)
		first := carol.sync("")
		first.is("6000", append(section, 0, "unsigned", "msc4354_sticky_duration_ttl_ms")...)
		time.Sleep(6 * time.Second)
		dave.join(room)
		same(t, "who comes later", numbers(dave.sync("").list(section...)), []string{"2"})
		time.Sleep(time.Hour)
		same(t, "who comes too late", numbers(dave.sync("").list(section...)), []string{})
	})
}

func TestSticky_ShowsInTheTimelineOrInItsSection(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	since := bob.join(room).now()
	alice.stick(room, 1, time.Hour)
	near := bob.sync(since)
	if near.at("rooms", "join", room, "msc4354_sticky") != nil {
		t.Error("what is in the timeline is in the sticky section too")
	}
	near.is("3600000", "rooms", "join", room, "timeline", "events", 0, "msc4354_sticky", "duration_ms")
	since = near.text("next_batch")
	redacted := alice.stick(room, 2, time.Hour)
	alice.do("PUT", in(room, "redact", redacted, "r"), obj{}).ok()
	alice.stick(room, 3, time.Hour)
	for i := range timelineDefault {
		alice.send(room, fmt.Sprint(i))
	}
	gap := bob.sync(since)
	same(t, "over a gap", numbers(gap.list("rooms", "join", room, "msc4354_sticky", "events")), []string{"3"})
}

func TestSticky_ComesInBatchesEachOnce(t *testing.T) {
	a := newAPI(t, Config{})
	alice, bob := a.user("alice"), a.user("bob")
	room := alice.room(nil)
	const all = stickyBatch + 30
	for i := range all {
		alice.stick(room, i, time.Hour)
	}
	for i := range timelineDefault {
		alice.send(room, fmt.Sprint(i))
	}
	bob.join(room)
	section := []any{"rooms", "join", room, "msc4354_sticky", "events"}
	first := bob.sync("")
	second := bob.sync(first.text("next_batch"))
	third := bob.sync(second.text("next_batch"))
	got := append(numbers(first.list(section...)), numbers(second.list(section...))...)
	want := []string{}
	for i := range all {
		want = append(want, fmt.Sprint(i))
	}
	same(t, "all", got, want)
	if len(first.list(section...)) != stickyBatch || third.at("rooms") != nil {
		t.Errorf("the first batch has %d, the third answer is %v", len(first.list(section...)), third.body)
	}
}

func TestSticky_SurvivesARestart(t *testing.T) {
	folder := t.TempDir()
	a := newAPI(t, Config{DataDir: folder})
	alice := a.user("alice")
	room := alice.room(nil)
	alice.stick(room, 1, time.Hour)
	for i := range timelineDefault {
		alice.send(room, fmt.Sprint(i))
	}
	a.stop()
	again := newAPI(t, Config{DataDir: folder})
	bob := again.user("bob").join(room)
	same(t, "after a restart", numbers(bob.sync("").list("rooms", "join", room, "msc4354_sticky", "events")), []string{"1"})
}
