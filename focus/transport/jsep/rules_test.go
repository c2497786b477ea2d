package jsep

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestSession_IsAValue(t *testing.T) {
	a, b := newSide(t, "aa", Config{}, whole("a")), newSide(t, "bb", Config{}, whole("b"))
	a.call(b)
	before, agreed := a.Session, table(a.Agreed())
	next, offer, err := a.Offer(a.local, a.wish)
	if err != nil || !next.Open() || before.Open() {
		t.Fatalf("open %v and %v: %v", next.Open(), before.Open(), err)
	}
	// Glare: who gives way goes back to the Session before its offer.
	theirs, text, err := b.Offer(b.local, b.wish)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := next.Answer(read(t, text), a.local, a.wish); !errors.Is(err, ErrState) {
		t.Errorf("an answer while an offer is open: %v", err)
	}
	if _, _, err := next.Offer(a.local, a.wish); !errors.Is(err, ErrState) {
		t.Errorf("an offer while one is open: %v", err)
	}
	if _, err := before.Accept(read(t, text)); !errors.Is(err, ErrState) {
		t.Errorf("an answer without an offer: %v", err)
	}
	after, answer, err := before.Answer(read(t, text), a.local, a.wish)
	if err != nil {
		t.Fatal(err)
	}
	if b.Session, err = theirs.Accept(read(t, answer)); err != nil {
		t.Fatal(err)
	}
	if err := mirrored(after.Agreed(), b.Agreed(), a.local, b.local); err != nil {
		t.Error(err)
	}
	if again, repeated, _ := before.Offer(a.local, a.wish); repeated != offer || !reflect.DeepEqual(again, next) {
		t.Error("the same Session makes another offer now")
	}
	if _, _, err := before.Offer(a.local, Wish{Lines: a.wish.Lines[2:]}); err != nil {
		t.Error(err)
	}
	if table(before.Agreed()) != agreed {
		t.Error("a former Session has changed")
	}
}

// What browsers do with a track that is added after the offer came: it goes
// where it is taken, and nowhere else.
func TestSession_SendsWhereItIsTaken(t *testing.T) {
	us := newSide(t, "us", Config{}, whole("us"))
	names := func(step string, text, want string) {
		t.Helper()
		next, _, err := us.Answer(read(t, text), us.local, us.wish)
		if err != nil {
			t.Fatal(err)
		}
		us.Session = next
		var got []string
		for _, s := range us.Agreed().Sections {
			got = append(got, s.Mid+" "+s.Name+" "+s.Direction.String())
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %s, want %s", step, strings.Join(got, ", "), want)
		}
	}
	names("they only send a picture", small, "a audio sendrecv, v screen recvonly, d  sendrecv")
	more := strings.Replace(small, "BUNDLE a v d", "BUNDLE a v d w", 1) +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:w\r\na=rtcp-mux\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n"
	names("they take one too", more, "a audio sendrecv, v screen recvonly, d  sendrecv, w camera sendonly")
	us.wish.Lines = us.wish.Lines[:1]
	names("we have none any more", more, "a audio sendrecv, v screen recvonly, d  sendrecv, w camera inactive")
	us.wish.Lines = append(us.wish.Lines, Line{Name: "other", Kind: Video, Track: track("other", 3)})
	names("another takes its place", more, "a audio sendrecv, v screen recvonly, d  sendrecv, w other sendonly")
}

func TestSession_AnswersWithWhatWasOfferedOnly(t *testing.T) {
	sound := strings.Replace(small[:strings.Index(small, "m=video")], "a=group:BUNDLE a v d\r\n", "", 1)
	for word, text := range map[string]string{"a=group": sound, "a=extmap-allow-mixed": small, "a=rtcp-rsize": small, "a=simulcast": small, "rtcp-fb": small} {
		if _, answer, err := answerTo(t, text); err != nil || strings.Contains(answer, word) {
			t.Errorf("%s is answered: %v\n%s", word, err, answer)
		}
	}
	mixed := strings.Replace(small, "a=group", "a=extmap-allow-mixed\r\na=group", 1)
	if a, answer, _ := answerTo(t, mixed); !a.Mixed || !strings.Contains(answer, "a=extmap-allow-mixed") {
		t.Errorf("mixed header extensions are not answered:\n%s", answer)
	}
}

