package jsep

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// asPionReads reports whether Pion can read a text of ours and finds in it
// what we do.
func asPionReads(text string) error {
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(text); err != nil {
		return fmt.Errorf("pion/sdp: %w", err)
	}
	written, err := parsed.Marshal()
	if err != nil {
		return fmt.Errorf("pion/sdp: %w", err)
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(string(written), strings.TrimSpace(line)) {
			return fmt.Errorf("pion/sdp loses %q", line)
		}
	}
	ours, err := Read(text)
	if err != nil {
		return err
	}
	for i, media := range parsed.MediaDescriptions {
		mid, _ := media.Attribute("mid")
		if m := ours.sections[i]; m.mid != mid || !m.refused && !slices.Equal(numbersOf(m), media.MediaName.Formats) && m.kind != Data {
			return fmt.Errorf("section %d: we read %+v, pion/sdp %+v", i, m, media.MediaName)
		}
	}
	return nil
}

// numbersOf gives payload types as they stand on the m-line.
func numbersOf(m media) []string {
	var all []string
	for _, p := range m.payloads {
		all = append(all, fmt.Sprint(p.number))
		if p.rtx != 0 {
			all = append(all, fmt.Sprint(p.rtx))
		}
	}
	return all
}

// newPion is a peer with everything that Pion has by default and no interface
// to speak on.
func newPion(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{ExtensionMid, ExtensionRID, ExtensionRepairedRID, ExtensionTransportSeq} {
		if err := engine.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
	}
	settings := webrtc.SettingEngine{}
	settings.SetInterfaceFilter(func(string) bool { return false })
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

func addTrack(t *testing.T, pc *webrtc.PeerConnection, mime, stream string) {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, "track-of-"+stream, stream)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
}

// offerTo lets Pion offer to us.
func offerTo(t *testing.T, us *side, pc *webrtc.PeerConnection) {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	next, answer, err := us.Answer(read(t, offer.SDP), us.local, us.wish)
	if err != nil {
		t.Fatalf("%v:\n%s", err, offer.SDP)
	}
	us.Session = next
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("Pion refuses our answer: %v\n%s", err, answer)
	}
}

// offerOf lets us offer to Pion.
func offerOf(t *testing.T, us *side, pc *webrtc.PeerConnection) {
	t.Helper()
	next, offer, err := us.Offer(us.local, us.wish)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatalf("Pion refuses our offer: %v\n%s", err, offer)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	if us.Session, err = next.Accept(read(t, answer.SDP)); err != nil {
		t.Fatalf("%v:\n%s", err, answer.SDP)
	}
}

func TestSession_AgreesWithPion(t *testing.T) {
	for _, begins := range []string{"Pion begins", "we begin"} {
		t.Run(begins, func(t *testing.T) {
			us, pc := newSide(t, "us", Config{}, whole("us")), newPion(t)
			for i := range us.wish.Lines {
				us.wish.Lines[i].Layers = nil
			}
			addTrack(t, pc, webrtc.MimeTypeOpus, "theirs")
			addTrack(t, pc, webrtc.MimeTypeVP8, "theirs")
			if _, err := pc.CreateDataChannel("datachannel", nil); err != nil {
				t.Fatal(err)
			}
			if begins == "we begin" {
				offerOf(t, us, pc)
			} else {
				offerTo(t, us, pc)
			}
			first := us.Agreed()
			for i, want := range []string{"opus", "VP8"} {
				s := first.Sections[i]
				if s.Direction != SendReceive || s.Formats[0].Codec.Name != want || s.Remote.Stream != "theirs" || len(s.Remote.Sources) != 1 {
					t.Errorf("agreed on %s:\n%s", want, table(first))
				}
			}
			if !slices.ContainsFunc(first.Sections, func(s Section) bool { return s.Kind == Data && s.SCTP.Port == 5000 && !s.Refused }) {
				t.Errorf("no data channel:\n%s", table(first))
			}
			addTrack(t, pc, webrtc.MimeTypeVP8, "screen")
			for range 2 {
				offerTo(t, us, pc)
				offerOf(t, us, pc)
			}
			later := us.Agreed()
			if err := kept(first, Agreement{Sections: later.Sections}); err != nil {
				t.Error(err)
			}
			if later.Role != first.Role {
				t.Errorf("our role was %s and is %s", first.Role, later.Role)
			}
			if !slices.ContainsFunc(later.Sections, func(s Section) bool { return s.Remote.Stream == "screen" && s.Direction == ReceiveOnly }) {
				t.Errorf("no screen:\n%s", table(later))
			}
			for _, transceiver := range pc.GetTransceivers()[:2] {
				if transceiver.Direction() != webrtc.RTPTransceiverDirectionSendrecv {
					t.Errorf("Pion's %s is %s", transceiver.Kind(), transceiver.Direction())
				}
			}
		})
	}
}
