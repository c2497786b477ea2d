package negotiate

import (
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func ours(s message.Signal) message.Signal {
	s.MessageID = message.MessageIDPrefix + "x"
	return s
}

func TestGlare_WithAForeignPeerTheLesserCallIDSurvives(t *testing.T) {
	s := asCaller(t).invited()
	own := s.m.CallID() // begins with a time: a digit
	wants(t, s.hear(signal(message.Invite, "zzz", 0)), "send hangup replaced")
	if s.m.CallID() != own {
		t.Fatal("the lesser call did not survive")
	}

	s = asCaller(t).invited()
	wants(t, s.hear(signal(message.Invite, "!", 0)),
		"send hangup replaced, close conn, open conn, accept offer")
	if s.m.CallID() != "!" {
		t.Fatal("the lesser call was not taken")
	}
}

func TestGlare_WithOneOfOurKindTheLegitimateCallSurvives(t *testing.T) {
	s := asCaller(t).invited()
	own := s.m.CallID()
	wants(t, s.hear(ours(signal(message.Invite, "!", 0))), "send hangup replaced")
	if s.m.CallID() != own {
		t.Error("the caller gave way, although the call is its part")
	}
}

func TestGlare_BeforeOurInviteHasLeftTheirsIsTaken(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	wants(t, s.hear(signal(message.Invite, "zzz", 0)), "close conn, open conn, accept offer")
}

func TestGlare_TheRefusedCallStaysDead(t *testing.T) {
	s := asCaller(t).invited()
	s.hear(signal(message.Invite, "zzz", 0))
	wants(t, s.hear(signal(message.Candidates, "zzz", 1)), "")
	wants(t, s.hear(signal(message.Invite, "zzz", 0)), "")
}

func TestGlare_AfterTheAnswerTheirLateInviteIsRefused(t *testing.T) {
	s := asCaller(t).invited()
	s.hear(signal(message.Answer, s.m.CallID(), 0))
	wants(t, s.hear(signal(message.Invite, "!", 0)), "send hangup replaced")
	s.local(AnswerApplied)
	s.local(ConnConnected)
	wants(t, s.hear(signal(message.Invite, "!!", 0)), "send hangup replaced")
	s.want(Connected)
}

func TestInvite_OfTheSameCallerReplacesItsFormerCall(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.hear(signal(message.Invite, "newer", 0)),
		"send hangup replaced, close conn, open conn, accept offer")
	if s.m.CallID() != "newer" {
		t.Error("the new call was not taken")
	}
}

func TestInvite_ReplacesOurCallOnceThatIsBroken(t *testing.T) {
	s := asCaller(t).call()
	s.local(ConnDisconnected)
	wants(t, s.hear(signal(message.Invite, "theirs", 0)),
		"send hangup replaced, close conn, open conn, accept offer")
}

func TestInvite_WhileWeRestIsTakenInsteadOfCalling(t *testing.T) {
	s := asCaller(t).invited()
	s.hear(withReason(message.Hangup, s.m.CallID(), 0, message.ReasonICEFailed))
	s.want(Resting)
	wants(t, s.hear(signal(message.Invite, "theirs", 0)), "open conn, accept offer")
	s.taken(s.local(AnswerReady))
	wants(t, s.after(20*time.Second), "") // no attempt of ours meanwhile
}

// Both ends of a glare between two of our kind, one of which has no right to
// call, end up on the same call.
func TestGlare_BothEndsAgree(t *testing.T) {
	for seed := range uint64(50) {
		w := newWorld(t, seed)
		w.road = func(int, message.Signal) (time.Duration, int) {
			return time.Duration(w.random.IntN(400)) * time.Millisecond, 1
		}
		w.meet()
		w.run(time.Duration(w.random.IntN(300)) * time.Millisecond)
		// Bob's machine calls although it is Alice's part.
		bob := w.ends[1]
		if bob.machine.State() == Waiting {
			bob.machine.now, bob.machine.actions = w.now, nil
			bob.machine.place()
			for _, a := range bob.machine.actions {
				w.do(1, a)
			}
		}
		w.run(2 * time.Minute)
		w.bothConnected()
	}
}
