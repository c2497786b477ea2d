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
//	           429 until the leave is near   move: be a member under another
//	                                         state key, leave the first one; or
//	                                         where there is one key only, arm
//	                                         anew, then as below
//	           404, not due yet              arm
//	           404, due                      arm, join as new
//	 sync      own event without us          verify; if so restart, join as new
//	           silent for long               verify now and then
//	           another process of our        verify; if so yield: disarm, no
//	           device is in our place        more writing
//	 sync      others changed it (m.calls)   arm anew, then disarm the old one
//	 disarm    refused until that is near    return: have the homeserver bring us
//	                                         back right behind that leave
//	 leave     armed                         fire, else write the leave
//	           a write has no answer         write the leave, keep it armed:
//	                                         the write may land afterwards
type heartbeat struct {
	set heartbeatSettings

	leaving bool
	present bool      // the homeserver took our membership, nobody denied it since
	since   time.Time // present since
	joined  time.Time // first write of this membership; zero asks for a new one

	armed    string        // delay ID, "" without one
	armedFor time.Duration // its delay
	due      time.Time     // earliest instant at which the homeserver fires it
	stale    string        // delay ID of a leave that was replaced, to be disarmed
	staleDue time.Time     // earliest instant at which the homeserver fires that
	staleBy  time.Time     // the latest
	comeback string        // delay ID of the join behind it
	backFrom time.Time     // from then on the homeserver may have written that leave
	backBy   time.Time     // until then it has written the join behind it
	outdated bool          // the armed leave no longer fits the event
	unarmed  bool          // the homeserver has no delayed events for us
	longest  time.Duration // delay that the homeserver takes; zero when unknown
	refused  bool          // the last restart met a rate limit
	moveAt   time.Time     // not before
	unsureTo time.Time     // until then a write without answer may still land

	yielded  bool      // another process of our device has taken over
	verified time.Time // last look at, or word about, the event

	restarted time.Time // last successful restart or arming
	restartAt time.Time
	patient   time.Time // no restart before, whatever it is for
	refreshAt time.Time
	verifyAt  time.Time // zero: no doubt
	armAt     time.Time // not before
	disarmAt  time.Time // not before
	returnAt  time.Time // not before
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
	// moves: the membership may stand under another state key as well.
	moves bool
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
	// actReturn schedules a join right behind the leave that was replaced.
	actReturn
	// actMove makes us a member under the other state key, with a delayed
	// leave of its own, and leaves the first.
	actMove
	// actVerify reads whether we are still in the event.
	actVerify
	// actLeave writes the membership without us.
	actLeave
	// actDone: we have left, nothing is to be done any more.
	actDone
)

var actionNames = [...]string{"nothing", "arm", "join", "restart", "fire", "disarm", "return", "move", "verify", "leave", "done"}

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
	// silence is how long sync may say nothing before we look ourselves: more
	// than the longest poll. While it fails there is no poll to wait for.
	silence, deafness = time.Minute, 10 * time.Second
	// afterReturn is how long after the last instant at which a replaced leave
	// is sent the join behind it has landed: apart, and what a busy homeserver
	// takes. Then we look whether we are in.
	afterReturn = apart + time.Second/2
	// landing is how long a request without an answer may be under way, in
	// queues of proxies and homeservers.
	landing = 2 * time.Minute
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
	// absent is the finding of a successful verification; taken, that another
	// process of our device is in our place.
	absent, taken bool
	// gone: what was to be disarmed was there no more. It may have been sent.
	gone bool
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
		{actDisarm, (h.stale != "" || h.comeback != "") && h.armed != "", h.disarmAt},
		{actArm, h.needsArming(), h.armAt},
		{actArm, h.mustReplace(), later(h.due.Add(-h.armedFor/3), h.armAt)},
		{actReturn, h.stale != "" && h.comeback == "" && h.armed != "" && h.present, later(h.staleDue.Add(-h.armedFor/3), h.returnAt)},
		{actMove, h.mustMove(), later(h.due.Add(-h.armedFor/3), h.moveAt)},
		{actRestart, h.armed != "", h.restartAt},
		{actVerify, h.present && !h.verifyAt.IsZero(), h.verifyAt},
		{actVerify, h.present && h.stale != "" && h.comeback != "", h.backBy},
		{actJoin, !h.present && (h.armed != "" || h.unarmed || h.armMisses >= armPatience), h.joinAt},
		{h.refreshBy(now), h.present, later(h.refreshAt, h.refreshFrom(now))},
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

