package negotiate

import (
	"testing"

	"meshfocus/signalling/message"
)

func wish(kind EventKind) Event { return Event{Kind: kind} }

func TestRestartWanted_RenewsAConnectionThatWorks(t *testing.T) {
	s := asCaller(t).call()
	wants(t, s.do(wish(RestartWanted)), "restart")
	wants(t, s.do(wish(RestartWanted)), "")
	s.taken(s.local(OfferReady))
	s.hear(negotiateWith("answer", s.m.CallID(), 1))
	wants(t, s.local(AnswerApplied), "")
	s.want(Connected)
}

func TestRestartWanted_IsTheCallersMatter(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.do(wish(RestartWanted)), "")
	wants(t, s.after(restartWindow), "")
}

func TestRestartWanted_WaitsForTheExchangeUnderWay(t *testing.T) {
	s := asCaller(t).invited()
	wants(t, s.do(wish(RestartWanted)), "")
	s.hear(signal(message.Answer, s.m.CallID(), 0))
	wants(t, s.local(AnswerApplied), "restart")

	s = asCaller(t).call()
	s.hear(negotiateWith("offer", s.m.CallID(), 1))
	wants(t, s.do(wish(RestartWanted)), "")
	wants(t, s.local(AnswerReady), "send negotiate, restart")
}

func TestRestartWanted_TooOftenIsLeftOutAndEndsNothing(t *testing.T) {
	s := asCaller(t).call()
	for i := range maxRestarts + 2 {
		want := "restart"
		if i >= maxRestarts {
			want = ""
		}
		wants(t, s.do(wish(RestartWanted)), want)
		if want != "" {
			s.taken(s.local(OfferReady))
			s.hear(negotiateWith("answer", s.m.CallID(), -1))
			s.local(AnswerApplied)
		}
	}
	s.want(Connected)
}

func TestOfferWanted_ByACalleeGivesWayToTheCallersOffer(t *testing.T) {
	s := asCallee(t).call()
	wants(t, s.do(wish(OfferWanted)), "create offer")
	s.taken(s.local(OfferReady))
	wants(t, s.hear(negotiateWith("offer", s.m.CallID(), 1)), "send hangup replaced, close conn")
	s.want(Waiting)
}

// speaking is a description that sends a stream called "us".
const speaking = "v=0\r\nm=audio 9 x 0\r\na=mid:0\r\na=msid:us a\r\na=sendrecv\r\nm=video 9 x 0\r\na=mid:1\r\na=msid:us v\r\na=sendrecv\r\n"

func muted(audio, video bool) Event {
	return Event{Kind: OwnStreams, Metadata: message.StreamMetadata{
		"us": {Purpose: message.PurposeUserMedia, AudioMuted: audio, VideoMuted: video},
	}}
}

func TestOwnStreams_AreToldOnceAndStayInLaterOffers(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	offer := s.do(Event{Kind: OfferReady, CallID: s.m.CallID(), Description: message.Description{Type: "offer", SDP: speaking}})
	if got := sentMetadata(offer)["us"]; got.AudioMuted || got.VideoMuted {
		t.Errorf("the invite says %+v", got)
	}
	told := s.do(muted(false, true))
	wants(t, told, "send sdp_stream_metadata_changed")
	if got := sentMetadata(told)["us"]; got.AudioMuted || !got.VideoMuted || got.Purpose != message.PurposeUserMedia {
		t.Errorf("the peer is told %+v", got)
	}
	wants(t, s.do(muted(false, true)), "")

	s.hear(signal(message.Answer, s.m.CallID(), 0))
	s.local(AnswerApplied)
	s.local(ConnConnected)
	s.do(wish(OfferWanted))
	later := s.do(Event{Kind: OfferReady, CallID: s.m.CallID(), Description: message.Description{Type: "offer", SDP: speaking}})
	if got := sentMetadata(later)["us"]; !got.VideoMuted {
		t.Errorf("the later offer says %+v", got)
	}
}

func TestOwnStreams_AreNotToldBeforeADescription(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	wants(t, s.do(muted(true, true)), "")
	offer := s.do(Event{Kind: OfferReady, CallID: s.m.CallID(), Description: message.Description{Type: "offer", SDP: speaking}})
	if got := sentMetadata(offer)["us"]; !got.AudioMuted || !got.VideoMuted {
		t.Errorf("the invite says %+v", got)
	}
}

func sentMetadata(actions []Action) message.StreamMetadata {
	for _, a := range actions {
		if a.Kind == Send && a.Signal.Metadata != nil {
			return a.Signal.Metadata
		}
	}
	return nil
}
