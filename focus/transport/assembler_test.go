package transport

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/pion/rtp"
	"pgregory.net/rapid"

	"meshfocus/focus/internal/testclip"
)

// packets cuts frames into packets as a LocalTrack does, beginning shortly
// before the numbers wrap.
func packets(codec Codec, frames [][]byte) []*rtp.Packet {
	payloader := payloader(codec)
	var all []*rtp.Packet
	sequence, timestamp := uint16(65500), uint32(1<<32-9000)
	for _, frame := range frames {
		payloads := payloader.Payload(maxPayload, frame)
		for i, payload := range payloads {
			all = append(all, &rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: sequence, Timestamp: timestamp, Marker: codec != Opus && i == len(payloads)-1},
				Payload: payload,
			})
			sequence++
		}
		timestamp += 3600
	}
	return all
}

// vp8Frames makes frames of random sizes, each with its number in it.
func vp8Frames(count int, random *rand.Rand) [][]byte {
	frames := make([][]byte, count)
	for i := range frames {
		frames[i] = make([]byte, 20+random.IntN(5000))
		frames[i][0] = 1
		frames[i][10], frames[i][11] = byte(i>>8), byte(i)
	}
	return frames
}

// put pushes packets one millisecond apart and gives the samples.
func put(a *assembler, packets []*rtp.Packet, begin time.Time) []Sample {
	var samples []Sample
	for i, p := range packets {
		now := begin.Add(time.Duration(i) * time.Millisecond)
		a.push(&p.Header, p.Payload, now)
		for {
			sample, ok := a.pop(now)
			if !ok {
				break
			}
			samples = append(samples, sample)
		}
	}
	return samples
}

func TestAssembler_GivesFramesInOrderWhateverTheNetworkDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		loss := rapid.Float64Range(0, 0.2).Draw(t, "loss")
		reach := rapid.IntRange(0, 20).Draw(t, "reorder")
		frames := vp8Frames(60, random)
		sent := packets(VP8, frames)
		spoiled := map[uint32]bool{}
		var came []*rtp.Packet
		for i, p := range sent {
			if i > 0 && random.Float64() < loss {
				spoiled[p.Timestamp] = true
				continue
			}
			came = append(came, p)
			if random.IntN(30) == 0 {
				came = append(came, p) // twice
			}
		}
		if reach > 0 {
			for i := 1; i+reach < len(came); i += reach { // the first stays first
				random.Shuffle(reach, func(a, b int) { came[i+a], came[i+b] = came[i+b], came[i+a] })
			}
		}
		samples := put(newAssembler(VP8), came, time.Unix(0, 0))
		// What was not touched and is not at the end has to be there, once.
		got := map[uint32]int{}
		last := -1
		for _, sample := range samples {
			number := int(sample.Data[10])<<8 | int(sample.Data[11])
			if number <= last {
				t.Fatalf("frame %d after frame %d", number, last)
			}
			last = number
			if !bytes.Equal(sample.Data, frames[number]) {
				t.Fatalf("frame %d is not what was sent", number)
			}
			if spoiled[sample.Timestamp] {
				t.Fatalf("frame %d came though a part was lost", number)
			}
			got[sample.Timestamp]++
		}
		for i, p := range sent {
			late := i > len(sent)-450 // may still be waiting
			if p.Marker && !late && !spoiled[p.Timestamp] && got[p.Timestamp] != 1 {
				t.Fatalf("a whole frame at %d came %d times", p.Timestamp, got[p.Timestamp])
			}
		}
	})
}

func TestAssembler_GivesAFrameWithItsLastPacket(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	a := newAssembler(VP8)
	frames := vp8Frames(10, random)
	if samples := put(a, packets(VP8, frames), time.Unix(0, 0)); len(samples) != len(frames) {
		t.Errorf("%d of %d frames without waiting for another", len(samples), len(frames))
	}
}

func TestAssembler_WaitsForALostPacketOnlySoLong(t *testing.T) {
	frames := vp8Frames(3, rand.New(rand.NewPCG(1, 1)))
	all := packets(VP8, frames)
	begin := time.Unix(0, 0)
	a := newAssembler(VP8)
	without := append(append([]*rtp.Packet(nil), all[:1]...), all[2:]...)
	if samples := put(a, without, begin); len(samples) != 0 {
		t.Fatalf("%d frames before the hole was filled or given up", len(samples))
	}
	if _, ok := a.pop(begin.Add(videoPatience - time.Millisecond)); ok {
		t.Error("gave up too early")
	}
	sample, ok := a.pop(begin.Add(videoPatience + time.Second))
	if !ok || sample.Dropped == 0 {
		t.Fatalf("no frame after the hole was given up, or it does not say so: %+v", sample)
	}
	// What comes now is late and changes nothing.
	a.push(&all[1].Header, all[1].Payload, begin)
	if a.stats.Late != 1 || a.stats.Lost != 1 {
		t.Errorf("%+v, want one packet lost and one late", a.stats)
	}
}

