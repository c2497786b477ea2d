package clip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"meshfocus/internal/testcard"
)

// reel is an IVF file of frames with their times, in ms.
func reel(codec string, frames [][]byte, times []uint64) []byte {
	file := slices.Concat([]byte("DKIF\x00\x00\x20\x00"+codec), make([]byte, 4), []byte{0xe8, 3, 0, 0, 1, 0, 0, 0}, make([]byte, 8))
	for i, one := range frames {
		file = binary.LittleEndian.AppendUint32(file, uint32(len(one)))
		file = append(binary.LittleEndian.AppendUint64(file, times[i]), one...)
	}
	return file
}

// kept writes a file.
func kept(t *testing.T, name string, data []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestOpenFilm_KnowsFramesTimesAndKeys(t *testing.T) {
	ours := Frames(VP8, 320)
	frames := [][]byte{ours[0], ours[1], ours[2], ours[0], ours[1]}
	film, err := OpenFilm(kept(t, "film.ivf", reel("VP80", frames, []uint64{7, 47, 57, 97, 107})))
	if err != nil {
		t.Fatal(err)
	}
	lasts := []time.Duration{40 * time.Millisecond, 10 * time.Millisecond, 40 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond}
	for i, f := range film.Frames {
		if !bytes.Equal(f.Data, frames[i]) || f.Key != (i%3 == 0) || f.Lasts != lasts[i] {
			t.Errorf("frame %d: %d bytes, key %v, lasts %v", i, len(f.Data), f.Key, f.Lasts)
		}
	}
	if film.Codec != VP8 || film.Width != 320 || film.Height != 180 || len(film.Frames) != len(frames) {
		t.Errorf("%s of %d × %d, %d frames", film.Codec, film.Width, film.Height, len(film.Frames))
	}
	for from, want := range []int{0, 3, 3, 3, 0} {
		if got := film.Key(from); got != want {
			t.Errorf("from %d on the next key frame is %d, want %d", from, got, want)
		}
	}
}

// TestOpenFilm_GivesEachKeyFrameOfH264ItsParameters, though the file has them once.
func TestOpenFilm_GivesEachKeyFrameOfH264ItsParameters(t *testing.T) {
	ours := Frames(H264, 320)
	at := bytes.LastIndex(ours[0], []byte{0, 0, 0, 1})
	sets, idr := ours[0][:at], ours[0][at:]
	delimiter, words := []byte{0, 0, 0, 1, 9, 0x10}, []byte{0, 0, 0, 1, 6, 5, 1, 2, 0x80}
	film, err := OpenFilm(kept(t, "film.h264", slices.Concat(delimiter, sets, words, idr, delimiter, ours[1], delimiter, idr, delimiter, ours[1])))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]byte{ours[0], ours[1], ours[0], ours[1]} {
		if f := film.Frames[i]; !bytes.Equal(f.Data, want) || f.Key != (i%2 == 0) {
			t.Errorf("frame %d: key %v, % x, want % x", i, f.Key, f.Data[:min(40, len(f.Data))], want[:min(40, len(want))])
		}
	}
}

