package lane

import (
	"slices"
	"testing"

	"github.com/pion/rtp"

	"meshfocus/focus/packet"
	"meshfocus/simulcast"
	"meshfocus/simulcast/vp9"
)

// TestStream_KnowsTheSizesOfLayersInside, which a key picture of VP9 says, and forgets them
// where one of another kind comes.
func TestStream_KnowsTheSizesOfLayersInside(t *testing.T) {
	// I, L, B and V, picture 1, layer 0, TL0PICIDX 1, and two layers with their sizes.
	layered := []byte{0xaa, 0x80, 1, 0, 1, 0x30, 1, 64, 0, 180, 2, 128, 1, 104, 0x82, 0x49, 0x83, 0x42}
	alone := []byte{0xaa, 0x80, 1, 0, 1, 0x10, 1, 64, 0, 180, 0x82, 0x49, 0x83, 0x42}
	var s stream
	for _, c := range []struct {
		payload       []byte
		width, height uint16
		sizes         []Size
	}{
		{layered, 640, 360, []Size{{320, 180}, {640, 360}}},
		{alone, 320, 180, nil},
		{layered, 640, 360, []Size{{320, 180}, {640, 360}}},
	} {
		raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2}, Payload: c.payload}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		p := packet.Packet{Bytes: raw}
		var info simulcast.Info
		if err := p.Parse(&packet.Numbers{}); err != nil || vp9.Inspect(p.Payload(), &info) != nil || info.Width != 320 {
			t.Fatalf("%+v, %v", info, err)
		}
		s.size(&p, &info)
		if s.width != c.width || s.height != c.height || !slices.Equal(s.sizes, c.sizes) {
			t.Errorf("%d × %d, inside %v", s.width, s.height, s.sizes)
		}
	}
}
