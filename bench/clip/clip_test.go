package clip

import (
	"bytes"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"meshfocus/focus/transport/frame"
	"meshfocus/simulcast"
	"meshfocus/simulcast/av1"
	"meshfocus/simulcast/h264"
	"meshfocus/simulcast/opus"
	"meshfocus/simulcast/vp8"
	"meshfocus/simulcast/vp9"
)

const most = 1200

func TestFrames_BeginWithAKeyFrame(t *testing.T) {
	headers := map[Codec]func([]byte) frame.Header{VP8: frame.VP8, VP9: frame.VP9, H264: frame.H264, AV1: frame.AV1}
	for _, codec := range Codecs() {
		for width, height := range map[int]int{320: 180, 640: 360, 1280: 720} {
			frames := Frames(codec, width)
			if want := map[Codec]int{H264: 33}[codec]; len(frames) != max(want, 30) {
				t.Fatalf("%d frames of %s, %d", len(frames), codec, width)
			}
			for i, f := range frames {
				if h := headers[codec](f); h.Key != (i == 0) || i == 0 && (h.Width != width || h.Height != height) {
					t.Errorf("frame %d of %s, %d: %+v", i, codec, width, h)
				}
			}
		}
	}
}

func TestStamp_IsReadAgain(t *testing.T) {
	for _, from := range []int{0, 1, 128, 16383} {
		for _, at := range []int64{0, 1, 1 << 40, math.MaxInt64} {
			packet := make([]byte, StampSize+3)
			Stamp(packet, from, at)
			if gotFrom, got, ok := ReadStamp(packet); !ok || got != at || gotFrom != from {
				t.Errorf("%d of %d is read as %d of %d, %v", at, from, got, gotFrom, ok)
			}
			if bytes.IndexByte(packet[3:], 0) >= 0 {
				t.Errorf("%d of %d has a zero: % x", at, from, packet)
			}
		}
	}
	if _, _, ok := ReadStamp(make([]byte, 100)); ok {
		t.Error("a stamp where none is")
	}
	// A server that cuts frames anew may cut one in two: what is left stands behind a header.
	packet := make([]byte, StampSize)
	Stamp(packet, 3, 1<<60)
	for left := range StampSize {
		for header := range 256 {
			begun := append(bytes.Repeat([]byte{byte(header)}, 12), packet[StampSize-left:]...)
			if from, at, ok := ReadStamp(begun); ok && (from != 3 || at != 1<<60) {
				t.Errorf("of %d bytes behind %02x it reads %d of %d", left, header, at, from)
			}
		}
	}
}

func TestOpus_LastsTwentyMilliseconds(t *testing.T) {
	const each = 960 // samples of 48 kHz
	sound := Opus()
	if len(sound.packets) < 490 || len(sound.packets) > 510 {
		t.Fatalf("%d packets", len(sound.packets))
	}
	for i, one := range sound.packets {
		packet := one.Data
		padded, room := Padded(nil, packet)
		if !room || one.Lasts != 20*time.Millisecond {
			t.Fatalf("packet %d: room %v, lasts %v", i, room, one.Lasts)
		}
		Stamp(padded, 0, int64(i))
		var before, after opus.Packet
		if err := before.Parse(packet); err != nil {
			t.Fatal(err)
		}
		if err := after.Parse(padded); err != nil || after.Samples != each || after.Frames != 1 || before.Samples != after.Samples {
			t.Fatalf("packet %d: %+v, padded %+v, %v", i, before, after, err)
		}
		if _, at, ok := ReadStamp(padded); !ok || at != int64(i) {
			t.Fatalf("packet %d is stamped %d, %v", i, at, ok)
		}
		if _, _, ok := ReadStamp(packet); ok {
			t.Fatal("a stamp where none is")
		}
	}
}

// TestPadded_LeavesWhatIsHeard of packets of all codes: as many frames, of the same bytes.
func TestPadded_LeavesWhatIsHeard(t *testing.T) {
	for name, packet := range map[string][]byte{
		"one": {0x78, 1, 2, 3}, "two alike": {0x79, 1, 2, 3, 4}, "two": {0x7a, 1, 9, 8, 7}, "three alike": {0x7b, 3, 1, 2, 3},
		"three": {0x7b, 0x83, 1, 2, 7, 8, 8, 9}, "one of them alone": {0x78}, "padded": {0x7b, 0x41, 2, 7, 0, 0},
	} {
		var before, after opus.Packet
		if err := before.Parse(packet); err != nil {
			t.Fatal(name, err)
		}
		padded, room := Padded(nil, packet)
		err := after.Parse(padded)
		if err != nil || before.Frames != after.Frames || before.Samples != after.Samples || room != (name != "padded") {
			t.Errorf("%s: %+v, padded %+v, room %v, %v", name, before, after, room, err)
		}
		// Lengths and frames are what they were: what stands before them is known.
		skip := map[bool]int{false: 1, true: 2}[packet[0]&3 == 3]
		if room && !bytes.Equal(padded[3:len(padded)-StampSize], packet[skip:]) {
			t.Errorf("%s: % x has become % x", name, packet, padded)
		}
	}
	if _, room := Padded(nil, nil); room {
		t.Error("nothing has room")
	}
}

