package negotiate

import "time"

// How long things may take. Numbers without a source are ours and reasoned here.
const (
	// inviteTimeout: unanswered for so long, an invite is given up. js-sdk,
	// Hydrogen and the Dart SDK agree on it. Counted from the moment the
	// homeserver took the invite, so that a slow homeserver ends no call.
	inviteTimeout = 60 * time.Second
	// lifetime is what we write on invites and offers (js-sdk: the same), and
	// how long we wait for the answer to a negotiate.
	lifetime = 60 * time.Second
	// handoverLimit ends a call whose message the signaller neither took nor
	// refused; its promise is to do one of them much earlier.
	handoverLimit = 5 * time.Minute
	// stepLimit bounds one local step. Gathering is cut off at 3 s, the rest
	// takes milliseconds: 20 s means that the connection is stuck.
	stepLimit = 20 * time.Second
	// restartAfter: ICE often heals by itself within this time (js-sdk: 2 s).
	restartAfter = 3 * time.Second
	// giveUpAfter: no media for so long, or none at all so long after the
	// descriptions crossed, ends the call (js-sdk and Hydrogen: 30 s).
	giveUpAfter = 30 * time.Second
	// graceAfterGone is decision D26.
	graceAfterGone = 10 * time.Second
	// maxRestarts in restartWindow, then the call is replaced.
	maxRestarts   = 3
	restartWindow = time.Minute
	// batchFirst and batchMost bound how long candidates are collected: soon
	// at first, because one of the early ones mostly wins, less often later.
	batchFirst = 50 * time.Millisecond
	batchMost  = 500 * time.Millisecond
	// resendFirst doubles with each of maxResends tries (js-sdk: the same).
	resendFirst = 500 * time.Millisecond
	maxResends  = 5
)

// timer is one thing a Machine waits for by the clock.
type timer uint8

const (
	timerAttempt timer = iota
	timerGrace
	// All from here on belong to the call and end with it.
	timerInvite
	timerStep
	timerAnswer
	timerRestart
	timerGiveUp
	timerBatch
	timerResend

	timerCount
)

// timerEvents says what it means that a timer has come due.
var timerEvents = [timerCount]EventKind{
	timerAttempt: attemptDue,
	timerGrace:   graceOver,
	timerInvite:  inviteOverdue,
	timerStep:    stepOverdue,
	timerAnswer:  answerOverdue,
	timerRestart: restartDue,
	timerGiveUp:  giveUpDue,
	timerBatch:   batchDue,
	timerResend:  resendDue,
}

func (m *Machine) arm(t timer, after time.Duration) { m.timers[t] = m.now.Add(after) }

func (m *Machine) disarm(timers ...timer) {
	for _, t := range timers {
		m.timers[t] = time.Time{}
	}
}

func (m *Machine) armed(t timer) bool { return !m.timers[t].IsZero() }

// disarmCall stops everything that belongs to a call.
func (m *Machine) disarmCall() {
	for t := timerInvite; t < timerCount; t++ {
		m.timers[t] = time.Time{}
	}
}

// earliest finds the timer that comes due first.
func (m *Machine) earliest() (t timer, at time.Time) {
	for i, when := range m.timers {
		if !when.IsZero() && (at.IsZero() || when.Before(at)) {
			t, at = timer(i), when
		}
	}
	return t, at
}

// Deadline tells when Handle wants a Tick; the zero time means never.
func (m *Machine) Deadline() time.Time {
	_, at := m.earliest()
	if held := m.inbox.deadline(); !held.IsZero() && (at.IsZero() || held.Before(at)) {
		at = held
	}
	return at
}
