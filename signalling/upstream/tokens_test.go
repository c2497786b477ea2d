package upstream

import (
	"slices"
	"testing"
	"time"
)

func TestTokens_AreForgottenWithTheLastEvent(t *testing.T) {
	f := start(t, newFake(t), inMemory)
	first, second := f.scheduled(leaveURI+"60000", "alice1", "{}"), f.scheduled(leaveURI+"60000", "alice1", "{}")
	f.ask("POST", managePath+"/"+first+"/cancel", "", "")
	if f.Stats().Devices != 1 {
		t.Errorf("with one event there are %+v", f.Stats())
	}
	f.ask("POST", managePath+"/"+second+"/send", "", "")
	if f.waiting() != (Stats{}) {
		t.Errorf("in the end there are %+v", f.Stats())
	}
}

func TestTokens_ALogoutSendsTheLeavesAndForgetsTheToken(t *testing.T) {
	for name, c := range map[string]struct {
		path, token string
		sent, left  int
	}{
		"of one device":                 {"/_matrix/client/v3/logout", "alice1", 1, 2},
		"of all devices":                {"/_matrix/client/v3/logout/all", "alice1", 2, 1},
		"of all, by one without events": {"/_matrix/client/v3/logout/all", "alice3", 2, 1},
		"of another user":               {"/_matrix/client/v3/logout", "bob1", 0, 4},
		"that is refused":               {"/_matrix/client/v3/logout", "nobody", 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			home := newFake(t)
			home.tokens["carol1"], home.tokens["alice3"] = "@carol:x C1", "@alice:x A3"
			f := start(t, home, inMemory)
			f.scheduled(leaveURI+"60000", "alice1", "{}")
			f.scheduled("/_matrix/client/v3/rooms/!a:x/send/m.x/t?org.matrix.msc4140.delay=60000", "alice1", "{}")
			f.scheduled(leaveURI+"60000", "alice2", "{}")
			f.scheduled(leaveURI+"60000", "carol1", "{}")
			f.ask("POST", c.path, c.token, "{}")
			if len(home.sent()) != c.sent || f.Stats().Delayed != c.left {
				t.Errorf("sent %q, %d left; want %d and %d", home.sent(), f.Stats().Delayed, c.sent, c.left)
			}
		})
	}
}

func TestTokens_A401InPassingDropsThem(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	id := f.scheduled(leaveURI+"60000", "alice1", "{}")
	kept := f.scheduled(leaveURI+"60000", "bob1", "{}")
	home.set(func() { delete(home.tokens, "alice1") })
	if status, answer := f.ask("PUT", leavePath, "alice1", "{}"); status != 401 || answer["errcode"] != codeUnknownToken {
		t.Fatalf("the answer is changed: %d %v", status, answer)
	}
	if status, _ := f.ask("POST", managePath+"/"+id+"/restart", "", ""); status != 404 {
		t.Errorf("the event is still there: %d", status)
	}
	if status, _ := f.ask("POST", managePath+"/"+kept+"/restart", "", ""); status != 200 {
		t.Errorf("another's event is gone: %d", status)
	}
	if status, _ := f.ask("GET", unstableRTC, "alice1", ""); status != 401 {
		t.Errorf("the token is still believed: %d", status)
	}
}

