package jsep

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func recorded(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// offers are the names of the recorded offers.
func offers(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*-offer.sdp")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d recorded offers: %v", len(files), err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".sdp")
	}
	return files
}

// table writes an agreement down, a line for each thing agreed.
func table(a Agreement) string {
	var t strings.Builder
	fmt.Fprintf(&t, "we are %s, controlling %v, mixed %v\n", a.Role, a.Controlling, a.Mixed)
	fmt.Fprintf(&t, "%s %s lite %v trickle %v complete %v\n", a.Remote.Ufrag, a.Remote.Password, a.Remote.Lite, a.Remote.Trickle, a.Remote.Complete)
	for _, f := range a.Remote.Fingerprints {
		fmt.Fprintf(&t, "%s %s\n", f.Algorithm, f.Value)
	}
	for _, c := range a.Remote.Candidates {
		fmt.Fprintf(&t, "%s\n", c)
	}
	for _, s := range a.Sections {
		fmt.Fprintf(&t, "\n%s %s: %s, line %q, refused %v, reduced %v, arrivals %s\n", s.Mid, s.Kind, s.Direction, s.Name, s.Refused, s.ReducedSize, s.Arrivals)
		if s.Kind == Data {
			fmt.Fprintf(&t, "  sctp %+v\n", s.SCTP)
		}
		for _, f := range s.Formats {
			fmt.Fprintf(&t, "  %s/%d in %v out %v %q %q\n", f.Codec.Name, f.Codec.Clock, f.In, f.Out, f.Parameters, f.Feedback)
		}
		for _, e := range s.Extensions {
			fmt.Fprintf(&t, "  %d %s %s\n", e.ID, e.Direction, e.URI)
		}
		if s.Remote.ID != "" || s.Layers != nil {
			fmt.Fprintf(&t, "  from them %+v %q\n", s.Remote, s.Layers)
		}
		if s.Direction.Sends() && s.Kind != Data {
			fmt.Fprintf(&t, "  from us %+v\n", s.Local)
		}
	}
	return t.String()
}

// expectTable compares with testdata/name.table, or writes it.
func expectTable(t *testing.T, name string, a Agreement) {
	t.Helper()
	path, got := filepath.Join("testdata", name+".table"), table(a)
	if os.Getenv("UPDATE_TESTDATA") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("agreed\n%s\nwant\n%s", got, want)
	}
}

func TestSession_AnswersEveryOfferOnRecord(t *testing.T) {
	for _, name := range offers(t) {
		t.Run(name, func(t *testing.T) {
			us := newSide(t, "us", Config{}, whole("us"))
			next, answer, err := us.Answer(read(t, recorded(t, name)), us.local, us.wish)
			if err != nil {
				t.Fatal(err)
			}
			expectTable(t, name, next.Agreed())
			if err := asPionReads(answer); err != nil {
				t.Errorf("%v:\n%s", err, answer)
			}
		})
	}
}

func TestSession_TakesEveryAnswerOnRecord(t *testing.T) {
	for name, data := range map[string]bool{"jssdk-answer": false, "hydrogen-answer": false, "jssdk-data-answer": true, "firefox-simulcast-answer": false} {
		t.Run(name, func(t *testing.T) {
			wish := whole("us")
			wish.Lines, wish.Data = wish.Lines[:2], data
			us := newSide(t, "us", Config{}, wish)
			next, _, err := us.Offer(us.local, us.wish)
			if err != nil {
				t.Fatal(err)
			}
			if next, err = next.Accept(read(t, recorded(t, name))); err != nil {
				t.Fatal(err)
			}
			expectTable(t, name, next.Agreed())
		})
	}
}

