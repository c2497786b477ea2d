package negotiate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/message"
)

func local(names ...string) (list []message.Candidate) {
	for _, name := range names {
		mid := "0"
		list = append(list, message.Candidate{Candidate: "candidate:" + name + " 1 udp 1 192.0.2.1 5 typ host", SDPMid: &mid})
	}
	return list
}

func (s *solo) gathered(names ...string) []Action {
	s.t.Helper()
	return s.do(Event{Kind: LocalCandidates, CallID: s.m.CallID(), Candidates: local(names...)})
}

func TestCandidates_InTheDescriptionAreNotRepeated(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	s.gathered("early", "known")
	s.do(Event{Kind: OfferReady, CallID: s.m.CallID(), Description: message.Description{
		Type: "offer", SDP: "v=0\r\na=" + local("known")[0].Candidate + "\r\n",
	}})
	s.gathered("known")
	batch := find(t, s.after(batchFirst), Send).Signal
	if batch.Kind != message.Candidates || len(batch.Candidates) != 1 || !strings.Contains(batch.Candidates[0].Candidate, "early") {
		t.Errorf("sent %+v", batch.Candidates)
	}
}

func TestCandidates_AreNotSentBeforeTheirDescription(t *testing.T) {
	s := asCaller(t)
	s.join("one")
	s.gathered("early")
	wants(t, s.after(time.Second), "")
	wants(t, s.local(OfferReady), "send invite")
	wants(t, s.after(time.Second), "send candidates")
}

func TestCandidates_DoNotOvertakeABatchThatHasToBeSentAgain(t *testing.T) {
	s := asCaller(t).invited()
	s.gathered("one")
	first := find(t, s.after(batchFirst), Send).Signal
	s.do(Event{Kind: SendFailed, Signal: first})
	s.gathered("two")
	var order []uint32
	for _, a := range s.after(5 * time.Second) {
		order = append(order, *a.Signal.Seq)
	}
	if len(order) != 2 || order[0] != *first.Seq || order[1] != *first.Seq+1 {
		t.Errorf("numbers %v, want %d again and then the next", order, *first.Seq)
	}
}

func TestCandidates_AreSentInBatchesThatGrowSlower(t *testing.T) {
	s := asCaller(t).invited()
	var sentAt []time.Duration
	for i := range 60 {
		s.gathered(fmt.Sprint("c", i))
		for _, a := range s.after(50 * time.Millisecond) {
			if a.Kind == Send {
				sentAt = append(sentAt, s.now.Sub(start))
			}
		}
	}
	if len(sentAt) < 6 || len(sentAt) > 12 {
		t.Errorf("60 candidates in 3 s took %d messages, at %v", len(sentAt), sentAt)
	}
	if sentAt[0] > 100*time.Millisecond {
		t.Errorf("the first batch came after %v", sentAt[0])
	}
	if gap := sentAt[len(sentAt)-1] - sentAt[len(sentAt)-2]; gap > batchMost+50*time.Millisecond {
		t.Errorf("batches %v apart", gap)
	}
}

func TestCandidates_AnEndMarkerAloneIsNotSent(t *testing.T) {
	s := asCaller(t).invited()
	s.do(Event{Kind: LocalCandidates, CallID: s.m.CallID(), Candidates: []message.Candidate{{Candidate: ""}}})
	wants(t, s.after(10*time.Second), "")
	s.gathered("after the end") // more may follow it
	wants(t, s.after(time.Second), "send candidates")
}

func TestCandidates_ThatCannotBeSentAreTriedFiveTimesUnderTheirNumber(t *testing.T) {
	s := asCaller(t).invited()
	s.gathered("c")
	first := find(t, s.after(time.Second), Send).Signal
	began := s.now
	for range maxResends {
		s.do(Event{Kind: SendFailed, Signal: first})
		actions := s.after(20 * time.Second)
		again := find(t, actions, Send).Signal
		if again.Kind != message.Candidates || *again.Seq != *first.Seq {
			t.Fatalf("sent %s number %d instead of the same again", again.Kind, *again.Seq)
		}
		s.now = began // the next failure comes at once; time is not the matter here
		s.m.disarm(timerInvite)
	}
	wants(t, s.do(Event{Kind: SendFailed, Signal: first}), "send hangup signalling_timeout, close conn")
}

