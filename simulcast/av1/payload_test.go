package av1

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
	sequence = "08 00000024c4ff67006004" // a header without size, 11 bytes, of 640x360
	frameOBU = "30 10aabbcc"             // OBU_FRAME, 5 bytes
	layered  = "34 48 10aabb"            // OBU_FRAME, temporal_id 2, spatial_id 1, 5 bytes
	tiles    = "20 aabbcc"               // OBU_TILE_GROUP
)

func TestInspect_SaysWhatTheSelectorAsks(t *testing.T) {
	type is = simulcast.Info
	key := func(i *is) { i.Start, i.Key, i.Width, i.Height = true, true, 640, 360 }
	tests := []struct {
		name, payload string
		marker        bool
		change        func(*is)
	}{
		{"N, W 1: sequence header alone", "18" + sequence, false, key},
		{"N, W 2: sequence header and frame", "28 0b" + sequence + frameOBU, true, func(i *is) { key(i); i.End = true }},
		{"N, W 0: the same with both lengths", "08 0b" + sequence + "05" + frameOBU, false, key},
		{"N, W 0, length of two bytes", "08 8b00" + sequence + "05" + frameOBU, false, key},
		{"N, Y: sequence header and the first of a frame", "68 0b" + sequence + frameOBU, false, key},
		{"N, Y: half a sequence header", "58 08 0000", false, func(i *is) { i.Start, i.Key = true, true }},
		{"sequence header repeated within the sequence", "20 0b" + sequence + frameOBU, false, func(i *is) { i.Start = true }},
		{"frame", "10" + frameOBU, true, func(i *is) { i.Start, i.End = true, true }},
		{"frame with layers", "10" + layered, false, func(i *is) { i.Start, i.Temporal, i.Spatial = true, 2, 1 }},
		{"W 3", "30 05" + frameOBU + "05" + layered + tiles, false, func(i *is) { i.Start, i.Temporal, i.Spatial = true, 2, 1 }},
		{"Z: rest of a frame", "90 aabbcc", true, func(i *is) { i.End = true }},
		{"Z: rest of a frame that looks like a header", "90" + layered, false, func(*is) {}},
		{"Z and Y", "d0 aabbcc", false, func(*is) {}},
		{"tile group", "10" + tiles, false, func(*is) {}},
		{"padding", "", true, func(i *is) { i.Padding = true }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := simulcast.Plain(simulcast.AV1)
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
		{"header alone", "10", ErrShort},
		{"W 2, first element beyond the end", "20 06" + frameOBU, ErrShort},
		{"W 0, last element beyond the end", "00 05" + frameOBU + "05 30", ErrShort},
		{"W 0, length without end", "00 ff", ErrShort},
		{"W 3, two elements", "30 05" + frameOBU + "05" + "30", ErrShort},
		{"Z and N", "98" + sequence, ErrHeader},
	} {
		var info simulcast.Info
		if err := Inspect(unhex(t, test.payload), false, &info); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestInspect_OfPacketsFromPion(t *testing.T) {
	delta := append(unhex(t, "32 b817 30"), make([]byte, 2999)...) // with its size, 3000
	unit := append(unhex(t, "1200 0a0a 00000024c4ff67006004"), delta...)
	payloads := new(codecs.AV1Payloader).Payload(1200, unit)
	for i, payload := range payloads {
		var info simulcast.Info
		err := Inspect(payload, i == len(payloads)-1, &info)
		if err != nil || info.Key != (i == 0) || info.Start != (i == 0) || info.End != (i == len(payloads)-1) || (info.Width == 640) != (i == 0) {
			t.Errorf("packet %d of %d, % x: %+v, %v", i, len(payloads), payload[:12], info, err)
		}
	}
}

func TestElements_SayWhichAreFragments(t *testing.T) {
	const body = "02 3000 02 3000 02 3000" // three elements with their lengths
	for _, test := range []struct {
		name, payload string
		starts, ends  [3]bool
	}{
		{"whole units", "00" + body, [3]bool{true, true, true}, [3]bool{true, true, true}},
		{"Z", "80" + body, [3]bool{false, true, true}, [3]bool{true, true, true}},
		{"Y", "40" + body, [3]bool{true, true, true}, [3]bool{true, true, false}},
		{"Z and Y, W 3", "f0" + "02 3000 02 3000 3000", [3]bool{false, true, true}, [3]bool{true, true, false}},
	} {
		var elements Elements
		if err := elements.Reset(unhex(t, test.payload)); err != nil {
			t.Fatal(err)
		}
		var element Element
		for i := range 3 {
			if ok, err := elements.Next(&element); !ok || err != nil || element.Start != test.starts[i] || element.End != test.ends[i] {
				t.Errorf("%s: element %d: %+v, %v", test.name, i, element, err)
			}
		}
		if ok, err := elements.Next(&element); ok || err != nil {
			t.Errorf("%s: a fourth element, or %v", test.name, err)
		}
	}
}

func TestNothing_IsAllocated(t *testing.T) {
	payload := unhex(t, "28 0b"+sequence+frameOBU)
	var info simulcast.Info
	if n := testing.AllocsPerRun(100, func() { _ = Inspect(payload, true, &info) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzElements(f *testing.F) {
	for _, payload := range []string{"18" + sequence, "28 0b" + sequence + frameOBU, "08 8b00" + sequence + "05" + frameOBU, "d0 aabbcc", "00 ff"} {
		f.Add(unhex(f, payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var info simulcast.Info
		inspected := Inspect(payload, false, &info)
		if info.Key && inspected == ErrHeader || info.Width != 0 && !info.Key {
			t.Errorf("%+v with %v", info, inspected)
		}
		var elements Elements
		if err := elements.Reset(payload); err != nil {
			return
		}
		var ours [][]byte
		var element Element
		for {
			ok, err := elements.Next(&element)
			if err != nil {
				return
			}
			if !ok {
				break
			}
			ours = append(ours, element.Data)
		}
		//lint:ignore SA1019 the depacketizer that replaces it gives whole units only
		var theirs codecs.AV1Packet
		if _, err := theirs.Unmarshal(payload); err != nil {
			return // Pion takes lengths of four bytes only
		}
		if len(theirs.OBUElements) > len(ours) { // Pion does not see an empty one at the end
			t.Fatalf("%d elements, Pion says %d", len(ours), len(theirs.OBUElements))
		}
		for i, element := range theirs.OBUElements {
			if !bytes.Equal(element, ours[i]) {
				t.Errorf("element %d: % x, Pion says % x", i, ours[i], element)
			}
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	for _, test := range []struct{ name, payload string }{
		{"fragment", "90 aabbcc"},
		{"frame", "10" + layered},
		{"key", "28 0b" + sequence + frameOBU},
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
