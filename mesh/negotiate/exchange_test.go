package negotiate

import (
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func TestCollision_TheCalleeGivesUpTheConnection(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.do(Event{Kind: OfferWanted}), "create offer")
	wants(t, s.hear(negotiateWith("offer", "theirs", 1)), "send hangup replaced, close conn")
	s.want(Waiting)

	s = asCallee(t).call()
	s.do(Event{Kind: OfferWanted})
	s.local(OfferReady)
	wants(t, s.hear(negotiateWith("offer", "theirs", 1)), "send hangup replaced, close conn")
}

// The call may have been placed by the other side of the pair's order; who
// placed it decides about collisions, who is lesser decides about calling.
func TestCollision_APolitePairsCallerPlacesTheCallAnew(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	s.hear(signal(message.Invite, "theirs", 0))
	s.taken(s.local(AnswerReady))
	s.local(ConnConnected)
	s.after(time.Minute)
	s.do(Event{Kind: OfferWanted})
	wants(t, s.hear(negotiateWith("offer", "theirs", 1)), "send hangup replaced, close conn")
	wants(t, s.after(7*time.Second), "open conn, create offer")
}

func TestCollision_TheCallerIgnoresTheOtherOffer(t *testing.T) {
	s := asCaller(t).call()
	s.do(Event{Kind: OfferWanted})
	wants(t, s.hear(negotiateWith("offer", s.m.CallID(), 1)), "")
	s.taken(s.local(OfferReady))
	wants(t, s.hear(negotiateWith("offer", s.m.CallID(), 2)), "")
	wants(t, s.hear(negotiateWith("answer", s.m.CallID(), 3)), "accept answer")
}

// js-sdk answers an audio-only offer and sends an offer with video right after.
func TestOffer_RightAfterTheAnswerWaitsForIt(t *testing.T) {
	s := asCaller(t).invited()
	wants(t, s.hear(
		signal(message.Answer, s.m.CallID(), 0),
		negotiateWith("offer", s.m.CallID(), 1),
	), "send select_answer, accept answer")
	wants(t, s.local(AnswerApplied), "accept offer")
	wants(t, s.local(AnswerReady), "send negotiate")
	s.local(ConnConnected)
	s.want(Connected)
}

func TestOffer_WhileAnsweringAnotherReplacesWhatWaits(t *testing.T) {
	s := asCallee(t).call()
	first, second, third := negotiateWith("offer", "theirs", 1), negotiateWith("offer", "theirs", 2), negotiateWith("offer", "theirs", 3)
	third.Description.SDP = "third"
	s.hear(first, second, third)
	actions := s.local(AnswerReady)
	wants(t, actions, "send negotiate, accept offer")
	if sdp := find(t, actions, AcceptOffer).Description.SDP; sdp != "third" {
		t.Errorf("took %q", sdp)
	}
}

func TestOfferWanted_WaitsForAQuietMoment(t *testing.T) {
	s := asCallee(t)
	s.join("one")
	s.hear(signal(message.Invite, "theirs", 0))
	wants(t, s.do(Event{Kind: OfferWanted}), "")
	wants(t, s.local(AnswerReady), "send answer, create offer")
	wants(t, s.local(OfferReady), "send negotiate")
}

func TestOfferWanted_LetsTheirQueuedOfferGoFirst(t *testing.T) {
	s := asCaller(t).invited()
	s.hear(signal(message.Answer, s.m.CallID(), 0))
	s.do(Event{Kind: OfferWanted})
	s.hear(negotiateWith("offer", s.m.CallID(), 1))
	wants(t, s.local(AnswerApplied), "accept offer")
	wants(t, s.local(AnswerReady), "send negotiate, create offer")
}

func TestNegotiate_ALostAnswerReplacesTheCall(t *testing.T) {
	s := asCaller(t).call()
	s.do(Event{Kind: OfferWanted})
	s.taken(s.local(OfferReady))
	wants(t, s.after(lifetime-time.Millisecond), "")
	wants(t, s.after(time.Millisecond), "send hangup signalling_timeout, close conn, open conn, create offer")
}

func TestNegotiate_AnAnswerNobodyAskedForIsIgnored(t *testing.T) {
	s := asCaller(t).call()
	wants(t, s.hear(negotiateWith("answer", s.m.CallID(), 1)), "")
	s.do(Event{Kind: OfferWanted})
	s.local(OfferReady)
	wants(t, s.hear(signal(message.Answer, s.m.CallID(), 2)), "") // of the first exchange, late
}

func TestStreams_OfThePeerArePassedOn(t *testing.T) {
	s := asCallee(t).call()
	changed := signal(message.MetadataChanged, "theirs", 1)
	changed.Metadata = message.StreamMetadata{"cam": {Purpose: message.PurposeUserMedia, VideoMuted: true}}
	if got := find(t, s.hear(changed), Streams).Metadata; !got["cam"].VideoMuted {
		t.Errorf("got %v", got)
	}
}