// mustMove: the homeserver takes no restarts for now, and will write our leave.
func (h *heartbeat) mustMove() bool {
	return h.set.moves && h.refused && h.present && h.armed != ""
}

// mustReplace is mustMove where there is no other key: a new leave takes the
// place of the one that cannot be restarted.
func (h *heartbeat) mustReplace() bool {
	return !h.set.fireToLeave && h.refused && h.present && h.armed != "" && h.stale == ""
}

// unwanted gives the delayed event to be cancelled next: the leave that was
// replaced, then the join behind it. On our way out it is the join first, and
// the armed leave last.
func (h *heartbeat) unwanted() *string {
	switch {
	case h.comeback != "" && (h.leaving || h.stale == ""):
		return &h.comeback
	case h.stale != "":
		return &h.stale
	}
	return &h.armed
}

// refreshBy puts a restart before the refresh.
func (h *heartbeat) refreshBy(now time.Time) action {
	if h.armed != "" && now.Sub(h.restarted) > recentRestart {
		return actRestart
	}
	return actJoin
}

// refreshFrom is when the way to a refresh is free: failures have their pause,
// and so has a restart that comes first.
func (h *heartbeat) refreshFrom(now time.Time) time.Time {
	if h.refreshBy(now) == actRestart {
		return later(h.joinAt, h.patient)
	}
	return h.joinAt
}

