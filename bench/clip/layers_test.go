package clip

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/pion/rtp/codecs"

	"meshfocus/focus/transport/frame"
	"meshfocus/simulcast"
	"meshfocus/simulcast/vp9"
)

func TestLayered_IsAKeyPictureAndThoseThatFollow(t *testing.T) {
	pictures := Layered()
	if len(pictures)%len(group) != 1 {
		t.Errorf("%d pictures: behind the last the group is not where the second has its place", len(pictures))
	}
	for i, picture := range pictures {
		if len(picture) != Layers {
			t.Fatalf("picture %d has %d layers", i, len(picture))
		}
		for spatial, made := range picture {
			if h := frame.VP9(made); h.Key != (i == 0 && spatial == 0) || h.Key && h.Width != 320 {
				t.Errorf("picture %d, layer %d: %+v", i, spatial, h)
			}
		}
	}
}

// TestCutLayers_SaysWhatIsOfWhichLayer, as a server needs it that leaves layers out.
func TestCutLayers_SaysWhatIsOfWhichLayer(t *testing.T) {
	cutter := NewCutter(VP9, most, 1280, 720)
	tl0 := int16(-1)
	for i, picture := range Layered() {
		number := i % len(group)
		if number == 0 {
			tl0++
		}
		ended, stamped := 0, 0
		for n, p := range cutter.CutLayers(picture, i == 0) {
			var d vp9.Descriptor
			var info simulcast.Info
			if err := errors.Join(d.Parse(p.Bytes), vp9.Inspect(p.Bytes, &info)); err != nil || len(p.Bytes) > most {
				t.Fatal(i, n, len(p.Bytes), err)
			}
			if int(d.Spatial) != ended || d.Temporal != int8(group[number].temporal) || d.TL0 != tl0+1 || d.Predicted != (i > 0) || d.InterLayer != (ended > 0) || !d.SwitchUp {
				t.Errorf("picture %d, packet %d: %+v", i, n, d)
			}
			if info.Key != (i == 0 && n == 0) || info.Key && (info.Width != 320 || info.Height != 180) || d.NotRef != (ended == Layers-1) {
				t.Errorf("picture %d, packet %d: %+v", i, n, info)
			}
			if d.StructureAt > 0 {
				var s vp9.Structure
				if err := s.Parse(p.Bytes[d.StructureAt:]); err != nil || s.Sizes[2] != (vp9.Size{Width: 1280, Height: 720}) || s.SpatialCount != Layers || s.PictureCount != 4 || s.Pictures[0].References[0] != 4 {
					t.Errorf("%+v, %v", s, err)
				}
			}
			if p.Room {
				stamped++
			}
			if d.End {
				ended++
			}
		}
		if ended != Layers || stamped < Layers {
			t.Errorf("picture %d: %d frames end, %d packets have room for a stamp", i, ended, stamped)
		}
	}
}

// TestCutLayers_LeavesWhatDecodersTake of the layers up to each, of all pictures and of
// those that are left where temporal layers are left out.
func TestCutLayers_LeavesWhatDecodersTake(t *testing.T) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("ffmpeg is missing: apt-get install ffmpeg")
	}
	pictures := Layered()
	order := make([]int, 0, 2*len(pictures))
	for i := range pictures {
		order = append(order, i)
	}
	for i := range pictures[:len(pictures)-1] {
		order = append(order, i+1)
	}
	order = append(order, 0, 1, 2, 0, 0, 1)
	for spatial := range Layers {
		for temporal := range Layers {
			var wholes [][]byte
			var times []uint64
			cutter := NewCutter(VP9, most, 1280, 720)
			for i, number := range order {
				var whole []byte
				for _, p := range cutter.CutLayers(pictures[number], number == 0) {
					var d vp9.Descriptor
					if err := d.Parse(p.Bytes); err != nil {
						t.Fatal(err)
					}
					if int(d.Spatial) > spatial || int(d.Temporal) > temporal {
						continue
					}
					p.Stamp(i, 1<<60+int64(i))
					if from, at, ok := ReadStamp(p.Bytes); ok != p.Room || ok && (from != i || at != 1<<60+int64(i)) {
						t.Errorf("room %v, and read %d, %d, %v", p.Room, from, at, ok)
					}
					part, err := new(codecs.VP9Packet).Unmarshal(p.Bytes)
					if err != nil {
						t.Fatal(err)
					}
					whole = append(whole, part...)
				}
				if whole != nil {
					wholes, times = append(wholes, whole), append(times, uint64(i))
				}
			}
			file, count := kept(t, "clip.ivf", reel("VP90", wholes, times)), len(wholes)
			for decoder, frames := range map[string]int{"vp9": count * (spatial + 1), "libvpx-vp9": count} {
				t.Run(fmt.Sprintf("%s %d %d", decoder, spatial, temporal), func(t *testing.T) {
					if got, sums := judged(t, program, decoder, file); got != frames || sums < count/4 {
						t.Errorf("%d of %d frames, %d different", got, frames, sums)
					}
				})
			}
		}
	}
}
