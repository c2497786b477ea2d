package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"meshfocus/signalling/conformance"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// model is a client that keeps to the page, in a few lines, or has one defect.
// It is the room, too: what is given to its Wire methods arrives a little
// later, on timers, so that it wants virtual time.
type model struct {
	us, peer  message.Party
	key       membership.Key
	encrypted bool
	defect    string
	mailbox   *conformance.Mailbox

	mu      sync.Mutex
	ours    string  // our session ID, as the client sees it; "" when we are out
	road    []heard // on its way
	waiting []heard // for our membership
	media   *modelMedia
	calls   map[string]*modelCall
	count   int
}

// session is the client's session ID.
const session = "client-session"

// heard is a message of ours with how it came.
type heard struct {
	signal  message.Signal
	content map[string]any
	clear   bool
}

// modelCall is a call as the client sees it.
type modelCall struct {
	id                       string
	next, sent               uint32
	held                     []heard
	dead, outgoing, answered bool
	passed                   map[uint32]bool
}

func newModel(us, peer message.Party, defect string, encrypted bool) *model {
	m := &model{
		us: us, peer: peer, defect: defect, encrypted: encrypted, mailbox: conformance.NewMailbox(),
		key: membership.Key{RoomID: "!r:hs", ConfID: message.SlotRoom}, calls: map[string]*modelCall{},
	}
	m.mailbox.SetFacts(m.facts(""))
	return m
}

func (m *model) is(defect string) bool { return m.defect == defect }

// facts is the room with the client in it, and us under a session ID.
func (m *model) facts(ours string) membership.Facts {
	focus := "full_mesh"
	if m.is("focus") {
		focus = "livekit"
	}
	facts := membership.Facts{RoomID: m.key.RoomID, Encrypted: m.encrypted, Joined: map[string]bool{m.us.UserID: true, m.peer.UserID: true}}
	facts.State = append(facts.State, memberOf(m.peer, session, focus))
	if ours != "" {
		facts.State = append(facts.State, memberOf(m.us, ours, "full_mesh"))
	}
	return facts
}

func memberOf(who message.Party, sessionID, focus string) membership.Event {
	content, err := message.SessionContent{
		Application: message.ApplicationCall, DeviceID: who.DeviceID, MembershipID: sessionID,
		FocusActive: message.Focus{Type: focus}, FociPreferred: []message.Focus{{Type: focus}},
	}.Encode()
	if err != nil {
		panic(err)
	}
	return membership.Event{
		Type: message.TypeCallMember, StateKey: message.SessionStateKey(who, message.SlotRoom, ""), Sender: who.UserID,
		EventID: "$" + sessionID, SentAt: time.Now(), Content: content,
	}
}

// later does something under the lock after a while.
func (m *model) later(after time.Duration, do func()) {
	time.AfterFunc(after, func() { m.mu.Lock(); defer m.mu.Unlock(); do() })
}

// roundTrip is what a request takes, so that requests keep their order.
const roundTrip = time.Millisecond

func (m *model) Enter(_ context.Context, sessionID string) error {
	time.Sleep(roundTrip)
	facts := m.facts(sessionID)
	m.later(5*time.Millisecond, func() { m.mailbox.SetFacts(facts) })
	m.later(20*time.Millisecond, func() { m.joined(sessionID) })
	return nil
}

func (m *model) Leave(context.Context) error {
	time.Sleep(roundTrip)
	facts := m.facts("")
	m.later(5*time.Millisecond, func() { m.mailbox.SetFacts(facts) })
	m.later(10*time.Millisecond, func() { m.ours = ""; m.parted() })
	return nil
}

// modelMedia is a connection through which a byte a millisecond comes while the
// client sends.
type modelMedia struct {
	*model
	from, to time.Time // when the client sends; zero: not at all, without end
}

func (m *model) Connect(context.Context) (conformance.Connection, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.media = &modelMedia{model: m}
	return m.media, nil
}

const modelOffer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=msid:real track\r\n"

