package homeserver

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRateLimit_RefusesAndSaysWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, Config{RateLimits: map[Class]Limit{ClassToDevice: {PerSecond: 0.5, Burst: 2}}})
		alice, bob := a.user("alice"), a.user("bob")
		tell := func(c *caller, txn string) reply {
			return c.do("PUT", "sendToDevice/m.x/"+txn, obj{"messages": obj{}})
		}
		tell(alice, "1").ok()
		tell(alice, "2").ok()
		refused := tell(alice, "3").refused(429, codeLimitExceeded).is("2000", "retry_after_ms")
		if got := refused.header.Get("Retry-After"); got != "2" {
			t.Errorf("Retry-After is %q, want 2", got)
		}
		tell(bob, "1").ok()                                                 // each user has a bucket
		alice.do("GET", "account/whoami", nil).ok()                         // other classes go on
		alice.do("PUT", "sendToDevice", nil).refused(404, codeUnrecognized) // what is no endpoint does not count
		time.Sleep(2 * time.Second)
		tell(alice, "3").ok()
		tell(alice, "4").refused(429, codeLimitExceeded)
	})
}

func TestRateLimit_IsSwitchedWhileRunning(t *testing.T) {
	a := newAPI(t, Config{})
	alice := a.user("alice")
	room := alice.room(nil)
	for class, ask := range map[Class]func() reply{
		ClassState:    func() reply { return alice.state(room, "m.x", "", obj{}) },
		ClassMessage:  func() reply { return alice.do("PUT", in(room, "send", "m.x", "1"), obj{}) },
		ClassSync:     func() reply { return alice.do("GET", "sync", nil) },
		ClassToDevice: func() reply { return alice.do("PUT", "sendToDevice/m.x/1", obj{"messages": obj{}}) },
		ClassDelayed:  func() reply { return alice.do("GET", delayedPath, nil) },
		ClassJoin:     func() reply { return alice.do("POST", "join/"+room, obj{}) },
		ClassKeys:     func() reply { return alice.do("POST", "keys/query", obj{}) },
		ClassCreate:   func() reply { return alice.do("POST", "createRoom", obj{}) },
		ClassTurn:     func() reply { return alice.do("GET", "voip/turnServer", nil) },
		ClassRead:     func() reply { return alice.do("GET", in(room, "state"), nil) },
		ClassLogin:    func() reply { return a.nobody().do("GET", "login", nil) },
		ClassOther:    func() reply { return alice.do("GET", "devices", nil) },
	} {
		ask().ok()
		a.server.SetRateLimit(class, Limit{PerSecond: 1, Burst: 0})
		ask().refused(429, codeLimitExceeded)
		a.server.SetRateLimit(class, Limit{})
		ask().ok()
	}
}

func TestRateLimit_CanBeOfOneEndpoint(t *testing.T) {
	a := newAPI(t, Config{RateLimits: map[Class]Limit{"POST /keys/claim": {PerSecond: 1, Burst: 0}}})
	alice := a.user("alice")
	alice.do("POST", "keys/claim", obj{}).refused(429, codeLimitExceeded)
	alice.do("POST", "keys/query", obj{}).ok()
}

func TestLimiter_ForgetsFullBucketsOnly(t *testing.T) {
	l := newLimiter(map[Class]Limit{ClassLogin: {PerSecond: 1, Burst: 1}})
	now := time.Now()
	l.allow("kept", now.Add(time.Hour), ClassLogin)
	for i := range bucketsKept {
		l.allow(string(rune(i)), now, ClassLogin)
	}
	l.allow("one more", now.Add(time.Hour), ClassLogin)
	if n := len(l.buckets); n > 3 {
		t.Errorf("%d buckets are kept", n)
	}
	if _, ok := l.allow("kept", now.Add(time.Hour), ClassLogin); ok {
		t.Error("an empty bucket was forgotten and is full again")
	}
}
