package vp9

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/pion/rtp/codecs"

	"meshfocus/simulcast"
)

// unhex turns "90 80 7f" into bytes.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const (
	keyFrame = "824983420027f01df0" // 640x480
	other    = "86000000"
	// N_S 2, Y, G; three sizes; N_G 2: T0 with one reference, T1 with U and two.
	structure = "58 00a0 0078 0140 00f0 0280 01e0 02 04 02 38 01 02"
)

var descriptors = []struct {
	name, payload string
	want          Descriptor
}{
	{"B and E", "0c " + other, Descriptor{Size: 1, PictureID: -1, TL0: -1, Start: true, End: true}},
	{"I, 7 bits", "88 7f " + other, Descriptor{Size: 2, PictureID: 127, PictureBits: 7, TL0: -1, Start: true}},
	{"I, 15 bits; P, Z", "c1 ffff " + other, Descriptor{Size: 3, PictureID: 32767, PictureBits: 15, TL0: -1, Predicted: true, NotRef: true}},
	{"L, non-flexible", "a8 8001 5b ff " + other, Descriptor{
		Size: 5, PictureID: 1, PictureBits: 15, Start: true,
		Layered: true, Temporal: 2, SwitchUp: true, Spatial: 5, InterLayer: true, TL0: 255,
	}},
	{"L, flexible", "b4 8001 42 " + other, Descriptor{
		Size: 4, PictureID: 1, PictureBits: 15, Flexible: true, End: true, Layered: true, Temporal: 2, Spatial: 1, TL0: -1,
	}},
	{"P and F: one reference", "d0 8001 02 " + other, Descriptor{
		Size: 4, PictureID: 1, PictureBits: 15, TL0: -1, Predicted: true, Flexible: true, References: [3]uint8{1}, ReferenceCount: 1,
	}},
	{"P and F: three references", "f8 8001 20 03 05 fe " + other, Descriptor{
		Size: 7, PictureID: 1, PictureBits: 15, TL0: -1, Predicted: true, Flexible: true, Start: true,
		Layered: true, Temporal: 1, References: [3]uint8{1, 2, 127}, ReferenceCount: 3,
	}},
	{"V", "8a 8001 " + structure + other, Descriptor{
		Size: 3 + 19, StructureAt: 3, PictureID: 1, PictureBits: 15, TL0: -1, Start: true,
	}},
	{"V without sizes and group", "8a 8001 00 " + other, Descriptor{
		Size: 4, StructureAt: 3, PictureID: 1, PictureBits: 15, TL0: -1, Start: true,
	}},
}

