package record

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"meshfocus/focus/internal/testclip"
	"meshfocus/focus/transport"
	"meshfocus/focus/transport/mediafile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a Track that gets what a Play writes, as if it came over the
// network.
type wire struct {
	codec     transport.Codec
	timestamp uint32
	samples   chan transport.Sample
	asked     int
	mu        sync.Mutex
	change    func(*transport.Sample)
}

func newWire(codec transport.Codec) *wire {
	return &wire{codec: codec, timestamp: 0xffffff00, samples: make(chan transport.Sample, 10000)} // soon to wrap
}

func (w *wire) WriteSample(sample transport.Sample) error {
	header := transport.Inspect(w.codec, sample.Data)
	sample.Codec, sample.KeyFrame = w.codec, header.Key
	sample.Width, sample.Height = header.Width, header.Height
	sample.Timestamp, sample.Arrived = w.timestamp, time.Now()
	w.timestamp += uint32(sample.Duration * time.Duration(w.codec.ClockRate()) / time.Second)
	sample.Duration = 0
	if w.change != nil {
		w.change(&sample)
	}
	w.samples <- sample
	return nil
}

func (w *wire) WriteRTP([]byte) error             { return errors.New("not used") }
func (w *wire) KeyFrameRequests() <-chan struct{} { return nil }

func (w *wire) ReadSample(ctx context.Context) (transport.Sample, error) {
	select {
	case sample, ok := <-w.samples:
		if !ok {
			return sample, io.EOF
		}
		return sample, nil
	case <-ctx.Done():
		return transport.Sample{}, ctx.Err()
	}
}

func (w *wire) RequestKeyFrame() { w.mu.Lock(); w.asked++; w.mu.Unlock() }

// take records clips for a time and gives the path.
func take(t *testing.T, length time.Duration, change func(*wire), clips ...string) string {
	t.Helper()
	directory := t.TempDir()
	var path string
	synctest.Test(t, func(t *testing.T) {
		file := NewFile(directory, "@alice:example.org/DEVICE", nil)
		ctx, cancel := context.WithTimeout(t.Context(), length-time.Millisecond)
		defer cancel()
		var parts []mediafile.Part
		var wires []*wire
		var running sync.WaitGroup
		for _, name := range clips {
			clip, err := mediafile.OpenClip(name)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = clip.Close() }()
			w := newWire(clip.Codec())
			if change != nil {
				change(w)
			}
			parts = append(parts, mediafile.Part{Source: clip, Writer: w})
			wires = append(wires, w)
			running.Go(func() {
				if err := file.Record(context.Background(), "camera", w); err != nil {
					t.Errorf("Record: %v", err)
				}
			})
		}
		_ = mediafile.Play(ctx, parts...)
		for _, w := range wires {
			close(w.samples)
		}
		running.Wait()
		if err := file.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		path = file.Path()
	})
	return path
}

func TestFile_IsPlayableWithEveryCodec(t *testing.T) {
	sound := testclip.Make(t, "opus.opus", 2)
	for name, codec := range map[string]string{"vp8.ivf": "vp8", "vp9.ivf": "vp9", "av1.ivf": "av1", "h264.h264": "h264"} {
		t.Run(codec, func(t *testing.T) {
			path := take(t, 3*time.Second, nil, testclip.Make(t, name, 2), sound)
			probe := testclip.Check(t, path)
			if len(probe.Streams) != 2 {
				t.Fatalf("%d streams, want 2", len(probe.Streams))
			}
			for _, stream := range probe.Streams {
				switch stream.Type {
				case "video":
					if stream.Codec != codec || stream.Width != 160 || stream.Height != 120 || stream.Frames < 70 {
						t.Errorf("video: %+v, want %s of 160x120 with 75 frames", stream, codec)
					}
				case "audio":
					if stream.Codec != "opus" || stream.Rate != "48000" || stream.Packets < 145 {
						t.Errorf("audio: %+v, want opus with 150 packets", stream)
					}
				}
			}
			if d := probe.Format.Duration; d < 2.8 || d > 3.1 {
				t.Errorf("duration %.3f s, want 3", d)
			}
			if complaints := testclip.Complaints(t, path); complaints != "" {
				t.Errorf("ffmpeg complains:\n%s", complaints)
			}
		})
	}
}

