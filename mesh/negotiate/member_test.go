package negotiate

import (
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func TestNewSession_OfTheCalleeIsCalledAtOnce(t *testing.T) {
	s := asCaller(t).call()
	actions := s.join("two")
	wants(t, actions, "send hangup new_session, close conn, open conn, create offer")
	if to := find(t, actions, Send).Signal.DestSessionID; to != "one" {
		t.Errorf("the hang-up went to session %q, want the old one", to)
	}
	if to := find(t, s.local(OfferReady), Send).Signal.DestSessionID; to != "two" {
		t.Errorf("the invite went to session %q, want the new one", to)
	}
}

func TestNewSession_WhileConnectingEndsTheCallOfTheOld(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	wants(t, s.join("two"), "close conn, open conn, create offer") // nothing was said yet
	s.taken(s.local(OfferReady))
	wants(t, s.join("three"), "send hangup new_session, close conn, open conn, create offer")
}

func TestNewSession_OfTheCallerIsWaitedFor(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.join("two"), "send hangup new_session, close conn")
	s.want(Waiting)
	wants(t, s.hear(signal(message.Invite, "fresh", 0)), "open conn, accept offer")
}

func TestMember_ThatIsRefreshedChangesNothing(t *testing.T) {
	for _, s := range []*solo{asCaller(t).call(), asCallee(t).call(), asCaller(t).invited()} {
		wants(t, s.join("one"), "")
	}
}

func TestMemberGone_WithHealthyMediaLingersForTenSeconds(t *testing.T) {
	s := asCaller(t).call()
	wants(t, s.do(Event{Kind: MemberGone}), "")
	s.want(Lingering)
	wants(t, s.after(graceAfterGone-time.Millisecond), "")
	wants(t, s.after(time.Millisecond), "close conn") // no hang-up: it is no member
	s.want(Absent)
}

func TestMemberGone_AndBackWithTheSameSessionGoesOn(t *testing.T) {
	s := asCaller(t).call()
	s.do(Event{Kind: MemberGone})
	s.after(9 * time.Second)
	wants(t, s.join("one"), "")
	wants(t, s.after(time.Hour), "")
	s.want(Connected)
}

func TestMemberGone_AndBackWithAnotherSessionIsCalledAnew(t *testing.T) {
	s := asCaller(t).call()
	s.do(Event{Kind: MemberGone})
	wants(t, s.join("two"), "send hangup new_session, close conn, open conn, create offer")
}

func TestLingering_EndsWithTheMedia(t *testing.T) {
	for _, kind := range []EventKind{ConnDisconnected, ConnFailed} {
		s := asCaller(t).call()
		s.do(Event{Kind: MemberGone})
		wants(t, s.local(kind), "close conn")
		s.want(Absent)
	}
}

func TestLingering_EndsWithAHangup(t *testing.T) {
	s := asCaller(t).call()
	s.do(Event{Kind: MemberGone})
	wants(t, s.hear(withReason(message.Hangup, s.m.CallID(), 1, message.ReasonUserHangup)), "close conn")
	s.want(Absent)
	wants(t, s.after(time.Hour), "")
}

func TestMemberGone_WithoutHealthyMediaEndsAtOnce(t *testing.T) {
	s := asCaller(t).invited()
	wants(t, s.do(Event{Kind: MemberGone}), "close conn")
	s.want(Absent)
	s = asCaller(t).call()
	s.local(ConnDisconnected)
	wants(t, s.do(Event{Kind: MemberGone}), "close conn")
	s.want(Absent)
}

func TestMemberEnded_EndsAtOnce(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.do(Event{Kind: MemberEnded}), "close conn")
	s.want(Absent)
	s = asCallee(t).call()
	s.do(Event{Kind: MemberGone})
	wants(t, s.do(Event{Kind: MemberEnded}), "close conn")
	s.want(Absent)
}

func TestLeave_TellsThePeerAndEndsForGood(t *testing.T) {
	for _, s := range []*solo{asCaller(t).call(), asCallee(t).call(), asCaller(t).invited()} {
		wants(t, s.do(Event{Kind: Leave}), "send hangup user_hangup, close conn")
		s.want(Over)
		wants(t, s.join("two"), "")
		wants(t, s.hear(signal(message.Invite, "late", 0)), "")
		wants(t, s.after(time.Hour), "")
	}
}

func TestLeave_SaysNothingToWhoIsNoMember(t *testing.T) {
	s := asCaller(t).call()
	s.do(Event{Kind: MemberGone})
	wants(t, s.do(Event{Kind: Leave}), "close conn")
	s.want(Over)
}

func TestAbsent_NobodyIsAnswered(t *testing.T) {
	s := asCallee(t)
	wants(t, s.hear(signal(message.Invite, "early", 0)), "")
	s.want(Absent)
}
