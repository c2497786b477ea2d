package frame

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"meshfocus/focus/internal/testclip"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestHeaders_OfSingleFrames(t *testing.T) {
	tests := []struct {
		name  string
		read  func([]byte) Header
		frame string
		want  Header
	}{
		{"vp8 key frame", VP8, "1002009d012ac0036804", Header{true, 960, 1128}},
		{"vp8 key frame with scaling bits", VP8, "1002009d012a4041f080", Header{true, 320, 240}},
		{"vp8 other frame", VP8, "1102009d012ac0036804", Header{}},
		{"vp8 without start code", VP8, "100200000000c0036804", Header{}},
		{"vp8 cut short", VP8, "1002009d01", Header{}},
		{"vp9 key frame", VP9, "824983420027f01df0", Header{true, 640, 480}},
		{"vp9 other frame", VP9, "86000000", Header{}},
		{"vp9 that shows an old frame", VP9, "8800", Header{}},
		{"vp9 cut short", VP9, "82498342", Header{}},
		{"h264 parameter sets", H264, "000000016742c00bd902847e5c0440000003004000000c83c50a92 0000000168cb83cb20", Header{true, 160, 120}},
		{"h264 slice", H264, "000001419a", Header{}},
		{"h264 without start code", H264, "6588", Header{}},
		{"av1 delimiter only", AV1, "1200", Header{}},
		{"av1 forbidden bit", AV1, "8a0b", Header{}},
		{"av1 length beyond the end", AV1, "0a7f00", Header{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.read(unhex(t, removeSpaces(test.frame))); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func removeSpaces(text string) string {
	return string(bytes.ReplaceAll([]byte(text), []byte(" "), nil))
}

func TestSPS_OfRealEncoders(t *testing.T) {
	for _, test := range []struct {
		size, profile, rate string
		width, height       int
		fps                 float64
	}{
		{"160x120", "baseline", "25", 160, 120, 25},
		{"642x362", "baseline", "30000/1001", 642, 362, 30000.0 / 1001},
		{"1920x1080", "high", "60", 1920, 1080, 60},
		{"64x64", "high444", "10", 64, 64, 10},
	} {
		path := filepath.Join(t.TempDir(), "clip.h264")
		args := []string{"-f", "lavfi", "-i", "testsrc2=size=" + test.size + ":rate=" + test.rate, "-frames:v", "2", "-c:v", "libx264", "-preset", "ultrafast"}
		if test.profile == "high444" {
			args = append(args, "-pix_fmt", "yuv444p")
		} else {
			args = append(args, "-pix_fmt", "yuv420p", "-profile:v", test.profile)
		}
		testclip.FFmpeg(t, append(args, path)...)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for nal := range NALs(data) {
			if NALType(nal) != NALSPS {
				continue
			}
			sps := ParseSPS(nal)
			if sps.Width != test.width || sps.Height != test.height {
				t.Errorf("%s %s: %dx%d", test.size, test.profile, sps.Width, sps.Height)
			}
			if d := sps.FrameRate - test.fps; d > 0.01 || d < -0.01 {
				t.Errorf("%s: %.3f pictures a second, want %.3f", test.size, sps.FrameRate, test.fps)
			}
		}
		config := AVCConfig(data)
		if len(config) < 10 || config[0] != 1 || !bytes.Equal(config[1:4], data[5:8]) {
			t.Errorf("%s: configuration %x", test.size, config)
		}
	}
}

func TestAVC_StoresEveryUnitWithItsLength(t *testing.T) {
	unit := unhex(t, "0000000109f000000167420000010168ce0000000165b800")
	stored := AVC(unit)
	want := unhex(t, "0000000209f000000002674200000003"+"0168ce"+"0000000265b8")
	if !bytes.Equal(stored, want) {
		// Zeros before a start code belong to it, so they are not stored.
		t.Errorf("stored\n%x, want\n%x", stored, want)
	}
}

func TestCanonical_IsWhatComesOutOfRTPAgain(t *testing.T) {
	unit := unhex(t, "0000000109f0"+"000001674200"+"000168ce"+"0000010cffff80"+"0000010605ff"+"00000165b8"+"0000000165b9")
	want := unhex(t, "000000016742"+"0000000168ce"+"000000010605ff"+"0000000165b8"+"0000000165b9")
	if got := Canonical(unit); !bytes.Equal(got, want) {
		t.Errorf("it is\n%x, want\n%x", got, want)
	}
	if got := Canonical(want); !bytes.Equal(got, want) {
		t.Errorf("what is canonical becomes %x", got)
	}
	if got := Canonical([]byte("no unit")); len(got) != 0 {
		t.Errorf("what is no unit becomes %x", got)
	}
}

func TestAV1_ConfigurationHoldsTheSequenceHeader(t *testing.T) {
	data, err := os.ReadFile(testclip.Make(t, "av1.ivf", 0.2))
	if err != nil {
		t.Fatal(err)
	}
	unit := data[44 : 44+(int(data[32])|int(data[33])<<8)]
	header := AV1(unit)
	if !header.Key || header.Width != 160 || header.Height != 120 {
		t.Errorf("%+v, want a key frame of 160x120", header)
	}
	config := AV1Config(unit)
	if len(config) < 8 || config[0] != 0x81 || config[4]>>3&0x0f != OBUSequenceHeader {
		t.Fatalf("configuration %x", config)
	}
	if config[2]&0x0c != 0x0c { // 4:2:0
		t.Errorf("colours %08b, want both subsamplings", config[2])
	}
	plain := WithoutDelimiters(unit)
	for obu := range OBUs(plain) {
		if obu.Type == OBUTemporalDelimiter {
			t.Error("a delimiter is left")
		}
	}
	if len(plain) != len(unit)-2 {
		t.Errorf("%d of %d bytes are left, want all but the delimiter's two", len(plain), len(unit))
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add(unhex(f, "1002009d012ac0036804"))
	f.Add(unhex(f, "824983420027f01df0"))
	f.Add(unhex(f, "000000016742c01eda02802dd8088000000300800000000168ce3c80"))
	f.Add(unhex(f, "12000a0b0000000424c7fbffb0080801"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func([]byte) Header{VP8, VP9, H264, AV1} {
			if h := read(data); h.Width < 0 || h.Height < 0 || h.Width > 1<<16 || h.Height > 1<<16 || !h.Key && h.Width != 0 {
				t.Errorf("%+v", h)
			}
		}
		_, _, _ = AVCConfig(data), AV1Config(data), ParseSPS(data)
		if stored := AVC(data); len(stored) > 2*len(data)+4 {
			t.Errorf("%d bytes stored of %d", len(stored), len(data))
		}
		if plain := WithoutDelimiters(data); len(plain) > len(data) {
			t.Errorf("%d bytes of %d", len(plain), len(data))
		}
	})
}

func TestSPS_TakesNoMemory(t *testing.T) {
	sps := unhex(t, "6742c00bd902847e5c0440000003004000000c83c50a92")
	if n := testing.AllocsPerRun(100, func() { ParseSPS(sps) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
