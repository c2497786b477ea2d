package negotiate

import (
	"maps"
	"math/rand/v2"
	"time"

	"meshfocus/signalling/message"
)

// Config says who the two ends of a pair are. All fields are set once.
type Config struct {
	// Self and Peer are the two devices; the lesser one calls.
	Self, Peer message.Party
	// Dialect is that of the session in which they meet.
	Dialect message.Dialect
	// SelfSession is our session ID, as our membership names it.
	SelfSession string
	// RoomID, ConfID and SlotID stand in every envelope; SlotID is empty in
	// the MSC3401 form.
	RoomID, ConfID, SlotID string
	// Streams says what our media streams are for, by stream ID, until an
	// OwnStreams event says otherwise. Streams that an own description carries
	// and this map does not are user media.
	Streams message.StreamMetadata
	// Random gives call IDs, message IDs and jitter. It must not be shared
	// with another goroutine, and should be hard to guess.
	Random *rand.Rand
}

// Machine negotiates with one remote device. See the package comment for how
// it is driven. It is not safe for concurrent use.
type Machine struct {
	config Config // set once
	caller bool   // set once: the pair's calls are ours to place

	state   State
	session string // the peer's session ID while it is a member
	call    *call  // the one call, nil without
	inbox   inbox
	timers  [timerCount]time.Time

	attempts int         // placed since the last connection that lasted
	faults   int         // local failures in a row
	restarts []time.Time // ICE restarts within restartWindow
	invites  []time.Time // invites taken within inviteWindow
	reason   message.Reason
	detail   string
	reported string // the call of the last report

	now     time.Time // of the event that is being handled
	actions []Action  // of the event that is being handled
}

// inviteWindow and maxInvites limit how often one device can make us build a
// connection (D29).
const (
	inviteWindow = time.Minute
	maxInvites   = 10
)

// New makes the machine of one pair. The device starts as Absent.
func New(config Config) *Machine {
	return &Machine{config: config, caller: config.Dialect.Calls(config.Self, config.Peer), inbox: newInbox()}
}

// State tells how things stand with the device.
func (m *Machine) State() State { return m.state }

// Session is the peer's session ID; empty before it was first a member.
func (m *Machine) Session() string { return m.session }

// Caller reports whether it is our part to place the calls of this pair.
func (m *Machine) Caller() bool { return m.caller }

// CallID names the present call, empty without one.
func (m *Machine) CallID() string {
	if m.call == nil {
		return ""
	}
	return m.call.id
}

// Attempts counts the calls that we placed since the last lasting connection.
func (m *Machine) Attempts() int { return m.attempts }

// LastReason tells why the last call ended, with details in words. Both are
// empty as long as nothing has gone wrong.
func (m *Machine) LastReason() (message.Reason, string) { return m.reason, m.detail }

// Handle takes in one event and returns what is to be done, in order. The
// instants of successive calls must not go backwards.
func (m *Machine) Handle(event Event, now time.Time) []Action {
	m.now, m.actions = now, nil
	switch event.Kind {
	case Received:
		m.receive(m.inbox.accept(event.Signals, now))
	case Tick:
	case MemberJoined:
		m.joined(event)
	case OwnStreams:
		if !maps.Equal(m.config.Streams, event.Metadata) {
			m.config.Streams = event.Metadata
			m.step(event)
		}
	default:
		if m.concerns(event) {
			m.step(event)
		}
	}
	m.tick()
	return m.actions
}

// step looks up what to do in the present state.
func (m *Machine) step(event Event) {
	if event.Kind < eventCount {
		table[m.state][event.Kind](m, &event)
	}
}

// joined tells a new member, a new session and a refresh apart.
func (m *Machine) joined(event Event) {
	if m.state != Absent && m.session != event.SessionID {
		event.Kind = sessionChanged
	}
	m.step(event)
}

// concerns drops reports about calls that are over. An event without a call
// ID is about the pair, or about whatever call there is.
func (m *Machine) concerns(event Event) bool {
	id := event.CallID
	if event.Kind == SendTaken || event.Kind == SendFailed {
		id = event.Signal.CallID
	}
	return id == "" || m.call != nil && m.call.id == id
}

// tick deals with everything that has come due, the earliest first.
func (m *Machine) tick() {
	for {
		t, at := m.earliest()
		if at.IsZero() || m.now.Before(at) {
			break
		}
		m.disarm(t)
		m.step(Event{Kind: timerEvents[t]})
	}
	m.receive(m.inbox.due(m.now))
}

// signalEvents says which event a message is; Negotiate is told apart by the
// type of its description.
var signalEvents = map[message.Kind]EventKind{
	message.Invite: inviteCame, message.Answer: answerCame, message.SelectAnswer: selectCame,
	message.Candidates: candidatesCame, message.MetadataChanged: metadataCame,
	message.Hangup: hangupCame, message.Reject: rejectCame,
}

// receive hands messages whose turn it is to the table. What is not an invite
// must belong to the present call.
func (m *Machine) receive(signals []message.Signal) {
	for _, s := range signals {
		kind, ok := signalEvents[s.Kind]
		if s.Kind == message.Negotiate {
			kind, ok = offerCame, true
			if s.Description.Type == "answer" {
				kind = negotiatedCame
			}
		}
		current := m.call != nil && m.call.id == s.CallID
		switch {
		case !ok:
		case s.Kind == message.Invite:
			m.invited(s)
		case s.Kind == message.Hangup || s.Kind == message.Reject:
			m.inbox.bury(s.CallID, m.now)
			if current {
				m.step(Event{Kind: kind, Signal: s, Reason: s.Reason})
			}
		case current:
			m.step(Event{Kind: kind, Signal: s, Description: s.Description, Candidates: s.Candidates})
		}
	}
}

// invited hands on an invite. One that is not taken is dead, whatever the cause.
func (m *Machine) invited(s message.Signal) {
	if !m.inbox.buried(s.CallID, m.now) && m.mayInvite() {
		m.step(Event{Kind: inviteCame, Signal: s})
	}
	if m.call == nil || m.call.id != s.CallID {
		m.inbox.bury(s.CallID, m.now)
	}
}

// mayInvite counts an invite against the limit of its device.
func (m *Machine) mayInvite() bool {
	m.invites = within(m.invites, m.now, inviteWindow)
	if len(m.invites) >= maxInvites {
		return false
	}
	m.invites = append(m.invites, m.now)
	return true
}

// within keeps the instants that are younger than the window.
func within(instants []time.Time, now time.Time, window time.Duration) []time.Time {
	kept := instants[:0]
	for _, at := range instants {
		if now.Sub(at) < window {
			kept = append(kept, at)
		}
	}
	return kept
}

// enter changes the state and reports it. Another call in the same state is
// worth a report too.
func (m *Machine) enter(state State) {
	if m.state == state && m.reported == m.CallID() {
		return
	}
	m.state, m.reported = state, m.CallID()
	m.act(Action{Kind: Report, CallID: m.CallID(), State: state, Reason: m.reason, Detail: m.detail})
}
