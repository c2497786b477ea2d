package live

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"meshfocus/internal/simnet/discrete"
)

var (
	candidateLine = regexp.MustCompile(`a=candidate:\S+ 1 udp \d+ ([\d.]+) (\d+) typ host[^\r\n]*\r?\n`)
	candidateAny  = regexp.MustCompile(`a=(candidate:[^\r\n]*|end-of-candidates)\r?\n`)
	formatLine    = regexp.MustCompile(`(?m)^a=rtpmap:(\d+) ([^/\r\n]+)/`)
	mediaLine     = regexp.MustCompile(`(?m)^m=[^\r\n]*\r?\nc=[^\r\n]*\r?\n`)
)

// own finds our address in a description of ours.
func own(sdp string) (netip.AddrPort, error) {
	found := candidateLine.FindStringSubmatch(sdp)
	if found == nil {
		return netip.AddrPort{}, fmt.Errorf("live: no candidate in\n%s", sdp)
	}
	return netip.ParseAddrPort(found[1] + ":" + found[2])
}

// hidden is a description without addresses, far with the only one of the
// bottleneck: ICE has no other way then.
func hidden(sdp string) string { return candidateAny.ReplaceAllString(sdp, "") }

func far(sdp string, by netip.AddrPort) string {
	line := fmt.Sprintf("a=candidate:1 1 udp 2130706431 %s %d typ host\r\na=end-of-candidates\r\n", by.Addr(), by.Port())
	sdp = hidden(sdp)
	if at := mediaLine.FindStringIndex(sdp); at != nil {
		return sdp[:at[1]] + line + sdp[at[1]:]
	}
	return sdp
}

// kinds says what datagrams are, by the payload types of a description: SRTP leaves
// headers in the clear (RFC 3711 section 3.1).
type kinds map[uint8]discrete.Kind

func kindsOf(sdp string) kinds {
	found := make(kinds)
	for _, line := range formatLine.FindAllStringSubmatch(sdp, -1) {
		number, _ := strconv.Atoi(line[1])
		switch strings.ToLower(line[2]) {
		case "opus", "red":
			found[uint8(number)] = discrete.Sound
		case "rtx":
			found[uint8(number)] = discrete.Repair
		default:
			found[uint8(number)] = discrete.Video
		}
	}
	return found
}

// of reads a datagram's first bytes: RFC 7983 tells media from the rest, RFC 5761 RTP from RTCP.
// What is padded on the format of repair is padding.
func (k kinds) of(datagram []byte) discrete.Kind {
	if len(datagram) < 12 || datagram[0]>>6 != 2 {
		return 0
	}
	if datagram[1] >= 192 && datagram[1] <= 223 {
		return discrete.Feedback
	}
	kind := k[datagram[1]&0x7f]
	if kind == discrete.Repair && datagram[0]&0x20 != 0 {
		return discrete.Padding
	}
	return kind
}
