package matrix

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// script drives a heartbeat by hand: do expects an action to be due and
// reports how it went, at expects nothing to be due before an instant.
type script struct {
	t     *testing.T
	heart heartbeat
	now   time.Time
	start time.Time
}

func newScript(t *testing.T, change func(*heartbeat)) *script {
	s := &script{t: t, start: time.Unix(1_800_000_000, 0)}
	s.now = s.start
	s.heart.set = heartbeatSettings{
		delay: 30 * time.Second, restart: 10 * time.Second,
		refresh: 3 * time.Hour, refreshBare: 5 * time.Minute, fireToLeave: true,
	}
	if change != nil {
		change(&s.heart)
	}
	return s
}

// middle is the random number that jitter leaves alone.
const middle = 0.5

func (s *script) do(want action, how report) *script {
	s.t.Helper()
	what, wake := s.heart.next(s.now)
	if what != want {
		s.t.Fatalf("after %s: next is %s (wake in %s), want %s", s.now.Sub(s.start), what, wake.Sub(s.now), want)
	}
	how.random, how.sent = middle, s.now
	s.heart.did(what, how, s.now)
	return s
}

func (s *script) ok(want action) *script {
	s.t.Helper()
	how := report{}
	if want == actArm {
		how.delayID = fmt.Sprintf("id at %s", s.now.Sub(s.start))
	}
	return s.do(want, how)
}

func (s *script) fails(want action, kind faultKind) *script {
	s.t.Helper()
	return s.do(want, report{fault: fault{kind: kind}})
}

// idle moves time on to the next action and checks how long that is.
func (s *script) idle(want time.Duration) *script {
	s.t.Helper()
	what, wake := s.heart.next(s.now)
	if what != actNothing || wake.Sub(s.now) != want {
		s.t.Fatalf("after %s: next is %s in %s, want to wait %s", s.now.Sub(s.start), what, wake.Sub(s.now), want)
	}
	s.now = wake
	return s
}

// pass moves time on whatever is due.
func (s *script) pass(d time.Duration) *script { s.now = s.now.Add(d); return s }

func (s *script) joined() *script {
	s.t.Helper()
	return s.ok(actArm).ok(actJoin).ok(actRestart)
}

func (s *script) saw(absent bool) *script { s.heart.saw(absent, s.now, 0); return s }

func (s *script) leave() *script { s.heart.leave(s.now); return s }

func (s *script) done() {
	s.t.Helper()
	if what, _ := s.heart.next(s.now); what != actDone {
		s.t.Fatalf("next is %s, want to be done", what)
	}
}