func TestTokens_ASoftLogoutWaitsForTheDevicesNewToken(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	id := f.scheduled(leaveURI+"60000", "alice1", "{}")
	home.set(func() { delete(home.tokens, "alice1"); home.tokens["renewed"] = "@alice:x A1"; home.soft = true })
	f.ask("PUT", leavePath, "alice1", "{}")
	if _, owner, ok := f.book.find(id); !ok || owner.Token != "" {
		t.Fatalf("the event is there: %v, with the token %q", ok, owner.Token)
	}
	if status, _ := f.ask("POST", managePath+"/"+id+"/restart", "renewed", "{}"); status != 200 {
		t.Fatalf("restart with the new token: %d", status)
	}
	if status, _ := f.ask("POST", managePath+"/"+id+"/send", "", ""); status != 200 {
		t.Fatalf("send: %d", status)
	}
	if got, want := home.sent(), []string{leavePath + " renewed {}"}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestTokens_OneThatNoLongerWorksWhenItIsDueIsDropped(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	f.scheduled(leaveURI+"60000", "alice1", "{}")
	due := f.scheduled(leaveURI+"60000", "alice1", "{}")
	home.set(func() { delete(home.tokens, "alice1") })
	if status, answer := f.ask("POST", managePath+"/"+due+"/send", "", ""); status != 401 || answer["errcode"] != codeUnknownToken {
		t.Errorf("answered %d %v", status, answer)
	}
	if f.waiting() != (Stats{}) {
		t.Errorf("still there: %+v", f.Stats())
	}
}

func TestTokens_StateOfOthersCancelsWhatWasScheduledForIt(t *testing.T) {
	home := newFake(t)
	f := start(t, home, inMemory)
	f.scheduled(leaveURI+"60000", "alice1", "{}")
	f.ask("PUT", leavePath, "alice1", "{}")
	f.ask("PUT", leavePath, "alice2", "{}")
	if f.Stats().Delayed != 1 {
		t.Fatal("the sender's own state cancels")
	}
	f.ask("PUT", leavePath+"x", "bob1", "{}")
	if f.Stats().Delayed != 1 {
		t.Fatal("other state cancels")
	}
	f.ask("PUT", leavePath, "bob1", "{}")
	if f.Stats().Delayed != 0 {
		t.Error("another's state does not cancel")
	}
}

func TestBook_RetriesLaterAndLaterAndGivesUp(t *testing.T) {
	b, now := newBook(nil, nil), time.Now()
	id := b.mustSchedule(t, caller{token: "t", user: "@u:x"}, 0)
	at := now.Add(time.Millisecond)
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		jobs, _, _ := b.due(at, 1)
		if len(jobs) != 1 {
			t.Fatalf("nothing is due at %s", at)
		}
		if _, busy, ok := b.restart(id, at); busy == nil || !ok {
			t.Fatal("a restart does not wait for what becomes of it")
		}
		b.finish(jobs[0], outcome{verdict: unanswered}, at)
		if _, _, next := b.due(at, 1); next.Sub(at) != want*time.Second {
			t.Fatalf("the next attempt is after %s, want %d s", next.Sub(at), want)
		} else {
			at = next
		}
	}
	jobs, _, _ := b.due(at, 1)
	b.finish(jobs[0], outcome{verdict: unanswered}, now.Add(giveUp+time.Minute))
	if n := b.stats().Delayed; n != 0 {
		t.Error("it is never given up")
	}
}

func TestBook_SendsTheEventsOfADeviceOneAfterTheOther(t *testing.T) {
	b := newBook(nil, nil)
	alice, bob := caller{token: "a", user: "@a:x"}, caller{token: "b", user: "@b:x"}
	first := b.mustSchedule(t, alice, 0)
	b.mustSchedule(t, alice, time.Millisecond)
	b.mustSchedule(t, bob, time.Millisecond)
	now := time.Now().Add(time.Second)
	jobs, _, _ := b.due(now, 10)
	if len(jobs) != 2 || jobs[0].ID != first {
		t.Fatalf("under way are %d events", len(jobs))
	}
	b.finish(jobs[0], outcome{verdict: sent}, now)
	if jobs, _, _ = b.due(now, 10); len(jobs) != 1 || jobs[0].owner.User != "@a:x" {
		t.Errorf("after the first there are %d", len(jobs))
	}
	if jobs, _, _ := b.due(now, 10); len(jobs) != 0 {
		t.Error("one is sent twice")
	}
}

func TestBook_KeepsWhatOurOwnEndInterrupted(t *testing.T) {
	b := newBook(nil, nil)
	id := b.mustSchedule(t, caller{token: "t", user: "@u:x"}, 0)
	jobs, _, _ := b.due(time.Now().Add(time.Second), 1)
	b.finish(jobs[0], outcome{verdict: interrupted}, time.Now())
	if _, _, ok := b.find(id); !ok {
		t.Error("the next process will not find it")
	}
}
