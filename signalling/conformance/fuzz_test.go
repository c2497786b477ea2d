package conformance

import (
	"strings"
	"testing"
)

// Whatever a client offers, we answer line for line, and nothing breaks.
func FuzzAnswer(f *testing.F) {
	own := newIdentity()
	f.Add(own.offer(true))
	f.Add(own.offer(false))
	f.Add("v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n")
	f.Add("m=\r\nm=audio\nm=video 9 X\n")
	f.Fuzz(func(t *testing.T, offer string) {
		side := newIdentity()
		answer := side.answer(offer)
		if len(sections(answer)) > len(sections(offer)) {
			t.Errorf("%d lines answer %d", len(sections(answer)), len(sections(offer)))
		}
		for _, line := range strings.Split(answer, "\r\n") {
			if line == "a=setup:actpass" {
				t.Error("an answer has to choose its DTLS role")
			}
		}
	})
}

func TestAnswer_MirrorsTheOffer(t *testing.T) {
	side := newIdentity()
	offer := "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=mid:a\r\na=rtpmap:111 opus/48000/2\r\na=sendonly\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:b\r\na=rtpmap:96 VP8/90000\r\na=recvonly\r\n" +
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:c\r\n"
	answer := sections(side.answer(offer))
	if len(answer) != 3 {
		t.Fatalf("%d lines", len(answer))
	}
	for i, want := range []struct{ media, mid, direction string }{
		{"m=audio 9 UDP/TLS/RTP/SAVPF 111", "a", "recvonly"}, {"m=video 9 UDP/TLS/RTP/SAVPF 96", "b", "inactive"},
		{"m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c", "sendrecv"},
	} {
		if answer[i][0] != want.media || value(answer[i], "a=mid:") != want.mid || direction(answer[i]) != want.direction {
			t.Errorf("line %d is %v", i, answer[i])
		}
	}
	if value(answer[0], "a=rtpmap:") != "111 opus/48000/2" || value(answer[2], "a=sctp-port:") != "5000" {
		t.Errorf("%v", answer)
	}
}
