package playout

import (
	"slices"
	"testing"

	"meshfocus/simulcast"
)

// TestPicture_ShowsTheLayersThatCanBeDecoded of pictures in three spatial layers, by how
// wide they are.
func TestPicture_ShowsTheLayersThatCanBeDecoded(t *testing.T) {
	const none = 0
	key, full := []string{"K0", "I1", "I2"}, []string{"0", "1", "2"}
	at := func(temporal string, layers ...string) (all []string) {
		for _, layer := range layers {
			all = append(all, layer+temporal)
		}
		return all
	}
	for name, c := range map[string]struct {
		pictures [][]string
		want     []uint16 // of each; none: nothing is seen
	}{
		"all of them":                    {[][]string{key, full, full}, []uint16{1280, 1280, 1280}},
		"the lowest":                     {[][]string{{"K0"}, {"0"}}, []uint16{320, 320}},
		"down, and up with a key frame":  {[][]string{key, {"0", "1"}, {"0"}, key, full}, []uint16{1280, 640, 320, 1280, 1280}},
		"up without what it refers to":   {[][]string{key, {"0"}, full, {"0", "1"}}, []uint16{1280, 320, 320, 320}},
		"up with what refers to nothing": {[][]string{key, {"0"}, {"0", "I1"}, {"0", "1"}, full}, []uint16{1280, 320, 640, 640, 640}},
		"without a layer for a picture that nothing refers to": {[][]string{key, at("T", "0"), full}, []uint16{1280, 320, 1280}},
		"without the layer between":                            {[][]string{key, {"0", "2"}, {"0"}}, []uint16{1280, 320, 320}},
		"a layer that needs no other in the same picture":      {[][]string{key, {"A2"}, {"A2"}}, []uint16{1280, 1280, 1280}},
		"nothing that can be seen":                             {[][]string{{"K0"}, {"A2"}, {"0"}}, []uint16{320, none, 320}},
	} {
		p := NewPicture()
		var got []uint16
		sequence := uint16(100)
		for n, layers := range c.pictures {
			var shown uint16 = none
			for i, layer := range layers {
				packet := inLayer(layer)
				packet.Sequence, packet.Timestamp, packet.At = sequence, uint32(3000*n), start
				packet.Info.Start, packet.Info.End = i == 0, i == len(layers)-1
				for _, frame := range p.Put(packet) {
					shown = frame.Width
				}
				sequence++
			}
			got = append(got, shown)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// inLayer reads "K0", a key frame, "I1", which refers to no earlier picture, "2", and
// "A2", which does not refer to the layer below; T behind it is a higher temporal layer.
func inLayer(said string) (p Packet) {
	p.Info = simulcast.Plain(simulcast.VP9)
	for _, letter := range said {
		switch letter {
		case 'K':
			p.Info.Key, p.Info.Independent, p.Info.Width, p.Info.Height = true, true, 320, 180
			p.Sizes = []Size{{320, 180}, {640, 360}, {1280, 720}}
		case 'I':
			p.Info.Independent, p.Info.InterPredicted = true, true
		case 'A':
			p.Info.InterPredicted = false
			continue
		case 'T':
			p.Info.Temporal = 2
		default:
			p.Info.Spatial = int8(letter - '0')
			p.Info.InterPredicted = p.Info.Spatial > 0 && said[0] != 'A'
		}
	}
	return p
}
