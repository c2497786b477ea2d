package headless

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"meshfocus/internal/simnet/bottleneck"
	"meshfocus/internal/simnet/discrete"
	"meshfocus/signalling/matrix"
)

// detour leads all that a party sends to others, and they to it, by one bottleneck. It is
// the homeserver as they reach it, and changes the descriptions that pass in clear text:
// the others read the bottleneck's address in place of the party's, and the party none of
// theirs. So ICE has no other way, whatever addresses the machine has.
type detour struct {
	path  *bottleneck.Bottleneck
	party string // the user that is behind it
}

// startDetour gives one of a party that has its media on that port of 127.0.0.1, and with
// what the party and the others are to be configured.
func startDetour(t *testing.T, h *embedded, name string, port int, c bottleneck.Config) (d *detour, own, others func(*Config)) {
	t.Helper()
	c.Kind = kindOf
	path, err := bottleneck.Open(loopback, netip.AddrPortFrom(loopback, uint16(port)), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(path.Close)
	d = &detour{path: path, party: "@" + name + ":test.local"}
	by := path.Address()
	line := fmt.Sprintf("a=candidate:1 1 udp 2130706431 %s %d typ host\r\na=end-of-candidates\r\n", by.Addr(), by.Port())
	own = through(t, h, port, func(sdp, _ string) string { return withCandidates(sdp, line) })
	others = through(t, h, 0, func(sdp, to string) string {
		if to == d.party {
			return withCandidates(sdp, "")
		}
		return sdp
	})
	return d, own, others
}

var (
	loopback   = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	candidates = regexp.MustCompile(`a=(candidate:[^\r\n]*|end-of-candidates)\r?\n`)
	mediaLine  = regexp.MustCompile(`(?m)^m=[^\r\n]*\r?\nc=[^\r\n]*\r?\n`)
)

// withCandidates is a description with others than it had.
func withCandidates(sdp, lines string) string {
	sdp = candidates.ReplaceAllString(sdp, "")
	if at := mediaLine.FindStringIndex(sdp); at != nil {
		return sdp[:at[1]] + lines + sdp[at[1]:]
	}
	return sdp
}

// through gives what has a party speak to the homeserver by way of us, with its media on a
// port. change is what becomes of a description that it sends to a user.
func through(t *testing.T, h *embedded, port int, change func(sdp, to string) string) func(*Config) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/sendToDevice/m.call.") {
			if strings.Contains(r.URL.Path, "/m.call.candidates/") {
				t.Errorf("candidates beside those in descriptions: %s", r.URL.Path)
			}
			text, err := rewritten(r.Body, change)
			if err != nil {
				t.Errorf("a message that cannot be changed: %v", err)
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		}
		h.server.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return func(c *Config) {
		c.Account.Homeserver, c.Account.Encrypt = server.URL, matrix.EncryptOff
		c.Media.Addresses, c.Media.Port, c.Media.TCP = []netip.Addr{loopback}, port, false
	}
}

// rewritten is the body of a to-device request with other descriptions.
func rewritten(text io.Reader, change func(sdp, to string) string) ([]byte, error) {
	var body struct {
		Messages map[string]map[string]map[string]any `json:"messages"`
	}
	decoder := json.NewDecoder(text)
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil {
		return nil, err
	}
	for user, devices := range body.Messages {
		for _, content := range devices {
			for _, field := range content { // offer, answer or description
				if description, ok := field.(map[string]any); ok {
					if sdp, ok := description["sdp"].(string); ok {
						description["sdp"] = change(sdp, user)
					}
				}
			}
		}
	}
	return json.Marshal(body)
}

// opus is the payload type that we give sound.
const opus = 111

// kindOf tells sound from all else that is RTP (RFC 7983; RFC 5761 section 4): headers
// are in the clear.
func kindOf(datagram []byte) discrete.Kind {
	switch {
	case len(datagram) < 12 || datagram[0]>>6 != 2:
		return 0
	case datagram[1] >= 192 && datagram[1] <= 223:
		return discrete.Feedback
	case datagram[1]&0x7f == opus:
		return discrete.Sound
	}
	return discrete.Video // repair and padding, too
}
