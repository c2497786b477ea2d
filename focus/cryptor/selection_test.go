package cryptor_test

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"meshfocus/focus/cryptor"
	"meshfocus/focus/internal/testclip"
	"meshfocus/internal/secret"
	"meshfocus/simulcast"
	"meshfocus/simulcast/h264"
	"meshfocus/simulcast/opus"
	"meshfocus/simulcast/vp8"
	"meshfocus/simulcast/vp9"
)

// frames of an IVF file, in order.
func frames(t *testing.T, name string) (all [][]byte) {
	t.Helper()
	data, err := os.ReadFile(testclip.Make(t, name, 1))
	if err != nil {
		t.Fatal(err)
	}
	for at := 32; at+12 <= len(data); {
		size := int(binary.LittleEndian.Uint32(data[at:]))
		all = append(all, data[at+12:at+12+size])
		at += 12 + size
	}
	return all
}

// read is what a forwarder makes of the packets of one frame.
func read(t *testing.T, payloader rtp.Payloader, frame []byte, inspect func([]byte, bool, *simulcast.Info) error) (all []simulcast.Info) {
	t.Helper()
	packets := payloader.Payload(1100, frame)
	for i, packet := range packets {
		var info simulcast.Info
		if err := inspect(packet, i == len(packets)-1, &info); err != nil {
			t.Fatalf("packet %d of %d: %v", i, len(packets), err)
		}
		all = append(all, info)
	}
	return all
}

// What a forwarder chooses layers by is the same whether frames are encrypted or
// not: where a picture starts and ends, whether decoding can begin with it, its
// size, and the numbers, which are no part of the frame.
func TestSelection_ReadsOfEncryptedFramesWhatItReadsOfOthers(t *testing.T) {
	avc := []byte("\x00\x00\x00\x01\x67\x42\xc0\x0b\xd9\x02\x84\x7e\x5c\x04\x40\x00\x00\x03\x00\x40\x00\x00\x0c\x83\xc5\x0a\x92" +
		"\x00\x00\x00\x01\x68\xcb\x83\xcb\x20\x00\x00\x00\x01\x65\xb8" + string(make([]byte, 4000)))
	other := []byte("\x00\x00\x00\x01\x41\x9a" + string(make([]byte, 3000)))
	for _, test := range []struct {
		name      string
		codec     cryptor.Codec
		frames    [][]byte
		payloader func() rtp.Payloader
		inspect   func([]byte, bool, *simulcast.Info) error
		keys      int
	}{
		{"VP8", cryptor.VP8, frames(t, "vp8.ivf"), func() rtp.Payloader { return &codecs.VP8Payloader{EnablePictureID: true} }, vp8.Inspect, 1},
		{"H.264", cryptor.H264, [][]byte{avc, other, other, avc}, func() rtp.Payloader { return &codecs.H264Payloader{} }, h264.Inspect, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, err := cryptor.NewKey(secret.Of([]byte("sixteen bytes ok")))
			if err != nil {
				t.Fatal(err)
			}
			// Index 0 is the hardest: the frame ends in a zero.
			sealer, stream := cryptor.NewSealer(0, key), cryptor.NewStream(1, 2)
			plain, sealed, keys := test.payloader(), test.payloader(), 0
			for i, frame := range test.frames {
				out, err := sealer.Seal(nil, frame, test.codec, stream.Next(uint32(i)*3000))
				if err != nil {
					t.Fatal(err)
				}
				want, got := read(t, plain, frame, test.inspect), read(t, sealed, out, test.inspect)
				got[0].End = want[0].End // a frame that grew may need one more packet
				if got[0] != want[0] {
					t.Errorf("frame %d begins with %+v, in the clear with %+v", i, got[0], want[0])
				}
				isKey := false
				for at, info := range got {
					isKey = isKey || info.Key
					if at > 0 && info.End != (at == len(got)-1) || info.PictureID != want[0].PictureID || info.TL0 != want[0].TL0 {
						t.Errorf("frame %d, packet %d of %d is %+v", i, at, len(got), info)
					}
				}
				if isKey {
					keys++
				}
			}
			if keys < test.keys || keys == len(test.frames) {
				t.Errorf("of %d frames %d are key frames", len(test.frames), keys)
			}
		})
	}
}

// A VP9 frame is encrypted whole. All that is chosen by stands in the descriptor
// that its packetiser writes, which sees the frame before it is encrypted.
func TestSelection_OfVP9NeedsTheDescriptorOnly(t *testing.T) {
	payloader := &codecs.VP9Payloader{FlexibleMode: false}
	for i, frame := range frames(t, "vp9.ivf") {
		for _, packet := range payloader.Payload(1100, frame) {
			var d vp9.Descriptor
			if err := d.Parse(packet); err != nil {
				t.Fatal(err)
			}
			var want, got simulcast.Info
			if err := vp9.Inspect(packet, &want); err != nil {
				t.Fatal(err)
			}
			for at := int(d.Size); at < len(packet); at++ {
				packet[at] ^= 0xa5
			}
			if err := vp9.Inspect(packet, &got); err != nil || got != want {
				t.Errorf("frame %d reads as %+v, %v, in the clear as %+v", i, got, err, want)
			}
		}
	}
}

func TestSelection_OfSoundKnowsItsLength(t *testing.T) {
	key, err := cryptor.NewKey(secret.Of([]byte("sixteen bytes ok")))
	if err != nil {
		t.Fatal(err)
	}
	frame := []byte("\x78 twenty milliseconds of sound")
	out, err := cryptor.NewSealer(0, key).Seal(nil, frame, cryptor.Opus, cryptor.NewStream(1, 2).Next(3))
	if err != nil {
		t.Fatal(err)
	}
	var want, got opus.Packet
	if err := want.Parse(frame); err != nil {
		t.Fatal(err)
	}
	if err := got.Parse(out); err != nil || got != want {
		t.Errorf("it reads as %+v, %v, in the clear as %+v", got, err, want)
	}
}
