package jsep

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// Whatever comes is refused with a reason or answered with a text that others
// can read, and a later offer of ours can be read as well.
func FuzzRead(f *testing.F) {
	// Short seeds: the fuzzer takes long to make a browser's ten kilobytes less.
	f.Add(small)
	f.Add(strings.ReplaceAll(small, "\r\n", "\n"))
	f.Add(small + "m=video 0 UDP/TLS/RTP/SAVPF 102\r\na=bundle-only\r\na=mid:x\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e00b\r\n")
	f.Add(strings.Replace(small, "a=mid:v\r\n", "a=mid:v\r\na=rid:q send\r\na=rid:f send\r\na=simulcast:send q;~f\r\na=extmap:3/sendonly "+ExtensionRID+"\r\na=rtcp-fb:* nack\r\n", 1))
	f.Add(strings.Replace(small, "UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5001", 1))
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Read(text)
		if err != nil {
			if !errors.Is(err, ErrDescription) {
				t.Errorf("%v wraps nothing", err)
			}
			return
		}
		us := newSide(t, "us", Config{}, whole("us"))
		before := us.Session
		next, answer, err := us.Answer(d, us.local, us.wish)
		if err == nil {
			var parsed sdp.SessionDescription
			followUp(t, us, next, answer, len(d.sections), parsed.UnmarshalString(text) == nil)
		} else if !errors.Is(err, ErrDescription) {
			t.Errorf("%v wraps nothing", err)
		}
		offered, _, err := before.Offer(us.local, us.wish)
		if err != nil {
			t.Fatal(err)
		}
		if agreed, err := offered.Accept(d); err == nil {
			if len(agreed.Agreed().Sections) != 5 || agreed.Open() {
				t.Errorf("agreed on\n%s", table(agreed.Agreed()))
			}
		} else if !errors.Is(err, ErrDescription) {
			t.Errorf("%v wraps nothing", err)
		}
	})
}

// followUp looks at an answer to something odd; readable: to others too. They
// read no m-lines of media without a name, which we give back as they are.
func followUp(t *testing.T, us *side, next Session, answer string, sections int, readable bool) {
	t.Helper()
	a := next.Agreed()
	if len(a.Sections) != sections || a.Role == 0 {
		t.Errorf("%d sections of %d, we are %s", len(a.Sections), sections, a.Role)
	}
	if err := unambiguous(a); err != nil {
		t.Error(err)
	}
	_, offer, err := next.Offer(us.local, us.wish)
	if err != nil {
		t.Errorf("no offer after it: %v", err)
		return
	}
	for _, text := range []string{answer, offer} {
		d, err := Read(text)
		if err != nil {
			t.Errorf("we cannot read ourselves: %v\n%s", err, text)
			return
		}
		var parsed sdp.SessionDescription
		if err := parsed.UnmarshalString(text); err != nil && readable {
			t.Errorf("others cannot read us: %v\n%s", err, text)
			return
		}
		for i, s := range a.Sections {
			if d.sections[i].mid != s.Mid || d.sections[i].refused != s.Refused {
				t.Errorf("section %d is %+v in\n%s", i, d.sections[i], text)
			}
		}
	}
}

// Two that may be anything agree, again and again.
func FuzzCall(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0})
	f.Add([]byte{1, 63, 62, 7, 33, 12})
	f.Add([]byte{5, 9, 50, 1, 61, 61, 0, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 3 || len(data) > 24 {
			return
		}
		configs := []Config{{}, {Server: true}, other()}
		ours, theirs := wishes("us"), wishes("them")
		a := newSide(t, "aa", configs[int(data[0])%3], ours[1])
		b := newSide(t, "bb", configs[int(data[0])/3%3], theirs[1])
		for _, step := range data[1:] {
			was, wasThere := a.Agreed(), b.Agreed()
			from, to := a, b
			if step&1 == 1 {
				from, to = b, a
			}
			from.wish = slices.Concat([][]Wish{ours, theirs}...)[int(step&1)*len(ours)+int(step>>1)%len(ours)]
			if len(from.Agreed().Sections) == 0 && len(from.wish.Lines) == 0 && !from.wish.Data {
				continue
			}
			offer, answer := from.call(to)
			for _, err := range []error{mirrored(a.Agreed(), b.Agreed(), a.local, b.local), kept(was, a.Agreed()), kept(wasThere, b.Agreed()), unambiguous(a.Agreed()), unambiguous(b.Agreed())} {
				if err != nil {
					t.Fatalf("%v\n%s\n%s", err, offer, answer)
				}
			}
		}
	})
}
