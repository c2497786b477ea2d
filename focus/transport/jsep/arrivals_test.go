package jsep

import (
	"slices"
	"strings"
	"testing"
)

const byStream = "a=rtcp-fb:* ack ccfb\r\n"

// knowing are peers by what they know of telling arrivals.
func knowing(feedback ...string) Config {
	codecs := Codecs()
	for i := range codecs {
		codecs[i].Feedback = slices.DeleteFunc(slices.Clone(codecs[i].Feedback), func(word string) bool {
			return word == transportWide && !slices.Contains(feedback, transportWide)
		})
	}
	return Config{Codecs: codecs, StreamReports: slices.Contains(feedback, streamReports)}
}

// withOnly has a description of ours know only so much of telling arrivals.
func withOnly(word, text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		is := strings.Contains(line, transportWide) || strings.Contains(line, ExtensionTransportSeq) || line == byStream
		if !is || word == transportWide && line != byStream || word == streamReports && line == byStream {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestArrivals_AreToldInTheWayThatBothKnow(t *testing.T) {
	for _, c := range []struct {
		name   string
		theirs Config
		want   Arrivals
	}{
		{"both", knowing(transportWide, streamReports), TransportWide},
		{"by stream alone", knowing(streamReports), StreamReports},
		{"transport-wide alone", knowing(transportWide), TransportWide},
		{"nothing", knowing(), Untold},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, weCall := range []bool{true, false} {
				us := newSide(t, "us", knowing(transportWide, streamReports), whole("us"))
				them := newSide(t, "them", c.theirs, whole("them"))
				// The session of a test knows everything.
				them.config.StreamReports = c.theirs.StreamReports
				caller, callee := us, them
				if !weCall {
					caller, callee = them, us
				}
				offer, answer := caller.call(callee)
				if weCall && strings.Count(offer, byStream) != 4 {
					t.Errorf("not every section offers it:\n%s", offer)
				}
				if strings.Contains(answer, byStream) != (c.want == StreamReports) {
					t.Errorf("want %s, the answer is\n%s", c.want, answer)
				}
				if err := mirrored(us.Agreed(), them.Agreed(), us.local, them.local); err != nil {
					t.Error(err)
				}
				for _, s := range us.Agreed().Sections {
					if s.Kind != Data && s.Arrivals != c.want {
						t.Errorf("we call %v: %s in %s, want %s", weCall, s.Arrivals, s.Mid, c.want)
					}
				}
			}
		})
	}
}

// Who prefers reports by stream gets them of whoever knows them, whoever calls, also for
// what is added later; the answer leaves nothing else.
func TestArrivals_AreToldByStreamWhereThatIsPreferred(t *testing.T) {
	for _, theirs := range []bool{true, false} {
		for _, weCall := range []bool{true, false} {
			us, them := newSide(t, "us", Config{PreferStreams: true}, whole("us")), newSide(t, "them", Config{PreferStreams: theirs}, whole("them"))
			caller, callee := us, them
			if !weCall {
				caller, callee = them, us
			}
			want := StreamReports
			if weCall && !theirs { // the answer chooses
				want = TransportWide
			}
			for range 3 { // the same calls again, with more, and then the other one
				_, answer := caller.call(callee)
				if by := strings.Contains(answer, transportWide) || strings.Contains(answer, ExtensionTransportSeq); by != (want == TransportWide) {
					t.Errorf("want %s, the answer is\n%s", want, answer)
				}
				if err := mirrored(us.Agreed(), them.Agreed(), us.local, them.local); err != nil {
					t.Error(err)
				}
				for _, s := range us.Agreed().Sections {
					if s.Kind != Data && s.Arrivals != want {
						t.Errorf("we call %v: %s in %s, want %s", weCall, s.Arrivals, s.Mid, want)
					}
				}
				more := Line{Name: "more", Kind: Video}
				if len(caller.wish.Lines) > len(whole("").Lines) {
					caller, callee = callee, caller
					more.Name = "yet more"
				}
				caller.wish.Lines = append(slices.Clone(caller.wish.Lines), more)
			}
		}
	}
}

// An answer that leaves both, or the other one, or one of them in a section only.
func TestArrivals_AreToldAsTheAnswerHasIt(t *testing.T) {
	us, them := newSide(t, "us", Config{}, whole("us")), newSide(t, "them", Config{}, whole("them"))
	open, offer, err := us.Offer(us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	_, answer, err := them.Answer(read(t, offer), them.local, them.wish)
	if err != nil {
		t.Fatal(err)
	}
	both := strings.ReplaceAll(answer, "a=rtcp-mux\r\n", "a=rtcp-mux\r\n"+byStream)
	picture := strings.Index(both, "m=video")
	for name, c := range map[string]struct {
		answer string
		want   Arrivals
	}{
		"both":            {both, TransportWide},
		"as libwebrtc":    {withOnly(streamReports, both), StreamReports},
		"sound by stream": {withOnly(streamReports, both[:picture]) + both[picture:], TransportWide},
		"no numbers":      {strings.ReplaceAll(answer, ExtensionTransportSeq, "urn:x"), Untold},
	} {
		next, err := open.Accept(read(t, c.answer))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range next.Agreed().Sections {
			if s.Kind != Data && s.Arrivals != c.want {
				t.Errorf("%s: %s in %s, want %s", name, s.Arrivals, s.Mid, c.want)
			}
		}
		more := us.wish
		more.Lines = append(slices.Clone(more.Lines), Line{Name: "more", Kind: Video})
		_, later, err := next.Offer(us.local, more)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(later, byStream) != (c.want != TransportWide) {
			t.Errorf("%s: we offer anew\n%s", name, later)
		}
	}
}

// Chromium with the trial for RFC 8888 answers with that alone, and says nothing of it
// in its own offers.
func TestArrivals_GoOnWhenAnOfferSaysNothing(t *testing.T) {
	us, them := newSide(t, "us", Config{}, whole("us")), newSide(t, "them", knowing(streamReports), whole("them"))
	us.call(them)
	them.wish.Lines = them.wish.Lines[:2]
	next, offer, err := them.Offer(them.local, them.wish)
	if err != nil {
		t.Fatal(err)
	}
	us.Session, offer, err = us.Answer(read(t, strings.ReplaceAll(offer, byStream, "")), us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	if way := us.Agreed().Sections[0].Arrivals; way != StreamReports || strings.Contains(offer, byStream) {
		t.Errorf("arrivals are %s, and we answer\n%s", way, offer)
	}
	if them.Session, err = next.Accept(read(t, offer)); err != nil {
		t.Fatal(err)
	}
	if _, answer := us.call(them); !strings.Contains(answer, byStream) || us.Agreed().Sections[0].Arrivals != StreamReports {
		t.Errorf("after an offer of ours they are %s, and the answer is\n%s", us.Agreed().Sections[0].Arrivals, answer)
	}
}
