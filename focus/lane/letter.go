package lane

import (
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/unit"
)

// mostReports bounds how much RTCP waits for a send loop: a second of a thousand
// connections.
const mostReports = 1 << 14

// letter is what a send loop is told beside the media. Those that tell of keys,
// paths and endings are few, wait in order and are never lost; RTCP may be.
type letter struct {
	kind letterKind
	end  *End
	sub  *Subscription
	// rtcp is in the clear, and the mailbox's own copy.
	rtcp   []byte
	at     unit.Instant
	sealer *srtp.Sealer
	route  route
}

type letterKind uint8

const (
	letterHeard   letterKind = iota + 1 // rtcp came from the End's peer at an instant
	letterReport                        // rtcp is to be sent to it
	letterSecured                       // sealer
	letterMoved                         // route
	letterAdded                         // sub
	letterRemoved                       // sub
	letterClosed                        // the End is gone
)

// post puts a letter in, with a copy of the RTCP in it.
func (m *mailbox) post(t letter, rtcp []byte) {
	m.mutex.Lock()
	if m.ended {
		m.mutex.Unlock()
		return
	}
	if rtcp != nil {
		if m.reports >= mostReports {
			m.lost++
			m.mutex.Unlock()
			return
		}
		m.reports++
		t.rtcp = append(m.buffer(), rtcp...)
	}
	m.letters = append(m.letters, t)
	waking := m.rouse()
	m.mutex.Unlock()
	if waking {
		m.ring()
	}
}

// buffer gives one that was used before, or nil. The mutex is held.
func (m *mailbox) buffer() []byte {
	last := len(m.buffers) - 1
	if last < 0 {
		return nil
	}
	buffer := m.buffers[last]
	m.buffers = m.buffers[:last]
	return buffer
}

// hear hands RTCP that an End's peer has sent, in the clear, to the send loop: what
// it says of the End's subscriptions. It is copied. Any goroutine may.
func (l *Lane) hear(e *End, compound []byte, now unit.Instant) {
	l.mail.post(letter{kind: letterHeard, end: e, at: now}, compound)
}

// report has RTCP of ours, in the clear, sealed and sent to an End's peer. It is
// copied. Any goroutine may.
func (l *Lane) report(e *End, compound []byte) {
	l.mail.post(letter{kind: letterReport, end: e}, compound)
}
