package negotiate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// FuzzMachine plays any sequence of events to a machine. It must not panic,
// its invariants must hold, its actions must make sense together, and what it
// sends must stay within bounds.
func FuzzMachine(f *testing.F) {
	f.Add([]byte{0, 0, 0, 4, 0, 0, 16, 1, 0, 6, 0, 0, 10, 0, 9}, true)
	f.Add([]byte{0, 0, 0, 15, 3, 1, 5, 0, 0, 10, 0, 0, 11, 0, 50, 12, 0, 0}, false)
	f.Fuzz(func(t *testing.T, script []byte, caller bool) {
		self, peer := alice, bob
		if !caller {
			self, peer = bob, alice
		}
		m := New(Config{Self: self, Peer: peer, SelfSession: "own", ConfID: "c", Random: rand.New(rand.NewPCG(1, 1))})
		now, open, sent := start, "", 0
		do := func(e Event) {
			for _, a := range m.Handle(e, now) {
				switch a.Kind {
				case OpenConn:
					if open != "" {
						t.Fatalf("opened %q while %q is open", a.CallID, open)
					}
					open = a.CallID
				case CloseConn:
					if a.CallID != open {
						t.Fatalf("closed %q, open is %q", a.CallID, open)
					}
					open = ""
				case CreateOffer, AcceptOffer, AcceptAnswer, AddCandidates:
					if a.CallID != open {
						t.Fatalf("%v on %q, open is %q", a.Kind, a.CallID, open)
					}
				case Send:
					sent++
				}
			}
			checkInvariants(t, m)
			if open != m.CallID() {
				t.Fatalf("open is %q, the call %q", open, m.CallID())
			}
		}
		for len(script) >= 3 {
			kind, detail, pass := script[0], script[1], script[2]
			script = script[3:]
			now = now.Add(time.Duration(pass) * time.Duration(pass) * 10 * time.Millisecond)
			do(fuzzEvent(m, kind, detail))
		}
		if limit := 10 * (int(now.Sub(start)/time.Second) + 10*maxInvites); sent > limit+1000 {
			t.Fatalf("%d messages in %v", sent, now.Sub(start))
		}
	})
}

func fuzzEvent(m *Machine, kind, detail byte) Event {
	callID := m.CallID()
	if detail&0x40 != 0 || callID == "" {
		callID = fmt.Sprint("call", detail%4)
	}
	switch k := kind % 32; {
	case k < byte(sessionChanged):
		e := Event{
			Kind: EventKind(k), CallID: callID, SessionID: fmt.Sprint("session", detail%3),
			Description: message.Description{SDP: fmt.Sprint("sdp", detail)},
			Candidates:  []message.Candidate{{Candidate: fmt.Sprint("candidate", detail%8)}},
		}
		e.Signal = fuzzSignal(callID, kind, detail)
		return e
	case k < 28:
		return Event{Kind: Received, Signals: []message.Signal{
			fuzzSignal(callID, detail, kind), fuzzSignal(callID, detail/8, detail),
		}}
	}
	return Event{Kind: Tick}
}

func fuzzSignal(callID string, kind, detail byte) message.Signal {
	s := signal(message.Kind(kind%9), callID, int(detail%12)-2)
	if s.Kind == message.Negotiate {
		s.Description.Type = []string{"offer", "answer", ""}[detail%3]
	}
	if detail&0x20 != 0 {
		s.MessageID = fmt.Sprint(message.MessageIDPrefix, detail)
	}
	s.Reason = []message.Reason{"", message.ReasonReplaced, message.ReasonICEFailed, "odd"}[detail%4]
	return s
}
