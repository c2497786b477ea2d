package matrix

import "time"

// heartbeat decides what has to be done next to be, and stay, a member of one
// call by one state event: pure, fed with what happened and asked what to do.
// One action is under way at a time.
//
// The order is that of js-sdk's MembershipManager, which real servers have
// been tested with (MSC4140; decision D10):
//
//	arm ─▶ join ─▶ restart ─▶ restart … ─▶ refresh (restart first) …
//	 ▲       ▲         │404
//	 │       └─────────┤ the leave was due: it was sent, we are out
//	 └─────────────────┘ it was not due: only the delayed leave is gone
//
//	           happens while                 therefore
//	 arm       refused: too long             shorter delay, arm again
//	           refused for good              go on without, expire soon
//	 restart   429                           wait as told, stay in
//	           404, not due yet              arm
//	           404, due                      arm, join as new
//	 sync      own event without us          verify; if so restart, join as new
//	 sync      others changed it (m.calls)   arm anew, then disarm the old one
//	 leave     armed                         fire, else write the leave
type heartbeat struct {
	set heartbeatSettings

	leaving bool
	present bool      // the homeserver took our membership, nobody denied it since
	since   time.Time // present since
	joined  time.Time // first write of this membership; zero asks for a new one

	armed    string    // delay ID, "" without one
	due      time.Time // earliest instant at which the homeserver fires it
	stale    string    // delay ID to be disarmed
	outdated bool      // the armed leave no longer fits the event
	unarmed  bool      // the homeserver has no delayed events for us

	restarted time.Time // last successful restart or arming
	restartAt time.Time
	refreshAt time.Time
	verifyAt  time.Time // zero: no doubt
	armAt     time.Time // not before
	joinAt    time.Time // not before

	failures  int // of the current kind of action, in a row
	armMisses int // failed armings in a row
	losses    int // how often we were put out, in a row
}

// heartbeatSettings are the times of one membership. All are positive but
// delay, which is zero when the homeserver has no delayed events.
type heartbeatSettings struct {
	delay   time.Duration // until the homeserver writes our leave
	restart time.Duration // between restarts of that delay
	refresh time.Duration // between writes of the membership
	// refreshBare is refresh for a membership without delayed leave.
	refreshBare time.Duration
	// fireToLeave: the delayed event is a complete leave, to be sent at once
	// when leaving. Otherwise the leave is written and the delayed one disarmed.
	fireToLeave bool
}

// action is what the loop has to do next.
type action uint8

const (
	actNothing action = iota
	// actArm schedules the delayed leave.
	actArm
	// actJoin writes the membership; as new if joined is zero.
	actJoin
	// actRestart starts the delay anew, actFire sends the leave now, actDisarm
	// cancels the delayed leave that was replaced.
	actRestart
	actFire
	actDisarm
	// actVerify reads whether we are still in the event.
	actVerify
	// actLeave writes the membership without us.
	actLeave
	// actDone: we have left, nothing is to be done any more.
	actDone
)

var actionNames = [...]string{"nothing", "arm", "join", "restart", "fire", "disarm", "verify", "leave", "done"}

func (a action) String() string { return actionNames[a] }

const (
	// armPatience is how many failed armings are borne before we join without.
	armPatience = 5
	// recentRestart is how long before a refresh the delay must have been
	// restarted (a client that slept would publish what nobody removes).
	recentRestart = 2 * time.Second
	// lossesForgotten is how long we have to be in for former losses to count
	// no more.
	lossesForgotten = time.Minute
	// verifyPause lets several changes of one instant settle before we look.
	verifyPause = 100 * time.Millisecond
	// leaveCheck is how long after a leave from a shared event we look whether
	// another device of ours has brought us back.
	leaveCheck = 200 * time.Millisecond
)

var (
	// beatPause is the back-off of failed requests: short, since peers see us
	// leave when the delay runs out.
	beatPause = backoff{first: 500 * time.Millisecond, most: 4 * time.Second}
	// lossPause keeps two who write at once, or one who puts us out again and
	// again, from fighting at full speed.
	lossPause = backoff{first: 200 * time.Millisecond, most: 30 * time.Second}
)

