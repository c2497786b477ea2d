package vp8

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
	keyTag   = "100200 9d012a 4001 f000" // a key frame of 320x240
	deltaTag = "110200 000000 0000 0000"
)

// absent is a descriptor without numbers.
func absent(d Descriptor) Descriptor {
	d.PictureID, d.TL0, d.Temporal, d.KeyIndex = simulcast.Absent, simulcast.Absent, simulcast.Absent, simulcast.Absent
	return d
}

var descriptors = []struct {
	name, payload string
	want          Descriptor
}{
	{"one byte: S", "10 " + deltaTag, absent(Descriptor{Size: 1, Start: true})},
	{"one byte: N, PID 3", "23 " + deltaTag, absent(Descriptor{Size: 1, NonReference: true, Partition: 3})},
	{"X, nothing present", "90 00 " + deltaTag, absent(Descriptor{Size: 2, Start: true})},
	{"I, 7 bits", "90 80 7f " + deltaTag, Descriptor{Size: 3, Start: true, PictureID: 127, PictureBits: 7, TL0: -1, Temporal: -1, KeyIndex: -1}},
	{"I, 15 bits", "90 80 ffff " + deltaTag, Descriptor{Size: 4, Start: true, PictureID: 32767, PictureBits: 15, TL0: -1, Temporal: -1, KeyIndex: -1}},
	{"I, 15 bits, small number", "90 80 8001 " + deltaTag, Descriptor{Size: 4, Start: true, PictureID: 1, PictureBits: 15, TL0: -1, Temporal: -1, KeyIndex: -1}},
	{"all fields", "90 f0 8123 ff 7f " + deltaTag, Descriptor{Size: 6, Start: true, PictureID: 0x123, PictureBits: 15, TL0: 255, Temporal: 1, LayerSync: true, KeyIndex: 31}},
	{"T without L", "80 20 80 " + deltaTag, Descriptor{Size: 3, PictureID: -1, TL0: -1, Temporal: 2, KeyIndex: -1}},
	{"K without T", "80 10 e5 " + deltaTag, Descriptor{Size: 3, PictureID: -1, TL0: -1, Temporal: -1, KeyIndex: 5}},
}

