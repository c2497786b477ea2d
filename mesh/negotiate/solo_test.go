package negotiate

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// solo is one machine whose peer is played by the test.
type solo struct {
	t   *testing.T
	m   *Machine
	now time.Time
}

// asCaller and asCallee make machines whose part is to call, or to be called,
// with a peer that is a member.
func asCaller(t *testing.T) *solo { return newSolo(t, alice, bob) }
func asCallee(t *testing.T) *solo { return newSolo(t, bob, alice) }

func newSolo(t *testing.T, self, peer message.Party) *solo {
	s := &solo{t: t, now: start, m: New(Config{
		Self: self, Peer: peer, SelfSession: "own", RoomID: "!r:x", ConfID: "conf",
		Random: rand.New(rand.NewPCG(7, 7)),
	})}
	return s
}

// do gives the machine an event.
func (s *solo) do(e Event) []Action {
	s.t.Helper()
	actions := s.m.Handle(e, s.now)
	checkInvariants(s.t, s.m)
	return actions
}

// after lets time pass, with every tick the machine asks for.
func (s *solo) after(d time.Duration) (actions []Action) {
	s.t.Helper()
	until := s.now.Add(d)
	for {
		at := s.m.Deadline()
		if at.IsZero() || at.After(until) {
			s.now = until
			return actions
		}
		s.now = at
		actions = append(actions, s.do(Event{Kind: Tick})...)
	}
}

// hear delivers messages of the peer, as one delivery.
func (s *solo) hear(signals ...message.Signal) []Action {
	s.t.Helper()
	return s.do(Event{Kind: Received, Signals: signals})
}

// local reports something about the present call.
func (s *solo) local(kind EventKind) []Action {
	s.t.Helper()
	return s.do(Event{Kind: kind, CallID: s.m.CallID(), Description: message.Description{
		Type: map[EventKind]string{OfferReady: "offer", AnswerReady: "answer"}[kind], SDP: "v=0\r\n",
	}})
}

// taken tells that the homeserver took what the actions send.
func (s *solo) taken(actions []Action) {
	s.t.Helper()
	for _, a := range actions {
		if a.Kind == Send {
			s.do(Event{Kind: SendTaken, Signal: a.Signal})
		}
	}
}

// join makes the peer a member with a session.
func (s *solo) join(session string) []Action {
	s.t.Helper()
	return s.do(Event{Kind: MemberJoined, SessionID: session})
}

// invited brings a caller to where its invite is with the peer.
func (s *solo) invited() *solo {
	s.t.Helper()
	s.join("one")
	s.taken(s.local(OfferReady))
	return s
}

// call brings a pair to Connected.
func (s *solo) call() *solo {
	s.t.Helper()
	if s.m.Caller() {
		s.invited()
		s.hear(signal(message.Answer, s.m.CallID(), 0))
		s.local(AnswerApplied)
	} else {
		s.join("one")
		s.hear(signal(message.Invite, "theirs", 0))
		s.taken(s.local(AnswerReady))
	}
	s.local(ConnConnected)
	s.want(Connected)
	return s
}

func (s *solo) want(state State) {
	s.t.Helper()
	if s.m.State() != state {
		s.t.Fatalf("state is %v, want %v", s.m.State(), state)
	}
}

// signal is a message of the peer; a negative number means none.
func signal(kind message.Kind, callID string, seq int) message.Signal {
	s := message.Signal{Kind: kind, Envelope: message.Envelope{CallID: callID, PartyID: "PEER"}}
	if seq >= 0 {
		number := uint32(seq)
		s.Seq = &number
	}
	switch kind {
	case message.Invite:
		s.Description = message.Description{Type: "offer", SDP: "v=0\r\n"}
	case message.Answer:
		s.Description = message.Description{Type: "answer", SDP: "v=0\r\n"}
	case message.Candidates:
		s.Candidates = []message.Candidate{{Candidate: "candidate:1"}}
	}
	return s
}

func negotiateWith(kind, callID string, seq int) message.Signal {
	s := signal(message.Negotiate, callID, seq)
	s.Description = message.Description{Type: kind, SDP: "v=0\r\n"}
	return s
}

func withReason(kind message.Kind, callID string, seq int, reason message.Reason) message.Signal {
	s := signal(kind, callID, seq)
	s.Reason = reason
	return s
}

// wants compares actions, reports left out: "close conn, send hangup replaced".
func wants(t *testing.T, actions []Action, want string) {
	t.Helper()
	if got := plain(actions); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func plain(actions []Action) string {
	var words []string
	for _, a := range actions {
		switch a.Kind {
		case Report, Streams:
		case Send:
			word := "send " + a.Signal.Kind.String()
			if a.Signal.Reason != "" {
				word += " " + string(a.Signal.Reason)
			}
			words = append(words, word)
		case CreateOffer:
			word := "create offer"
			if a.Restart {
				word = "restart"
			}
			words = append(words, word)
		default:
			words = append(words, a.Kind.String())
		}
	}
	return strings.Join(words, ", ")
}

// find gives the first action of a kind.
func find(t *testing.T, actions []Action, kind ActionKind) Action {
	t.Helper()
	for _, a := range actions {
		if a.Kind == kind {
			return a
		}
	}
	t.Fatalf("no %v among %s", kind, plain(actions))
	return Action{}
}