// report is how an action ended.
type report struct {
	fault fault
	// delayID of a successful arming.
	delayID string
	// sent is when the request was sent: the homeserver counts from later.
	sent time.Time
	// absent is the finding of a successful verification.
	absent bool
	// maxDelay is the limit that a refused arming named; zero when none.
	maxDelay time.Duration
	// random is in [0, 1).
	random float64
}

// next gives the action that is due, or the instant of the next one.
func (h *heartbeat) next(now time.Time) (action, time.Time) {
	if h.leaving {
		return h.nextLeaving(now)
	}
	due := []struct {
		what action
		when bool
		at   time.Time
	}{
		{actDisarm, h.stale != "" && h.armed != "", h.armAt},
		{actArm, h.needsArming(), h.armAt},
		{actRestart, h.armed != "", h.restartAt},
		{actVerify, h.present && !h.verifyAt.IsZero(), h.verifyAt},
		{actJoin, !h.present && (h.armed != "" || h.unarmed || h.armMisses >= armPatience), h.joinAt},
		{h.refreshBy(now), h.present, later(h.refreshAt, h.joinAt)},
	}
	var wake time.Time
	for _, candidate := range due {
		switch {
		case !candidate.when:
		case !now.Before(candidate.at):
			return candidate.what, now
		case wake.IsZero() || candidate.at.Before(wake):
			wake = candidate.at
		}
	}
	return actNothing, wake
}

// needsArming: there is no delayed leave, or it no longer says what it should.
func (h *heartbeat) needsArming() bool {
	return !h.unarmed && (h.armed == "" || (h.outdated && h.stale == ""))
}

// refreshBy puts a restart before the refresh.
func (h *heartbeat) refreshBy(now time.Time) action {
	if h.armed != "" && now.Sub(h.restarted) > recentRestart {
		return actRestart
	}
	return actJoin
}