func TestAssembler_TakesTheRetransmission(t *testing.T) {
	frames := vp8Frames(3, rand.New(rand.NewPCG(1, 1)))
	all := packets(VP8, frames)
	again := append(append(append([]*rtp.Packet(nil), all[:1]...), all[2:]...), all[1])
	if samples := put(newAssembler(VP8), again, time.Unix(0, 0)); len(samples) != 3 || samples[0].Dropped != 0 {
		t.Errorf("%d frames, want all 3", len(samples))
	}
}

func TestAssembler_GoesOnWhenTheSenderBeginsAnew(t *testing.T) {
	frames := vp8Frames(20, rand.New(rand.NewPCG(1, 1)))
	a := newAssembler(VP8)
	put(a, packets(VP8, frames), time.Unix(0, 0))
	other := packets(VP8, frames)
	for _, p := range other {
		p.SequenceNumber += 20000
	}
	if samples := put(a, other, time.Unix(10, 0)); len(samples) < 19 {
		t.Errorf("%d frames after the jump, want 20 or one less", len(samples))
	}
}

func TestAssembler_PutsRealFramesTogether(t *testing.T) {
	for name, codec := range map[string]Codec{"vp8.ivf": VP8, "vp9.ivf": VP9, "av1.ivf": AV1} {
		frames := readIVF(t, testclip.Make(t, name, 1))
		samples := put(newAssembler(codec), packets(codec, frames), time.Unix(0, 0))
		if len(samples) != len(frames) {
			t.Errorf("%s: %d of %d frames", codec, len(samples), len(frames))
		}
		if len(samples) > 0 && (!samples[0].KeyFrame || samples[0].Width != 160 || samples[0].Height != 120) {
			t.Errorf("%s: first frame: key %v, %dx%d", codec, samples[0].KeyFrame, samples[0].Width, samples[0].Height)
		}
		// With holes: no frame may come that has one.
		random := rand.New(rand.NewPCG(7, 7))
		a := newAssembler(codec)
		var came []*rtp.Packet
		spoiled := map[uint32]bool{}
		for _, p := range packets(codec, frames) {
			if random.IntN(10) == 0 {
				spoiled[p.Timestamp] = true
			} else {
				came = append(came, p)
			}
		}
		samples = put(a, came, time.Unix(0, 0))
		for {
			sample, ok := a.pop(time.Unix(100, 0))
			if !ok {
				break
			}
			samples = append(samples, sample)
		}
		for _, sample := range samples {
			if spoiled[sample.Timestamp] {
				t.Errorf("%s: a frame with a hole came", codec)
			}
		}
		if len(samples) == 0 {
			t.Errorf("%s: no frame at all with a tenth of the packets lost", codec)
		}
	}
}

// readIVF gives the frames of an IVF file.
func readIVF(t *testing.T, path string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for data = data[32:]; len(data) > 12; {
		size := int(data[0]) | int(data[1])<<8 | int(data[2])<<16
		frames = append(frames, data[12:12+size])
		data = data[12+size:]
	}
	return frames
}

func FuzzAssembler(f *testing.F) {
	f.Add(uint8(VP8), []byte{0, 1, 0x80, 0x10, 0x10, 0, 0, 0, 2, 0, 0x11})
	f.Add(uint8(H264), []byte{0, 1, 0, 3, 0x7c, 0x85, 1, 0, 2, 0x80, 3, 0x7c, 0x45, 1})
	f.Add(uint8(AV1), []byte{0, 1, 0x80, 4, 0x18, 0x0a, 1, 2})
	f.Add(uint8(VP9), []byte{0, 1, 0x80, 3, 0x0c, 0x82, 0})
	f.Fuzz(func(t *testing.T, codec uint8, script []byte) {
		a := newAssembler(Codec(codec%5 + 1))
		now := time.Unix(0, 0)
		for len(script) > 4 {
			header := rtp.Header{SequenceNumber: uint16(script[0])<<8 | uint16(script[1]), Marker: script[2]&0x80 != 0, Timestamp: uint32(script[2] & 0x7f)}
			length := min(int(script[3]), len(script)-4)
			a.push(&header, script[4:4+length], now)
			script = script[4+length:]
			now = now.Add(50 * time.Millisecond)
			for n := 0; ; n++ {
				if _, ok := a.pop(now); !ok {
					break
				}
				if n > 2*len(a.slots) {
					t.Fatal("endless frames")
				}
			}
			if waiting := a.waiting(); waiting < 0 || waiting > len(a.slots) {
				t.Fatalf("%d packets wait in room for %d", waiting, len(a.slots))
			}
		}
	})
}
