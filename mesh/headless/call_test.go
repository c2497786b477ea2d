package headless

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/freeport"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
)

func TestCall_ThreePartiesExchangeMediaOnEveryLink(t *testing.T) {
	t.Parallel()
	threeParties(t, startHome(t))
}

func TestCall_IsRecordedAndTheRecordingsPlay(t *testing.T) {
	t.Parallel()
	recordings(t, startHome(t))
}

func recordings(t *testing.T, h home) {
	dirs := map[string]string{"alice": t.TempDir(), "bob": t.TempDir(), "carol": t.TempDir()}
	var parties []*party
	for name, dir := range dirs {
		parties = append(parties, startParty(t, h, name, func(c *Config) { c.RecordDir = dir }))
	}
	allFlow(t, patience, parties...)
	eventually(t, patience, "four seconds of picture on every link", func() bool {
		for _, p := range parties {
			for _, l := range p.Status().Links {
				if videoFrames(l) < 60 {
					return false
				}
			}
		}
		return true
	}, func() string { return describe(parties...) })
	for _, p := range parties {
		p.stop(t)
		files := p.Status().Recordings
		if len(files) != 2 {
			t.Fatalf("%s has %d recordings, want one for each of the two others: %v", p.name, len(files), files)
		}
		for _, file := range files {
			checkRecording(t, file)
		}
	}
}

func TestCall_CarriesEveryCodecAndRTPFromFFmpeg(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	dir := t.TempDir()
	sources := map[string]string{
		"h264": clip(t, dir, "a.h264", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline"),
		"vp9":  clip(t, dir, "a.vp9", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-f", "ivf"),
		"av1":  clip(t, dir, "a.av1", "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-f", "ivf"),
		"vp8":  "rtp://" + freeport.Address(t, "127.0.0.1") + "?codec=vp8",
	}
	record := t.TempDir()
	viewer := startParty(t, h, "viewer", func(c *Config) { c.Clip, c.RecordDir = nil, record })
	codecs := map[message.Party]string{}
	for codec, source := range sources {
		p := startParty(t, h, "sender"+codec, func(c *Config) { c.Clip, c.Publish = nil, []string{source} })
		codecs[p.Party()] = codec
	}
	address, _, _ := strings.Cut(sources["vp8"], "?")
	ffmpeg := exec.Command("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=15", "-g", "15",
		"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-f", "rtp", address+"?pkt_size=1200")
	if err := ffmpeg.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ffmpeg.Process.Kill(); _ = ffmpeg.Wait() })
	eventually(t, patience, "three seconds of picture in every codec", func() bool {
		for peer := range codecs {
			if videoFrames(viewer.link(peer)) < 45 {
				return false
			}
		}
		return true
	}, func() string { return describe(viewer) })
	viewer.stop(t)
	for _, file := range viewer.Status().Recordings {
		streams, _ := probeRecording(t, file)
		for _, codec := range codecs {
			if strings.Contains(file, "sender"+codec) && streams[codec] < 15 {
				t.Errorf("%s holds %v, want %s", file, streams, codec)
			}
		}
	}
	if got := len(viewer.Status().Recordings); got != len(sources) {
		t.Errorf("%d recordings of %d senders", got, len(sources))
	}
}

