package jsep

import (
	"errors"
	"strings"
	"testing"
)

// small is a short offer with one of everything.
const small = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a v d\r\n" +
	"a=fingerprint:sha-256 AB:CD\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=msid:s a\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=rtcp-mux\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=msid:s v\r\n" +
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\n"

// answerTo gives what becomes of an offer.
func answerTo(t testing.TB, text string) (Agreement, string, error) {
	t.Helper()
	d, err := Read(text)
	if err != nil {
		return Agreement{}, "", err
	}
	us := newSide(t, "us", Config{}, whole("us"))
	next, answer, err := us.Answer(d, us.local, us.wish)
	return next.Agreed(), answer, err
}

func TestRead_PassesOverWhatItDoesNotKnow(t *testing.T) {
	plain, _, err := answerTo(t, small)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(offers(t), "") {
		text := small
		if name != "" {
			text = recorded(t, name)
		}
		want, _, err := answerTo(t, text)
		if err != nil {
			t.Fatal(err)
		}
		for what, odd := range map[string]string{
			"attributes":      "a=new-thing:1 2 3\r\na=x\r\na=\r\na=:\r\n",
			"lines":           "b=AS:100\r\ni=a title\r\nk=clear:x\r\ny=what is this\r\nnothing\r\n\r\n=\r\n",
			"broken ones":     "a=rtpmap:x\r\na=rtpmap:999 x/y\r\na=rtcp-fb:\r\na=fmtp:96\r\na=extmap:\r\na=extmap:0 u\r\na=ssrc:x\r\na=ssrc-group:FID 1\r\na=rid:\r\na=simulcast:\r\na=msid\r\n",
			"other numbers":   "a=rtpmap:77 opus/48000/2\r\na=rtcp-fb:77 nack\r\na=fmtp:77 apt=96\r\n",
			"groups":          "a=group:LS 1 2\r\na=ssrc-group:SIM 1 2 3\r\na=ssrc-group:FEC-FR 1 2\r\n",
			"old candidates":  "a=remote-candidates:1 192.0.2.1 9\r\na=rtcp:9 IN IP4 0.0.0.0\r\n",
			"more extensions": "a=extmap:60 urn:example:unknown\r\na=extmap:4097 " + ExtensionMid + "\r\na=extmap:15 " + ExtensionMid + "\r\n",
		} {
			var changed strings.Builder
			for line := range strings.Lines(text) {
				changed.WriteString(line)
				if strings.HasPrefix(line, "c=") || strings.HasPrefix(line, "t=") || strings.HasPrefix(line, "a=mid") {
					changed.WriteString(odd)
				}
			}
			got, answer, err := answerTo(t, changed.String())
			if err != nil {
				t.Fatalf("%s with other %s: %v", name, what, err)
			}
			if table(got) != table(want) {
				t.Errorf("%s with other %s is agreed as\n%s\nwithout\n%s", name, what, table(got), table(want))
			}
			if err := asPionReads(answer); err != nil {
				t.Error(err)
			}
		}
	}
	bare, _, err := answerTo(t, strings.ReplaceAll(small, "\r\n", "\n"))
	if err != nil || table(bare) != table(plain) {
		t.Errorf("with bare line feeds: %v\n%s", err, table(bare))
	}
}

func TestRead_SaysWhatIsWrong(t *testing.T) {
	replace := func(from, to string) string { return strings.ReplaceAll(small, from, to) }
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "does not begin with v=0"},
		"no SDP":            {"hello", "does not begin with v=0"},
		"no m-line":         {small[:strings.Index(small, "m=")], "no m-line"},
		"short m-line":      {replace("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=audio"), "m-line 0 has 1 fields"},
		"too long":          {small + strings.Repeat("a=x\r\n", maxLength/5), "at most 65536"},
		"too many m-lines":  {small + strings.Repeat("m=audio 0 x 0\r\n", maxSections), "more than 128 m-lines"},
		"no mid":            {replace("a=mid:v\r\n", ""), "m-line 1 has no mid"},
		"odd mid":           {replace("a=mid:v\r\n", "a=mid:a v\r\n"), "m-line 1 has no mid, or one that is no token"},
		"mid twice":         {replace("a=mid:v", "a=mid:a"), "mid a comes twice"},
		"no ufrag":          {replace("a=ice-ufrag", "a=x"), "no ice-ufrag"},
		"short ufrag":       {replace("a=ice-ufrag:abcd", "a=ice-ufrag:abc"), "ice-ufrag is not"},
		"odd ufrag":         {replace("a=ice-ufrag:abcd", "a=ice-ufrag:ab cd"), "ice-ufrag is not"},
		"short password":    {replace("a=ice-pwd:0", "a=ice-pwd:"), "ice-pwd is not"},
		"no fingerprint":    {replace("a=fingerprint", "a=x"), "no fingerprint"},
		"odd fingerprint":   {replace("AB:CD", "AB:C"), "not bytes between colons"},
		"odd setup":         {replace("a=setup:actpass", "a=setup:holdconn"), "a=setup:holdconn"},
		"every m-line shut": {strings.NewReplacer("audio 9", "audio 0", "video 9", "video 0", "application 9", "application 0").Replace(small), "every m-line is refused"},
		"no m-line of use":  {strings.NewReplacer("m=audio", "m=text", "SAVPF", "AVP", "UDP/DTLS/SCTP", "TCP").Replace(small), "m-line 0: it is of no kind we know"},
		"nothing in common": {strings.NewReplacer("opus", "speex", "VP8", "theora", "webrtc-datachannel", "bfcp").Replace(small), "nothing in common"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := answerTo(t, c.text)
			if !errors.Is(err, ErrDescription) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want ErrDescription with %q", err, c.want)
			}
		})
	}
}

// What cannot be taken is refused alone.
func TestSession_RefusesASectionAlone(t *testing.T) {
	replace := func(from, to string) string { return strings.Replace(small, from, to, 1) }
	for name, text := range map[string]string{
		"its codec":        replace("VP8/90000", "theora/90000"),
		"its clock":        replace("VP8/90000", "VP8/8000"),
		"its protocol":     replace("m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/AVP"),
		"its kind":         replace("m=video", "m=text"),
		"its port":         replace("m=video 9", "m=video 0"),
		"its own port":     replace("BUNDLE a v d", "BUNDLE a d"),
		"without rtcp-mux": replace("a=mid:v\r\na=rtcp-mux", "a=mid:v"),
	} {
		t.Run(name, func(t *testing.T) {
			a, answer, err := answerTo(t, text)
			if err != nil {
				t.Fatal(err)
			}
			if a.Sections[0].Refused || !a.Sections[1].Refused || a.Sections[2].Refused || a.Sections[1].Direction != Inactive {
				t.Errorf("agreed on\n%s", table(a))
			}
			if !strings.Contains(answer, "a=group:BUNDLE a d\r\n") || strings.Count(answer, "\r\na=inactive\r\n") != 1 {
				t.Errorf("the answer is\n%s", answer)
			}
			if err := asPionReads(answer); err != nil {
				t.Error(err)
			}
		})
	}
}
