package h264

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/pion/rtp/codecs"

	"meshfocus/focus/transport/frame"
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
	sps = "6742c00bd902847e5c0440000003004000000c83c50a92" // 160x120, 23 bytes
	pps = "68cb83cb20"
	idr = "6588840a"
	// The first slice of a picture begins with a 1: first_mb_in_slice is 0.
	slice, laterSlice = "419a2b", "41462b"
)

func TestInspect_SaysWhatTheSelectorAsks(t *testing.T) {
	type is = simulcast.Info
	tests := []struct {
		name, payload string
		marker        bool
		change        func(*is)
	}{
		{"parameter set", sps, false, func(i *is) { i.Start, i.Key, i.Width, i.Height = true, true, 160, 120 }},
		{"picture parameter set", pps, false, func(i *is) { i.Start = true }},
		{"IDR", idr, true, func(i *is) { i.Start, i.Key, i.End = true, true, true }},
		{"slice", slice, true, func(i *is) { i.Start, i.End = true, true }},
		{"another slice of the picture", laterSlice, true, func(i *is) { i.End = true }},
		{"delimiter", "09f0", false, func(i *is) { i.Start = true }},
		{"STAP-A of parameter sets", "78 0017" + sps + "0005" + pps, false, func(i *is) { i.Start, i.Key, i.Width, i.Height = true, true, 160, 120 }},
		{"STAP-A of parameter sets and IDR", "78 0017" + sps + "0005" + pps + "0004" + idr, true, func(i *is) {
			i.Start, i.End, i.Key, i.Width, i.Height = true, true, true, 160, 120
		}},
		{"STAP-A of a delimiter and a slice", "78 0002 09f0 0003" + slice, false, func(i *is) { i.Start = true }},
		{"STAP-A of a later slice and IDR", "78 0003" + laterSlice + "0004" + idr, false, func(i *is) { i.Key = true }},
		{"FU-A, first of an IDR", "7c 85 88840a", false, func(i *is) { i.Start, i.Key = true, true }},
		{"FU-A, within an IDR", "7c 05 88840a", false, func(*is) {}},
		{"FU-A, last of an IDR", "7c 45 88840a", true, func(i *is) { i.End = true }},
		{"FU-A, first of a slice", "5c 81 9a2b", false, func(i *is) { i.Start = true }},
		{"FU-A, first of a parameter set", "7c 87 42c00b", false, func(i *is) { i.Start, i.Key = true, true }},
		{"padding", "", true, func(i *is) { i.Padding = true }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := simulcast.Plain(simulcast.H264)
			test.change(&want)
			var got simulcast.Info
			if err := Inspect(unhex(t, test.payload), test.marker, &got); err != nil || got != want {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestInspect_RefusesWhatIsNoPayload(t *testing.T) {
	for _, test := range []struct {
		name, payload string
		want          error
	}{
		{"one byte", "65", ErrShort},
		{"STAP-A without unit", "78 00", ErrShort},
		{"STAP-A with an empty unit", "78 0000", ErrShort},
		{"STAP-A with a unit beyond its end", "78 0003 09f0", ErrShort},
		{"STAP-A with half a length behind", "78 0002 09f0 00", ErrShort},
		{"FU-A without fragment", "7c 85", ErrShort},
		{"type 0", "60 00 00", ErrType},
		{"STAP-B", "79 0000 0002 09f0", ErrType},
		{"MTAP16", "7a 0000 0002 00 0000 09f0", ErrType},
		{"FU-B", "7d 85 0000 88", ErrType},
		{"type 31", "7f 00 00", ErrType},
	} {
		var info simulcast.Info
		if err := Inspect(unhex(t, test.payload), false, &info); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestInspect_OfPacketsFromPion(t *testing.T) {
	annexB := unhex(t, "00000001"+sps+"00000001"+pps+"00000001"+idr)
	annexB = append(annexB, bytes.Repeat([]byte{0x11}, 3000)...)
	payloads := new(codecs.H264Payloader).Payload(1200, annexB)
	if len(payloads) != 4 { // a STAP-A and three FU-A
		t.Fatalf("%d packets", len(payloads))
	}
	for i, payload := range payloads {
		var info simulcast.Info
		err := Inspect(payload, i == 3, &info)
		if err != nil || info.Key != (i < 2) || info.Start != (i < 2) || info.End != (i == 3) || (info.Width == 160) != (i == 0) {
			t.Errorf("packet %d: %+v, %v", i, info, err)
		}
	}
}

func TestUnits_GivesThemInTheirOrder(t *testing.T) {
	var units Units
	if err := units.Reset(unhex(t, "78 0017"+sps+"0005"+pps+"0004"+idr)); err != nil {
		t.Fatal(err)
	}
	var types []byte
	var unit Unit
	for {
		ok, err := units.Next(&unit)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		types = append(types, unit.Type)
	}
	if !slices.Equal(types, []byte{frame.NALSPS, frame.NALPPS, frame.NALIDR}) {
		t.Errorf("types %v", types)
	}
}

func TestUnits_GivesAFragmentWithoutItsHeaders(t *testing.T) {
	var units Units
	var unit Unit
	if err := units.Reset(unhex(t, "7c 45 88840a")); err != nil {
		t.Fatal(err)
	}
	ok, err := units.Next(&unit)
	if !ok || err != nil || unit.Type != frame.NALIDR || unit.Start || !unit.End || unit.Whole != nil || !bytes.Equal(unit.Body, unhex(t, "88840a")) {
		t.Errorf("%+v, %v", unit, err)
	}
	if ok, err = units.Next(&unit); ok || err != nil {
		t.Errorf("another unit, or %v", err)
	}
}

func TestNothing_IsAllocated(t *testing.T) {
	payload := unhex(t, "78 0017"+sps+"0005"+pps+"0004"+idr)
	var info simulcast.Info
	if n := testing.AllocsPerRun(100, func() { _ = Inspect(payload, true, &info) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzInspect(f *testing.F) {
	for _, payload := range []string{sps, idr, slice, "78 0017" + sps + "0005" + pps, "7c 85 88840a", "7c 45 88", "79 0000"} {
		f.Add(unhex(f, payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var info simulcast.Info
		err := Inspect(payload, false, &info)
		depacketizer := codecs.H264Packet{}
		_, failed := depacketizer.Unmarshal(payload)
		if err != nil {
			return // Pion is more lenient with what is behind the last unit
		}
		if len(payload) > 0 && failed != nil {
			t.Fatalf("taken, Pion says %v", failed)
		}
		if info.Width != 0 && !info.Key || info.End || info.PictureID != simulcast.Absent {
			t.Errorf("%+v", info)
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	for _, test := range []struct{ name, payload string }{
		{"slice", slice},
		{"fragment", "7c 05 88840a"},
		{"parameters", "78 0017" + sps + "0005" + pps},
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