func TestHeartbeat_DecidesWhatComesNext(t *testing.T) {
	shared := func(h *heartbeat) { h.set.fireToLeave = false }
	unarmed := func(h *heartbeat) { h.unarmed = true }
	for _, test := range []struct {
		name   string
		change func(*heartbeat)
		run    func(*script)
	}{
		{"arms before it joins, restarts at once and then in time", nil, func(s *script) {
			s.joined().idle(10 * time.Second).ok(actRestart).idle(10 * time.Second).ok(actRestart)
		}},
		{"restarts before it refreshes", nil, func(s *script) {
			s.joined()
			s.heart.restartAt = s.now.Add(24 * time.Hour) // only the refresh is due
			s.idle(3 * time.Hour).ok(actRestart).ok(actJoin)
		}},
		{"keeps its age over a refresh", nil, func(s *script) {
			s.joined()
			joined := s.heart.joined
			s.heart.restartAt = s.now.Add(24 * time.Hour)
			s.idle(3 * time.Hour).ok(actRestart).ok(actJoin)
			if s.heart.joined != joined {
				s.t.Error("a refresh made it a new membership")
			}
		}},
		{"only arms again when the delayed leave is gone before it was due", nil, func(s *script) {
			s.joined().pass(10 * time.Second)
			s.fails(actRestart, faultNotFound).ok(actArm).idle(10 * time.Second)
		}},
		{"joins as new when the delayed leave was due", nil, func(s *script) {
			s.joined().pass(31 * time.Second)
			s.fails(actRestart, faultNotFound).ok(actArm)
			if !s.heart.joined.IsZero() {
				s.t.Error("it would refresh the membership that was left")
			}
			s.ok(actJoin).ok(actRestart)
		}},
		{"counts the due time from the last restart that worked", nil, func(s *script) {
			s.joined().idle(10 * time.Second).ok(actRestart).pass(25 * time.Second)
			s.fails(actRestart, faultNotFound).ok(actArm).idle(10 * time.Second) // 25 s after, not due: still in
		}},
		{"waits as told by a rate limit and stays in", nil, func(s *script) {
			s.joined().idle(10 * time.Second)
			s.do(actRestart, report{fault: fault{kind: faultLimited, retryAfter: 40 * time.Second}})
			s.idle(40 * time.Second)
			if !s.heart.present {
				s.t.Error("a rate limit made it leave")
			}
			s.ok(actRestart).idle(10 * time.Second)
		}},
		{"tries a failed restart again soon", nil, func(s *script) {
			s.joined().idle(10*time.Second).fails(actRestart, faultNetwork).idle(500 * time.Millisecond)
			s.fails(actRestart, faultServer).idle(time.Second).ok(actRestart).idle(10 * time.Second)
		}},
		{"survives a homeserver that is away for longer than the delay", nil, func(s *script) {
			s.joined().idle(10 * time.Second)
			for s.now.Sub(s.start) < time.Minute {
				s.fails(actRestart, faultNetwork)
				_, wake := s.heart.next(s.now)
				if wake.Sub(s.now) > 4*time.Second {
					s.t.Fatalf("would wait %s: peers see us gone", wake.Sub(s.now))
				}
				s.now = wake
			}
			s.fails(actRestart, faultNotFound).ok(actArm).ok(actJoin).ok(actRestart)
		}},
		{"takes the longest delay the homeserver allows", nil, func(s *script) {
			s.do(actArm, report{fault: fault{kind: faultForbidden}, maxDelay: 12 * time.Second})
			s.ok(actArm).ok(actJoin).ok(actRestart).idle(4 * time.Second).ok(actRestart)
		}},
		{"goes on without when delayed events are refused, and refreshes early", nil, func(s *script) {
			s.fails(actArm, faultForbidden).ok(actJoin).idle(5 * time.Minute).ok(actJoin).idle(5 * time.Minute)
		}},
		{"does without where the homeserver has none", unarmed, func(s *script) {
			s.ok(actJoin).idle(5 * time.Minute).ok(actJoin)
		}},
		{"does not join before it could arm, unless that fails for long", nil, func(s *script) {
			s.fails(actArm, faultNetwork).idle(500*time.Millisecond).
				fails(actArm, faultServer).idle(time.Second).
				fails(actArm, faultLimited).idle(2*time.Second).
				fails(actArm, faultNetwork).idle(4*time.Second).
				fails(actArm, faultNetwork).ok(actJoin)
			s.idle(4*time.Second - 0).ok(actArm)
		}},
		{"tries a failed join again", nil, func(s *script) {
			s.ok(actArm).fails(actJoin, faultServer).idle(500 * time.Millisecond).ok(actJoin)
		}},
		{"checks a doubt before it believes it", nil, func(s *script) {
			s.joined().saw(true).do(actVerify, report{absent: false}).idle(10 * time.Second)
		}},
		{"comes back after it was put out, and looks whether it is armed still", nil, func(s *script) {
			s.joined().saw(true).do(actVerify, report{absent: true}).ok(actRestart)
			s.idle(100 * time.Millisecond).ok(actJoin).ok(actRestart)
		}},
		{"comes back as new when its own delayed leave was sent", nil, func(s *script) {
			s.joined().saw(true).do(actVerify, report{absent: true}).fails(actRestart, faultNotFound)
			s.ok(actArm).idle(100 * time.Millisecond).ok(actJoin).ok(actRestart)
		}},
		{"slows down against one who puts it out again and again", nil, func(s *script) {
			s.joined()
			var last time.Duration
			for range 6 {
				s.saw(true).do(actVerify, report{absent: true}).ok(actRestart)
				what, wake := s.heart.next(s.now)
				if pause := wake.Sub(s.now); what != actNothing || pause <= last {
					s.t.Fatalf("pause of %s after one of %s", pause, last)
				} else {
					last, s.now = pause, wake
				}
				s.ok(actJoin).ok(actRestart)
			}
		}},
		{"arms a fitting leave before it disarms the old one", shared, func(s *script) {
			s.joined()
			s.heart.changed(s.now)
			old := s.heart.armed
			s.pass(time.Millisecond).ok(actArm)
			if s.heart.stale != old || s.heart.armed == old {
				s.t.Fatalf("armed %q, to be disarmed %q", s.heart.armed, s.heart.stale)
			}
			s.ok(actDisarm).idle(10 * time.Second)
		}},
		{"leaves by firing the delayed leave", nil, func(s *script) {
			s.joined().leave().ok(actFire).done()
		}},
		{"writes the leave when firing fails", nil, func(s *script) {
			s.joined().leave().fails(actFire, faultNotFound).ok(actLeave).done()
		}},
		{"writes the leave without delayed events", unarmed, func(s *script) {
			s.ok(actJoin).leave().ok(actLeave).done()
		}},
		{"leaves a shared event by writing, looks again, disarms", shared, func(s *script) {
			s.joined().leave().ok(actLeave).idle(200*time.Millisecond).
				do(actVerify, report{absent: true}).ok(actDisarm).done()
		}},
		{"leaves again when another device brought it back", shared, func(s *script) {
			s.joined().leave().ok(actLeave).idle(200*time.Millisecond).
				do(actVerify, report{absent: false}).ok(actLeave).idle(200*time.Millisecond).
				do(actVerify, report{absent: true}).ok(actDisarm).done()
		}},
		{"repeats a leave that failed", nil, func(s *script) {
			s.joined().leave().fails(actFire, faultNetwork).fails(actLeave, faultNetwork).idle(time.Second).ok(actLeave).done()
		}},
		{"disarms when it leaves before it was in", nil, func(s *script) {
			s.ok(actArm).leave().ok(actDisarm).done()
		}},
		{"has nothing to do when it leaves at once", nil, func(s *script) { s.leave().done() }},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(newScript(t, test.change)) })
	}
}

