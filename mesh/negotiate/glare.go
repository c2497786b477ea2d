package negotiate

import (
	"strings"

	"meshfocus/signalling/message"
)

// contend decides between the present call and one that the peer offers.
func contend(m *Machine, e *Event) {
	c := m.call
	switch {
	case !c.outgoing, m.state == Broken:
		// The peer placed the present call and now places another, or ours is
		// no good any more: it knows better.
		m.replace(e, tell)
	case !c.spoken:
		// Our invite has not left: drop it, theirs is further.
		m.replace(e, quietly)
	case c.established || c.exchange == applying:
		// The peer has answered ours, so what comes now was sent before that.
		m.refuse(e.Signal, message.ReasonReplaced)
	case m.ownWins(e.Signal):
		m.refuse(e.Signal, message.ReasonReplaced)
	default:
		m.replace(e, tell)
	}
}

// replace ends the present call in favour of the offered one.
func (m *Machine) replace(e *Event, how ending) {
	m.end(message.ReasonReplaced, "", how)
	take(m, e)
}

// ownWins decides glare, alike at both ends (D22): between two of our kind the
// call of the side whose part it is to call, else the lesser call ID, as the
// specification has it.
func (m *Machine) ownWins(invite message.Signal) bool {
	if strings.HasPrefix(invite.MessageID, message.MessageIDPrefix) {
		return m.caller
	}
	return m.call.id < invite.CallID
}