func TestCandidates_AConnectedCallCanDoWithout(t *testing.T) {
	s := asCaller(t).call()
	s.gathered("c")
	sent := find(t, s.after(time.Second), Send).Signal
	for range maxResends {
		s.do(Event{Kind: SendFailed, Signal: sent})
		s.after(20 * time.Second)
	}
	wants(t, s.do(Event{Kind: SendFailed, Signal: sent}), "")
	s.want(Connected)
}

func TestDescription_ThatIsTooLongIsSentWithoutItsLastCandidates(t *testing.T) {
	var sdp strings.Builder
	sdp.WriteString("v=0\r\nm=audio 9 X 111\r\na=mid:a\r\n")
	for i := range 400 {
		sdp.WriteString("a=" + local(fmt.Sprint("audio", i, strings.Repeat("x", 40)))[0].Candidate + "\r\n")
	}
	sdp.WriteString("m=video 9 X 96\r\na=mid:v\r\n")
	for i := range 400 {
		sdp.WriteString("a=" + local(fmt.Sprint("video", i, strings.Repeat("x", 40)))[0].Candidate + "\r\n")
	}
	s := asCaller(t)
	s.join("one")
	invite := find(t, s.do(Event{Kind: OfferReady, CallID: s.m.CallID(), Description: message.Description{
		Type: "offer", SDP: sdp.String(),
	}}), Send).Signal
	if len(invite.Description.SDP) > maxSDP {
		t.Fatalf("sent %d bytes of SDP", len(invite.Description.SDP))
	}
	seen := map[string]bool{}
	for _, a := range s.after(10 * time.Second) {
		if a.Kind != Send {
			continue
		}
		if n := len(a.Signal.Candidates); n > maxPerMessage {
			t.Errorf("%d candidates in one message", n)
		}
		for _, c := range a.Signal.Candidates {
			seen[c.Candidate] = true
			want := map[bool]string{true: "a", false: "v"}[strings.Contains(c.Candidate, "audio")]
			if *c.SDPMid != want || *c.SDPMLineIndex != map[string]uint16{"a": 0, "v": 1}[want] {
				t.Fatalf("%q under mid %s index %d", c.Candidate, *c.SDPMid, *c.SDPMLineIndex)
			}
		}
	}
	if inSDP := strings.Count(invite.Description.SDP, "a=candidate:"); inSDP+len(seen) != 800 {
		t.Errorf("%d in the description and %d after it, of 800", inSDP, len(seen))
	}
}

func TestStreams_OfOwnDescriptionsAreNamed(t *testing.T) {
	sdp := "v=0\r\n" +
		"m=audio 9 X 111\r\na=mid:0\r\na=msid:cam mic\r\na=sendrecv\r\n" +
		"m=video 9 X 96\r\na=mid:1\r\na=msid:cam lens\r\na=sendonly\r\n" +
		"m=audio 9 X 111\r\na=mid:2\r\na=msid:voice mic\r\n" +
		"m=video 9 X 96\r\na=mid:3\r\na=msid:screen s\r\na=sendrecv\r\n" +
		"m=video 9 X 96\r\na=mid:4\r\na=msid:gone s\r\na=recvonly\r\n" +
		"m=video 9 X 96\r\na=mid:5\r\na=msid:- s\r\na=sendrecv\r\n"
	got := streamsOf(sdp, message.StreamMetadata{
		"screen": {Purpose: message.PurposeScreenShare, AudioMuted: true},
		"absent": {Purpose: message.PurposeUserMedia},
	})
	want := message.StreamMetadata{
		"cam":    {Purpose: message.PurposeUserMedia},
		"voice":  {Purpose: message.PurposeUserMedia, VideoMuted: true},
		"screen": {Purpose: message.PurposeScreenShare, AudioMuted: true},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for id, stream := range want {
		if got[id] != stream {
			t.Errorf("%s: got %+v, want %+v", id, got[id], stream)
		}
	}
}
