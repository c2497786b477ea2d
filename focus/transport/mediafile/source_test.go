package mediafile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/focus/internal/testclip"
	"meshfocus/focus/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openClip(t *testing.T, path string) *Clip {
	t.Helper()
	clip, err := OpenClip(path)
	if err != nil {
		t.Fatalf("OpenClip: %v", err)
	}
	t.Cleanup(func() { _ = clip.Close() })
	return clip
}

func TestOpenClip_ReadsEveryFormat(t *testing.T) {
	tests := []struct {
		file    string
		codec   transport.Codec
		samples int
		keys    int
	}{
		{"vp8.ivf", transport.VP8, 50, 2},
		{"vp9.ivf", transport.VP9, 50, 2},
		{"av1.ivf", transport.AV1, 50, 2},
		{"h264.h264", transport.H264, 50, 2},
		{"opus.opus", transport.Opus, 101, 101}, // the encoder adds its delay
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			clip := openClip(t, testclip.Make(t, test.file, 2))
			if clip.Codec() != test.codec || clip.Samples() != test.samples {
				t.Errorf("%d samples of %s, want %d of %s", clip.Samples(), clip.Codec(), test.samples, test.codec)
			}
			keys := 0
			for _, e := range clip.entries {
				if e.key {
					keys++
				}
			}
			if keys != test.keys {
				t.Errorf("%d key frames, want %d", keys, test.keys)
			}
			if length := clip.Length(); length < 1950*time.Millisecond || length > 2050*time.Millisecond {
				t.Errorf("length %s, want 2s", length)
			}
			if width, height := clip.Size(); test.codec.Kind() == transport.Video && (width != 160 || height != 120) {
				t.Errorf("picture of %dx%d, want 160x120", width, height)
			}
			data, err := clip.sample(0)
			if err != nil || !transport.Inspect(test.codec, data).Key {
				t.Errorf("first sample: %v, key frame %v", err, transport.Inspect(test.codec, data).Key)
			}
		})
	}
}

func TestOpenClip_GoesByContentNotByName(t *testing.T) {
	clip := testclip.Make(t, "vp8.ivf", 0.2)
	misnamed := filepath.Join(t.TempDir(), "sound.opus")
	if err := os.Rename(clip, misnamed); err != nil {
		t.Fatal(err)
	}
	if got := openClip(t, misnamed); got.Codec() != transport.VP8 {
		t.Errorf("codec %s, want vp8", got.Codec())
	}
}

func TestOpen_SaysInOneLineWhatIsWrong(t *testing.T) {
	ivf := "DKIF\x00\x00\x20\x00VP80\xa0\x00\x78\x00\x19\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"
	tests := []struct {
		name, content string
		want          error
		words         string
	}{
		{"empty", "", ErrUnknownFormat, "empty"},
		{"text", "hello, world, this is no media", ErrUnknownFormat, "wanted is IVF"},
		{"webm", "\x1a\x45\xdf\xa3.....................", ErrUnknownFormat, "Matroska"},
		{"mp4", "\x00\x00\x00\x20ftypisom..............", ErrUnknownFormat, "MP4"},
		{"wav", "RIFF....WAVE", ErrUnknownFormat, "WAV"},
		{"ivf of another codec", strings.Replace(ivf, "VP80", "H264", 1), ErrUnknownFormat, "H264"},
		{"ivf without frames", ivf, ErrBroken, "no vp8"},
		{"ivf cut in the header", ivf[:20], ErrBroken, "cut short"},
		{"ivf that is not VP8", ivf + "\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00abcd", ErrBroken, "key frame"},
		{"ivf with an absurd frame", ivf + "\xff\xff\xff\x7f\x00\x00\x00\x00\x00\x00\x00\x00abcd", ErrBroken, "bytes"},
		{"h264 without a picture", "\x00\x00\x00\x01\x09\xf0", ErrBroken, "no h264"},
		{"h264 that begins in the middle", "\x00\x00\x00\x01\x41\x9a\x00\x00\x01\x41\x9a", ErrBroken, "parameter set"},
		{"ogg of nothing", "OggS" + strings.Repeat("\x00", 40), ErrBroken, "no Opus"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "clip")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			if !errors.Is(err, test.want) {
				t.Fatalf("error %v, want one of kind %v", err, test.want)
			}
			if text := err.Error(); !strings.Contains(text, test.words) || !strings.Contains(text, path) || strings.Contains(text, "\n") {
				t.Errorf("error %q: want one line with the path and %q", text, test.words)
			}
		})
	}
	for argument, words := range map[string]string{
		"/does/not/exist":                  "no such file",
		"/":                                "directory",
		"rtp://127.0.0.1:5004":             "codec",
		"rtp://127.0.0.1:5004?codec=mpeg1": "mpeg1",
		"rtp://localhost?codec=vp8":        "IP address",
		"rtp://127.0.0.1:99999?codec=vp8":  "port",
	} {
		_, err := Open(argument)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("Open(%q): %v, want an error with %q", argument, err, words)
		}
	}
}

func TestOpenClip_PlaysWhatIsWholeOfACutFile(t *testing.T) {
	for _, name := range []string{"vp8.ivf", "opus.opus", "h264.h264"} {
		data, err := os.ReadFile(testclip.Make(t, name, 3))
		if err != nil {
			t.Fatal(err)
		}
		data = data[:len(data)*2/3]
		clip, err := Read(name, bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range clip.Samples() {
			if _, err := clip.sample(i); err != nil {
				t.Errorf("%s: sample %d of %d: %v", name, i, clip.Samples(), err)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	const ivf = "DKIF\x00\x00\x20\x00VP80\xa0\x00\x78\x00\x19\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"
	const picture = "\x10\x02\x00\x9d\x01\x2a\xa0\x00\x78\x00\x00\x47"
	f.Add([]byte(ivf + "\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + picture + "\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x11\x02"))
	f.Add([]byte("\x00\x00\x00\x01\x67\x42\xc0\x0a\xda\x0a\x1e\x84\x00\x00\x00\x01\x68\xce\x3c\x80\x00\x00\x01\x65\xb8\x00\x00\x01\x41\x9a"))
	page := func(flags, packet string) string {
		return "OggS\x00" + flags + strings.Repeat("\x00", 20) + "\x01" + string(rune(len(packet))) + packet
	}
	f.Add([]byte(page("\x02", "OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00") + page("\x00", "OpusTags") + page("\x00", "\xf8\xff\xfe")))
	f.Fuzz(func(t *testing.T, data []byte) {
		clip, err := Read("clip", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !errors.Is(err, ErrBroken) && !errors.Is(err, ErrUnknownFormat) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		last := time.Duration(-1)
		for i, e := range clip.entries {
			if e.at <= last || e.at >= clip.length {
				t.Fatalf("sample %d at %s after one at %s in %s", i, e.at, last, clip.length)
			}
			last = e.at
			if _, err := clip.sample(i); err != nil {
				t.Fatalf("sample %d: %v", i, err)
			}
		}
	})
}
