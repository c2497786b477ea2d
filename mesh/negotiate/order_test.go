package negotiate

import (
	"fmt"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func TestSeq_AHoleIsWaitedForAndThenPassedOver(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.hear(negotiateWith("offer", "theirs", 2)), "")
	wants(t, s.after(holeWait-time.Millisecond), "")
	wants(t, s.after(time.Millisecond), "accept offer")
}

func TestSeq_AHoleThatFillsReleasesInOrder(t *testing.T) {
	s := asCallee(t).call()
	s.hear(negotiateWith("offer", "theirs", 3))
	s.hear(signal(message.Candidates, "theirs", 2))
	wants(t, s.hear(signal(message.Candidates, "theirs", 1)), "add candidates, add candidates, accept offer")
}

// js-sdk loses a message here: after a run is released, one too many is taken.
func TestSeq_ASecondHoleLosesNothing(t *testing.T) {
	s := asCallee(t).call()
	s.hear(signal(message.Candidates, "theirs", 2), signal(message.Candidates, "theirs", 4), signal(message.Candidates, "theirs", 6))
	wants(t, s.hear(signal(message.Candidates, "theirs", 1)), "add candidates, add candidates")
	wants(t, s.hear(signal(message.Candidates, "theirs", 3)), "add candidates, add candidates")
	wants(t, s.hear(signal(message.Candidates, "theirs", 5)), "add candidates, add candidates")
}

func TestSeq_WhatWasPassedOverIsTakenLate(t *testing.T) {
	s := asCaller(t).invited()
	s.hear(signal(message.Candidates, s.m.CallID(), 1))
	wants(t, s.after(holeWait), "add candidates")
	wants(t, s.hear(signal(message.Answer, s.m.CallID(), 0)), "send select_answer, accept answer")
}

func TestSeq_AfterAHoleTheNumbersGoOn(t *testing.T) {
	s := asCallee(t).call()
	s.hear(signal(message.Candidates, "theirs", 2))
	s.after(holeWait)
	wants(t, s.hear(signal(message.Candidates, "theirs", 3)), "add candidates")
	wants(t, s.hear(signal(message.Candidates, "theirs", 5)), "")               // a new hole
	wants(t, s.hear(signal(message.Candidates, "theirs", 1)), "add candidates") // the old one fills
	wants(t, s.hear(signal(message.Candidates, "theirs", 4)), "add candidates, add candidates")
}

func TestSeq_FarBehindCountsAsSeen(t *testing.T) {
	s := asCallee(t).call()
	s.hear(signal(message.Candidates, "theirs", 10))
	s.after(holeWait)
	for i := range 4 * maxBehind {
		s.hear(signal(message.Candidates, "theirs", 11+i))
	}
	wants(t, s.hear(signal(message.Candidates, "theirs", 3)), "")
	if seen := len(s.m.inbox.calls["theirs"].seen); seen > 2*maxBehind {
		t.Errorf("%d numbers are remembered", seen)
	}
}

func TestSeq_ANumberThatCameIsNotTakenAgain(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.hear(signal(message.Candidates, "theirs", 1)), "add candidates")
	wants(t, s.hear(signal(message.Candidates, "theirs", 1)), "")
	wants(t, s.hear(signal(message.Invite, "theirs", 0)), "")
}

func TestMessageID_ThatCameIsNotTakenAgain(t *testing.T) {
	s := asCallee(t).call()
	candidates := signal(message.Candidates, "theirs", -1)
	candidates.MessageID = "m1"
	wants(t, s.hear(candidates), "add candidates")
	wants(t, s.hear(candidates), "")
	for i := range maxMessageIDs {
		other := candidates
		other.MessageID = fmt.Sprint("other", i)
		s.hear(other)
	}
	wants(t, s.hear(candidates), "add candidates") // forgotten: memory is bounded
}

// Hydrogen counts per connection, so that its second call starts anywhere.
func TestSeq_ASecondCallThatGoesOnCountingIsFollowed(t *testing.T) {
	s := asCallee(t).call()
	s.hear(withReason(message.Hangup, "theirs", 5, message.ReasonUserHangup))
	wants(t, s.hear(signal(message.Invite, "second", 6)), "open conn, accept offer")
	wants(t, s.hear(signal(message.Candidates, "second", 7)), "add candidates")

	s = asCaller(t).invited()
	wants(t, s.hear(signal(message.Answer, s.m.CallID(), 9)), "send select_answer, accept answer")
	wants(t, s.hear(signal(message.Candidates, s.m.CallID(), 10)), "add candidates")
}

