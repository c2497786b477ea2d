package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// written is a log that a test reads.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (w *written) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(line)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// What protects a connection is in no log, however much is logged and whatever
// goes wrong: passwords of ICE, of relays, and the addresses of others. Keys of
// media cannot be printed at all (srtp.Master).
func TestLog_HoldsNoSecrets(t *testing.T) {
	t.Parallel() // waits most of the time
	log := &written{}
	config := Config{MDNS: true, TCP: true, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	good := turnServer(t, nil)
	bad := good
	bad.Username, bad.Credential = "mallory", "hush-hush"
	var secrets []string
	note := func(d Description) Description {
		secrets = append(secrets, read(t, d.SDP).Transport.Password)
		return d
	}
	a, b := listen(t, config), listen(t, config)
	b.resolve = a.lookUp
	caller, callee := connectThrough(t, a, b, ConnConfig{ICEServers: []ICEServer{good, bad}}, note)
	for _, text := range []string{
		"candidate:1 1 udp 2130706431 198.51.100.77 50000 typ host nonsense",
		"candidate:1 1 udp 2130706431 127.0.0.1 7 typ host",
		"candidate:1 1 udp 2130706431 hidden-77.local 50000 typ host",
	} {
		_ = callee.AddCandidates([]Candidate{{Candidate: text}})
	}
	negotiate(t, caller, callee, OfferOptions{Restart: true}, note)
	other := Description{TypeOffer, strings.ReplaceAll(note(Description{SDP: secretOffer}).SDP, "a=fingerprint", "a=x")}
	if _, err := callee.AcceptOffer(t.Context(), other, 0); err == nil {
		t.Error("a description without a fingerprint is taken")
	} else {
		_, _ = log.Write([]byte(err.Error()))
	}
	for _, n := range []*Network{a, b} {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(log.String()) == 0 {
		t.Fatal("nothing was logged: the test says nothing")
	}
	secrets = append(secrets, good.Credential, bad.Credential, netip.MustParseAddr("198.51.100.77").String())
	for _, secret := range secrets {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(log.String(), form) {
				t.Errorf("the log has %q:\n%s", secret, log)
			}
		}
	}
}

// secretOffer is of somebody who is not there.
const secretOffer = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n" +
	"a=ice-ufrag:abcd\r\na=ice-pwd:thepasswordofsomebodyelse\r\na=setup:actpass\r\n" +
	"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"
