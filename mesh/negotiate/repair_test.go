package negotiate

import (
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func TestDisconnected_TheCallerRestartsAfterThreeSeconds(t *testing.T) {
	s := asCaller(t).call()
	wants(t, s.local(ConnDisconnected), "")
	s.want(Broken)
	wants(t, s.after(restartAfter-time.Millisecond), "")
	wants(t, s.after(time.Millisecond), "restart")
	actions := s.local(OfferReady)
	wants(t, actions, "send negotiate")
	if lifetime := find(t, actions, Send).Signal.Lifetime; lifetime != time.Minute {
		t.Errorf("lifetime %v", lifetime)
	}
	wants(t, s.hear(negotiateWith("answer", s.m.CallID(), 1)), "accept answer")
	s.local(AnswerApplied)
	s.local(ConnConnected)
	s.want(Connected)
}

func TestDisconnected_ThatHealsIsNotRestarted(t *testing.T) {
	s := asCaller(t).call()
	s.local(ConnDisconnected)
	s.after(2 * time.Second)
	s.local(ConnConnected)
	wants(t, s.after(time.Hour), "")
	s.want(Connected)
}

func TestDisconnected_TheCalleeHangsUpAfterThirtySeconds(t *testing.T) {
	s := asCallee(t).call()
	s.local(ConnDisconnected)
	wants(t, s.after(giveUpAfter-time.Millisecond), "")
	wants(t, s.after(time.Millisecond), "send hangup ice_failed, close conn")
	s.want(Waiting)
}

func TestFailed_TheCallerRestartsAtOnce(t *testing.T) {
	s := asCaller(t).call()
	wants(t, s.local(ConnFailed), "restart")
	s = asCaller(t).call()
	s.local(ConnDisconnected)
	s.after(time.Second)
	wants(t, s.local(ConnFailed), "restart")
	wants(t, s.after(10*time.Second), "") // not a second time after three seconds
}

func TestFailed_TheCalleeWaitsForTheCaller(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.local(ConnFailed), "")
	wants(t, s.hear(negotiateWith("offer", "theirs", 1)), "accept offer")
	wants(t, s.local(AnswerReady), "send negotiate")
	s.local(ConnConnected)
	s.want(Connected)
}

func TestFailed_BeforeItEverConnectedIsRestartedToo(t *testing.T) {
	s := asCaller(t).invited()
	s.hear(signal(message.Answer, s.m.CallID(), 0))
	s.local(AnswerApplied)
	wants(t, s.local(ConnFailed), "restart")
}

func TestRestarts_AreAtMostThreeAMinute(t *testing.T) {
	s := asCaller(t).call()
	for range maxRestarts {
		wants(t, s.local(ConnFailed), "restart")
		s.taken(s.local(OfferReady))
		s.hear(negotiateWith("answer", s.m.CallID(), -1))
		s.local(AnswerApplied)
		s.local(ConnConnected)
		s.after(5 * time.Second)
	}
	wants(t, s.local(ConnFailed), "send hangup ice_failed, close conn, open conn, create offer")
}

func TestRestarts_OfThePastDoNotCount(t *testing.T) {
	s := asCaller(t).call()
	for range 3 * maxRestarts {
		wants(t, s.local(ConnFailed), "restart")
		s.taken(s.local(OfferReady))
		s.hear(negotiateWith("answer", s.m.CallID(), -1))
		s.local(AnswerApplied)
		s.local(ConnConnected)
		s.after(restartWindow)
	}
}

func TestRestart_NobodyAnswersEndsInAHangupAndTheLadder(t *testing.T) {
	s := asCaller(t).call()
	s.after(time.Minute)
	s.local(ConnDisconnected)
	s.after(restartAfter)
	s.taken(s.local(OfferReady))
	wants(t, s.after(giveUpAfter-restartAfter), "send hangup ice_failed, close conn, open conn, create offer")
}

func TestRestart_OfAForeignCalleeMakesOursNeedless(t *testing.T) {
	s := asCaller(t).call()
	s.local(ConnDisconnected)
	s.after(2 * time.Second) // js-sdk restarts from either side
	wants(t, s.hear(negotiateWith("offer", s.m.CallID(), 1)), "accept offer")
	wants(t, s.local(AnswerReady), "send negotiate")
	wants(t, s.after(10*time.Second), "")
}

func TestRestart_WaitsForTheExchangeUnderWay(t *testing.T) {
	s := asCaller(t).call()
	s.hear(negotiateWith("offer", s.m.CallID(), 1))
	wants(t, s.local(ConnFailed), "")
	wants(t, s.local(AnswerReady), "send negotiate, restart")
}

func TestRestart_ThatWaitedIsDoneOnce(t *testing.T) {
	s := asCaller(t).call()
	s.hear(negotiateWith("offer", s.m.CallID(), 1))
	s.local(ConnFailed)
	s.local(AnswerReady)
	s.taken(s.local(OfferReady))
	s.hear(negotiateWith("answer", s.m.CallID(), 2))
	wants(t, s.local(AnswerApplied), "")
}

func TestRestart_UnderWayIsNotBegunAgain(t *testing.T) {
	s := asCaller(t).call()
	wants(t, s.local(ConnFailed), "restart")
	wants(t, s.local(ConnFailed), "")
	s.taken(s.local(OfferReady))
	s.local(ConnFailed)
	s.hear(negotiateWith("answer", s.m.CallID(), 1))
	wants(t, s.local(AnswerApplied), "")
	wants(t, s.local(ConnFailed), "restart") // this one did not help
}

func TestRestart_ThatIsNoLongerNeededIsLeftOut(t *testing.T) {
	s := asCaller(t).call()
	s.hear(negotiateWith("offer", s.m.CallID(), 1))
	s.local(ConnFailed)
	s.local(ConnConnected)
	wants(t, s.local(AnswerReady), "send negotiate")
}
