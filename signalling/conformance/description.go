package conformance

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// Descriptions are written by hand: they are honest SDP (RFC 8829) whose
// addresses lead nowhere, since nothing here is ever connected.

// streamID is the one MediaStream we describe (RFC 8830).
const streamID = "conformance"

// identity is what a description needs of an ICE agent and a DTLS certificate.
type identity struct {
	ufrag, password, fingerprint string
	version                      int // of the description, counted by offers
}

func newIdentity() identity {
	digest := make([]byte, 32)
	_, _ = rand.Read(digest) // never fails (crypto/rand)
	var pairs []string
	for _, b := range digest {
		pairs = append(pairs, fmt.Sprintf("%02X", b))
	}
	return identity{ufrag: rand.Text()[:8], password: rand.Text()[:24], fingerprint: strings.Join(pairs, ":")}
}

func (i *identity) head(mids []string) string {
	i.version++
	return fmt.Sprintf("v=0\r\no=- 4611731400430051336 %d IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"+
		"a=group:BUNDLE %s\r\na=msid-semantic: WMS %s\r\n", i.version, strings.Join(mids, " "), streamID)
}

func (i *identity) line(mid, media, direction, setup string, attributes ...string) string {
	text := fmt.Sprintf("m=%s\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n"+
		"a=fingerprint:sha-256 %s\r\na=setup:%s\r\na=mid:%s\r\na=%s\r\n", media, i.ufrag, i.password, i.fingerprint, setup, mid, direction)
	if strings.HasPrefix(direction, "send") {
		text += fmt.Sprintf("a=msid:%s track%s\r\n", streamID, mid)
	}
	text += "a=rtcp-mux\r\n"
	for _, attribute := range attributes {
		text += "a=" + attribute + "\r\n"
	}
	return text
}

// offer describes sound and picture, or without sound a picture alone.
func (i *identity) offer(sound bool) string {
	picture := func(mid string) string {
		return i.line(mid, "video 9 UDP/TLS/RTP/SAVPF 96", "sendrecv", "actpass", "rtpmap:96 VP8/90000", "rtcp-fb:96 nack pli", "ssrc:2001 cname:conformance")
	}
	if !sound {
		return i.head([]string{"0"}) + picture("0")
	}
	return i.head([]string{"0", "1"}) +
		i.line("0", "audio 9 UDP/TLS/RTP/SAVPF 111", "sendrecv", "actpass", "rtpmap:111 opus/48000/2", "fmtp:111 minptime=10;useinbandfec=1", "ssrc:2000 cname:conformance") +
		picture("1")
}

// answer accepts each line of an offer with its first payload type.
func (i *identity) answer(offer string) string {
	var lines, mids []string
	for _, section := range sections(offer) {
		mid := value(section, "a=mid:")
		mids = append(mids, mid)
		fields := strings.Fields(strings.TrimPrefix(section[0], "m="))
		if len(fields) < 4 {
			continue
		}
		media := fields[0] + " 9 " + fields[2] + " " + fields[3]
		if fields[0] == "application" {
			text := i.line(mid, media, "sendrecv", "active", "sctp-port:5000")
			lines = append(lines, strings.ReplaceAll(strings.ReplaceAll(text, "a=sendrecv\r\n", ""), fmt.Sprintf("a=msid:%s track%s\r\n", streamID, mid), ""))
			continue
		}
		var codec []string
		for _, line := range section {
			if strings.HasPrefix(line, "a=rtpmap:"+fields[3]+" ") || strings.HasPrefix(line, "a=fmtp:"+fields[3]+" ") {
				codec = append(codec, strings.TrimPrefix(line, "a="))
			}
		}
		lines = append(lines, i.line(mid, media, reply(section), "active", codec...))
	}
	return i.head(mids) + strings.Join(lines, "")
}

// sections gives the lines of each media section.
func sections(sdp string) (all [][]string) {
	for line := range strings.Lines(sdp) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "m="):
			all = append(all, []string{line})
		case len(all) > 0:
			all[len(all)-1] = append(all[len(all)-1], line)
		}
	}
	return all
}

// value gives what follows the first line that begins so.
func value(section []string, prefix string) string {
	for _, line := range section {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return rest
		}
	}
	return ""
}

// direction is that of a media section; without a line it is both ways.
func direction(section []string) string {
	for _, line := range section {
		switch line {
		case "a=sendonly", "a=recvonly", "a=inactive":
			return strings.TrimPrefix(line, "a=")
		}
	}
	return "sendrecv"
}

// reply is the direction that answers a section's.
func reply(section []string) string {
	switch direction(section) {
	case "sendonly":
		return "recvonly"
	case "recvonly", "inactive":
		return "inactive"
	}
	return "sendrecv"
}