func (h *heartbeat) nextLeaving(now time.Time) (action, time.Time) {
	switch {
	case now.Before(h.joinAt):
		return actNothing, h.joinAt
	case !h.present && !h.verifyAt.IsZero() && now.Before(h.verifyAt):
		return actNothing, h.verifyAt
	case !h.present && !h.verifyAt.IsZero():
		return actVerify, now
	case h.present && h.armed != "" && h.set.fireToLeave:
		return actFire, now
	case h.present:
		return actLeave, now
	case h.armed != "" || h.stale != "":
		return actDisarm, now
	default:
		return actDone, now
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// leave says that we want to be out. Back-off of former trouble is forgotten.
func (h *heartbeat) leave(now time.Time) {
	h.leaving, h.failures, h.joinAt, h.verifyAt = true, 0, now, time.Time{}
}

// did takes the report of an action.
func (h *heartbeat) did(what action, how report, now time.Time) {
	if how.fault.kind == faultNone {
		h.failures = 0
	} else {
		h.failures++
	}
	switch what {
	case actArm:
		h.didArm(how, now)
	case actJoin:
		h.didJoin(how, now)
	case actRestart:
		h.didRestart(how, now)
	case actVerify:
		h.didVerify(how, now)
	case actDisarm:
		h.didDisarm(how, now)
	case actFire, actLeave:
		h.didLeave(what, how, now)
	}
}

// pause is how long to wait after the failure just reported.
func (h *heartbeat) pause(how report) time.Duration {
	return max(how.fault.retryAfter, beatPause.wait(h.failures, how.random))
}

func (h *heartbeat) didArm(how report, now time.Time) {
	switch kind := how.fault.kind; {
	case kind == faultNone:
		if h.armed != "" {
			h.stale = h.armed
		}
		h.armed, h.outdated, h.armMisses = how.delayID, false, 0
		h.restarted, h.due = now, how.sent.Add(h.set.delay)
		h.restartAt = now.Add(jitter(h.set.restart, 0.1, how.random))
	case how.maxDelay > 0 && how.maxDelay < h.set.delay:
		h.set.delay = how.maxDelay
		h.set.restart = min(h.set.restart, how.maxDelay/3)
		h.armAt = now
	case kind.passing():
		h.armMisses++
		h.armAt = now.Add(h.pause(how))
	default:
		// Refused for good. A delayed leave that is armed already stays.
		h.unarmed, h.outdated = h.armed == "", false
	}
}

func (h *heartbeat) didJoin(how report, now time.Time) {
	if how.fault.kind != faultNone {
		h.joinAt = now.Add(h.pause(how))
		return
	}
	if !h.present {
		// Some servers cancel the delayed leave when the join lands.
		h.present, h.since, h.restartAt = true, now, now
	}
	if h.joined.IsZero() {
		h.joined = now
	}
	refresh := h.set.refresh
	if h.armed == "" {
		refresh = h.set.refreshBare
	}
	h.refreshAt = now.Add(jitter(refresh, 0.02, how.random))
	h.verifyAt = time.Time{}
}

func (h *heartbeat) didRestart(how report, now time.Time) {
	switch kind := how.fault.kind; {
	case kind == faultNone:
		h.restarted, h.due = now, how.sent.Add(h.set.delay)
		h.restartAt = now.Add(jitter(h.set.restart, 0.1, how.random))
	case kind == faultNotFound || kind == faultRefused || kind == faultForbidden || kind == faultUnrecognised:
		if !now.Before(h.due) {
			h.out()
		}
		h.armed, h.armAt = "", now
		h.unarmed = kind == faultUnrecognised
	default:
		h.restartAt = now.Add(h.pause(how))
	}
}

func (h *heartbeat) didVerify(how report, now time.Time) {
	switch {
	case how.fault.kind != faultNone:
		h.verifyAt = now.Add(h.pause(how))
	case h.leaving:
		h.present, h.verifyAt = !how.absent, time.Time{}
	case how.absent:
		h.lost(now, how.random)
	default:
		h.verifyAt = time.Time{}
	}
}

func (h *heartbeat) didDisarm(how report, now time.Time) {
	if how.fault.kind.passing() && h.failures < 3 {
		h.armAt = now.Add(h.pause(how))
		h.joinAt = later(h.joinAt, h.armAt)
		return
	}
	if h.leaving && h.stale == "" {
		h.armed = ""
	}
	h.stale = ""
}

func (h *heartbeat) didLeave(what action, how report, now time.Time) {
	switch {
	case how.fault.kind == faultNone:
		h.present = false
		if what == actFire {
			h.armed = ""
		}
		if !h.set.fireToLeave {
			// Somebody may have read the event before and written it after.
			h.verifyAt = now.Add(jitter(leaveCheck, 0.5, how.random))
		}
	case what == actFire:
		h.armed = "" // write the leave instead
	default:
		h.joinAt = now.Add(h.pause(how))
	}
}

// out: the homeserver has written our leave. What comes next is a new
// membership.
func (h *heartbeat) out() {
	h.present, h.joined, h.verifyAt = false, time.Time{}, time.Time{}
}

// lost: the event is there without us.
func (h *heartbeat) lost(now time.Time, random float64) {
	if now.Sub(h.since) > lossesForgotten {
		h.losses = 0
	}
	h.losses++
	h.out()
	h.restartAt = now // is the delayed leave still there?
	h.joinAt = now.Add(time.Duration(random * float64(lossPause.wait(h.losses, 0.5))))
}

// saw takes a change of the event that sync reported. What sync shows may be
// older than what we wrote, so absence is a doubt only.
func (h *heartbeat) saw(absent bool, now time.Time, random float64) {
	if h.present && absent && h.verifyAt.IsZero() {
		h.verifyAt = now.Add(time.Duration(random * float64(verifyPause)))
	}
}

// changed says that the armed leave no longer fits the event.
func (h *heartbeat) changed(now time.Time) {
	if h.armed != "" && !h.outdated {
		h.outdated, h.armAt = true, later(h.armAt, now)
	}
}