func TestSession_SaysWhatIsWrongWithAWish(t *testing.T) {
	good := Line{Name: "x", Kind: Audio, Track: track("x", 1)}
	line := func(change func(*Line)) Wish {
		l := good
		copied := *good.Track
		l.Track = &copied
		change(&l)
		return Wish{Lines: []Line{l}}
	}
	for want, wish := range map[string]Wish{
		"nothing to offer":          {},
		"it has no name":            line(func(l *Line) { l.Name = "" }),
		"its name comes twice":      {Lines: []Line{good, good}},
		"neither audio nor video":   line(func(l *Line) { l.Kind = Data }),
		"neither sends nor":         line(func(l *Line) { l.Track, l.SendOnly = nil, true }),
		"4 layers":                  line(func(l *Line) { l.Layers = []string{"a", "b", "c", "d"} }),
		"cannot name a layer":       line(func(l *Line) { l.Layers = []string{"a;b"} }),
		"its stream id is no token": line(func(l *Line) { l.Track.Stream = "a b" }),
		"its track id is no token":  line(func(l *Line) { l.Track.ID = "a\r\nm=audio" }),
		"it needs one source":       line(func(l *Line) { l.Track.Sources = nil }),
	} {
		s := session(t, Config{})
		if _, _, err := s.Offer(local("us"), wish); !errors.Is(err, ErrWish) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	broken := local("us")
	broken.Candidates = []string{"candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=inactive"}
	if _, _, err := session(t, Config{}).Offer(broken, whole("us")); !errors.Is(err, ErrWish) {
		t.Errorf("a candidate of two lines: %v", err)
	}
	if _, _, err := New(Config{}).Offer(local("us"), whole("us")); !errors.Is(err, ErrWish) {
		t.Errorf("no cname: %v", err)
	}
}

func TestSession_SaysWhyAnAnswerDoesNotFit(t *testing.T) {
	a, b := newSide(t, "aa", Config{}, whole("a")), newSide(t, "bb", Config{}, whole("b"))
	offered, offer, _ := a.Offer(a.local, a.wish)
	_, answer, err := b.Answer(read(t, offer), b.local, b.wish)
	if err != nil {
		t.Fatal(err)
	}
	data := strings.Index(answer, "m=application")
	for want, text := range map[string]string{
		"4 m-lines answer 5":       answer[:data],
		"m-line 4: \"audio\"":      answer[:data] + strings.Replace(answer[data:], "application 9 UDP/DTLS/SCTP webrtc-datachannel", "audio 0 x 0", 1),
		"mid 9 answers mid 1":      strings.NewReplacer("a=mid:1", "a=mid:9", "BUNDLE 0 1", "BUNDLE 0 9").Replace(answer),
		"none of the formats":      strings.Replace(answer, "opus/48000", "opus/16000", 1),
		"outside of the bundle":    strings.Replace(answer, "BUNDLE 0 1 2", "BUNDLE 0 2", 1),
		"a=setup:actpass, not act": strings.ReplaceAll(answer, "a=setup:active", "a=setup:actpass"),
	} {
		if _, err := offered.Accept(read(t, text)); !errors.Is(err, ErrDescription) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestSession_KeepsItsRole(t *testing.T) {
	for name, c := range map[string]struct {
		server bool
		setup  string
		want   Role
	}{
		"free, client": {false, "actpass", Client}, "free, server": {true, "actpass", Server},
		"they are client": {false, "active", Server}, "they are server": {true, "passive", Client},
		"nothing said": {false, "", Client},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(small, "a=setup:actpass", "a=setup:"+c.setup, 1)
			us := newSide(t, "us", Config{Server: c.server}, whole("us"))
			next, answer, err := us.Answer(read(t, text), us.local, us.wish)
			if err != nil {
				t.Fatal(err)
			}
			if got := next.Agreed().Role; got != c.want || !strings.Contains(answer, "a=setup:"+c.want.setup()) {
				t.Errorf("we are %s, want %s:\n%s", got, c.want, answer)
			}
			// Later words do not change it, another certificate does.
			for _, later := range []string{"active", "passive", "actpass"} {
				text := strings.Replace(small, "a=setup:actpass", "a=setup:"+later, 1)
				again, _, err := next.Answer(read(t, text), us.local, us.wish)
				if err != nil || again.Agreed().Role != c.want {
					t.Errorf("after %s we are %s, want %s: %v", later, again.Agreed().Role, c.want, err)
				}
			}
			other := strings.NewReplacer("AB:CD", "00:11", "a=setup:actpass", "a=setup:"+map[Role]string{Client: "active", Server: "passive"}[c.want]).Replace(small)
			again, _, err := next.Answer(read(t, other), us.local, us.wish)
			if err != nil || again.Agreed().Role == c.want {
				t.Errorf("with another certificate we are still %s: %v", again.Agreed().Role, err)
			}
		})
	}
}

func TestSession_SeesARestart(t *testing.T) {
	us := newSide(t, "us", Config{}, whole("us"))
	d := read(t, small)
	if us.Restarts(d) {
		t.Error("the first description is a restart")
	}
	next, _, err := us.Answer(d, us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	if next.Restarts(d) {
		t.Error("the same description is a restart")
	}
	for _, changed := range []string{strings.Replace(small, "ufrag:abcd", "ufrag:abce", 1), strings.Replace(small, "pwd:0123", "pwd:1123", 1)} {
		if !next.Restarts(read(t, changed)) {
			t.Error("new credentials are no restart")
		}
	}
}

// A peer that takes no pictures is not asked again with every offer.
func TestSession_DoesNotRepeatWhatWasRefused(t *testing.T) {
	sound := slices.DeleteFunc(Codecs(), func(c Codec) bool { return c.Kind == Video })
	a, b := newSide(t, "aa", Config{}, whole("a")), newSide(t, "bb", Config{Codecs: sound}, whole("b"))
	if _, _, err := b.Offer(b.local, b.wish); !errors.Is(err, ErrWish) || !strings.Contains(err.Error(), "no codec for video") {
		t.Errorf("pictures without a codec: %v", err)
	}
	b.wish.Lines = slices.DeleteFunc(b.wish.Lines, func(l Line) bool { return l.Kind == Video })
	for range 3 {
		a.call(b)
		b.call(a)
		if err := mirrored(a.Agreed(), b.Agreed(), a.local, b.local); err != nil {
			t.Fatal(err)
		}
		for i, s := range a.Agreed().Sections {
			if s.Refused != (s.Kind == Video) || i > 4 {
				t.Fatalf("agreed on\n%s", table(a.Agreed()))
			}
		}
	}
	if mid, place := a.Tagged(); mid != "0" || place != 0 {
		t.Errorf("candidates go to %s at %d", mid, place)
	}
}

// Two offers cross: who gives way goes back from its own, and that comes late.
func TestSession_KnowsAnOfferThatWasGivenUp(t *testing.T) {
	us := newSide(t, "us", Config{}, whole("us"))
	version := func(n int) string {
		return strings.Replace(small, "o=- 1 1 IN", fmt.Sprintf("o=- 1 %d IN", n), 1)
	}
	if version(7) == small {
		t.Fatalf("there is no origin to change in\n%s", small)
	}
	if us.Stale(read(t, version(1))) {
		t.Error("the first description is stale")
	}
	next, _, err := us.Answer(read(t, version(7)), us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]bool{6: true, 7: false, 8: false} {
		if next.Stale(read(t, version(n))) != want {
			t.Errorf("version %d after 7 is stale: %v", n, !want)
		}
	}
	another := strings.Replace(version(3), "o=- 1 ", "o=- 2 ", 1)
	if next.Stale(read(t, another)) {
		t.Error("that of another session is stale")
	}
	for _, odd := range []string{"o=-", "o=- 1 x IN IP4 0.0.0.0", ""} {
		if got := readOrigin(odd + "\r\nm=audio\r\no=- 1 1 IN IP4 0.0.0.0"); got != (origin{}) {
			t.Errorf("%q is read as %+v", odd, got)
		}
	}
}

// Whoever withdraws an offer does not know whether it was taken, and offers something
// else in a way that fits both.
func TestSession_WithdrawsAnOffer(t *testing.T) {
	for _, taken := range []bool{true, false} {
		for _, theirs := range []bool{true, false} {
			a, b := newSide(t, "aa", Config{}, whole("a")), newSide(t, "bb", Config{}, whole("b"))
			a.call(b)
			was := a.wish.Lines
			a.wish.Lines = append(slices.Clip(was), Line{Name: "film", Kind: Video, SendOnly: true, Track: track("film", 900)})
			next, offer, err := a.Offer(a.local, a.wish)
			if err != nil {
				t.Fatal(err)
			}
			var answer string
			if taken {
				if b.Session, answer, err = b.Answer(read(t, offer), b.local, b.wish); err != nil {
					t.Fatal(err)
				}
			}
			if a.Session = next.Withdraw(); a.Open() {
				t.Fatal("it is still open")
			}
			a.wish.Lines = append(slices.Clip(was), Line{Name: "song", Kind: Audio, SendOnly: true, Track: track("song", 901)})
			from, to := a, b
			if theirs {
				from, to = b, a
			}
			from.call(to)
			if !b.Stale(read(t, offer)) || taken && !a.Stale(read(t, answer)) {
				t.Errorf("taken %v, theirs %v: what was withdrawn is not stale", taken, theirs)
			}
			a.call(b) // what they offer has no place for it
			if err := mirrored(a.Agreed(), b.Agreed(), a.local, b.local); err != nil {
				t.Errorf("taken %v, theirs %v: %v", taken, theirs, err)
			}
			if !slices.ContainsFunc(b.Agreed().Sections, func(s Section) bool { return s.Remote.ID == "track-of-song" }) {
				t.Errorf("taken %v, theirs %v: the song is not there:\n%s", taken, theirs, table(b.Agreed()))
			}
		}
	}
	if s := session(t, Config{}); !reflect.DeepEqual(s.Withdraw(), s) {
		t.Error("withdrawing nothing changes something")
	}
}

func TestSession_LetsTheOtherSideUseARefusedPlaceAgain(t *testing.T) {
	us := newSide(t, "us", Config{}, whole("us"))
	answer := func(text string) (string, error) {
		next, answer, err := us.Answer(read(t, text), us.local, us.wish)
		if err == nil {
			us.Session = next
		}
		return answer, err
	}
	if _, err := answer(small); err != nil {
		t.Fatal(err)
	}
	moved := strings.NewReplacer("a=mid:v", "a=mid:w", "BUNDLE a v", "BUNDLE a w").Replace(small)
	if _, err := answer(moved); !errors.Is(err, ErrDescription) || !strings.Contains(err.Error(), "m-line 1 was mid v and is w") {
		t.Errorf("another mid in a place that lives: %v", err)
	}
	if _, err := answer(strings.Replace(small, "video 9", "video 0", 1)); err != nil || !us.Agreed().Sections[1].Refused {
		t.Fatalf("a section that ends: %v\n%s", err, table(us.Agreed()))
	}
	if _, err := answer(strings.Replace(moved, "a=sendonly", "a=sendrecv", 1)); err != nil {
		t.Fatal(err)
	}
	if s := us.Agreed().Sections[1]; s.Mid != "w" || s.Name != "camera" || s.Direction != SendReceive {
		t.Errorf("agreed on\n%s", table(us.Agreed()))
	}
	if _, err := answer(moved[:strings.Index(moved, "m=application")]); !errors.Is(err, ErrDescription) {
		t.Errorf("fewer m-lines: %v", err)
	}
}

func TestSession_NumbersNewSectionsBesideThoseInUse(t *testing.T) {
	// They use 96 and 1 for something else than we would.
	text := strings.NewReplacer("VP8/90000", "AV1/90000", "a=mid:v", "a=mid:1\r\na=extmap:1 "+ExtensionTransportSeq, "BUNDLE a v", "BUNDLE a 1").Replace(small)
	us := newSide(t, "us", Config{}, whole("us"))
	next, _, err := us.Answer(read(t, text), us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	_, offer, err := next.Offer(us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	d := read(t, offer)
	if len(d.sections) != 5 {
		t.Fatalf("%d sections in\n%s", len(d.sections), offer)
	}
	mids, numbers, uris := map[string]bool{}, map[uint8]string{}, map[uint8]string{}
	for _, m := range d.sections {
		if mids[m.mid] {
			t.Errorf("mid %s comes twice", m.mid)
		}
		mids[m.mid] = true
		for _, p := range m.payloads {
			if was, ok := numbers[p.number]; ok && was != p.name+p.parameters {
				t.Errorf("%d is %s and %s", p.number, was, p.name)
			}
			numbers[p.number] = p.name + p.parameters
		}
		for _, e := range m.extensions {
			if was, ok := uris[e.ID]; ok && was != e.URI {
				t.Errorf("extension %d is %s and %s", e.ID, was, e.URI)
			}
			uris[e.ID] = e.URI
		}
	}
	if !strings.HasPrefix(numbers[96], "AV1") || uris[1] != ExtensionTransportSeq {
		t.Errorf("numbers in use are now %q and %q", numbers[96], uris[1])
	}
}

func TestSession_LeavesOutNumbersThatMeanTwoThings(t *testing.T) {
	extensions := strings.NewReplacer("a=mid:a\r\n", "a=mid:a\r\na=extmap:1 "+ExtensionMid+"\r\n",
		"a=mid:v\r\n", "a=mid:v\r\na=extmap:1 "+ExtensionTransportSeq+"\r\na=extmap:2 "+ExtensionRID+"\r\n").Replace(small)
	a, _, err := answerTo(t, extensions)
	if err != nil || !slices.Equal(a.Sections[1].Extensions, []Extension{{ExtensionRID, 2, SendReceive}}) || len(a.Sections[0].Extensions) != 1 {
		t.Errorf("%v\n%s", err, table(a))
	}
	repair := strings.NewReplacer("96 97", "96 111", "a=rtpmap:97", "a=rtpmap:111", "a=fmtp:97", "a=fmtp:111").Replace(small)
	if a, _, err = answerTo(t, repair); err != nil || a.Sections[1].Formats[0].In != (PayloadTypes{Media: 96}) {
		t.Errorf("%v\n%s", err, table(a))
	}
	codec := strings.NewReplacer("96 97", "111 97", "a=rtpmap:96", "a=rtpmap:111").Replace(small)
	if a, _, err = answerTo(t, codec); err != nil || !a.Sections[1].Refused {
		t.Errorf("%v\n%s", err, table(a))
	}
}

func TestSession_TakesOldDataSections(t *testing.T) {
	old := strings.Replace(small, "UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5001", 1) + "a=sctpmap:5001 webrtc-datachannel 1024\r\n"
	a, answer, err := answerTo(t, old)
	if err != nil || a.Sections[2].Refused || a.Sections[2].SCTP != (SCTP{5001, 64 << 10}) {
		t.Errorf("%v\n%s", err, table(a))
	}
	if !strings.Contains(answer, "m=application 9 DTLS/SCTP 5001\r\n") || !strings.Contains(answer, "a=sctpmap:5001 webrtc-datachannel 1024\r\n") {
		t.Errorf("the answer is\n%s", answer)
	}
}

func TestCodec_Matches(t *testing.T) {
	codecs := Codecs()
	for _, c := range []struct {
		name, parameters string
		want             int // of the table, -1 none
	}{
		{"opus", "", 0}, {"vp8", "", 1}, {"VP9", "", 2}, {"VP9", "profile-id=2", -1}, {"vp9", "profile-id=0;x=1", 2},
		{"AV1", "", 5}, {"AV1", "profile=1", -1}, {"AV1", "level-idx=8;profile=0", 5},
		{"H264", "packetization-mode=1;profile-level-id=42001f", 3},
		{"H264", "packetization-mode=1; Profile-Level-ID=42C029", 4},
		{"H264", "packetization-mode=1;profile-level-id=4d801f", 4}, // constrained baseline by another name
		{"H264", "packetization-mode=1;profile-level-id=4d001f", -1},
		{"H264", "packetization-mode=0;profile-level-id=42e01f", -1},
		{"H264", "profile-level-id=42e01f", -1}, {"H264", "packetization-mode=1", 3}, {"H264", "packetization-mode=1;profile-level-id=zz", -1},
	} {
		p := payload{name: c.name, parameters: c.parameters, clock: 90000}
		if c.name == "opus" {
			p.clock, p.channels = 48000, 2
		}
		if got := slices.IndexFunc(codecs, func(codec Codec) bool { return codec.matches(p) }); got != c.want {
			t.Errorf("%s %s matches %d, want %d", c.name, c.parameters, got, c.want)
		}
	}
}

func TestCodec_DeclaresTheLowerLevelOfH264(t *testing.T) {
	const own = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
	for theirs, want := range map[string]string{
		"packetization-mode=1;profile-level-id=42e01f":                           own,
		"packetization-mode=1;profile-level-id=42e00b":                           strings.Replace(own, "42e01f", "42e00b", 1),
		"packetization-mode=1;profile-level-id=42f00b":                           strings.Replace(own, "42e01f", "42f00b", 1), // level 1b
		"packetization-mode=1;profile-level-id=42e029":                           own,
		"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e00b": own,
	} {
		if got := declareH264(own, theirs); got != want {
			t.Errorf("to %s we declare %s, want %s", theirs, got, want)
		}
	}
}

func TestParseExtension_ReadsNumbersAndDirections(t *testing.T) {
	for value, want := range map[string]Extension{
		"1 u": {"u", 1, SendReceive}, "14/sendonly u": {"u", 14, SendOnly}, "255/inactive u attributes": {"u", 255, Inactive},
		"0 u": {}, "15 u": {}, "256 u": {}, "4096 u": {}, "-1 u": {}, "1/both u": {}, "1": {}, "": {},
	} {
		if got, ok := parseExtension(value); got != want || ok != (want.URI != "") {
			t.Errorf("%q is %+v, want %+v", value, got, want)
		}
	}
}

func TestExtensions_KeepWhatBothMayUse(t *testing.T) {
	offered := []Extension{{"a", 1, SendReceive}, {"b", 2, SendOnly}, {"c", 3, SendReceive}, {"a", 4, SendReceive}, {"d", 1, SendReceive}, {"e", 5, Inactive}}
	got := commonExtensions([]string{"a", "b", "d", "e"}, offered)
	if want := []Extension{{"a", 1, SendReceive}, {"b", 2, ReceiveOnly}}; !slices.Equal(got, want) {
		t.Errorf("answered %v, want %v", got, want)
	}
	ours := []Extension{{"a", 1, SendReceive}, {"b", 2, SendReceive}, {"c", 3, SendReceive}}
	got = answeredExtensions(ours, []Extension{{"b", 2, SendOnly}, {"a", 7, SendReceive}, {"c", 3, Inactive}})
	if want := []Extension{{"b", 2, ReceiveOnly}}; !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
}

func TestAgreement_FindsTheSectionOfAStream(t *testing.T) {
	us := newSide(t, "us", Config{}, whole("us"))
	next, _, err := us.Answer(read(t, recorded(t, "jssdk-screen-offer")), us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	a := next.Agreed()
	for name, c := range map[string]struct {
		mid    string
		ssrc   uint32
		number uint8
		want   int
	}{
		"by mid": {"2", 1, 96, 2}, "by mid that is none": {"9", 4134221787, 96, -1}, "by mid with another's number": {"0", 1, 96, -1},
		"by SSRC": {"", 4134221787, 96, 1}, "by SSRC of retransmissions": {"", 3149677631, 97, 1}, "by SSRC of the screen": {"", 2905770720, 98, 2},
		"by number": {"", 1, 111, 0}, "by number of retransmissions": {"", 1, 97, 1}, "by number of two": {"", 1, 96, -1}, "by number of none": {"", 1, 0, -1},
	} {
		if got := a.Find(c.mid, c.ssrc, c.number); got != c.want {
			t.Errorf("%s: section %d, want %d", name, got, c.want)
		}
	}
	f, repair, ok := a.Sections[1].Format(97)
	if !ok || !repair || f.Codec.Name != "VP8" {
		t.Errorf("97 is %s, repair %v, %v", f.Codec.Name, repair, ok)
	}
}

func TestDirection_TurnsRound(t *testing.T) {
	for d, want := range map[Direction]string{SendReceive: "sendrecv", SendOnly: "recvonly", ReceiveOnly: "sendonly", Inactive: "inactive"} {
		if got := d.Reverse().String(); got != want || d.Reverse().Reverse() != d {
			t.Errorf("%s the other way round is %s, want %s", d, got, want)
		}
	}
}
