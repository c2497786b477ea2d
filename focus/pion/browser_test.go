package pion_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"

	"meshfocus/focus/pion"
	"meshfocus/internal/browser"
	"meshfocus/internal/testcard"
	"meshfocus/internal/unit"
)

// patience bounds what has to come; the machine may be busy.
const patience = time.Minute

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// connection makes one with the interceptors that register puts in.
func connection(t *testing.T, register func(*webrtc.MediaEngine, *interceptor.Registry) error) *webrtc.PeerConnection {
	t.Helper()
	engine, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := errors.Join(engine.RegisterDefaultCodecs(), register(engine, registry)); err != nil {
		t.Fatal(err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	c, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ours is what a program registers.
func ours(found func(string, *pion.Estimator)) func(*webrtc.MediaEngine, *interceptor.Registry) error {
	return func(engine *webrtc.MediaEngine, registry *interceptor.Registry) error {
		return pion.Register(engine, registry, pion.Config{Most: 2 * unit.Megabit}, found)
	}
}

// show sends the test card on a connection until the test ends.
func show(t *testing.T, c *webrtc.PeerConnection) {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "camera")
	if err != nil {
		t.Fatal(err)
	}
	line, err := c.AddTrack(track)
	if err != nil {
		t.Fatal(err)
	}
	var loops sync.WaitGroup
	loops.Go(func() { // interceptors see reports as the program reads them
		for {
			if _, _, err := line.ReadRTCP(); err != nil {
				return
			}
		}
	})
	done := make(chan struct{})
	loops.Go(func() {
		frames := time.NewTicker(time.Second / 15)
		defer frames.Stop()
		var card *ivfreader.IVFReader
		for {
			select {
			case <-frames.C:
			case <-done:
				return
			}
			var frame []byte
			if card != nil {
				frame, _, err = card.ParseNextFrame()
			}
			if card == nil || errors.Is(err, io.EOF) {
				if card, _, err = ivfreader.NewWith(bytes.NewReader(testcard.Video)); err == nil {
					frame, _, err = card.ParseNextFrame()
				}
			}
			if err == nil {
				err = track.WriteSample(media.Sample{Data: frame, Duration: time.Second / 15})
			}
			if err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("the card: %v", err)
				return
			}
		}
	})
	t.Cleanup(func() { close(done); _ = c.Close(); loops.Wait() })
}

// meeting is a page that answers an offer, with the fake camera if it is to, and
// counts the frames that it has decoded.
const meeting = `<!doctype html><link rel=icon href="data:,"><video id=video autoplay muted></video><script>
async function answer(offer, camera) {
	window.pc = new RTCPeerConnection();
	pc.ontrack = e => { video.srcObject = new MediaStream([e.track]); };
	await pc.setRemoteDescription(offer);
	if (camera) {
		const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 360, frameRate: 15}});
		pc.addTrack(stream.getVideoTracks()[0], stream);
	}
	await pc.setLocalDescription();
	await new Promise(done => {
		const look = () => pc.iceGatheringState === 'complete' && done();
		pc.onicegatheringstatechange = look;
		look();
	});
	return pc.localDescription;
}
async function decoded() {
	for (const s of (await pc.getStats()).values()) if (s.type === 'inbound-rtp' && s.kind === 'video') return s.framesDecoded;
	return 0;
}
async function sent() {
	for (const s of (await pc.getStats()).values()) if (s.type === 'outbound-rtp' && s.kind === 'video') return [s.nackCount, s.retransmittedPacketsSent];
	return [0, 0];
}
</script>`

// call has a page answer the offer of a connection.
func call(t *testing.T, c *webrtc.PeerConnection, camera bool) *browser.Page {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(meeting))
	}))
	t.Cleanup(server.Close)
	page := browser.Start(t).Open(t, server.URL)
	offer, err := c.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c)
	if err := c.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	text, err := json.Marshal(c.LocalDescription())
	if err != nil {
		t.Fatal(err)
	}
	var answer webrtc.SessionDescription
	page.Eval(fmt.Sprintf("answer(%s, %v)", text, camera), &answer)
	if err := c.SetRemoteDescription(answer); err != nil {
		t.Fatal(err)
	}
	return page
}

// Chromium decodes what a Pion program sends with our interceptors, and its reports
// of arrivals raise the target: probes, which are padding on the stream of
// retransmissions, are no trouble to it.
func TestRegister_ChromiumDecodesAndReports(t *testing.T) {
	t.Parallel()
	var estimator atomic.Pointer[pion.Estimator]
	c := connection(t, ours(func(_ string, e *pion.Estimator) { estimator.Store(e) }))
	show(t, c)
	page := call(t, c, false)
	start := estimator.Load().GetTargetBitrate()
	page.Eventually(patience, "30 frames are decoded", "decoded().then(n => n >= 30)", "decoded()")
	eventually(t, "the target rises by its reports", func() bool {
		e := estimator.Load()
		return e.GetTargetBitrate() > start && e.GetStats()["reports"].(int64) > 5 && e.GetStats()["probeBytes"].(int64) > 0
	})
	var before, after int
	page.Eval("decoded()", &before)
	page.Eventually(patience, "it goes on behind the probes", fmt.Sprintf("decoded().then(n => n >= %d)", before+15), "decoded()")
	page.Eval("decoded()", &after)
	t.Logf("%d frames decoded; %v", after, estimator.Load().GetStats())
}