func TestOpen_SaysInOneLineWhatIsWrong(t *testing.T) {
	ours := Frames(VP8, 320)
	film := func(data []byte) error { _, err := OpenFilm(kept(t, "film", data)); return err }
	sound := func(data []byte) error { _, err := OpenSound(kept(t, "sound", data)); return err }
	large := append(slices.Clone(ours[1]), make([]byte, largestFrame)...)
	for want, err := range map[string]error{
		"this is Matroska or WebM":            film([]byte{0x1a, 0x45, 0xdf, 0xa3, 0, 0, 0, 0, 0}),
		"the file is empty":                   film(nil),
		"the IVF header is cut short":         film([]byte("DKIF")),
		"the first frame is no vp8 key frame": film(reel("VP80", ours[1:3], []uint64{0, 33})),
		"frame 1 is of 2":                     film(reel("VP80", [][]byte{ours[0], large}, []uint64{0, 33})),
		"frame 0 is there for 11s":            film(reel("VP80", ours[:2], []uint64{0, 11_000})),
		"is sound; wanted is IVF":             film(testcard.Audio),
		"is vp8; wanted is Ogg Opus":          sound(reel("VP80", ours[:2], []uint64{0, 33})),
		"at byte 47 an Ogg page should begin": sound(slices.Concat(testcard.Audio[:47], []byte("nonsense nonsense nonsense nonsense"))),
		"no such file":                        func() error { _, err := OpenFilm("none.ivf"); return err }(),
		"is no file":                          func() error { _, err := OpenSound(t.TempDir()); return err }(),
	} {
		if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := OpenFilm("none.ivf"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestOpenFilm_ArrivesAsItIs: what encoders make of a moving picture, with hidden frames
// that VP9 puts into superframes, decodes to the same pictures when it was cut into
// packets, stamped, and put together by another's depacketizer.
func TestOpenFilm_ArrivesAsItIs(t *testing.T) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
	}
	for codec, encoder := range map[Codec][]string{
		VP8:  {"-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-cpu-used", "8", "-g", "12"},
		VP9:  {"-c:v", "libvpx-vp9", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-cpu-used", "5"},
		H264: {"-c:v", "libx264", "-preset", "ultrafast", "-g", "12", "-bf", "0", "-slices", "2"},
		AV1:  {"-c:v", "libaom-av1", "-cpu-used", "8", "-lag-in-frames", "8", "-g", "12"},
	} {
		t.Run(string(codec), func(t *testing.T) {
			kind := map[bool]string{true: "h264", false: "ivf"}[codec == H264]
			original, arrived := filepath.Join(t.TempDir(), "film."+kind), filepath.Join(t.TempDir(), "arrived."+kind)
			make := slices.Concat([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1.2", "-pix_fmt", "yuv420p", "-b:v", "800k"}, encoder)
			passes := [][]string{{original}}
			if codec == VP9 { // hides frames with two passes alone
				log := filepath.Join(t.TempDir(), "pass")
				passes = [][]string{{"-pass", "1", "-passlogfile", log, "-f", "null", "-"}, {"-pass", "2", "-passlogfile", log, original}}
			}
			for _, pass := range passes {
				if told, err := exec.Command(program, append(slices.Clone(make), pass...)...).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, told)
				}
			}
			film, err := OpenFilm(original)
			if err != nil || film.Codec != codec || film.Width != 320 {
				t.Fatalf("%+v, %v", film, err)
			}
			data, superframes := received(t, film)
			if codec == VP9 && superframes == 0 {
				t.Error("the encoder hid nothing, so that nothing was tried")
			}
			if err := os.WriteFile(arrived, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if want, got := decoded(t, program, original), decoded(t, program, arrived); len(want) != 30 || !slices.Equal(got, want) {
				t.Errorf("of %d pictures %d arrived, or they are others", len(want), len(got))
			}
		})
	}
}

// received gives a file of what arrives of a film, and of how many pictures VP9's frames
// have more than one.
func received(t *testing.T, film *Film) (file []byte, superframes int) {
	depacketizer := map[Codec]rtp.Depacketizer{VP8: &codecs.VP8Packet{}, VP9: &codecs.VP9Packet{}, H264: &codecs.H264Packet{}, AV1: &codecs.AV1Depacketizer{}}[film.Codec]
	cutter := NewCutter(film.Codec, most, film.Width, film.Height)
	var wholes [][]byte
	var times []uint64
	for i, one := range film.Frames {
		if _, sizes := superframe(one.Data); len(sizes) > 0 {
			superframes++
		}
		var whole []byte
		if film.Codec == AV1 {
			whole = []byte{0x12, 0} // the delimiter, which does not travel
		}
		stamped := false
		for _, p := range cutter.Cut(one.Data, one.Key, 0) {
			p.Stamp(i, int64(i))
			from, _, ok := ReadStamp(p.Bytes)
			stamped = stamped || ok && from == i
			part, err := depacketizer.Unmarshal(p.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			whole = append(whole, part...)
		}
		if !stamped {
			t.Errorf("frame %d does not say when it was captured", i)
		}
		wholes, times = append(wholes, whole), append(times, uint64(40*i))
	}
	if film.Codec == H264 {
		return slices.Concat(wholes...), 0
	}
	return reel(map[Codec]string{VP8: "VP80", VP9: "VP90", AV1: "AV01"}[film.Codec], wholes, times), superframes
}

// decoded gives the sums of the pictures of a file.
func decoded(t *testing.T, program, name string) (sums []string) {
	told, err := exec.Command(program, "-v", "error", "-xerror", "-threads", "1", "-i", name, "-f", "framemd5", "-fps_mode", "passthrough", "-").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, told)
	}
	for line := range strings.Lines(string(told)) {
		if fields := strings.Split(line, ","); fields[0] == "0" {
			sums = append(sums, fields[len(fields)-1])
		} else if !strings.HasPrefix(line, "#") {
			t.Errorf("%s", line)
		}
	}
	return sums
}

// FuzzSuperframe: an index is taken off and written anew, and says the same.
func FuzzSuperframe(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0xc1, 1, 2, 0xc1})
	f.Add([]byte{1, 2, 3, 4, 0xc9, 1, 0, 2, 0, 0xc9})
	f.Add([]byte{0xc7})
	f.Add([]byte{1, 2, 0xc1, 5, 0, 0xc1}) // longer than all
	f.Fuzz(func(t *testing.T, made []byte) {
		pictures, sizes := superframe(made)
		if !bytes.HasPrefix(made, pictures) {
			t.Fatalf("% x became % x", made, pictures)
		}
		left := len(pictures)
		for _, size := range sizes {
			if left -= size; left < 0 {
				t.Fatalf("% x: sizes %v of %d bytes", made, sizes, len(pictures))
			}
		}
		again, same := superframe(appendSizes(slices.Clone(pictures), append(slices.Clone(sizes), left)))
		if !bytes.Equal(again, pictures) || !slices.Equal(same, sizes) {
			t.Errorf("% x: %v became % x: %v", pictures, sizes, again, same)
		}
	})
}