func (c *modelMedia) Offer(context.Context) (string, error) { return modelOffer, nil }

func (c *modelMedia) Accept(context.Context, string) error { return c.start() }

func (c *modelMedia) Answer(context.Context, string) (string, error) { return modelOffer, c.start() }

func (c *modelMedia) AddCandidates([]message.Candidate) {}

func (c *modelMedia) Close() error { return nil }

func (c *modelMedia) start() error {
	c.later(100*time.Millisecond, func() { c.from = time.Now() })
	return nil
}

func (c *modelMedia) Received() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.from.IsZero() || c.is("mute"):
		return 0
	case c.to.IsZero():
		return uint64(time.Since(c.from).Milliseconds())
	}
	return uint64(min(time.Since(c.from), c.to.Sub(c.from)).Milliseconds())
}

// stop ends what the client sends after a while. What has not begun is no matter
// of a hang-up of the call before.
func (m *model) stop(after time.Duration) {
	if m.media != nil && !m.media.from.IsZero() && m.media.to.IsZero() {
		m.media.to = time.Now().Add(after)
	}
}

// parted: our membership is gone, and nobody hung up.
func (m *model) parted() {
	switch {
	case m.is("grace"):
		m.stop(2 * time.Second)
	case !m.is("endless"):
		m.stop(10 * time.Second)
	}
}

