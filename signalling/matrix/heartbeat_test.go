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
	movable := func(h *heartbeat) { h.set.moves = true }
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
		{"waits as told before it refreshes, when the restart is refused", nil, func(s *script) {
			s.joined()
			s.heart.restartAt = s.now.Add(24 * time.Hour)
			s.idle(3*time.Hour).do(actRestart, report{fault: fault{kind: faultLimited, retryAfter: 7 * time.Second}})
			s.idle(7 * time.Second).ok(actRestart).ok(actJoin)
		}},
		{"moves to another key when restarts are refused until the leave is near", movable, func(s *script) {
			s.joined().idle(10 * time.Second)
			s.do(actRestart, report{fault: fault{kind: faultLimited, retryAfter: time.Minute}})
			s.idle(10*time.Second).do(actMove, report{delayID: "second"})
			if s.heart.armed != "second" {
				s.t.Errorf("armed is %q", s.heart.armed)
			}
			s.idle(20*time.Second).do(actMove, report{delayID: "third"}).idle(20 * time.Second)
		}},
		{"does not move while restarts work", movable, func(s *script) {
			s.joined().idle(10*time.Second).do(actRestart, report{fault: fault{kind: faultLimited, retryAfter: time.Second}})
			s.idle(time.Second).ok(actRestart).idle(10*time.Second).fails(actRestart, faultNetwork)
			for s.now.Before(s.heart.due) {
				what, wake := s.heart.next(s.now)
				if what == actMove {
					s.t.Fatal("moved though no rate limit was met")
				}
				if what == actRestart {
					s.fails(actRestart, faultNetwork)
					continue
				}
				s.now = wake
			}
		}},
		{"yields to another process of its device, and takes its leave back", nil, func(s *script) {
			s.joined().saw(true).do(actVerify, report{absent: true, taken: true}).ok(actDisarm).done()
		}},
		{"has the homeserver bring it back where it cannot move", shared, func(s *script) {
			limited := report{fault: fault{kind: faultLimited, retryAfter: time.Minute}}
			s.joined().idle(10*time.Second).do(actRestart, limited)
			s.idle(10*time.Second).do(actArm, report{delayID: "second"}).do(actDisarm, limited).do(actReturn, report{delayID: "back"})
			if s.heart.armed != "second" || s.heart.stale != "id at 0s" || s.heart.comeback != "back" {
				s.t.Errorf("armed %q, stale %q, back by %q", s.heart.armed, s.heart.stale, s.heart.comeback)
			}
			s.idle(10 * time.Second).ok(actRestart) // that of the second leave
			s.idle(afterReturn).ok(actVerify)
			if s.heart.stale != "" || s.heart.comeback != "" {
				s.t.Errorf("stale %q, back by %q though both were sent", s.heart.stale, s.heart.comeback)
			}
		}},
		{"has itself brought back again and again", shared, func(s *script) {
			limited := report{fault: fault{kind: faultLimited, retryAfter: time.Second}}
			s.joined()
			returns := 0
			for end := s.now.Add(2 * time.Minute); s.now.Before(end); {
				what, wake := s.heart.next(s.now)
				switch what {
				case actNothing:
					s.now = wake
				case actRestart, actDisarm:
					s.do(what, limited)
				case actArm:
					s.do(what, report{delayID: "leave at " + s.now.Sub(s.start).String()})
				case actReturn:
					returns++
					if until := s.heart.staleDue.Sub(s.now); until < 9*time.Second {
						s.t.Errorf("return number %d is scheduled %s before the leave", returns, until)
					}
					s.do(what, report{delayID: "back"})
				default:
					s.ok(what)
				}
			}
			if returns != 5 { // one for each leave: after 30 s, 50 s, 70 s …
				s.t.Errorf("%d returns in two minutes", returns)
			}
		}},
		{"forgets leave and return together, when both were sent", shared, func(s *script) {
			limited := report{fault: fault{kind: faultLimited, retryAfter: 10*time.Second + afterReturn/2}}
			s.joined().idle(10*time.Second).do(actRestart, report{fault: fault{kind: faultLimited, retryAfter: time.Minute}})
			s.idle(10*time.Second).do(actArm, report{delayID: "second"}).do(actDisarm, limited).do(actReturn, report{delayID: "back"})
			s.heart.restartAt = s.now.Add(time.Minute)
			s.idle(10*time.Second+afterReturn/2).do(actDisarm, limited)
			if s.heart.stale == "" || s.heart.comeback == "" {
				s.t.Error("forgets a return that may not have landed")
			}
			s.idle(afterReturn / 2).ok(actVerify)
			if s.heart.stale != "" || s.heart.comeback != "" {
				s.t.Errorf("stale %q, back by %q", s.heart.stale, s.heart.comeback)
			}
		}},
		{"keeps the return of a leave that was sent while it was cancelled", shared, func(s *script) {
			limited := report{fault: fault{kind: faultLimited, retryAfter: 10 * time.Second}}
			s.joined().idle(10*time.Second).do(actRestart, report{fault: fault{kind: faultLimited, retryAfter: time.Minute}})
			s.idle(10*time.Second).do(actArm, report{delayID: "second"}).do(actDisarm, limited).do(actReturn, report{delayID: "back"})
			s.idle(10*time.Second).do(actDisarm, report{gone: true}).ok(actRestart).idle(afterReturn).ok(actVerify)
		}},
		{"takes the moment between leave and return for no loss", shared, func(s *script) {
			s.joined().idle(10*time.Second).do(actRestart, report{fault: fault{kind: faultLimited, retryAfter: time.Minute}})
			s.idle(10*time.Second).do(actArm, report{delayID: "second"}).do(actDisarm, report{fault: fault{kind: faultLimited, retryAfter: time.Minute}})
			s.do(actReturn, report{delayID: "back"}).idle(10 * time.Second).ok(actRestart)
			for range afterReturn / verifyPause {
				s.saw(true).do(actVerify, report{absent: true})
				if !s.heart.present {
					s.t.Fatal("it would write itself back")
				}
				s.idle(min(verifyPause, s.heart.backBy.Sub(s.now)))
			}
			s.pass(verifyPause)
			s.do(actVerify, report{absent: true})
			if s.heart.present {
				s.t.Error("nobody brought it back, and it does not either")
			}
		}},
		{"looks whether it was brought back before it leaves for good", shared, func(s *script) {
			s.joined().saw(true).do(actVerify, report{absent: true}).ok(actRestart).idle(100 * time.Millisecond)
			s.do(actJoin, report{fault: fault{kind: faultLimited, retryAfter: time.Minute}})
			s.leave().do(actVerify, report{absent: false}).ok(actLeave).idle(leaveCheck)
			s.do(actVerify, report{absent: true}).ok(actDisarm).done()
		}},
		{"leaves again when the return was sent before it could be cancelled", shared, func(s *script) {
			limited := report{fault: fault{kind: faultLimited, retryAfter: time.Minute}}
			s.joined().idle(10*time.Second).do(actRestart, limited)
			s.idle(10*time.Second).do(actArm, report{delayID: "second"}).do(actDisarm, limited).do(actReturn, report{delayID: "back"})
			s.idle(10*time.Second).leave().ok(actLeave).idle(leaveCheck).do(actVerify, report{absent: true})
			s.do(actDisarm, report{gone: true}).idle(afterReturn-leaveCheck).do(actVerify, report{absent: false})
			s.ok(actLeave).idle(leaveCheck).do(actVerify, report{absent: true}).ok(actDisarm).ok(actDisarm).done()
		}},
		{"cancels the return when the leave could be cancelled after all", shared, func(s *script) {
			limited := report{fault: fault{kind: faultLimited, retryAfter: 5 * time.Second}}
			s.joined().idle(10*time.Second).do(actRestart, report{fault: fault{kind: faultLimited, retryAfter: time.Minute}})
			s.idle(10*time.Second).do(actArm, report{delayID: "second"}).do(actDisarm, limited).do(actReturn, report{delayID: "back"})
			s.idle(5 * time.Second).ok(actDisarm)
			if s.heart.stale != "" || s.heart.comeback != "back" {
				s.t.Errorf("stale %q, back by %q", s.heart.stale, s.heart.comeback)
			}
			s.ok(actDisarm).idle(5 * time.Second).ok(actRestart)
		}},
		{"leaves a leave behind a return that it could not cancel", shared, func(s *script) {
			limited := report{fault: fault{kind: faultLimited}}
			s.joined().idle(10*time.Second).do(actRestart, report{fault: fault{kind: faultLimited, retryAfter: time.Minute}})
			s.idle(10*time.Second).do(actArm, report{delayID: "second"}).do(actDisarm, limited).do(actReturn, report{delayID: "back"})
			s.leave().ok(actLeave).idle(leaveCheck).do(actVerify, report{absent: true})
			s.do(actDisarm, limited).idle(500*time.Millisecond).do(actDisarm, limited).idle(time.Second).do(actDisarm, limited)
			if s.heart.armed != "" {
				s.t.Error("goes on to cancel the leave that ends it")
			}
			s.ok(actDisarm).done() // the first leave, which does no harm either
		}},
		{"looks itself when sync is silent", nil, func(s *script) {
			s.joined().pass(silence + time.Second)
			s.heart.quiet(s.start, silence, s.now)
			s.ok(actRestart).do(actVerify, report{})
			s.heart.quiet(s.start, silence, s.now)
			if what, _ := s.heart.next(s.now); what == actVerify {
				s.t.Error("looks all the time")
			}
		}},
		{"keeps the leave armed when it leaves after a write without answer", nil, func(s *script) {
			s.ok(actArm).fails(actJoin, faultNetwork).leave()
			if what, _ := s.heart.next(s.now); what != actDone {
				s.t.Errorf("next is %s, want to be done", what)
			}
			if s.heart.armed == "" {
				s.t.Error("the leave was taken back")
			}
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
	if (what == actArm || what == actReturn) && how.fault.kind == faultNone {
		how.delayID = fmt.Sprint(s.now.UnixNano())
	}
	s.heart.did(what, how, s.now)
}