func TestSeq_MissingMeansAtOnce(t *testing.T) {
	s := asCallee(t).call()
	s.hear(negotiateWith("offer", "theirs", 5)) // held
	wants(t, s.hear(signal(message.Candidates, "theirs", -1)), "add candidates")
}

func TestCandidates_BeforeTheAnswerAreHandedOn(t *testing.T) {
	s := asCaller(t).invited()
	wants(t, s.hear(signal(message.Candidates, s.m.CallID(), 0)), "add candidates")
	wants(t, s.hear(signal(message.Answer, s.m.CallID(), 1)), "send select_answer, accept answer")
	wants(t, s.hear(signal(message.Candidates, s.m.CallID(), 2)), "add candidates")
}

func TestCandidates_BeforeTheInviteWaitThirtySecondsForIt(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	s.hear(signal(message.Candidates, "theirs", 1), signal(message.Candidates, "theirs", -1))
	s.after(inviteWait - time.Second)
	wants(t, s.hear(signal(message.Invite, "theirs", 0)),
		"open conn, accept offer, add candidates, add candidates")

	s = asCallee(t)
	s.join("one")
	s.hear(signal(message.Candidates, "theirs", 1))
	s.after(inviteWait)
	wants(t, s.hear(signal(message.Invite, "theirs", 0)), "open conn, accept offer")
}

func TestHangup_OvertakesWhatIsMissing(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.hear(withReason(message.Hangup, "theirs", 9, message.ReasonUserHangup)), "close conn")
	s.want(Waiting)
}

func TestHangup_BeforeItsInviteBuriesIt(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	wants(t, s.hear(withReason(message.Hangup, "theirs", 1, message.ReasonInviteTimeout)), "")
	s.after(tombstone - time.Second)
	wants(t, s.hear(signal(message.Invite, "theirs", 0)), "")
	wants(t, s.hear(signal(message.Candidates, "theirs", 2)), "")
	s.want(Waiting)
}

func TestInvite_HungUpInTheSameDeliveryIsNotAnswered(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	wants(t, s.hear(
		signal(message.Invite, "theirs", 0),
		withReason(message.Hangup, "theirs", 1, message.ReasonUserHangup),
	), "")
	s.want(Waiting)
}

func TestHangup_InOneDeliveryWithACopyOfTheInviteEndsTheCall(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.hear(
		signal(message.Invite, "theirs", 0),
		withReason(message.Hangup, "theirs", 1, message.ReasonUserHangup),
	), "close conn")
}

func TestInbox_HoldsABoundedNumberOfMessages(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	for i := range 10 * maxHeld {
		s.hear(signal(message.Candidates, fmt.Sprint("call", i), 1))
		s.hear(withReason(message.Hangup, fmt.Sprint("dead", i), 1, message.ReasonUserHangup))
	}
	if len(s.m.inbox.held) != maxHeld || len(s.m.inbox.dead) != maxTombstones {
		t.Errorf("%d held, %d tombstones", len(s.m.inbox.held), len(s.m.inbox.dead))
	}
	s.hear(signal(message.Candidates, "doomed", 1))
	s.hear(withReason(message.Hangup, "doomed", 2, message.ReasonUserHangup))
	if len(s.m.inbox.held) != maxHeld-1 {
		t.Error("messages of a dead call are still held")
	}
}

func TestInbox_ForgetsTheRunsOfCallsThatAreOver(t *testing.T) {
	s := newSolo(t, bob, alice)
	for i := range 20 { // of no member: not taken
		s.hear(signal(message.Invite, fmt.Sprint("early", i), 0))
	}
	s.join("one")
	for i := range 20 {
		s.after(10 * time.Second)
		s.hear(signal(message.Invite, fmt.Sprint("call", i), 0))
	}
	s.do(Event{Kind: MemberEnded})
	if len(s.m.inbox.calls) != 0 {
		t.Errorf("%d runs are remembered", len(s.m.inbox.calls))
	}
}

func TestInvites_BeyondTenAMinuteAreIgnored(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	for i := range maxInvites {
		s.hear(signal(message.Invite, fmt.Sprint("call", i), 0))
		if want := fmt.Sprint("call", i); s.m.CallID() != want {
			t.Fatalf("call is %q, want %q", s.m.CallID(), want)
		}
		s.after(time.Second)
	}
	wants(t, s.hear(signal(message.Invite, "eleventh", 0)), "")
	s.after(inviteWindow)
	s.hear(signal(message.Invite, "later", 0))
	if s.m.CallID() != "later" {
		t.Error("the limit was not lifted after a minute")
	}
}
