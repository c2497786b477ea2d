package transport

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"meshfocus/focus/transport/jsep"
)

// byStreamAlone takes out of a description what transport-wide feedback needs, as an
// answer of libwebrtc does that knows RFC 8888.
func byStreamAlone(d Description) Description {
	var kept strings.Builder
	for line := range strings.Lines(d.SDP) {
		if !strings.Contains(line, "transport-cc") && !strings.Contains(line, jsep.ExtensionTransportSeq) {
			kept.WriteString(line)
		}
	}
	d.SDP = kept.String()
	return d
}

// acknowledged waits until a peer has said of packets of ours that they came.
func acknowledged(t *testing.T, conn *Conn) {
	t.Helper()
	for deadline := time.Now().Add(patience); conn.strand.end.Stats().Sending.Acknowledged < 20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nobody says what has come: %+v", conn.strand.end.Stats().Sending)
		}
	}
}

// Two of us who know transport-wide feedback and that of RFC 8888, and two between
// whom only the latter comes through. There is no number to report by other than
// that of the stream then.
func TestConn_TellsArrivals(t *testing.T) {
	t.Parallel() // waits most of the time
	for name, c := range map[string]struct {
		change filter
		want   jsep.Arrivals
	}{
		"transport-wide": {unchanged, jsep.TransportWide},
		"by stream":      {byStreamAlone, jsep.StreamReports},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "alice")})
			callee := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "bob")})
			observe(t, caller)
			observe(t, callee)
			negotiate(t, caller, callee, OfferOptions{}, c.change)
			for _, conn := range []*Conn{caller, callee} {
				acknowledged(t, conn)
				if way := conn.strand.session.Agreed().Sections[0].Arrivals; way != c.want {
					t.Errorf("agreed on %s, want %s", way, c.want)
				}
			}
		})
	}
}

// Pion reports by stream what comes, and hears of what it sends in the same way.
func TestConn_TellsArrivalsToPionByStream(t *testing.T) {
	t.Parallel() // waits most of the time
	engine, chain := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.ConfigureCongestionControlFeedback(engine, chain); err != nil {
		t.Fatal(err)
	}
	peer := newPeer(t, engine, chain)
	sender := peer.send(webrtc.MimeTypeVP8, "camera")
	conn := newConn(t, listen(t, Config{}), ConnConfig{Video: camera(t, "us")})
	observe(t, conn)
	if answer := peer.offer(conn, false); !strings.Contains(answer.SDP, "a=rtcp-fb:* ack ccfb") {
		t.Errorf("the answer is\n%s", answer.SDP)
	}
	picture := next(t, "our picture at Pion's", peer.tracks)
	peer.done.Go(func() { // what nobody reads Pion does not report
		for {
			if _, _, err := picture.ReadRTP(); err != nil {
				return
			}
		}
	})
	acknowledged(t, conn)
	_ = sender.SetReadDeadline(time.Now().Add(patience))
	for {
		heard, _, err := sender.ReadRTCP()
		if err != nil {
			t.Fatalf("Pion hears nothing of what came: %v", err)
		}
		for _, each := range heard {
			if report, ok := each.(*rtcp.CCFeedbackReport); ok && len(report.ReportBlocks) > 0 {
				return
			}
		}
	}
}