// The whole call as recorded, with us in the place of who began it.
func TestSession_FollowsABrowserThroughACall(t *testing.T) {
	wish := whole("us")
	wish.Lines, wish.Data = wish.Lines[:2], false
	us := newSide(t, "us", Config{}, wish)
	offer := func(name, want string, restarts bool) string {
		t.Helper()
		d, before := read(t, recorded(t, name)), us.Agreed()
		if us.Restarts(d) != restarts {
			t.Errorf("%s: restarts is %v", name, !restarts)
		}
		next, text, err := us.Answer(d, us.local, us.wish)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		us.Session = next
		// The answer on record is one to an offer with other extension numbers
		// than ours, so that they are agreed on only here.
		if err := kept(before, us.Agreed()); err != nil && name != "jssdk-screen-offer" {
			t.Errorf("%s: %v", name, err)
		}
		if got := directions(us.Agreed()); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if strings.Contains(text, "a=setup:active") || !strings.Contains(text, "a=setup:passive") {
			t.Errorf("%s: our role has changed:\n%s", name, text)
		}
		return text
	}
	var err error
	if us.Session, _, err = us.Offer(us.local, us.wish); err != nil {
		t.Fatal(err)
	}
	if us.Session, err = us.Accept(read(t, recorded(t, "jssdk-answer"))); err != nil {
		t.Fatal(err)
	}
	if got, want := directions(us.Agreed()), "audio sendrecv, video sendrecv"; got != want {
		t.Errorf("at first: %s, want %s", got, want)
	}
	offer("jssdk-screen-offer", "audio sendrecv, video sendrecv, video recvonly", false)
	offer("jssdk-unshared-offer", "audio sendrecv, video sendrecv, video inactive", false)
	offer("jssdk-restart-offer", "audio sendrecv, video sendrecv, video inactive", true)
	// And an offer of ours within the call.
	next, text, err := us.Offer(us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(text, "\r\nm="); got != 3 || !next.Open() {
		t.Errorf("our offer has %d m-lines, want 3", got)
	}
}

func directions(a Agreement) string {
	var all []string
	for _, s := range a.Sections {
		all = append(all, s.Kind.String()+" "+s.Direction.String())
	}
	return strings.Join(all, ", ")
}

// Chromium answers layers that were asked for without naming SSRCs.
func TestSession_ReceivesLayers(t *testing.T) {
	answer := layered(recorded(t, "jssdk-answer"), "q;h;f")
	wish := whole("us")
	wish.Lines, wish.Data = wish.Lines[:2], false
	us := newSide(t, "us", Config{}, wish)
	next, offer, err := us.Offer(us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(offer, "a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n") {
		t.Errorf("the offer is\n%s", offer)
	}
	if us.Session, err = next.Accept(read(t, answer)); err != nil {
		t.Fatal(err)
	}
	expect := func(step string, a Agreement, want ...string) {
		t.Helper()
		if got := a.Sections[1].Layers; !slices.Equal(got, want) {
			t.Errorf("%s: layers are %q, want %q", step, got, want)
		}
	}
	expect("the answer", us.Agreed(), "q", "h", "f")
	if _, text, _ := us.Offer(us.local, us.wish); !strings.Contains(text, "a=simulcast:recv q;h;f\r\n") {
		t.Errorf("a later offer does not ask for them any more:\n%s", text)
	}

	// The other side offers with layers, less of them, or none.
	for sent, want := range map[string][]string{"q;h;f": {"q", "h", "f"}, "~q,h;f": {"q", "f"}, "q;x;f": {"q", "f"}, "": nil} {
		d := read(t, layered(strings.ReplaceAll(recorded(t, "jssdk-answer"), "a=setup:active", "a=setup:actpass"), sent))
		next, text, err := us.Answer(d, us.local, us.wish)
		if err != nil {
			t.Fatal(err)
		}
		expect("an offer of "+sent, next.Agreed(), want...)
		if got := strings.Contains(text, "a=simulcast:recv "+strings.Join(want, ";")+"\r\n"); got != (want != nil) {
			t.Errorf("the answer to %q is\n%s", sent, text)
		}
	}

	// Who sends no picture yet may still send layers later: they stay asked for.
	quiet := read(t, strings.Replace(recorded(t, "jssdk-answer"), "a=mid:1\r\n", "a=mid:1\r\na=recvonly\r\n", 1))
	if us.Session, err = next.Accept(quiet); err != nil {
		t.Fatal(err)
	}
	expect("no picture", us.Agreed())
	if _, text, _ := us.Offer(us.local, us.wish); !strings.Contains(text, "a=simulcast:recv q;h;f\r\n") {
		t.Error("layers are not asked for though no picture came yet")
	}
	// Who sends one encoding is not asked again.
	if us.Session, err = next.Accept(read(t, recorded(t, "jssdk-answer"))); err != nil {
		t.Fatal(err)
	}
	expect("one encoding", us.Agreed())
	if _, text, _ := us.Offer(us.local, us.wish); strings.Contains(text, "simulcast") {
		t.Error("layers are asked for again, of who sends one encoding")
	}
}

// layered makes a description send layers, as Chromium writes it.
func layered(text, sent string) string {
	head, video, _ := strings.Cut(text, "m=video")
	lines := slices.DeleteFunc(strings.Split(video, "\r\n"), func(line string) bool { return strings.HasPrefix(line, "a=ssrc") })
	video = strings.Join(lines, "\r\n")
	if sent != "" {
		video += "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send " + sent + "\r\n"
	}
	return head + "m=video" + video
}