func TestParse_ReadsEveryFormOfTheDescriptor(t *testing.T) {
	for _, test := range descriptors {
		t.Run(test.name, func(t *testing.T) {
			var got Descriptor
			if err := got.Parse(unhex(t, test.payload)); err != nil || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestParse_RefusesWhatIsCutShort(t *testing.T) {
	var d Descriptor
	for _, test := range descriptors {
		payload := unhex(t, test.payload)
		for size := range int(test.want.Size) + 1 {
			if err := d.Parse(payload[:size]); err != ErrShort {
				t.Errorf("%s: %d bytes: %v, want ErrShort", test.name, size, err)
			}
		}
	}
	if err := d.Parse(unhex(t, "d0 8001 03 03 03 02 "+other)); err != ErrReferences {
		t.Errorf("four references: %v, want ErrReferences", err)
	}
}

func TestStructure_SaysSizesAndGroup(t *testing.T) {
	var s Structure
	if err := s.Parse(unhex(t, structure)); err != nil {
		t.Fatal(err)
	}
	if s.SpatialCount != 3 || !s.HasSizes || [3]Size(s.Sizes[:]) != [3]Size{{160, 120}, {320, 240}, {640, 480}} {
		t.Errorf("%d layers, %v", s.SpatialCount, s.Sizes)
	}
	want := [2]Picture{
		{Temporal: 0, ReferenceCount: 1, References: [3]uint8{2}},
		{Temporal: 1, SwitchUp: true, ReferenceCount: 2, References: [3]uint8{1, 2}},
	}
	if s.PictureCount != 2 || [2]Picture(s.Pictures[:]) != want {
		t.Errorf("%d pictures, %+v, want %+v", s.PictureCount, s.Pictures[:2], want)
	}
}

func TestStructure_RefusesWhatIsCutShort(t *testing.T) {
	var s Structure
	whole := unhex(t, structure)
	for size := range whole {
		if err := s.Parse(whole[:size:size]); err != ErrShort {
			t.Errorf("%d bytes: %v, want ErrShort", size, err)
		}
	}
}

func TestInspect_SaysWhatTheSelectorAsks(t *testing.T) {
	with := func(change func(*simulcast.Info)) simulcast.Info {
		info := simulcast.Plain(simulcast.VP9)
		change(&info)
		return info
	}
	tests := []struct {
		name, payload string
		want          simulcast.Info
	}{
		{"key super-frame, lowest layer", "aa 8007 10 09 " + structure + "ff", with(func(i *simulcast.Info) {
			i.Start, i.Key, i.Independent, i.UpSwitch, i.PictureID, i.PictureBits, i.TL0, i.Width, i.Height = true, true, true, true, 7, 15, 9, 160, 120
		})},
		{"key super-frame, layer above", "ac 8007 13 09 " + other, with(func(i *simulcast.Info) {
			i.Start, i.End, i.Independent, i.UpSwitch, i.Spatial, i.InterPredicted, i.PictureID, i.PictureBits, i.TL0 = true, true, true, true, 1, true, 7, 15, 9
		})},
		{"key frame without structure", "8c 07 " + keyFrame, with(func(i *simulcast.Info) {
			i.Start, i.End, i.Key, i.Independent, i.PictureID, i.PictureBits, i.Width, i.Height = true, true, true, true, 7, 7, 640, 480
		})},
		{"later packet of a key frame", "84 07 " + other, with(func(i *simulcast.Info) { i.End, i.Independent, i.PictureID, i.PictureBits = true, true, 7, 7 })},
		{"predicted, thin", "ed 8008 40 0a " + other, with(func(i *simulcast.Info) {
			i.Start, i.End, i.Needless, i.Temporal, i.PictureID, i.PictureBits, i.TL0 = true, true, 0xfe, 2, 8, 15, 10
		})},
		{"padding", "", with(func(i *simulcast.Info) { i.Padding = true })},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got simulcast.Info
			if err := Inspect(unhex(t, test.payload), &got); err != nil || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestInspect_OfPacketsFromPion(t *testing.T) {
	for _, flexible := range []bool{false, true} {
		payloader := &codecs.VP9Payloader{FlexibleMode: flexible, InitialPictureIDFn: func() uint16 { return 0x7fff }}
		for picture, frame := range []string{keyFrame, "8600"} {
			data := append(unhex(t, frame), make([]byte, 3000)...)
			payloads := payloader.Payload(1200, data)
			for i, payload := range payloads {
				var info simulcast.Info
				err := Inspect(payload, &info)
				first, last := i == 0, i == len(payloads)-1
				key := first && (picture == 0 || flexible) // in flexible mode Pion never sets P
				if err != nil || info.Start != first || info.End != last || info.Key != key || info.PictureID != int32((0x7fff+picture)&0x7fff) {
					t.Errorf("flexible %v, packet %d of frame %d: %+v, %v", flexible, i, picture, info, err)
				}
				if first && picture == 0 && (info.Width != 640 || info.Height != 480) {
					t.Errorf("%dx%d", info.Width, info.Height)
				}
			}
		}
	}
}

func TestPatch_KeepsTheWidth(t *testing.T) {
	tests := []struct {
		name, payload string
		pictureID     int32
		tl0           int16
		want          string
	}{
		{"7 bits", "a8 05 40 06 86", 0x1234, 9, "a8 34 40 09 86"},
		{"15 bits, wrapping", "a8 8005 40 06 86", 0x8000, 256, "a8 8000 40 00 86"},
		{"flexible: no TL0PICIDX", "b8 8005 40 06 86", 7, 9, "b8 8007 40 06 86"},
		{"no picture ID", "28 40 06 86", 7, 9, "28 40 09 86"},
		{"no layer", "88 8005 86", 7, 9, "88 8007 86"},
		{"absent numbers stay", "a8 8005 40 06 86", simulcast.Absent, simulcast.Absent, "a8 8005 40 06 86"},
		{"cut short", "a8 80", 7, 9, "a8 80"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			payload := unhex(t, test.payload)
			Patch(payload, test.pictureID, test.tl0)
			if want := unhex(t, test.want); !bytes.Equal(payload, want) {
				t.Errorf("% x, want % x", payload, want)
			}
		})
	}
}

func TestNothing_IsAllocated(t *testing.T) {
	payloads := [][]byte{unhex(t, "aa 8007 10 09 "+structure+"ff"), unhex(t, "8c 07 "+keyFrame)}
	var info simulcast.Info
	if n := testing.AllocsPerRun(100, func() {
		for _, payload := range payloads {
			_ = Inspect(payload, &info)
			Patch(payload, 7, 9)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzDescriptor(f *testing.F) {
	for _, test := range descriptors {
		f.Add(unhex(f, test.payload), int32(77), int16(88))
	}
	f.Fuzz(func(t *testing.T, payload []byte, pictureID int32, tl0 int16) {
		before := bytes.Clone(payload)
		var d, after Descriptor
		err := d.Parse(payload)
		var theirs codecs.VP9Packet
		rest, failed := theirs.Unmarshal(payload)
		if d.Spatial < 5 && (err == nil) != (failed == nil && len(rest) > 0) { // Pion refuses more layers
			t.Fatalf("%v, Pion says %v", err, failed)
		}
		var info simulcast.Info
		_ = Inspect(payload, &info)
		Patch(payload, pictureID, tl0)
		if err != nil {
			return
		}
		if !bytes.Equal(payload[d.Size:], before[d.Size:]) {
			t.Error("the frame was changed")
		}
		if err := after.Parse(payload); err != nil || after.Size != d.Size || after.PictureBits != d.PictureBits ||
			after.References != d.References || after.Spatial != d.Spatial {
			t.Errorf("%+v, %v after the patch of %+v", after, err, d)
		}
		if d.Spatial < 5 {
			compare(t, &d, &theirs, before)
		}
	})
}

func compare(t *testing.T, d *Descriptor, theirs *codecs.VP9Packet, payload []byte) {
	t.Helper()
	if int(d.Size) != len(payload)-len(theirs.Payload) || uint16(max(d.PictureID, 0)) != theirs.PictureID || uint8(max(d.TL0, 0)) != theirs.TL0PICIDX ||
		uint8(d.Temporal) != theirs.TID || uint8(d.Spatial) != theirs.SID || d.SwitchUp != theirs.U || d.InterLayer != theirs.D ||
		!bytes.Equal(d.References[:d.ReferenceCount], theirs.PDiff) {
		t.Errorf("%+v, Pion says %+v", d, theirs)
	}
	if d.StructureAt == 0 {
		return
	}
	var s Structure
	if err := s.Parse(payload[d.StructureAt:]); err != nil || s.SpatialCount != theirs.NS+1 || s.PictureCount != theirs.NG {
		t.Errorf("%v, %d layers, Pion says %d", err, s.SpatialCount, theirs.NS+1)
	}
	for i, picture := range s.Pictures[:s.PictureCount] {
		if !bytes.Equal(picture.References[:picture.ReferenceCount], theirs.PGPDiff[i]) || uint8(picture.Temporal) != theirs.PGTID[i] {
			t.Errorf("picture %d: %+v", i, picture)
		}
	}
}

func BenchmarkInspect(b *testing.B) {
	for _, test := range []struct{ name, payload string }{
		{"simulcast", "c8 8007 " + other},
		{"SVC", "ed 8008 40 0a " + other},
		{"flexible", "fc 8008 40 03 04 " + other},
		{"key", "aa 8007 10 09 " + structure + "ff"},
	} {
		b.Run(test.name, func(b *testing.B) {
			payload := unhex(b, test.payload)
			var info simulcast.Info
			b.ReportAllocs()
			for b.Loop() {
				if err := Inspect(payload, &info); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