// clip makes three seconds of picture with ffmpeg.
func clip(t *testing.T, dir, name string, encode ...string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	args := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=15:duration=3", "-g", "15"}, encode...)
	if out, err := exec.Command("ffmpeg", append(args, path)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	return path
}

func videoFrames(l Link) (frames uint64) {
	if l.Stats != nil {
		for _, r := range l.Stats.Received {
			if r.Kind == transport.Video {
				frames += r.Frames
			}
		}
	}
	return frames
}

// checkRecording wants VP8 of the card and Opus, of some length.
func checkRecording(t *testing.T, file string) {
	t.Helper()
	frames, seconds := probeRecording(t, file)
	if frames["vp8"] < 15 || frames["opus"] < 50 || seconds < 1 {
		t.Errorf("%s holds too little: %v in %f s", file, frames, seconds)
	}
}

// probeRecording lets a file be decoded, which has to go without an error, and counts
// what is in it by codec. The decoders are asked, not the clock of the file: on a busy
// machine two packets of sound may come to lie on one millisecond of it.
func probeRecording(t *testing.T, file string) (frames map[string]int, seconds float64) {
	t.Helper()
	var said bytes.Buffer
	decode := exec.Command("ffprobe", "-v", "error", "-err_detect", "explode", "-count_frames", "-of", "json",
		"-show_entries", "stream=codec_name,nb_read_frames:format=duration", file)
	decode.Stderr = &said
	out, err := decode.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("%s does not decode: %v\n%s", file, err, said.String())
	}
	var probe struct {
		Streams []struct {
			Codec  string `json:"codec_name"`
			Frames int    `json:"nb_read_frames,string"`
		}
		Format struct {
			Duration float64 `json:",string"`
		}
	}
	if err := json.Unmarshal(out, &probe); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	frames = map[string]int{}
	for _, stream := range probe.Streams {
		frames[stream.Codec] = stream.Frames
	}
	return frames, probe.Format.Duration
}

func TestCall_InAConferenceTooAndWithOrWithoutEncryption(t *testing.T) {
	t.Parallel()
	for _, mode := range []matrix.EncryptMode{matrix.EncryptRequire, matrix.EncryptPrefer, matrix.EncryptOff} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			h := startHome(t)
			join := func(c *Config) { c.Account.Encrypt = mode; c.CallID = "conference" }
			alice, bob := startParty(t, h, "alice", join), startParty(t, h, "bob", join)
			allFlow(t, patience, alice, bob)
			for _, l := range []Link{alice.link(bob.Party()), bob.link(alice.Party())} {
				if l.Encrypted != (mode != matrix.EncryptOff) {
					t.Errorf("with %s the link to %s says encrypted: %t", mode, l.Peer, l.Encrypted)
				}
			}
		})
	}
}

func TestCall_ThreeMessagesConnectAPair(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	parties := []*party{startParty(t, h, "alice", nil), startParty(t, h, "bob", nil), startParty(t, h, "carol", nil)}
	allFlow(t, patience, parties...)
	for _, p := range parties {
		for _, l := range p.Status().Links {
			if total := l.Sent + l.Received; total > 3 {
				t.Errorf("%s and %s exchanged %d to-device messages, want at most 3", p.name, l.Peer, total)
			}
		}
	}
}

// threeParties is the test that every homeserver has to pass.
func threeParties(t *testing.T, h home) {
	parties := []*party{startParty(t, h, "alice", nil), startParty(t, h, "bob", nil), startParty(t, h, "carol", nil)}
	allFlow(t, patience, parties...)

	// One leaves: the others see it, long before a delayed leave would be due, and
	// go on.
	gone, rest := parties[2].Party(), parties[:2]
	before := rest[0].link(rest[1].Party())
	parties[2].stop(t)
	left := time.Now()
	eventually(t, 20*time.Second, "carol is gone for the others", func() bool {
		return !present(rest, gone)
	}, func() string { return describe(rest...) })
	t.Logf("gone for the others %s after it had left", time.Since(left).Round(time.Millisecond))
	if now := rest[0].link(rest[1].Party()); now.CallID != before.CallID {
		t.Fatalf("the others did not stay connected:\n%s", describe(rest...))
	}

	// And comes back.
	carol := startParty(t, h, "carol", nil)
	allFlow(t, patience, rest[0], rest[1], carol)
	if after := rest[0].link(rest[1].Party()); after.CallID != before.CallID {
		t.Errorf("carol's return broke the call of the others")
	}
}

// present reports whether any of the parties still has a link to somebody.
func present(parties []*party, who message.Party) bool {
	for _, p := range parties {
		if p.link(who).Peer == who {
			return true
		}
	}
	return false
}
