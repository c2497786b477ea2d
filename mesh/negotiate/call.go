package negotiate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// call is one attempt to connect, in either direction, until it ends.
type call struct {
	id       string
	outgoing bool // we placed it: we restart ICE, and our offers win collisions
	exchange exchange
	// established: the first exchange is complete; invite and answer are past.
	established bool
	// spoken: the peer knows of the call, so that its end has to be told.
	spoken  bool
	nextSeq uint32
	// connectedAt is when media first could flow; zero before.
	connectedAt time.Time
	// queued is a peer's offer that came while another exchange was under way.
	queued *message.Description
	// wanted and restartWanted: an own offer has to wait for a quiet moment.
	// restartAsked is such a restart that is not for a broken connection only.
	wanted, restartWanted, restartAsked bool
	// restarting: the present exchange is an ICE restart.
	restarting bool

	described string              // the SDP we sent last, whose candidates need not be repeated
	pending   []message.Candidate // gathered, not sent
	batches   int                 // sent
	unsent    *message.Signal     // a candidates message that has to be sent again
	resends   int
}

// ending says whether the peer is told that a call ends.
type ending bool

const (
	tell    ending = true
	quietly ending = false
)

// place starts a call of ours. There is none.
func (m *Machine) place() {
	m.attempts++
	m.call = &call{id: m.newCallID(), outgoing: true}
	m.inbox.expect(m.call.id)
	m.enter(Calling)
	m.act(Action{Kind: OpenConn, CallID: m.call.id, Outgoing: true})
	m.makeOffer(false)
}

// newCallID is a time and randomness, as js-sdk writes them, within the
// opaque identifier grammar.
func (m *Machine) newCallID() string {
	return strconv.FormatInt(m.now.UnixMilli(), 10) + m.randomText(16)
}

func (m *Machine) randomText(length int) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	var text strings.Builder
	for range length {
		text.WriteByte(letters[m.config.Random.IntN(len(letters))])
	}
	return text.String()
}

// take answers the peer's invite. There is no other call.
func take(m *Machine, e *Event) {
	m.disarm(timerAttempt)
	s := e.Signal
	m.call = &call{id: s.CallID, spoken: true}
	m.enter(Calling)
	m.act(Action{Kind: OpenConn, CallID: s.CallID})
	m.act(Action{Kind: Streams, CallID: s.CallID, Metadata: s.Metadata})
	m.acceptOffer(s.Description)
}

// end closes the present call. The caller decides what comes after it.
func (m *Machine) end(reason message.Reason, detail string, how ending) {
	c := m.call
	if how == tell && c.spoken {
		m.send(message.Signal{Kind: message.Hangup, Reason: reason})
	}
	if reason != "" {
		m.reason, m.detail = reason, detail
	}
	switch {
	case c.connectedAt.IsZero():
	case m.now.Sub(c.connectedAt) < shortLife:
		m.attempts = 1
	default:
		m.attempts = 0
	}
	m.disarmCall()
	m.inbox.bury(c.id, m.now)
	m.act(Action{Kind: CloseConn, CallID: c.id})
	m.call = nil
}

// fail ends the present call for a reason found here, and goes on.
func (m *Machine) fail(reason message.Reason, detail string) {
	m.end(reason, detail, tell)
	m.rest(reason)
}

// hungUp follows the peer's hang-up or reject.
func hungUp(m *Machine, e *Event) {
	reason := e.Reason
	if reason == "" {
		reason = message.ReasonUserHangup
	}
	m.end(reason, "the peer ended the call", quietly)
	m.rest(reason)
}

// connected: media can flow. Attempts are counted on until the call has lasted.
func connected(m *Machine, _ *Event) {
	m.disarm(timerRestart, timerGiveUp)
	if m.call.connectedAt.IsZero() {
		m.call.connectedAt = m.now
	}
	m.faults = 0
	m.enter(Connected)
}

// send addresses a message of the present call and hands it over. Only some
// kinds take a number of the call (D20).
func (m *Machine) send(s message.Signal) {
	s.Envelope = m.envelope(m.call.id)
	if s.Kind.Numbered() {
		seq := m.call.nextSeq
		s.Seq = &seq
		m.call.nextSeq++
	}
	m.act(Action{Kind: Send, CallID: m.call.id, Signal: s})
}

// envelope is the union of what peers need on every message (D19).
func (m *Machine) envelope(callID string) message.Envelope {
	c := m.config
	party := c.Self.DeviceID
	if c.Dialect == message.DialectFamedly {
		party = c.SelfSession
	}
	return message.Envelope{
		Dialect:         c.Dialect,
		CallID:          callID,
		PartyID:         party,
		ConfID:          c.ConfID,
		SlotID:          c.SlotID,
		RoomID:          c.RoomID,
		DeviceID:        c.Self.DeviceID,
		SenderSessionID: c.SelfSession,
		DestSessionID:   m.session,
		MessageID:       message.MessageIDPrefix + m.randomText(20),
		Version:         1,
	}
}

// taken: the homeserver has a message, from now on its answer can come.
func taken(m *Machine, e *Event) {
	switch e.Signal.Kind {
	case message.Invite:
		if m.call.exchange == offered {
			m.arm(timerInvite, inviteTimeout)
		}
	case message.Answer:
		m.expectMedia()
	case message.Negotiate:
		if m.call.exchange == offered && e.Signal.Description.Type == "offer" {
			m.arm(timerAnswer, lifetime)
		}
	case message.Candidates:
		m.call.resends = 0
	}
}

// sendFailures says how a call fails when the signaller gives a message up.
// Kinds that are not here are no loss.
var sendFailures = map[message.Kind]message.Reason{
	message.Invite:    message.ReasonSendInvite,
	message.Answer:    message.ReasonSendAnswer,
	message.Negotiate: message.ReasonSignallingTimeout,
}

// notSent: the signaller gave a message up.
func notSent(m *Machine, e *Event) {
	if e.Signal.Kind == message.Candidates {
		m.resendLater(e.Signal)
		return
	}
	if reason, ok := sendFailures[e.Signal.Kind]; ok {
		if e.Signal.Kind == message.Invite {
			m.call.spoken = false
		}
		m.fail(reason, e.Detail)
	}
}

// refuse ends a call that the peer offered and we do not take.
func (m *Machine) refuse(invite message.Signal, reason message.Reason) {
	s := message.Signal{Kind: message.Hangup, Envelope: m.envelope(invite.CallID), Reason: reason}
	s.Seq = new(uint32)
	m.act(Action{Kind: Send, CallID: invite.CallID, Signal: s})
}

// stuck: a local step has not come back.
func stuck(m *Machine, _ *Event) {
	detail := fmt.Sprintf("%s took longer than %v", m.call.exchange, stepLimit)
	m.fail(m.stepReason(), detail)
}

// stepFailed: a local step went wrong.
func stepFailed(m *Machine, e *Event) {
	reason := e.Reason
	if reason == "" {
		reason = m.stepReason()
	}
	m.fail(reason, e.Detail)
}

// stepReason names the failure of the step that is under way.
func (m *Machine) stepReason() message.Reason {
	switch m.call.exchange {
	case making:
		return message.ReasonCreateOffer
	case applying:
		return message.ReasonSetRemoteDescription
	case answering:
		return message.ReasonCreateAnswer
	}
	return message.ReasonUnknown
}
