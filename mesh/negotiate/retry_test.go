package negotiate

import (
	"testing"
	"time"

	"meshfocus/signalling/message"
)

// refuse lets the peer end every call with a reason and returns the waits
// before the attempts that follow.
func (s *solo) refuse(reason message.Reason, times int) (waits []time.Duration) {
	s.t.Helper()
	for range times {
		s.taken(s.local(OfferReady))
		s.hear(withReason(message.Hangup, s.m.CallID(), 0, reason))
		s.want(Resting)
		ended := s.now
		for s.m.State() == Resting {
			s.after(time.Millisecond + s.m.Deadline().Sub(s.now))
		}
		waits = append(waits, s.now.Sub(ended))
	}
	return waits
}

func about(t *testing.T, got []time.Duration, want ...time.Duration) {
	t.Helper()
	for i := range want {
		low := time.Duration(float64(want[i]) * (1 - jitterPart))
		high := time.Duration(float64(want[i])*(1+jitterPart)) + 2*time.Millisecond
		if got[i] < low || got[i] > high {
			t.Errorf("attempt %d came after %v, want about %v", i+2, got[i], want[i])
		}
	}
}

func TestLadder_ClimbsAndThenGoesOnForEver(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	about(t, s.refuse(message.ReasonICEFailed, 8), 5*time.Second, 10*time.Second, 20*time.Second,
		40*time.Second, time.Minute, time.Minute, time.Minute, time.Minute)
}

func TestLadder_WaitsAreNotAlike(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	waits := s.refuse(message.ReasonICEFailed, 10)
	if waits[5] == waits[6] && waits[6] == waits[7] {
		t.Errorf("no jitter: %v", waits[5:8])
	}
}

func TestLadder_EachAttemptHasACallIDOfItsOwn(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	seen := map[string]bool{}
	for range 5 {
		if seen[s.m.CallID()] {
			t.Fatalf("%s again", s.m.CallID())
		}
		seen[s.m.CallID()] = true
		s.refuse(message.ReasonUnknown, 1)
	}
}

func TestLadder_BeginsAnewAfterACallThatLasted(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	s.refuse(message.ReasonICEFailed, 4)
	s.taken(s.local(OfferReady))
	s.hear(signal(message.Answer, s.m.CallID(), 0))
	s.local(AnswerApplied)
	s.local(ConnConnected)
	s.after(shortLife)
	s.hear(withReason(message.Hangup, s.m.CallID(), 1, message.ReasonICEFailed))
	s.want(Calling) // at once
}

func TestLadder_BeginsAnewWithTheMembership(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	s.refuse(message.ReasonICEFailed, 5)
	s.do(Event{Kind: MemberGone})
	s.join("one")
	about(t, s.refuse(message.ReasonICEFailed, 1), 5*time.Second)
}

func TestLadder_ACallThatEndsRightAwayIsNotRepeatedInACircle(t *testing.T) {
	s := asCaller(t).call()
	s.hear(withReason(message.Hangup, s.m.CallID(), 1, message.ReasonUnknown))
	s.want(Resting)
	if wait := s.m.Deadline().Sub(s.now); wait < 4*time.Second {
		t.Errorf("next attempt after %v", wait)
	}
}

func TestLadder_LocalFaultsAreTriedThriceAndThenOnceAMinute(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	about(t, s.refuse(message.ReasonSetRemoteDescription, 5),
		5*time.Second, 10*time.Second, time.Minute, time.Minute, time.Minute)
}

func TestLadder_EndsWithTheMembership(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	s.refuse(message.ReasonICEFailed, 2)
	s.do(Event{Kind: MemberGone})
	wants(t, s.after(time.Hour), "")
	s.want(Absent)
}

func TestReasons_EachIsFollowedAsTheTableSays(t *testing.T) {
	first := map[retry]time.Duration{
		climb: 5 * time.Second, climbThrice: 5 * time.Second, pause: 5 * time.Second, slow: time.Minute,
	}
	for reason, r := range reasons {
		s := asCaller(t)
		s.join("one")
		about(t, s.refuse(reason, 1), first[r.retry])
		if got, _ := s.m.LastReason(); got != reason {
			t.Errorf("last reason %q, want %q", got, reason)
		}
	}
}

func TestHangupWithoutAReason_MeansThatTheUserDidIt(t *testing.T) {
	s := asCaller(t).invited()
	s.hear(signal(message.Hangup, s.m.CallID(), 0))
	if reason, _ := s.m.LastReason(); reason != message.ReasonUserHangup {
		t.Errorf("reason %q", reason)
	}
}

// The peer hung up and stays a member: it did not mean to leave, as when it
// replaced the call. The caller does not insist at once, and not never.
func TestUserHangup_OfSomebodyWhoStaysIsFollowedByACallAfterFiveSeconds(t *testing.T) {
	s := asCaller(t).call()
	s.after(time.Minute)
	s.hear(withReason(message.Hangup, s.m.CallID(), 1, message.ReasonUserHangup))
	wants(t, s.after(3900*time.Millisecond), "")
	wants(t, s.after(3*time.Second), "open conn, create offer")
}

func TestReject_EndsTheCallLikeAHangup(t *testing.T) {
	s := asCaller(t).invited()
	wants(t, s.hear(signal(message.Reject, s.m.CallID(), -1)), "close conn")
	s.want(Resting)
}

func TestSendFailed_EndsTheCallForMessagesThatMatter(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	invite := find(t, s.local(OfferReady), Send).Signal
	wants(t, s.do(Event{Kind: SendFailed, Signal: invite, Detail: "no keys"}), "close conn")
	if reason, detail := s.m.LastReason(); reason != message.ReasonSendInvite || detail != "no keys" {
		t.Errorf("%q %q", reason, detail)
	}

	s = asCallee(t)
	s.join("one")
	s.hear(signal(message.Invite, "theirs", 0))
	answer := find(t, s.local(AnswerReady), Send).Signal
	wants(t, s.do(Event{Kind: SendFailed, Signal: answer}), "send hangup send_answer, close conn")

	s = asCaller(t).call()
	for _, kind := range []message.Kind{message.SelectAnswer, message.Hangup, message.MetadataChanged} {
		wants(t, s.do(Event{Kind: SendFailed, Signal: signal(kind, s.m.CallID(), 3)}), "")
	}
	s.want(Connected)
}
