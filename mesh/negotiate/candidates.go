package negotiate

import (
	"strings"

	"meshfocus/signalling/message"
)

// maxPerMessage keeps a candidates message far below the size limit of
// to-device messages: a candidate takes about 200 bytes.
const maxPerMessage = 100

// addCandidates hands the peer's candidates on. The connection keeps them
// until it has a description.
func addCandidates(m *Machine, e *Event) {
	if len(e.Candidates) > 0 {
		m.act(Action{Kind: AddCandidates, CallID: m.call.id, Candidates: e.Candidates})
	}
}

// gathered collects own candidates for the next batch.
func gathered(m *Machine, e *Event) {
	for _, c := range e.Candidates {
		if !c.End() && !strings.Contains(m.call.described, c.Candidate) {
			m.call.pending = append(m.call.pending, c)
		}
	}
	m.batchSoon()
}

// batchSoon sets the time of the next batch, if there is something to send and
// the peer knows what it belongs to.
func (m *Machine) batchSoon() {
	c := m.call
	if len(c.pending) == 0 || c.described == "" || c.unsent != nil || m.armed(timerBatch) {
		return
	}
	m.arm(timerBatch, min(batchFirst<<c.batches, batchMost))
}

// sendBatch sends what was gathered. No end marker is sent: nobody may wait
// for it, and alone it would be a message for nothing.
func sendBatch(m *Machine, _ *Event) {
	c := m.call
	n := min(len(c.pending), maxPerMessage)
	if n == 0 {
		return
	}
	batch := c.pending[:n:n]
	c.pending = c.pending[n:]
	c.batches = min(c.batches+1, 8)
	m.send(message.Signal{Kind: message.Candidates, Candidates: batch})
	m.batchSoon()
}

// resendLater tries a candidates message again, under its old number, after
// waits that double. A call that connected meanwhile can do without.
func (m *Machine) resendLater(s message.Signal) {
	c := m.call
	switch {
	case c.resends >= maxResends && m.state == Connected:
		c.resends, c.unsent = 0, nil
	case c.resends >= maxResends:
		m.fail(message.ReasonSignallingTimeout, "")
	default:
		c.unsent = &s
		m.arm(timerResend, resendFirst<<c.resends)
		c.resends++
	}
}

func resend(m *Machine, _ *Event) {
	c := m.call
	if c.unsent == nil {
		return
	}
	s := *c.unsent
	c.unsent = nil
	m.act(Action{Kind: Send, CallID: c.id, Signal: s})
	m.batchSoon()
}
