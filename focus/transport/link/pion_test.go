package link

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meshfocus/focus/transport/srtp"
)

// attribute gives the values of an attribute in a description, each once.
func attribute(sdp, name string) (values []string) {
	seen := map[string]bool{}
	for line := range strings.Lines(sdp) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "a="+name+":"); ok && !seen[value] {
			seen[value] = true
			values = append(values, value)
		}
	}
	return values
}

// described reads what a description says about the wire.
func described(t *testing.T, sdp string) (peer Peer, candidates []string) {
	t.Helper()
	for _, name := range []string{"ice-ufrag", "ice-pwd", "fingerprint"} {
		if len(attribute(sdp, name)) == 0 {
			t.Fatalf("no %s in:\n%s", name, sdp)
		}
	}
	peer.Ufrag, peer.Password = attribute(sdp, "ice-ufrag")[0], attribute(sdp, "ice-pwd")[0]
	for _, each := range attribute(sdp, "fingerprint") {
		algorithm, value, _ := strings.Cut(each, " ")
		peer.Fingerprints = append(peer.Fingerprints, Fingerprint{algorithm, value})
	}
	return peer, attribute(sdp, "candidate")
}

// section writes the media section that answers the one audio line of an offer.
func (e *end) section(candidates []string) string {
	mine := e.Credentials()
	setup := "a=setup:passive\r\n"
	if e.client {
		setup = "a=setup:active\r\n"
	}
	text := "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n" +
		"a=rtpmap:111 opus/48000/2\r\na=ssrc:7 cname:x\r\na=msid:x x\r\n" + setup +
		fmt.Sprintf("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\n", mine.Ufrag, mine.Password, e.Fingerprint())
	for _, candidate := range candidates {
		text += "a=" + candidate + "\r\n"
	}
	return text
}

// answer writes a description by hand.
func (e *end) answer(candidates []string) string {
	return "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" + e.section(candidates)
}

func TestLink_ConnectsToPionAndMediaGoesBothWays(t *testing.T) {
	var engine webrtc.SettingEngine
	engine.SetIncludeLoopbackCandidate(true)
	engine.SetIPFilter(isLoopback)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(engine)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.GracefulClose() }()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "stream")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1)
	pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if packet, _, err := remote.ReadRTP(); err == nil {
			heard <- string(packet.Payload)
		}
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	await(t, "Pion's candidates", gathered)

	l := newLane(t)
	e := newEnd(t, Config{Port: l.port})
	peer, candidates := described(t, pc.LocalDescription().SDP)
	if err := e.Connect(peer); err != nil {
		t.Fatal(err)
	}
	answer := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: e.answer(e.candidates())}
	if err := pc.SetRemoteDescription(answer); err != nil {
		t.Fatal(err)
	}
	e.add(candidates)
	e.awaitState(StateConnected)
	keys := await(t, "keys", e.keys)
	if p := keys.Seal.Profile(); p != srtp.AES128GCM && p != srtp.AES256GCM {
		t.Errorf("profile is %v, want GCM", p)
	}

	path, _ := e.Path()
	if _, err := l.conn.WriteToUDPAddrPort(sealed(t, keys, 111, 7, "from us"), path.Remote); err != nil {
		t.Fatal(err)
	}
	if got := await(t, "media at Pion", heard); got != "from us" {
		t.Errorf("Pion heard %q", got)
	}
	if err := track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 5}, Payload: []byte("from Pion")}); err != nil {
		t.Fatal(err)
	}
	for {
		parcel := await(t, "media from Pion", l.media)
		if parcel.from != path.Remote {
			t.Errorf("media came from %s, the path leads to %s", parcel.from, path.Remote)
		}
		if parcel.datagram[1]&0x7f == 111 { // and not a report
			if got := opened(t, keys, parcel.datagram); got != "from Pion" {
				t.Errorf("we heard %q", got)
			}
			return
		}
	}
}
