package matrix

import (
	"context"
	"net/http"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// refusedRestarts is a shared membership whose restarts are refused, on a
// homeserver that sends a leave and the join behind it one by one, as Synapse
// does. A user may write as much as Synapse allows by default: 10 and then one
// in five seconds.
type refusedRestarts struct {
	*house
	own  *stay
	seen *sink
	conf string

	limited bool      // between
	tokens  float64   // between
	filled  time.Time // between
	writes  int       // between
}

func playRefusedRestarts(t *testing.T, confID string, config MembershipConfig, test func(*refusedRestarts)) {
	virtual(t, func(t *testing.T, h *house) {
		h.repeatable = true
		h.transport = direct{handler: h.gate, latency: func() time.Duration { return 10 * time.Millisecond }}
		alice, _ := h.enter(h.clear("alice", "A"))
		_, seen := h.enter(h.clear("bob", "B"))
		r := &refusedRestarts{house: h, seen: seen, conf: confID, tokens: 10, filled: time.Now()}
		h.gate.set(r.guard)
		r.own = h.join(alice, config)
		pass(47300 * time.Millisecond)
		r.limit(true)
		test(r)
	})
}

func (r *refusedRestarts) limit(on bool) { r.gate.between(func() { r.limited = on }) }

func (r *refusedRestarts) guard(w http.ResponseWriter, request *http.Request) bool {
	late := func() { refuse(w, 429, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": 1000}) }
	switch {
	case isManaging(request):
		if r.limited {
			late()
		}
		return r.limited
	case request.Method != http.MethodPut:
		return false
	}
	r.tokens = min(10, r.tokens+time.Since(r.filled).Seconds()/5)
	r.filled = time.Now()
	if r.tokens < 1 {
		late()
		return true
	}
	r.tokens--
	r.writes++
	return false
}

// here reports whether others see us.
func (r *refusedRestarts) here() bool { return len(r.seen.now(r.conf)) > 0 }

// untilGone waits until others see us go, which the homeserver undoes.
func (r *refusedRestarts) untilGone() {
	for end := time.Now().Add(time.Minute); r.here(); pass(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatal("the leave that cannot be restarted is not written")
		}
	}
}

// Between the leave that cannot be restarted and the join behind it we are out,
// and leave it to the homeserver.
func TestMembership_WritesNothing_WhileTheHomeserverBringsItBack(t *testing.T) {
	sharedForms(t, func(t *testing.T, confID string, config MembershipConfig) {
		playRefusedRestarts(t, confID, config, func(r *refusedRestarts) {
			for range 3 {
				r.untilGone()
				before := r.writes
				pass(time.Second)
				if !r.here() || r.writes != before {
					r.t.Errorf("seen: %v, after %d writes; want to be back without any", r.here(), r.writes-before)
				}
			}
			r.limit(false)
			if err := r.own.Leave(r.t.Context()); err != nil {
				r.t.Error(err)
			}
		})
	})
}

// Whenever we leave around that moment, once restarts are taken again, we are
// gone at once and nothing brings us back.
func TestMembership_LeavesForGood_WhileTheHomeserverBringsItBack(t *testing.T) {
	config := MembershipConfig{CallID: "conf"}
	var moment time.Duration // of the homeserver's leave, after restarts began to be refused
	playRefusedRestarts(t, "conf", config, func(r *refusedRestarts) {
		begin := time.Now()
		r.untilGone()
		moment = time.Since(begin)
		r.own.stop()
	})
	for after := -300 * time.Millisecond; after < 1200*time.Millisecond; after += 50 * time.Millisecond {
		playRefusedRestarts(t, "conf", config, func(r *refusedRestarts) { r.leavesForGood(moment+after, after) })
	}
}

func (r *refusedRestarts) leavesForGood(moment, after time.Duration) {
	r.t.Helper()
	pass(moment)
	r.limit(false)
	ctx, cancel := context.WithTimeout(r.t.Context(), 3*time.Second)
	defer cancel()
	begin := time.Now()
	if err := r.own.Leave(ctx); err != nil {
		r.t.Errorf("leaving %s after the homeserver's leave: %v", after, err)
	}
	pass(100 * time.Millisecond)
	if r.here() {
		r.t.Errorf("left %s after the homeserver's leave, and seen when that took %s", after, time.Since(begin))
	}
	pass(time.Minute)
	r.fake.mutex.Lock()
	defer r.fake.mutex.Unlock()
	if r.here() || len(r.fake.delayed) > 0 {
		r.t.Errorf("left %s after the homeserver's leave, and a minute later seen: %v, with %d delayed events", after, r.here(), len(r.fake.delayed))
	}
}

// Who was put out, and may not write itself back yet, may have been brought
// back all the same: the leave looks.
func TestMembership_LeavesForGood_WhenItWasBroughtBackWithoutKnowing(t *testing.T) {
	sharedForms(t, func(t *testing.T, confID string, config MembershipConfig) {
		virtual(t, func(t *testing.T, h *house) {
			alice, _ := h.enter(h.clear("alice", "A"))
			_, seen := h.enter(h.clear("bob", "B"))
			own := h.join(alice, config)
			pass(time.Second)
			at, key := own.posts[0].place.eventType, own.posts[0].key()
			present := h.fake.state[stateKey{at, key}].Content
			refused := false
			h.gate.set(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut && !refused {
					refuse(w, 429, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": 60000})
					refused = true
					return true
				}
				return false
			})
			h.fake.put("@alice:test", at, key, []byte(`{}`))
			pass(10 * time.Second)
			if !refused {
				t.Fatal("it did not try to come back")
			}
			h.fake.put("@alice:test", at, key, present)
			pass(time.Second)
			if err := own.Leave(t.Context()); err != nil {
				t.Error(err)
			}
			pass(time.Minute)
			if got := seen.now(confID); len(got) > 0 {
				t.Errorf("a ghost: %q", got)
			}
		})
	})
}

// sharedForms runs a test for the forms that share one event with other devices.
func sharedForms(t *testing.T, test func(*testing.T, string, MembershipConfig)) {
	forms(t, func(t *testing.T, confID string, config MembershipConfig) {
		if confID != message.SlotRoom {
			test(t, confID, config)
		}
	})
}