func (m *model) Send(_ context.Context, _ message.Party, eventType string, content json.RawMessage, clear bool) error {
	signal, err := message.ParseSignal(eventType, content)
	if err != nil {
		return fmt.Errorf("the client cannot read %s: %w", eventType, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(content, &fields); err != nil {
		return err
	}
	m.mu.Lock()
	m.road = append(m.road, heard{signal, fields, clear})
	m.mu.Unlock()
	m.later(10*time.Millisecond, func() { // in order, as a homeserver delivers
		h := m.road[0]
		m.road = m.road[1:]
		m.receive(h)
	})
	return nil
}

// joined: the client sees our membership.
func (m *model) joined(sessionID string) {
	m.ours = sessionID
	waiting := m.waiting
	m.waiting = nil
	for _, h := range waiting {
		m.receive(h)
	}
	if first := m.peer.Before(m.us); first != m.is("order") {
		m.place()
	}
}

func (m *model) place() {
	m.count++
	c := &modelCall{id: fmt.Sprint("theirs", m.count), outgoing: true, passed: map[uint32]bool{}}
	if m.is("session") {
		c.id = "theirs"
	}
	m.calls[c.id] = c
	direction := "sendrecv"
	if m.is("audio") {
		direction = "recvonly"
	}
	sdp := "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=" + direction + "\r\n"
	m.say(c, message.TypeInvite, map[string]any{"offer": map[string]string{"type": "offer", "sdp": sdp}, "lifetime": 60000, "invitee": m.us.UserID})
}

// receive is the client's way of a message.
func (m *model) receive(h heard) {
	s := h.signal
	switch {
	case s.DestSessionID != session && !m.is("stale"),
		h.clear && m.encrypted && !m.is("clear"),
		s.DeviceID != m.us.DeviceID && !m.is("device"),
		s.ConfID != m.key.ConfID && !m.is("conf"):
		return
	case s.SenderSessionID != m.ours:
		if !m.is("early") {
			m.waiting = append(m.waiting, h)
		}
		return
	}
	c := m.calls[s.CallID]
	switch {
	case s.Kind == message.Hangup && c == nil:
		if !m.is("tombstone") {
			m.calls[s.CallID] = &modelCall{id: s.CallID, dead: true, passed: map[uint32]bool{}}
		}
	case s.Kind == message.Hangup:
		c.dead = !m.is("overtakes")
		if !m.is("stops") {
			m.stop(0)
		}
	case s.Kind == message.Invite && c == nil:
		m.invited(h)
	case s.Kind == message.Invite, c == nil, c.dead:
	case s.Seq == nil:
		if !m.is("unnumbered") {
			m.act(c, h)
		}
	default:
		m.inTurn(c, h)
	}
}

func (m *model) invited(h heard) {
	s := h.signal
	_, number := h.content["version"].(float64)
	stable, unstable := h.content[message.KeyMetadata] != nil, h.content[message.KeyMetadataUnstable] != nil
	switch {
	case m.is("answer"),
		m.is("version") && number,
		m.is("unstable") && !stable && unstable,
		m.is("none") && !stable && !unstable,
		m.is("silent") && !strings.Contains(s.Description.SDP, "m=audio"),
		m.is("large") && len(s.Description.SDP) > 20_000,
		m.is("offset") && s.Seq != nil && *s.Seq != 0:
		return
	}
	c := &modelCall{id: s.CallID, passed: map[uint32]bool{}}
	if s.Seq != nil {
		c.next = *s.Seq + 1
	}
	m.calls[c.id] = c
	m.say(c, message.TypeAnswer, map[string]any{"answer": map[string]string{"type": "answer", "sdp": "v=0\r\nm=audio 9 X 0\r\n"}})
}

func (m *model) inTurn(c *modelCall, h heard) {
	seq := *h.signal.Seq
	switch {
	case c.passed[seq] && !m.is("twice"):
	case seq > c.next:
		c.held = append(c.held, h)
		if !m.is("hole") {
			m.later(2*time.Second, func() { m.flush(c) })
		}
	default:
		c.passed[seq] = true
		c.next = max(c.next, seq+1)
		m.act(c, h)
	}
}

func (m *model) flush(c *modelCall) {
	held := c.held
	c.held = nil
	for _, h := range held {
		c.next = *h.signal.Seq
		m.inTurn(c, h)
	}
}

func (m *model) act(c *modelCall, h heard) {
	switch s := h.signal; {
	case c.dead:
	case s.Kind == message.Answer:
		c.answered = true
		m.say(c, message.TypeSelectAnswer, map[string]any{"selected_party_id": m.us.DeviceID})
	case s.Kind == message.Candidates && c.outgoing && !c.answered && m.is("candidates"),
		s.Kind == message.Negotiate && c.outgoing && !c.answered && m.is("collision"):
		c.dead = true
		m.say(c, message.TypeHangup, map[string]any{"reason": "unknown_error"})
	case s.Kind == message.Negotiate && (!c.outgoing || c.answered):
		m.say(c, message.TypeNegotiate, map[string]any{"lifetime": 60000, "description": map[string]string{"type": "answer", "sdp": "v=0\r\nm=audio 9 X 0\r\n"}})
	}
}

// say sends a message of the client.
func (m *model) say(c *modelCall, eventType string, body map[string]any) {
	content := map[string]any{
		"call_id": c.id, "version": "1", "party_id": m.peer.DeviceID, "conf_id": m.key.ConfID, "device_id": m.peer.DeviceID,
		"sender_session_id": session, "dest_session_id": m.ours, "seq": c.sent,
	}
	c.sent++
	if eventType == message.TypeSelectAnswer && !m.is("select") {
		delete(content, "seq")
		c.sent--
	}
	for key, value := range body {
		content[key] = value
	}
	streams := map[string]any{"s": map[string]string{"purpose": "m.usermedia"}}
	content[message.KeyMetadata], content[message.KeyMetadataUnstable] = streams, streams
	switch {
	case m.is("envelope"):
		delete(content, "party_id")
	case m.is("metadata"):
		delete(content, message.KeyMetadataUnstable)
	case m.is("dense"):
		c.sent++
	case m.is("size"):
		content["padding"] = strings.Repeat("x", message.MaxContent)
	}
	text, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	h := conformance.Heard{From: m.peer, Encrypted: !m.is("olm"), Type: eventType, Content: text, At: time.Now()}
	if m.is("size") {
		text = []byte(strings.ReplaceAll(string(text), "x", ""))
	}
	if h.Signal, err = message.ParseSignal(eventType, text); err != nil {
		panic(err)
	}
	m.mailbox.Put(h)
}