// lossy drops each tenth packet of media that arrives, retransmissions not, as if
// the path had.
type lossy struct {
	interceptor.NoOp
	mu   sync.Mutex
	seen int
	lost map[uint16]bool
}

func (l *lossy) NewInterceptor(string) (interceptor.Interceptor, error) { return l, nil }

func (l *lossy) BindRemoteStream(info *interceptor.StreamInfo, reader interceptor.RTPReader) interceptor.RTPReader {
	if info.MimeType != webrtc.MimeTypeVP8 {
		return reader
	}
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		for {
			n, attributes, err := reader.Read(b, a)
			if err != nil || !l.loses(b[:n]) {
				return n, attributes, err
			}
		}
	})
}

func (l *lossy) loses(packet []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen++
	if len(packet) < 12 || l.seen%10 != 0 {
		return false
	}
	l.lost[uint16(packet[2])<<8|uint16(packet[3])] = true
	return true
}

// repaired counts what was lost and came after all.
func (l *lossy) repaired(number uint16, count *atomic.Int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost[number] {
		delete(l.lost, number)
		count.Add(1)
	}
}

// Chromium sends to a Pion program over a path that loses packets: our requests have
// it send them again.
func TestRegister_ChromiumRepairsWhatWasLost(t *testing.T) {
	t.Parallel()
	path := &lossy{lost: make(map[uint16]bool)}
	c := connection(t, func(engine *webrtc.MediaEngine, registry *interceptor.Registry) error {
		registry.Add(path) // first: next to the wire
		return pion.Register(engine, registry, pion.Config{}, nil)
	})
	if _, err := c.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	var came, repaired atomic.Int64
	var reading sync.WaitGroup
	reading.Add(1)
	c.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		defer reading.Done()
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			came.Add(1)
			path.repaired(packet.SequenceNumber, &repaired)
		}
	})
	page := call(t, c, true)
	eventually(t, "ten lost packets came after all", func() bool { return repaired.Load() >= 10 })
	eventually(t, "nearly all of them", func() bool {
		path.mu.Lock()
		defer path.mu.Unlock()
		return len(path.lost) <= 3+int(repaired.Load())/10
	})
	var sent []int
	page.Eval("sent()", &sent)
	t.Logf("%d packets came, %d of them again; Chromium was asked in %d messages and sent %d again", came.Load(), repaired.Load(), sent[0], sent[1])
	_ = c.Close()
	reading.Wait()
	if lost := path.seen / 10; sent[1] > 2*lost+10 {
		t.Errorf("%d were sent again of %d that were lost", sent[1], lost)
	}
}

// Two Pion programs whose reports are those of RFC 8888: there are no transport-wide
// numbers, and Pion's own interceptor reports.
func TestEstimator_TakesReportsOfPionByStream(t *testing.T) {
	t.Parallel()
	var estimator atomic.Pointer[pion.Estimator]
	sender := connection(t, func(engine *webrtc.MediaEngine, registry *interceptor.Registry) error {
		factory, err := cc.NewInterceptor(pion.Factory(pion.Config{Most: 2 * unit.Megabit}))
		if err != nil {
			return err
		}
		factory.OnNewPeerConnection(func(_ string, e cc.BandwidthEstimator) { estimator.Store(e.(*pion.Estimator)) })
		registry.Add(factory)
		engine.RegisterFeedback(webrtc.RTCPFeedback{Type: webrtc.TypeRTCPFBACK, Parameter: "ccfb"}, webrtc.RTPCodecTypeVideo)
		return nil
	})
	receiver := connection(t, webrtc.ConfigureCongestionControlFeedback)
	var came atomic.Int64
	var reading sync.WaitGroup
	reading.Add(1)
	receiver.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		defer reading.Done()
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			came.Add(1)
		}
	})
	show(t, sender)
	start := estimator.Load().GetTargetBitrate()
	if err := connect(sender, receiver); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the target rises", func() bool {
		e := estimator.Load()
		return e.GetTargetBitrate() > start && e.GetStats()["reports"].(int64) > 5 && came.Load() > 50
	})
	if loss := estimator.Load().Estimate().Loss; loss > 0.02 {
		t.Errorf("%.3f are thought to be lost", loss)
	}
	_ = receiver.Close()
	reading.Wait()
}
