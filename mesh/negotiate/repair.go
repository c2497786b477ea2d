package negotiate

import "meshfocus/signalling/message"

// Steps that look after a connection which breaks. Only the side that placed
// the call restarts ICE: with both doing it their offers would collide. The
// other side waits, and hangs up if nothing comes of it.

// lost: ICE went quiet. It often comes back by itself.
func lost(m *Machine, _ *Event) {
	m.breakDown()
	if m.call.outgoing {
		m.arm(timerRestart, restartAfter)
	}
}

// broken: ICE gave up, or never found a way.
func broken(m *Machine, _ *Event) {
	m.breakDown()
	m.restart()
}

func (m *Machine) breakDown() {
	m.arm(timerGiveUp, giveUpAfter)
	m.enter(Broken)
}

// brokenMore: ICE gave up while we were waiting for it to heal.
func brokenMore(m *Machine, _ *Event) {
	m.disarm(timerRestart)
	m.restart()
}

func restartDueNow(m *Machine, _ *Event) { m.restart() }

// restart renews ICE, at once or as soon as the exchange under way is complete.
func (m *Machine) restart() {
	c := m.call
	switch {
	case !c.outgoing || c.restarting:
		return
	case !c.established:
		m.fail(message.ReasonICEFailed, "")
		return
	case c.exchange != stable:
		c.restartWanted = true
		return
	}
	if !m.mayRestart() {
		m.fail(message.ReasonICEFailed, "restarting did not help")
		return
	}
	m.makeOffer(true)
}

// mayRestart counts a restart against the limit.
func (m *Machine) mayRestart() bool {
	m.restarts = within(m.restarts, m.now, restartWindow)
	if len(m.restarts) >= maxRestarts {
		return false
	}
	m.restarts = append(m.restarts, m.now)
	return true
}

// restartAsked renews ICE of a connection that may work. Beyond the limit the
// wish is dropped: should the connection break, that is dealt with.
func restartAsked(m *Machine, _ *Event) {
	c := m.call
	switch {
	case !c.outgoing || c.restarting:
	case !c.established || c.exchange != stable:
		c.restartAsked = true
	case m.mayRestart():
		m.makeOffer(true)
	}
}

// giveUp: no media for too long.
func giveUp(m *Machine, _ *Event) {
	reason := message.ReasonICEFailed
	if m.call.connectedAt.IsZero() {
		reason = message.ReasonICETimeout
	}
	m.fail(reason, "")
}