func TestParse_ReadsEveryFormOfTheDescriptor(t *testing.T) {
	for _, test := range descriptors {
		t.Run(test.name, func(t *testing.T) {
			var got Descriptor
			err := got.Parse(unhex(t, test.payload))
			if err != nil || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestParse_RefusesWhatIsCutShort(t *testing.T) {
	for _, test := range descriptors {
		payload := unhex(t, test.payload)
		for size := range int(test.want.Size) + 1 {
			if err := new(Descriptor).Parse(payload[:size]); err != ErrShort {
				t.Errorf("%s: %d bytes: %v, want ErrShort", test.name, size, err)
			}
		}
		if err := new(Descriptor).Parse(payload[:test.want.Size+1]); err != nil {
			t.Errorf("%s: one byte of the frame: %v", test.name, err)
		}
	}
}

func TestInspect_SaysWhatTheSelectorAsks(t *testing.T) {
	plain := simulcast.Plain(simulcast.VP8)
	with := func(change func(*simulcast.Info)) simulcast.Info {
		info := plain
		change(&info)
		return info
	}
	tests := []struct {
		name, payload string
		marker        bool
		want          simulcast.Info
	}{
		{"key frame", "10 " + keyTag, false, with(func(i *simulcast.Info) {
			i.Start, i.Key, i.Width, i.Height = true, true, 320, 240
		})},
		{"key frame tag in another partition", "11 " + keyTag, false, plain},
		{"key frame tag within a partition", "00 " + keyTag, false, plain},
		{"other frame, in one packet", "10 " + deltaTag, true, with(func(i *simulcast.Info) { i.Start, i.End = true, true })},
		{"start of a frame cut to one byte", "10 10", false, with(func(i *simulcast.Info) { i.Start = true })},
		{"temporal layer with sync", "90 e0 8123 07 a0 " + deltaTag, false, with(func(i *simulcast.Info) {
			i.Start, i.Temporal, i.UpSwitch, i.PictureID, i.PictureBits, i.TL0 = true, 2, true, 0x123, 15, 7
		})},
		{"padding", "", false, with(func(i *simulcast.Info) { i.Padding = true })},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got simulcast.Info
			err := Inspect(unhex(t, test.payload), test.marker, &got)
			if err != nil || got != test.want {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestInspect_OfPacketsFromPion(t *testing.T) {
	payloader := &codecs.VP8Payloader{EnablePictureID: true}
	for picture, frame := range []string{keyTag, deltaTag} {
		data := append(unhex(t, frame), make([]byte, 3000)...)
		payloads := payloader.Payload(1200, data)
		for i, payload := range payloads {
			var info simulcast.Info
			err := Inspect(payload, i == len(payloads)-1, &info)
			if err != nil || info.Start != (i == 0) || info.Key != (i == 0 && picture == 0) || info.PictureID != int32(picture) || info.PictureBits != 15 {
				t.Errorf("packet %d of frame %d: %+v, %v", i, picture, info, err)
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
		{"7 bits", "90 c0 05 06 10", 0x1234, 9, "90 c0 34 09 10"},
		{"7 bits, wrapping", "90 80 05 10", 0x80, 9, "90 80 00 10"},
		{"15 bits", "90 c0 8005 06 10", 0x7fff, 255, "90 c0 ffff ff 10"},
		{"15 bits, wrapping", "90 c0 8005 06 10", 0x8000, 256, "90 c0 8000 00 10"},
		{"no TL0PICIDX", "90 a0 8005 e0 10", 7, 9, "90 a0 8007 e0 10"},
		{"no picture ID", "90 60 06 e0 10", 7, 9, "90 60 09 e0 10"},
		{"absent numbers stay", "90 e0 8005 06 e0 10", simulcast.Absent, simulcast.Absent, "90 e0 8005 06 e0 10"},
		{"one byte", "10 10", 7, 9, "10 10"},
		{"cut short", "90 c0 80", 7, 9, "90 c0 80"},
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

func TestAppend_WritesWhatParseReads(t *testing.T) {
	for _, test := range descriptors {
		payload := unhex(t, test.payload)
		if test.name == "X, nothing present" {
			continue // is written in one byte
		}
		got := test.want.Append(nil)
		want := payload[:test.want.Size]
		if strings.HasPrefix(test.name, "K without T") {
			want = []byte{0x80, 0x10, 0x05} // the bits of TID and Y mean nothing
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: % x, want % x", test.name, got, want)
		}
	}
}

func TestAppend_WidensThePictureID(t *testing.T) {
	payload := unhex(t, "90 f0 7f 06 7f "+deltaTag)
	var d Descriptor
	if err := d.Parse(payload); err != nil {
		t.Fatal(err)
	}
	d.PictureID, d.PictureBits = 128, 15
	out := append(d.Append(nil), payload[d.Size:]...)
	if want := unhex(t, "90 f0 8080 06 7f "+deltaTag); !bytes.Equal(out, want) {
		t.Errorf("% x, want % x", out, want)
	}
}

func TestNothing_IsAllocated(t *testing.T) {
	payload := unhex(t, "90 f0 8123 ff 7f "+keyTag)
	arena := make([]byte, 0, 32)
	var d Descriptor
	var info simulcast.Info
	if n := testing.AllocsPerRun(100, func() {
		_ = d.Parse(payload)
		_ = Inspect(payload, true, &info)
		Patch(payload, 5, 6)
		arena = d.Append(arena[:0])
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
		var d, after, written Descriptor
		err := d.Parse(payload)
		var theirs codecs.VP8Packet
		rest, failed := theirs.Unmarshal(payload)
		if (err == nil) != (failed == nil && len(rest) > 0) {
			t.Fatalf("%v, Pion says %v", err, failed)
		}
		Patch(payload, pictureID, tl0)
		if err != nil {
			return
		}
		if int(d.Size) != len(payload)-len(rest) || d.Start != (theirs.S == 1) || d.Partition != theirs.PID ||
			uint16(max(d.PictureID, 0)) != theirs.PictureID || uint8(max(d.TL0, 0)) != theirs.TL0PICIDX ||
			uint8(max(d.Temporal, 0)) != theirs.TID || uint8(max(d.KeyIndex, 0)) != theirs.KEYIDX {
			t.Errorf("%+v, Pion says %+v", d, theirs)
		}
		if !bytes.Equal(payload[d.Size:], before[d.Size:]) {
			t.Error("the frame was changed")
		}
		err = after.Parse(payload)
		if err != nil || after.Size != d.Size || after.PictureBits != d.PictureBits || after.Temporal != d.Temporal {
			t.Errorf("%+v, %v after the patch of %+v", after, err, d)
		}
		err = written.Parse(append(d.Append(nil), 0))
		d.Size = written.Size
		if err != nil || written != d {
			t.Errorf("%+v, %v written as %+v", d, err, written)
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	for _, test := range []struct{ name, payload string }{
		{"minimal", "10 " + deltaTag},
		{"full", "90 e0 8123 07 a0 " + deltaTag},
		{"key", "90 e0 8123 07 00 " + keyTag},
	} {
		b.Run(test.name, func(b *testing.B) {
			payload := unhex(b, test.payload)
			var info simulcast.Info
			b.ReportAllocs()
			for b.Loop() {
				if err := Inspect(payload, false, &info); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPatch(b *testing.B) {
	payload := unhex(b, "90 e0 8123 07 a0 "+deltaTag)
	var pictureID int32
	for b.Loop() {
		pictureID++
		Patch(payload, pictureID, int16(pictureID))
	}
}
