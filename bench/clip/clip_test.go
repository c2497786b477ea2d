package clip

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/focus/transport/frame"
	"meshfocus/simulcast/opus"
)

func TestVP8_BeginsWithAKeyFrame(t *testing.T) {
	for width, height := range map[int]int{320: 180, 640: 360, 1280: 720} {
		frames := VP8(width)
		if len(frames) != 30 {
			t.Fatalf("%d frames of %d", len(frames), width)
		}
		for i, f := range frames {
			if h := frame.VP8(f); h.Key != (i == 0) || i == 0 && (int(h.Width) != width || int(h.Height) != height) {
				t.Errorf("frame %d of %d: %+v", i, width, h)
			}
		}
	}
}

func TestOpus_LastsTwentyMilliseconds(t *testing.T) {
	packets := Opus()
	if len(packets) < 490 || len(packets) > 510 {
		t.Fatalf("%d packets", len(packets))
	}
	for i, packet := range packets {
		padded := Padded(nil, packet)
		Stamp(padded, int64(i))
		var before, after opus.Packet
		if err := before.Parse(packet); err != nil {
			t.Fatal(err)
		}
		if err := after.Parse(padded); err != nil || after.Samples != SoundEvery || after.Frames != 1 || before.Samples != after.Samples {
			t.Fatalf("packet %d: %+v, padded %+v, %v", i, before, after, err)
		}
		if at, ok := ReadStamp(padded); !ok || at != int64(i) {
			t.Fatalf("packet %d is stamped %d, %v", i, at, ok)
		}
		if _, ok := ReadStamp(packet); ok {
			t.Fatal("a stamp where none is")
		}
	}
}

// TestVP8_IsDecodedWithWhatStandsBehind has ffmpeg decode frames in the
// order in which publishers send them, filled up and stamped.
func TestVP8_IsDecodedWithWhatStandsBehind(t *testing.T) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
	}
	frames := VP8(320)
	order := append(frames[:30:30], frames[1:20]...)
	order = append(order, frames[0], frames[5])
	file := append([]byte(nil), small[:32]...)
	for i, f := range order {
		f = append(append([]byte(nil), f...), make([]byte, 500)...)
		Stamp(f, 1<<60)
		size := len(f)
		file = append(file, byte(size), byte(size>>8), 0, 0, byte(i), 0, 0, 0, 0, 0, 0, 0)
		file = append(file, f...)
	}
	name := filepath.Join(t.TempDir(), "clip.ivf")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	told, err := exec.Command(program, "-v", "warning", "-xerror", "-i", name, "-f", "framemd5", "-fps_mode", "passthrough", "-").CombinedOutput()
	if got := strings.Count(string(told), "\n0,"); err != nil || got != len(order) {
		t.Errorf("%d of %d frames: %v\n%.500s", got, len(order), err, told)
	}
}
