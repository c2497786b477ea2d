package opus

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

func TestParse_SaysHowLongAPacketLasts(t *testing.T) {
	tests := []struct {
		name, payload string
		want          Packet
		err           error
	}{
		{"SILK 10 ms", "00 112233", Packet{Frames: 1, Samples: 480}, nil},
		{"SILK 60 ms, stereo", "1c 112233", Packet{Frames: 1, Samples: 2880, Stereo: true}, nil},
		{"hybrid 20 ms", "68 112233", Packet{Frames: 1, Samples: 960}, nil},
		{"CELT 2.5 ms", "80 112233", Packet{Frames: 1, Samples: 120}, nil},
		{"CELT 20 ms, what browsers send", "fc 112233", Packet{Frames: 1, Samples: 960, Stereo: true}, nil},
		{"two frames", "f9 112233", Packet{Frames: 2, Samples: 1920}, nil},
		{"two frames of different size", "fa 112233", Packet{Frames: 2, Samples: 1920}, nil},
		{"six frames", "fb 06 112233", Packet{Frames: 6, Samples: 5760}, nil},
		{"silence, one byte", "78", Packet{Frames: 1, Samples: 960, Silent: true}, nil},
		{"silence, two bytes", "f8 ff", Packet{Frames: 1, Samples: 960, Silent: true}, nil},
		{"more than 120 ms", "fb 07 112233", Packet{Frames: 7, Samples: 6720}, ErrFrames},
		{"no frames", "fb c0 112233", Packet{}, ErrFrames},
		{"nothing", "", Packet{}, ErrShort},
		{"several frames, no count", "fb", Packet{Silent: true}, ErrShort},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got Packet
			if err := got.Parse(unhex(t, test.payload)); err != test.err || got != test.want {
				t.Errorf("%+v, %v, want %+v, %v", got, err, test.want, test.err)
			}
		})
	}
}

func TestInspect_CallsEveryPacketAFrame(t *testing.T) {
	want := simulcast.Plain(simulcast.Opus)
	want.Start, want.End, want.Key = true, true, true
	var got simulcast.Info
	for _, payload := range new(codecs.OpusPayloader).Payload(1200, unhex(t, "fc112233")) {
		if Inspect(payload, &got); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if Inspect(nil, &got); !got.Padding || got.Start {
		t.Errorf("%+v, want padding", got)
	}
}

// red has two redundant blocks, 40 and 20 ms old, and the primary one.
const red = "" +
	"ef 1e00 03" + // F, PT 111; offset 1920, length 3
	"ef 0f00 02" + // F, PT 111; offset 960, length 2
	"6f" + // PT 111
	"f80102 f803 f80405060708"

func TestUnpack_GivesTheOldestFirst(t *testing.T) {
	blocks, err := Unpack(nil, unhex(t, red))
	if err != nil || len(blocks) != 3 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	for i, want := range []struct {
		age  uint16
		data string
	}{{1920, "f80102"}, {960, "f803"}, {0, "f80405060708"}} {
		got := blocks[i]
		if got.PayloadType != 111 || got.Age != want.age || !bytes.Equal(got.Data, unhex(t, want.data)) {
			t.Errorf("block %d: %+v, want %+v", i, got, want)
		}
	}
	primary, err := Primary(unhex(t, red))
	if err != nil || primary.PayloadType != 111 || !bytes.Equal(primary.Data, blocks[2].Data) {
		t.Errorf("%+v, %v", primary, err)
	}
}

func TestUnpack_OfTheExampleOfTheStandard(t *testing.T) {
	// RFC 2198 section 5: DVI4 (5) primary, LPC (7) one packet before. The
	// offset is 160 and the length 14 there.
	payload := append(unhex(t, "87 0280 0e 05"), bytes.Repeat([]byte{7}, 14)...)
	payload = append(payload, bytes.Repeat([]byte{5}, 84)...)
	blocks, err := Unpack(nil, payload)
	if err != nil || len(blocks) != 2 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	if b := blocks[0]; b.PayloadType != 7 || b.Age != 160 || len(b.Data) != 14 || b.Data[13] != 7 {
		t.Errorf("%+v", b)
	}
	if b := blocks[1]; b.PayloadType != 5 || b.Age != 0 || len(b.Data) != 84 || b.Data[0] != 5 {
		t.Errorf("%+v", b)
	}
}

func TestUnpack_ReadsTheWholeWidthOfTheFields(t *testing.T) {
	payload := append(unhex(t, "fe ffff ff 00"), make([]byte, 1023+5)...)
	blocks, err := Unpack(nil, payload)
	if err != nil || len(blocks) != 2 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	if b := blocks[0]; b.PayloadType != 126 || b.Age != 16383 || len(b.Data) != 1023 || len(blocks[1].Data) != 5 {
		t.Errorf("type %d, age %d, %d bytes and %d", b.PayloadType, b.Age, len(b.Data), len(blocks[1].Data))
	}
}

func TestUnpack_RefusesWhatIsCutShort(t *testing.T) {
	payload := unhex(t, red)
	const data = 9 + 5 // headers and redundant blocks
	before := []Block{{PayloadType: 1}}
	for size := range data {
		blocks, err := Unpack(before, payload[:size])
		if err != ErrShort || len(blocks) != 1 {
			t.Errorf("%d bytes: %d blocks, %v, want none and ErrShort", size, len(blocks)-1, err)
		}
		if _, err := Primary(payload[:size]); err != ErrShort {
			t.Errorf("%d bytes: %v, want ErrShort", size, err)
		}
	}
	if _, err := Unpack(nil, bytes.Repeat([]byte{0xff}, 200)); err != ErrBlocks {
		t.Errorf("%v, want ErrBlocks", err)
	}
}

func TestNothing_IsAllocated(t *testing.T) {
	payload := unhex(t, red)
	blocks := make([]Block, 0, MaxBlocks)
	var packet Packet
	var info simulcast.Info
	if n := testing.AllocsPerRun(100, func() {
		blocks, _ = Unpack(blocks[:0], payload)
		_, _ = Primary(payload)
		_ = packet.Parse(payload)
		Inspect(payload, &info)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzRed(f *testing.F) {
	f.Add(unhex(f, red))
	f.Add([]byte{0x6f})
	f.Add([]byte{0x80, 0, 3, 0xff, 0, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		blocks, err := Unpack(nil, payload)
		primary, failed := Primary(payload)
		if err != failed {
			t.Fatalf("%v, Primary says %v", err, failed)
		}
		var packet Packet
		_ = packet.Parse(payload)
		if err != nil {
			return
		}
		size := redundantSize*(len(blocks)-1) + primarySize
		for _, block := range blocks {
			size += len(block.Data)
		}
		last := blocks[len(blocks)-1]
		if size != len(payload) || last.PayloadType != primary.PayloadType || !bytes.Equal(last.Data, primary.Data) {
			t.Errorf("%d bytes in %+v, of %d; primary %+v", size, blocks, len(payload), primary)
		}
	})
}

func BenchmarkUnpack(b *testing.B) {
	payload := unhex(b, red)
	blocks := make([]Block, 0, MaxBlocks)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if blocks, err = Unpack(blocks[:0], payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	payload := unhex(b, "fc 112233")
	var packet Packet
	b.ReportAllocs()
	for b.Loop() {
		if err := packet.Parse(payload); err != nil {
			b.Fatal(err)
		}
	}
}