func TestFile_CanBeSearched(t *testing.T) {
	path := take(t, 8*time.Second, nil, testclip.Make(t, "vp8.ivf", 8))
	frame := filepath.Join(t.TempDir(), "frame.png")
	testclip.FFmpeg(t, "-ss", "6.1", "-i", path, "-frames:v", "1", frame)
	if info, err := os.Stat(frame); err != nil || info.Size() == 0 {
		t.Errorf("no picture at 6.1 s: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "\x1c\x53\xbb\x6b") {
		t.Error("no Cues in the file")
	}
}

func TestFile_PlaysWhenItWasNeverClosed(t *testing.T) {
	clip := testclip.Make(t, "vp8.ivf", 3)
	directory := t.TempDir()
	var path string
	synctest.Test(t, func(t *testing.T) {
		file := NewFile(directory, "killed", nil)
		source, err := mediafile.OpenClip(clip)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = source.Close() }()
		w := newWire(source.Codec())
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_ = mediafile.Play(ctx, mediafile.Part{Source: source, Writer: w})
		close(w.samples)
		if err := file.Record(t.Context(), "camera", w); err != nil {
			t.Fatal(err)
		}
		path = file.Path()
		data, err := os.ReadFile(path) // as it lies on the disk now
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(directory, "copy.webm")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if probe := testclip.Check(t, path); len(probe.Streams) != 1 || probe.Streams[0].Frames < 75 {
		t.Errorf("%+v, want the clusters that were written", probe.Streams)
	}
}

func TestFile_BeginsVideoWithAKeyFrame(t *testing.T) {
	first := true
	path := take(t, 3*time.Second, func(w *wire) {
		w.change = func(sample *transport.Sample) {
			if first { // we joined in the middle
				sample.KeyFrame, first = false, false
			}
		}
	}, testclip.Make(t, "vp8.ivf", 3))
	probe := testclip.Check(t, path)
	if got := probe.Streams[0].Frames; got != 50 {
		t.Errorf("%d frames, want the 50 from the second key frame on", got)
	}
	if complaints := testclip.Complaints(t, path); complaints != "" {
		t.Errorf("ffmpeg complains:\n%s", complaints)
	}
}

func TestFile_LeavesNothingIfNothingCame(t *testing.T) {
	directory := t.TempDir()
	file := NewFile(directory, "alice", nil)
	w := newWire(transport.VP8)
	w.samples <- transport.Sample{Codec: transport.VP8, Data: []byte{0x11}, Arrived: time.Now()}
	close(w.samples)
	if err := file.Record(t.Context(), "camera", w); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(directory); len(entries) != 0 || file.Path() != "" {
		t.Errorf("%d files, path %q; want none", len(entries), file.Path())
	}
	if w.asked != 1 {
		t.Errorf("asked %d times for a key frame, want once at the begin", w.asked)
	}
}

func TestFile_GoesOnWithoutATrackThatBroke(t *testing.T) {
	directory := t.TempDir()
	file := NewFile(directory, "alice", nil)
	good, bad := newWire(transport.Opus), &broken{}
	now := time.Now()
	for i := range 50 {
		good.samples <- transport.Sample{Codec: transport.Opus, Data: []byte{0xf8, 0xff, 0xfe}, KeyFrame: true,
			Timestamp: uint32(i * 960), Arrived: now.Add(time.Duration(i) * 20 * time.Millisecond)}
	}
	close(good.samples)
	if err := file.Record(t.Context(), "camera", bad); !errors.Is(err, errBroken) {
		t.Errorf("Record of the broken track: %v", err)
	}
	if err := file.Record(t.Context(), "camera", good); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if probe := testclip.Check(t, file.Path()); len(probe.Streams) != 1 || probe.Streams[0].Packets != 50 {
		t.Errorf("%+v, want 50 packets of sound", probe.Streams)
	}
	if err := file.Record(t.Context(), "camera", newFull(now)); !errors.Is(err, ErrClosed) {
		t.Errorf("Record after Close: %v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (*broken) ReadSample(context.Context) (transport.Sample, error) {
	return transport.Sample{}, errBroken
}
func (*broken) RequestKeyFrame() {}

func newFull(now time.Time) *wire {
	w := newWire(transport.Opus)
	w.samples <- transport.Sample{Codec: transport.Opus, Data: []byte{0xf8}, KeyFrame: true, Arrived: now}
	return w
}

func TestFile_TakesUpTheTrackOfAParticipantWhoComesBack(t *testing.T) {
	clip := testclip.Make(t, "vp8.ivf", 2)
	directory := t.TempDir()
	var path string
	synctest.Test(t, func(t *testing.T) {
		file := NewFile(directory, "alice", nil)
		for range 2 {
			source, err := mediafile.OpenClip(clip)
			if err != nil {
				t.Fatal(err)
			}
			w := newWire(source.Codec())
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second-time.Millisecond)
			_ = mediafile.Play(ctx, mediafile.Part{Source: source, Writer: w})
			cancel()
			close(w.samples)
			if err := file.Record(t.Context(), "camera", w); err != nil {
				t.Fatal(err)
			}
			_ = source.Close()
			time.Sleep(6 * time.Second) // away
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		path = file.Path()
	})
	probe := testclip.Check(t, path)
	if len(probe.Streams) != 1 || probe.Streams[0].Frames != 100 {
		t.Errorf("%+v, want one track with 100 frames", probe.Streams)
	}
	if d := probe.Format.Duration; d < 9.8 || d > 10.1 {
		t.Errorf("duration %.2f s, want 10: the gap stays", d)
	}
}

func TestFile_TakesAChangeOfSizeAndOfCodec(t *testing.T) {
	small, large := testclip.Make(t, "vp8.ivf", 1), filepath.Join(t.TempDir(), "large.ivf")
	testclip.FFmpeg(t, "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-t", "1", "-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0", large)
	directory := t.TempDir()
	var path string
	synctest.Test(t, func(t *testing.T) {
		file := NewFile(directory, "alice", nil)
		for _, clip := range []string{small, large, testclip.Make(t, "vp9.ivf", 1)} {
			source, err := mediafile.OpenClip(clip)
			if err != nil {
				t.Fatal(err)
			}
			w := newWire(source.Codec())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second-time.Millisecond)
			_ = mediafile.Play(ctx, mediafile.Part{Source: source, Writer: w})
			cancel()
			close(w.samples)
			if err := file.Record(t.Context(), "camera", w); err != nil {
				t.Fatal(err)
			}
			_ = source.Close()
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		path = file.Path()
	})
	probe := testclip.Check(t, path)
	if len(probe.Streams) != 2 || probe.Streams[0].Frames != 50 || probe.Streams[1].Frames != 25 {
		t.Errorf("%+v, want 50 frames of vp8 and 25 of vp9", probe.Streams)
	}
}
