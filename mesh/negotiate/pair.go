package negotiate

import "meshfocus/signalling/message"

// Steps of the table that are about the pair rather than about a call.

// ignore: the event changes nothing in this state.
func ignore(*Machine, *Event) {}

// stale: the event is about a call, and this state has none, so it can only be
// a report that crossed the end of its call.
func stale(*Machine, *Event) {}

// unarmed: the timer behind this event never runs in this state. A test holds
// the machine to it.
func unarmed(*Machine, *Event) {}

// meet begins with a device that has become a member.
func meet(m *Machine, e *Event) {
	m.session = e.SessionID
	m.attempts, m.faults = 0, 0
	m.begin()
}

// begin places the first call at once, or waits for the peer's.
func (m *Machine) begin() {
	if !m.caller {
		m.enter(Waiting)
		return
	}
	m.place()
}

// change follows a device that came back as a new client instance: the old
// call ends, told to the old session, and all counts begin anew.
func change(m *Machine, e *Event) {
	m.disarm(timerAttempt, timerGrace)
	if m.call != nil {
		m.end(message.ReasonNewSession, "", tell)
	}
	meet(m, e)
}

// part ends with a device whose membership is gone. It gets no hang-up: it is
// no member any more.
func part(m *Machine, _ *Event) {
	m.disarm(timerAttempt, timerGrace)
	if m.call != nil {
		m.end("", "", quietly)
	}
	m.enter(Absent)
}

// linger keeps media that flows for a while after the membership went without
// a hang-up: perhaps only the peer's homeserver is away (D26).
func linger(m *Machine, _ *Event) {
	m.arm(timerGrace, graceAfterGone)
	m.enter(Lingering)
}

// resume goes on with a device whose membership came back in time.
func resume(m *Machine, _ *Event) {
	m.disarm(timerGrace)
	m.enter(Connected)
}

// leave ends everything for good. A peer that takes part in the call is told.
func leave(m *Machine, _ *Event) {
	m.disarm(timerAttempt, timerGrace)
	if m.call != nil {
		how := tell
		if m.state == Lingering {
			how = quietly
		}
		m.end(message.ReasonUserHangup, "", how)
	}
	m.enter(Over)
}

// attempt places the call that the ladder announced.
func attempt(m *Machine, _ *Event) { m.place() }

// rest goes on after a call has ended: the caller waits for the next rung, the
// other side for the caller.
// A device that is no member any more is not waited for.
func (m *Machine) rest(reason message.Reason) {
	switch {
	case m.state == Lingering:
		m.disarm(timerGrace)
		m.enter(Absent)
		return
	case !m.caller:
		m.enter(Waiting)
		return
	}
	wait := m.wait(reason)
	if wait == 0 {
		m.place()
		return
	}
	m.enter(Resting)
	m.arm(timerAttempt, wait)
}
