package judge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"meshfocus/simulcast"
)

// Size is a picture's, in pixels.
type Size struct{ Width, Height int }

// Recipe is what a clip is made of: a moving test picture of 30 pictures in a
// second, in three sizes, with a key frame every so many pictures, a multiple of 8.
type Recipe struct {
	Codec    simulcast.Codec
	Sizes    [3]Size
	Pictures int
	Every    int
}

// Picture is one encoded picture and what it looks like.
type Picture struct {
	Data []byte
	Key  bool
	// Place is where it stands in the pattern of temporal layers.
	Place int
	// Hashes are those of its decoded bytes, up to each spatial layer that it has.
	Hashes [3]string
}

// Clip is the same pictures in the sizes of the recipe.
type Clip [3][]Picture

// Clips keeps what was encoded for the time of a test binary.
type Clips struct {
	mu   sync.Mutex
	made map[Recipe]Clip
}

// Make gives the pictures of a recipe. It fails the test without ffmpeg.
func (c *Clips) Make(t testing.TB, r Recipe) Clip {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if made, ok := c.made[r]; ok {
		return made
	}
	clip := r.encode(t)
	var all [][]byte
	for _, pictures := range clip {
		for _, picture := range pictures {
			all = append(all, picture.Data)
		}
	}
	hashes := Decode(t, r.Codec, all)
	if len(hashes) != len(all) {
		t.Fatalf("%d pictures, %d decoded", len(all), len(hashes))
	}
	for _, pictures := range clip {
		for i := range pictures {
			pictures[i].Hashes[0], hashes = hashes[0], hashes[1:]
			pictures[i].Key = i%r.Every == 0
			pictures[i].Place = i % r.Every % len(Patterns[r.Codec])
		}
	}
	if c.made == nil {
		c.made = map[Recipe]Clip{}
	}
	c.made[r] = clip
	return clip
}

// The encoders' options. Temporal layers of libvpx are those of its layering
// mode 3 ("0212"); without error resilience VP8 would carry probabilities from
// one layer to the next. SVT-AV1 has four layers in low delay.
const layersOfVPX = "ts_number_layers=3:ts_target_bitrate=40,70,100:ts_rate_decimator=4,2,1:" +
	"ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3"

var encoders = map[simulcast.Codec][]string{
	simulcast.VP8: {
		"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "-8", "-auto-alt-ref", "0", "-lag-in-frames", "0",
		"-error-resilient", "default", "-b:v", "100k", "-ts-parameters", layersOfVPX, "-f", "ivf",
	},
	simulcast.VP9: {
		"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0", "-lag-in-frames", "0",
		"-error-resilient", "default", "-b:v", "100k", "-qmin", "50", "-ts-parameters", layersOfVPX, "-f", "ivf",
	},
	simulcast.AV1: {
		"-c:v", "libsvtav1", "-preset", "10", "-b:v", "100k",
		"-svtav1-params", "pred-struct=1:hierarchical-levels=2:rc=1:scd=0:lp=1", "-f", "ivf",
	},
	simulcast.H264: {
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-threads", "1", "-bf", "0",
		"-b:v", "100k", "-x264-params", "aud=1:scenecut=0", "-f", "h264",
	},
}

// encode runs the encoder, once for all sizes.
func (r Recipe) encode(t testing.TB) (clip Clip) {
	t.Helper()
	directory := t.TempDir()
	args := []string{"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"}
	file := func(i int) string { return filepath.Join(directory, strconv.Itoa(i)) }
	for i, size := range r.Sizes {
		args = append(args, "-map", "0:v", "-s", fmt.Sprintf("%dx%d", size.Width, size.Height),
			"-frames:v", strconv.Itoa(r.Pictures), "-g", strconv.Itoa(r.Every), "-keyint_min", strconv.Itoa(r.Every))
		args = append(append(args, encoders[r.Codec]...), file(i))
	}
	ffmpeg(t, args...)
	for i := range r.Sizes {
		data, err := os.ReadFile(file(i))
		if err != nil {
			t.Fatal(err)
		}
		for _, picture := range split(t, r.Codec, data) {
			clip[i] = append(clip[i], Picture{Data: picture})
		}
		if len(clip[i]) != r.Pictures {
			t.Fatalf("%d pictures of %d", len(clip[i]), r.Pictures)
		}
	}
	return clip
}

// ffmpeg runs it and gives what it writes to its output.
func ffmpeg(t testing.TB, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
	}
	command := exec.Command("ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-nostdin"}, args...)...)
	command.Env = append(os.Environ(), "SVT_LOG=0")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, complaints.String())
	}
	return out
}

// delimiter begins each access unit of our H.264 (type 9).
var delimiter = []byte{0, 0, 0, 1, 9}

// split takes a file apart into pictures.
func split(t testing.TB, codec simulcast.Codec, file []byte) (pictures [][]byte) {
	t.Helper()
	if codec == simulcast.H264 {
		for _, part := range bytes.Split(file, delimiter)[1:] {
			pictures = append(pictures, append(bytes.Clone(delimiter), part...))
		}
		return pictures
	}
	const header, frameHeader = 32, 12
	for file = file[header:]; len(file) > frameHeader; {
		size := frameHeader + int(binary.LittleEndian.Uint32(file))
		pictures = append(pictures, file[frameHeader:size])
		file = file[size:]
	}
	return pictures
}

var fourCC = map[simulcast.Codec]string{simulcast.VP8: "VP80", simulcast.VP9: "VP90", simulcast.AV1: "AV01"}

// join is what split takes apart.
func join(codec simulcast.Codec, pictures [][]byte) []byte {
	if codec == simulcast.H264 {
		return bytes.Join(pictures, nil)
	}
	file := append([]byte("DKIF\x00\x00\x20\x00"), fourCC[codec]...)
	file = binary.LittleEndian.AppendUint32(file, 160|90<<16)
	file = binary.LittleEndian.AppendUint32(file, 30)
	file = binary.LittleEndian.AppendUint32(file, 1)
	file = binary.LittleEndian.AppendUint64(file, uint64(len(pictures)))
	for i, picture := range pictures {
		file = binary.LittleEndian.AppendUint32(file, uint32(len(picture)))
		file = binary.LittleEndian.AppendUint64(file, uint64(i))
		file = append(file, picture...)
	}
	return file
}

// decoders are those of the encoders' makers where they take pictures of several
// spatial layers as they come.
var decoders = map[simulcast.Codec]string{
	simulcast.VP8: "vp8", simulcast.VP9: "libvpx-vp9", simulcast.AV1: "libdav1d", simulcast.H264: "h264",
}

// Decode lets ffmpeg decode pictures, which begin with a key frame and may change
// their size at others, and gives a hash of each. It fails the test if ffmpeg
// complains of anything.
func Decode(t testing.TB, codec simulcast.Codec, pictures [][]byte) (hashes []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stream")
	if err := os.WriteFile(path, join(codec, pictures), 0o600); err != nil {
		t.Fatal(err)
	}
	format := "ivf"
	if codec == simulcast.H264 {
		format = "h264"
	}
	args := []string{"-xerror", "-err_detect", "explode", "-f", format, "-c:v", decoders[codec], "-i", path, "-autoscale", "0", "-vsync", "passthrough", "-f", "framemd5", "-"}
	for line := range strings.Lines(string(ffmpeg(t, args...))) {
		if !strings.HasPrefix(line, "#") {
			hashes = append(hashes, strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:]))
		}
	}
	return hashes
}