func (h *heartbeat) nextLeaving(now time.Time) (action, time.Time) {
	switch {
	case now.Before(h.joinAt):
		return actNothing, h.joinAt
	case !h.present && !h.verifyAt.IsZero() && now.Before(h.verifyAt):
		return actNothing, h.verifyAt
	case !h.present && !h.verifyAt.IsZero():
		return actVerify, now
	case h.present && h.armed != "" && h.set.fireToLeave && !now.Before(h.unsureTo):
		return actFire, now
	case h.present:
		return actLeave, now
	case (h.armed != "" || h.stale != "" || h.comeback != "") && !now.Before(h.unsureTo):
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
// Who was found to be out looks again: a join of ours may have landed since.
func (h *heartbeat) leave(now time.Time) {
	h.leaving, h.failures, h.joinAt, h.verifyAt = true, 0, now, time.Time{}
	if !h.present && !h.since.IsZero() && !h.yielded {
		h.verifyAt = now
	}
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
	case actReturn:
		h.didReturn(how, now)
	case actMove:
		h.didMove(how, now)
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
			h.stale, h.staleDue, h.staleBy = h.armed, h.due, h.restarted.Add(h.armedFor)
			h.disarmAt, h.returnAt = now, now
		}
		h.armed, h.armedFor, h.outdated, h.armMisses = how.delayID, h.set.delay, false, 0
		h.restarted, h.due = now, how.sent.Add(h.armedFor)
		h.restartAt = now.Add(jitter(h.set.restart, 0.1, how.random))
	case how.maxDelay > 0 && how.maxDelay < h.set.delay:
		h.longest = how.maxDelay
		h.pace(h.set.delay, h.set.restart, now)
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
		if how.fault.kind == faultNetwork {
			h.unsureTo = now.Add(landing)
		}
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
	h.refused = how.fault.kind == faultLimited
	switch kind := how.fault.kind; {
	case kind == faultNone:
		h.restarted, h.due = now, how.sent.Add(h.armedFor)
		h.restartAt = now.Add(jitter(h.set.restart, 0.1, how.random))
	case kind == faultNotFound || kind == faultRefused || kind == faultForbidden || kind == faultUnrecognised:
		if !now.Before(h.due) {
			h.out()
		}
		h.armed, h.armAt = "", now
		h.unarmed = kind == faultUnrecognised
	default:
		h.wait(now.Add(h.pause(how)), h.refused)
	}
}

func (h *heartbeat) didReturn(how report, now time.Time) {
	if how.fault.kind != faultNone {
		h.returnAt = now.Add(h.pause(how))
		return
	}
	// The homeserver counts from when it has the request.
	h.comeback, h.backFrom, h.backBy = how.delayID, h.staleDue, h.staleBy.Add(afterReturn+now.Sub(how.sent))
}

// returning: the homeserver writes the leave that was replaced and the join
// behind it. To be found absent says nothing then, and to write a join would
// only use up what a user may write.
func (h *heartbeat) returning(now time.Time) bool {
	return !now.Before(h.backFrom) && now.Before(h.backBy)
}

// didMove: what is under the old key is left, or will be by the delayed leave
// that nobody restarts any more.
func (h *heartbeat) didMove(how report, now time.Time) {
	if how.fault.kind != faultNone {
		h.moveAt = now.Add(h.pause(how))
		return
	}
	h.armed, h.armedFor, h.restarted, h.due = how.delayID, h.set.delay, now, how.sent.Add(h.set.delay)
	h.verifyAt = time.Time{}
}

func (h *heartbeat) didVerify(how report, now time.Time) {
	h.verified = now
	if how.fault.kind == faultNone && h.comeback != "" && !now.Before(h.backBy) {
		h.stale, h.comeback = "", "" // both were sent
	}
	switch {
	case how.fault.kind != faultNone:
		h.verifyAt = now.Add(h.pause(how))
	case how.taken && !h.leaving:
		h.yield()
	case h.leaving:
		h.present, h.verifyAt = !how.absent, time.Time{}
	case how.absent && h.returning(now):
		h.verifyAt = now.Add(verifyPause)
	case how.absent:
		h.lost(now, how.random)
	default:
		h.verifyAt = time.Time{}
	}
}

// didDisarm: a leave that was replaced is not given up before it is sent, nor
// the join behind it before that has landed. Who leaves tries three times; where
// the join could not be cancelled, the armed leave stays behind it. One that was
// sent already is looked for when it has landed, while that leave is armed still.
func (h *heartbeat) didDisarm(how report, now time.Time) {
	gone := h.unwanted()
	failed := how.fault.kind != faultNone
	sent := how.gone || failed && !now.Before(h.staleBy)
	switch {
	case failed && h.leaving && how.fault.kind.passing() && h.failures < 3:
		h.joinAt = later(h.joinAt, now.Add(h.pause(how)))
		return
	case failed && !h.leaving && !sent:
		h.disarmAt = now.Add(h.pause(how))
		return
	case sent && !h.leaving && gone == &h.stale && h.comeback != "" && now.Before(h.backBy):
		h.disarmAt = h.backBy.Add(afterReturn) // verified before, and then forgotten
		return
	case sent && !h.leaving:
		h.stale, h.comeback = "", ""
		return
	case failed && gone == &h.comeback:
		h.armed = ""
	case how.gone && gone == &h.comeback:
		h.verifyAt = later(now.Add(max(leaveCheck, now.Sub(how.sent))), h.backBy)
	case gone == &h.comeback:
		h.backBy = time.Time{}
	}
	*gone = ""
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
			// One that was slow with ours is slow with what it sends for us.
			h.verifyAt = now.Add(max(jitter(leaveCheck, 0.5, how.random), now.Sub(how.sent)))
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

// yield: the newer process stays. Our delayed leave would take it out.
func (h *heartbeat) yield() {
	h.leaving, h.yielded, h.present, h.verifyAt = true, true, false, time.Time{}
	h.unsureTo = time.Time{}
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

// pace sets the delay and the time between restarts. A leave that is armed with
// quite another delay is armed anew.
func (h *heartbeat) pace(delay, restart time.Duration, now time.Time) {
	if h.longest > 0 && delay > h.longest {
		delay, restart = h.longest, min(restart, h.longest/3)
	}
	h.set.delay, h.set.restart = delay, restart
	tooShort, tooLong := restart > h.armedFor/2, delay < h.armedFor*3/5
	if h.armed != "" && (tooShort || tooLong) {
		h.changed(now)
	}
}

// wait puts a restart off.
func (h *heartbeat) wait(until time.Time, limited bool) {
	h.restartAt, h.patient, h.refused = until, until, h.refused || limited
}

// quiet takes that sync has worked last at an instant: when it has been silent
// for longer than it may we look ourselves whether we are still in. It gives
// the instant at which to call it again.
func (h *heartbeat) quiet(since time.Time, may time.Duration, now time.Time) time.Time {
	end := later(later(since, h.verified), h.since).Add(may)
	if h.present && h.verifyAt.IsZero() && !now.Before(end) {
		h.verifyAt = now
	}
	if again := now.Add(deafness); !now.Before(end) || again.Before(end) {
		return again
	}
	return end
}

// changed says that the armed leave no longer fits the event.
func (h *heartbeat) changed(now time.Time) {
	if h.armed != "" && !h.outdated {
		h.outdated, h.armAt = true, later(h.armAt, now)
	}
}