// Whatever happens, a heartbeat goes on: there is always a next action or an
// instant for it, and from every state good answers lead into the call.
func TestHeartbeat_NeverGetsStuck(t *testing.T) {
	for _, shared := range []bool{false, true} {
		for seed := range uint64(300) {
			s := newScript(t, func(h *heartbeat) { h.set.fireToLeave = !shared })
			random := newRandom(seed)
			for range 200 {
				what, wake := s.heart.next(s.now)
				if what == actNothing {
					if wake.IsZero() || !wake.After(s.now) {
						t.Fatalf("seed %d: nothing to do and no instant for it: %+v", seed, s.heart)
					}
					s.now = wake
					continue
				}
				s.anything(what, random)
				if random.IntN(10) == 0 {
					s.heart.saw(random.IntN(2) == 0, s.now, random.Float64())
				}
				if shared && random.IntN(10) == 0 {
					s.heart.changed(s.now)
				}
				s.pass(time.Duration(random.IntN(3000)) * time.Millisecond)
			}
			for range 20 {
				what, wake := s.heart.next(s.now)
				if s.heart.present && what == actNothing {
					break
				}
				if what == actNothing {
					s.now = wake
					continue
				}
				s.ok(what)
			}
			if !s.heart.present {
				t.Fatalf("seed %d: not in the call though all goes well: %+v", seed, s.heart)
			}
		}
	}
}

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// anything reports some end of the action.
func (s *script) anything(what action, random *rand.Rand) {
	kinds := []faultKind{faultNone, faultNone, faultNone, faultNetwork, faultServer, faultLimited, faultNotFound}
	how := report{
		fault:  fault{kind: kinds[random.IntN(len(kinds))]},
		sent:   s.now,
		absent: random.IntN(2) == 0,
		random: random.Float64(),
	}
	if what == actArm && how.fault.kind == faultNotFound {
		how.fault.kind = faultNetwork // no delayed events at all is another life
	}
	if what == actArm && how.fault.kind == faultNone {
		how.delayID = fmt.Sprint(s.now.UnixNano())
	}
	s.heart.did(what, how, s.now)
}
