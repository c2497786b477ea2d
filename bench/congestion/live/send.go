package live

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshfocus/bench/congestion"
	"meshfocus/focus/transport"
	"meshfocus/internal/browser"
	"meshfocus/internal/simnet/bottleneck"
	"meshfocus/internal/unit"
)

// From plays a case with one flow: Chromium sends its camera to us, in one encoding
// or, if layers, in three with the rates of simulcast cases. libwebrtc estimates, by
// what focus/lane reports.
func From(t testing.TB, b *browser.Browser, c congestion.Case, layers bool, seed uint64) Outcome {
	t.Helper()
	s := newStage(t, b)
	camera := transport.BundleLine{Name: "picture", Kind: transport.Video}
	sent := []string{encoded(c.Flows[0].Most)}
	size := size360
	if layers {
		rates, _ := congestion.LayerRates()
		camera.Layers, sent = []string{"q", "h", "f"}, nil
		for _, rate := range rates {
			sent = append(sent, encoded(rate))
		}
		size = size540
	}
	s.bundle.SetLines([]transport.BundleLine{{Name: "voice", Kind: transport.Audio}, camera})
	s.connect(c.Back, c.Forward, seed, permission(size, sent))
	return s.sent(c)
}

// Itself plays a case with one flow between two pages of Chromium: what its
// estimator does of its own reports.
func Itself(t testing.TB, b *browser.Browser, c congestion.Case, seed uint64) Outcome {
	t.Helper()
	receiver := open(t, b)
	s := &Stage{t: t, page: open(t, b)}
	var offer words
	receiver.Eval("wants()", &offer)
	most := []string{encoded(c.Flows[0].Most)}
	answer := s.through(offer, bottleneck.Config{Forward: c.Back, Back: c.Forward, Seed: seed}, permission(size360, most))
	receiver.Eval(fmt.Sprintf("pc.setRemoteDescription(%s)", answer.script()), nil)
	receiver.Eventually(patience, "it is connected", "pc.connectionState === 'connected'", "pc.connectionState")
	return s.sent(c)
}

// NoNames starts a browser whose candidates are addresses.
func NoNames() browser.Option { return browser.Flag("disable-features", "WebRtcHideLocalIpsWithMdns") }

// Sizes of the camera. libwebrtc makes three encodings from the larger one on (its
// simulcast.cc).
const (
	size360 = "{width: 640, height: 360, frameRate: 30}"
	size540 = "{width: 960, height: 540, frameRate: 30}"
)

// permission is what a page may send.
func permission(size string, most []string) string {
	return fmt.Sprintf("{size: %s, most: [%s]}", size, strings.Join(most, ", "))
}

// sent has the case happen to what the page sends, and measures.
func (s *Stage) sent(c congestion.Case) (o Outcome) {
	s.t.Helper()
	began := s.path.Begin()
	s.page.Eval("(watch(), 0)", nil)
	time.Sleep(time.Until(began.Add(c.Length)))
	logs := s.path.Logs()
	media := &logs[bottleneck.Back]
	for i := range media.Entries {
		media.Entries[i].Flow = 0
	}
	o.Result = congestion.Measure(c, media, s.said(began, c.Length))
	o.Audit = s.path.Audit()
	o.Silence = quiet(&logs[bottleneck.Forward])
	s.page.Eval("made()", &o.Made)
	return o
}

// encoded is what an encoder may make of a rate of IP packets: packets of 1200 bytes
// with what is around them, and as much sound as the simulation has.
func encoded(rate unit.BitRate) string {
	return fmt.Sprint(int64(float64(rate) * (congestion.PacketMost - headers - descriptor) / congestion.PacketMost))
}

// said gives what Chromium's estimator said, as samples.
func (s *Stage) said(began time.Time, length time.Duration) (samples []congestion.Sample) {
	s.t.Helper()
	var said [][3]float64 // Unix ms, available, encoders' target
	s.page.Eval("said", &said)
	next := 0
	var last congestion.Sample
	for at := time.Duration(0); at < length; at += congestion.SampleEvery {
		for ; next < len(said) && time.UnixMilli(int64(said[next][0])).Before(began.Add(at)); next++ {
			last = congestion.Sample{Target: unit.BitRate(said[next][1]), Encoded: unit.BitRate(said[next][2])}
		}
		samples = append(samples, last)
	}
	return samples
}

// Camera makes a clip for the fake camera that no encoder finds easy: textured
// blocks that move, under some noise. Chromium's own test picture takes less than the
// rates of the cases. The file goes with the test.
func Camera(t testing.TB, width, height int) browser.Option {
	t.Helper()
	const frames = 45
	random := rand.New(rand.NewPCG(1, 1))
	texture := make([]byte, (width/block+frames)*(height/block+frames))
	for i := range texture {
		texture[i] = byte(40 + random.IntN(160))
	}
	clip := fmt.Appendf(nil, "YUV4MPEG2 W%d H%d F30:1 Ip A1:1 C420jpeg\n", width, height)
	stride := width/block + frames
	for n := range frames {
		clip = append(clip, "FRAME\n"...)
		shift := n * step
		if n > frames/2 { // and back, so that it loops without a cut
			shift = (frames - n) * step
		}
		for y := range height {
			row := (y + shift) / block * stride
			for x := range width {
				clip = append(clip, texture[row+(x+shift)/block]+byte(random.IntN(noise)))
			}
		}
		for range width * height / 2 {
			clip = append(clip, 128)
		}
	}
	folder, err := os.MkdirTemp("", "meshfocus-camera-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	file := filepath.Join(folder, "clip.y4m")
	if err := os.WriteFile(file, clip, 0o600); err != nil {
		t.Fatal(err)
	}
	return browser.Camera(file, "")
}

// The clip: blocks of so many pixels move by a step in each frame, under noise of so
// many values.
const block, step, noise = 8, 3, 12
