package negotiate

import (
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func TestOrder_UserIDsThatBeginAlikeAreComparedByUserBeforeDevice(t *testing.T) {
	// As one string "@a:hs" + ":" + device would sort after "@a:hs.org" + …,
	// because ":" follows "."; compared as a pair, the shorter user is lesser.
	short := message.Party{UserID: "@a:hs", DeviceID: "ZZZ"}
	long := message.Party{UserID: "@a:hs.org", DeviceID: "AAA"}
	if s := newSolo(t, short, long); !s.m.Caller() {
		t.Error("@a:hs does not call @a:hs.org")
	}
	if s := newSolo(t, long, short); s.m.Caller() {
		t.Error("both call")
	}
	// The Dart SDK does compare them as one string.
	if m := New(Config{Self: short, Peer: long, Dialect: message.DialectFamedly}); m.Caller() {
		t.Error("in the dialect of the Dart SDK @a:hs calls @a:hs.org")
	}
}

func TestOrder_OfTwoDevicesOfOneUserTheLesserCalls(t *testing.T) {
	phone, tablet := message.Party{UserID: "@a:hs", DeviceID: "PHONE"}, message.Party{UserID: "@a:hs", DeviceID: "TABLET"}
	wants(t, newSolo(t, phone, tablet).join("s"), "open conn, create offer")
	s := newSolo(t, tablet, phone)
	wants(t, s.join("s"), "")
	s.want(Waiting)
}

func TestCaller_CallsAtOnceWhenTheMemberAppears(t *testing.T) {
	s := asCaller(t)
	wants(t, s.join("one"), "open conn, create offer")
	actions := s.local(OfferReady)
	wants(t, actions, "send invite")
	invite := find(t, actions, Send).Signal
	if *invite.Seq != 0 || invite.DestSessionID != "one" || invite.SenderSessionID != "own" || invite.Lifetime != time.Minute ||
		invite.Invitee != bob.UserID || invite.InviteeDeviceID != bob.DeviceID || invite.ConfID != "conf" ||
		invite.PartyID != alice.DeviceID || invite.DeviceID != alice.DeviceID || invite.RoomID != "!r:x" {
		t.Errorf("invite is not addressed as peers need it: %+v", invite.Envelope)
	}
}

func TestCaller_SelectsTheAnswerWithoutANumber(t *testing.T) {
	s := asCaller(t).invited()
	actions := s.hear(signal(message.Answer, s.m.CallID(), 0))
	wants(t, actions, "send select_answer, accept answer")
	chosen := find(t, actions, Send).Signal
	if chosen.Seq != nil {
		t.Errorf("select_answer took number %d: Hydrogen would wait for it for ever", *chosen.Seq)
	}
	if chosen.SelectedPartyID != "PEER" {
		t.Errorf("selected %q", chosen.SelectedPartyID)
	}
	s.local(AnswerApplied)
	s.local(ConnConnected)
	s.do(Event{Kind: OfferWanted})
	if later := find(t, s.local(OfferReady), Send).Signal; *later.Seq != 1 {
		t.Errorf("the message after the invite has number %d, want 1", *later.Seq)
	}
}

func TestCallee_WaitsForTheInviteAndAnswersIt(t *testing.T) {
	s := asCallee(t)
	wants(t, s.join("one"), "")
	wants(t, s.hear(signal(message.Invite, "theirs", 0)), "open conn, accept offer")
	wants(t, s.local(AnswerReady), "send answer")
	s.local(ConnConnected)
	s.want(Connected)
}

func TestCallee_MayConnectBeforeItsAnswerHasLeft(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	s.hear(signal(message.Invite, "theirs", 0))
	s.local(ConnConnected)
	s.want(Connected)
	wants(t, s.local(AnswerReady), "send answer")
	s.want(Connected)
}

func TestAnswer_ThatComesTwiceIsAppliedOnce(t *testing.T) {
	s := asCaller(t).invited()
	answer := signal(message.Answer, s.m.CallID(), 0)
	s.hear(answer)
	wants(t, s.hear(answer), "")
	wants(t, s.hear(signal(message.Answer, s.m.CallID(), -1)), "")
}

func TestInviteUnanswered_EndsAfterSixtySecondsFromTheHandOver(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	actions := s.local(OfferReady)
	wants(t, s.after(4*time.Minute), "") // a homeserver that answers 429 for so long
	s.want(Calling)
	s.taken(actions)
	wants(t, s.after(59*time.Second), "")
	wants(t, s.after(2*time.Second), "send hangup invite_timeout, close conn")
	s.want(Resting)
}

func TestInviteNeverHandedOver_EndsInTheEnd(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	s.local(OfferReady)
	wants(t, s.after(handoverLimit), "send hangup invite_timeout, close conn")
}

func TestLostAnswer_EndsTheCallOnBothSides(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	s.hear(signal(message.Invite, "theirs", 0))
	s.taken(s.local(AnswerReady))
	wants(t, s.after(giveUpAfter), "send hangup ice_timeout, close conn")
	s.want(Waiting)
}

func TestAnswerNeverHandedOver_EndsInTheEnd(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	s.hear(signal(message.Invite, "theirs", 0))
	s.local(AnswerReady)
	wants(t, s.after(handoverLimit), "send hangup ice_timeout, close conn")
}

func TestStepThatHangs_EndsTheCallWithTheStepsReason(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	actions := s.after(stepLimit)
	wants(t, actions, "close conn") // the peer knows nothing of the call
	if reason, detail := s.m.LastReason(); reason != message.ReasonCreateOffer || detail == "" {
		t.Errorf("reason %q, %q", reason, detail)
	}
	s = asCallee(t)
	s.join("one")
	s.hear(signal(message.Invite, "theirs", 0))
	wants(t, s.after(stepLimit), "send hangup create_answer, close conn")
}

func TestStepThatFails_TellsThePeerWhy(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	s.hear(signal(message.Invite, "theirs", 0))
	actions := s.do(Event{
		Kind: StepFailed, CallID: "theirs",
		Reason: message.ReasonSetRemoteDescription, Detail: "no m-line",
	})
	wants(t, actions, "send hangup set_remote_description, close conn")
	if _, detail := s.m.LastReason(); detail != "no m-line" {
		t.Errorf("detail %q", detail)
	}
	s.want(Waiting)
}

func TestReportsAboutAFormerCall_AreIgnored(t *testing.T) {
	s := asCaller(t).invited()
	former := s.m.CallID()
	s.hear(withReason(message.Hangup, former, 0, message.ReasonICEFailed))
	s.after(10 * time.Second)
	s.want(Calling)
	for _, kind := range []EventKind{OfferReady, AnswerReady, AnswerApplied, StepFailed, ConnConnected, ConnFailed, LocalCandidates} {
		wants(t, s.do(Event{Kind: kind, CallID: former}), "")
	}
	wants(t, s.hear(signal(message.Answer, former, 1)), "")
	s.want(Calling)
}