// TestCutter_SaysWhereFramesBegin: our own parsers, which forward by it, find key frames
// with their size in the first packet and nowhere else a beginning that others could
// take for one, and each frame has a packet that says when it was captured.
func TestCutter_SaysWhereFramesBegin(t *testing.T) {
	inspect := map[Codec]func([]byte, bool, *simulcast.Info) error{
		VP8: vp8.Inspect, H264: h264.Inspect, AV1: av1.Inspect,
		VP9: func(payload []byte, _ bool, info *simulcast.Info) error { return vp9.Inspect(payload, info) },
	}
	for _, codec := range Codecs() {
		for _, width := range []int{320, 640, 1280} {
			cutter := NewCutter(codec, most, width, width*9/16)
			for i, made := range Frames(codec, width) {
				size := []int{0, len(made) + 50, 3000, 25_000}[i%4]
				payloads := cutter.Cut(made, i == 0, size)
				stamped, total := 0, 0
				for n, p := range payloads {
					var info simulcast.Info
					last := n == len(payloads)-1
					if err := inspect[codec](p.Bytes, last, &info); err != nil || len(p.Bytes) > most {
						t.Fatalf("%s %d, frame %d, packet %d of %d: %d bytes, %v", codec, width, i, n, len(payloads), len(p.Bytes), err)
					}
					first := n == 0
					if first != (info.Start && (!info.Key || info.Width > 0)) || info.End != last || first && i == 0 && int(info.Width) != width || info.Key && i > 0 {
						t.Errorf("%s %d, frame %d, packet %d of %d: %+v", codec, width, i, n, len(payloads), info)
					}
					if p.Room {
						stamped++
					}
					total += len(p.Bytes)
				}
				if want := max(size, len(made)+StampSize); stamped == 0 || total < want-20 || total > want+40+20*len(payloads) {
					t.Errorf("%s %d, frame %d: %d of %d packets stamped, %d bytes for %d", codec, width, i, stamped, len(payloads), total, want)
				}
			}
		}
	}
}

// TestCutter_LeavesWhatDecodersTake sends frames in the order in which publishers do,
// filled up and stamped; another's depacketizer puts them together, and ffmpeg's
// decoders are to find nothing wrong.
func TestCutter_LeavesWhatDecodersTake(t *testing.T) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
	}
	for codec, decoders := range map[Codec][]string{
		VP8: {"vp8", "libvpx"}, VP9: {"vp9", "libvpx-vp9"}, H264: {"h264"}, AV1: {"libdav1d", "libaom-av1"},
	} {
		for _, width := range []int{320, 640, 1280} {
			file, count := recorded(t, codec, width)
			if width > 320 {
				decoders = decoders[:1]
			}
			for _, decoder := range decoders {
				t.Run(fmt.Sprintf("%s %d", decoder, width), func(t *testing.T) {
					if got, sums := judged(t, program, decoder, file); got != count || sums < 30 {
						t.Errorf("%d of %d frames, %d different", got, count, sums)
					}
				})
			}
		}
	}
}

// judged counts the frames that a decoder of ffmpeg finds, and how many of them differ;
// what it says besides is whether one was concealed.
func judged(t *testing.T, program, decoder, file string) (count, different int) {
	told, err := exec.Command(program, "-v", "warning", "-xerror", "-threads", "1", "-c:v", decoder, "-i", file, "-f", "framemd5", "-fps_mode", "passthrough", "-").CombinedOutput()
	if err != nil {
		t.Error(err)
	}
	sums := make(map[string]bool)
	for line := range strings.Lines(string(told)) {
		if fields := strings.Split(line, ","); fields[0] == "0" {
			count++
			sums[fields[len(fields)-1]] = true
		} else if !strings.HasPrefix(line, "#") && !strings.Contains(line, "Timestamps are unset") {
			t.Errorf("%s", line)
		}
	}
	return count, len(sums)
}

// recorded writes what arrives of a publisher into a file: the clip, from its second
// frame on again, a key frame in the middle, and two in a row.
func recorded(t *testing.T, codec Codec, width int) (name string, count int) {
	frames := Frames(codec, width)
	order := make([]int, 0, 3*len(frames))
	for i := range frames {
		order = append(order, i)
	}
	for i := range 20 {
		order = append(order, i+1)
	}
	order = append(order, 0, 1, 2, 0, 0, 1)
	depacketizer := map[Codec]rtp.Depacketizer{VP8: &codecs.VP8Packet{}, VP9: &codecs.VP9Packet{}, H264: &codecs.H264Packet{}, AV1: &codecs.AV1Depacketizer{}}[codec]
	cutter := NewCutter(codec, most, width, width*9/16)
	kind := map[Codec]string{VP8: "VP80", VP9: "VP90", AV1: "AV01"}[codec]
	wholes, times := make([][]byte, len(order)), make([]uint64, len(order))
	for i, number := range order {
		var whole []byte
		if codec == AV1 {
			whole = []byte{0x12, 0} // the delimiter, which does not travel
		}
		for _, p := range cutter.Cut(frames[number], number == 0, 500+i%3*2500) {
			p.Stamp(i, 1<<60+int64(i))
			if from, at, ok := ReadStamp(p.Bytes); ok != p.Room || ok && (from != i || at != 1<<60+int64(i)) {
				t.Errorf("%s: room %v, and read %d, %d, %v", codec, p.Room, from, at, ok)
			}
			part, err := depacketizer.Unmarshal(p.Bytes)
			if err != nil {
				t.Fatal(codec, err)
			}
			whole = append(whole, part...)
		}
		wholes[i], times[i] = whole, uint64(i)
	}
	if codec == H264 {
		return kept(t, "clip.h264", slices.Concat(wholes...)), len(order)
	}
	return kept(t, "clip.ivf", reel(kind, wholes, times)), len(order)
}
