// Package testclip makes small media files for tests with ffmpeg, and checks
// what tests have recorded with ffprobe. It is imported by tests only.
package testclip

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// The clips: a moving test picture of 160x120 at 25 pictures a second with a
// key frame each second, and a tone.
var recipes = map[string][]string{
	"vp8.ivf":   {"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0", "-g", "25"},
	"vp9.ivf":   {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25"},
	"av1.ivf":   {"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", "25"},
	"h264.h264": {"-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-g", "25", "-bf", "0"},
	"opus.opus": {"-c:a", "libopus", "-b:a", "24k"},
}

// Make writes the named clip, such as "vp8.ivf", of a length in seconds into a
// directory of the test, and gives its path.
func Make(t testing.TB, name string, seconds float64) string {
	t.Helper()
	recipe, ok := recipes[name]
	if !ok {
		t.Fatalf("no recipe for %s", name)
	}
	path := filepath.Join(t.TempDir(), name)
	input := "testsrc2=size=160x120:rate=25"
	if name == "opus.opus" {
		input = "sine=frequency=440:sample_rate=48000"
	}
	args := append([]string{"-f", "lavfi", "-i", input, "-t", strconv.FormatFloat(seconds, 'f', -1, 64)}, recipe...)
	FFmpeg(t, append(args, path)...)
	return path
}

// FFmpeg runs ffmpeg.
func FFmpeg(t testing.TB, args ...string) {
	t.Helper()
	run(t, "ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-nostdin", "-y"}, args...)...)
}

// run runs a tool of the ffmpeg package and gives its output.
func run(t testing.TB, tool string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%s is missing: apt-get install ffmpeg", tool)
	}
	command := exec.Command(tool, args...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", tool, args, err)
	}
	return output
}

// Probe is what ffprobe says of a file.
type Probe struct {
	Streams []Stream `json:"streams"`
	Format  struct {
		Name     string  `json:"format_name"`
		Duration float64 `json:"duration,string"`
	} `json:"format"`
}

// Stream is one track of a Probe.
type Stream struct {
	Type    string `json:"codec_type"`
	Codec   string `json:"codec_name"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Rate    string `json:"sample_rate"`
	Packets int    `json:"nb_read_packets,string"`
	Frames  int    `json:"nb_read_frames,string"`
	Start   string `json:"start_time"`
}

// Check lets ffprobe decode a whole file and fails the test if it complains.
func Check(t testing.TB, path string) Probe {
	t.Helper()
	output := run(t, "ffprobe", "-hide_banner", "-loglevel", "error", "-count_frames", "-count_packets",
		"-show_streams", "-show_format", "-of", "json", path)
	var probe Probe
	if err := json.Unmarshal(output, &probe); err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, output)
	}
	return probe
}

// Complaints lets ffmpeg decode a whole file and gives what it complains of.
func Complaints(t testing.TB, path string) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
	}
	output, err := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostdin", "-i", path, "-f", "null", "-").CombinedOutput()
	if err != nil {
		return err.Error() + "\n" + string(output)
	}
	return string(output)
}
