package clip

import (
	"encoding/binary"
	"slices"
)

// Layers is how many spatial layers a picture of Layered has, and as many temporal ones:
// what WebRTC calls L3T3 (W3C Scalable Video Coding section 6). Each layer is predicted
// from the one below it in the same picture.
const Layers = 3

// group is the pictures after which it begins again: their temporal layers, and how many
// pictures ago the one was that each follows. With any of them a receiver of fewer
// temporal layers may go up: nothing behind it follows a higher layer from before it.
var group = [...]struct{ temporal, follows byte }{{0, 4}, {2, 1}, {1, 2}, {2, 1}}

// Layered gives the pictures of a clip of VP9 in layers, of each picture the frame of
// each spatial layer, the smallest first: 320, 640 and 1280 pixels wide. The first picture
// is a key picture, and the only one. As Frames are, they are to be sent in their order,
// and the second may follow the last. layers.html makes them again.
func Layered() (pictures [][][]byte) {
	file, err := shelf.ReadFile("vp9-layers.ivf")
	if err != nil {
		panic(err) // it is compiled in
	}
	for picture := range slices.Chunk(ivf(file), Layers) {
		pictures = append(pictures, picture)
	}
	return pictures
}

// CutLayers cuts a picture of Layered into payloads, those of each layer behind those of
// the one below, which are of use without them: RFC 9628, non-flexible mode. Frames keep
// the size that they have, and each has room for a stamp, where the index of a superframe
// says where it and those before it end: decoders take the layers up to any of them.
func (c *Cutter) CutLayers(picture [][]byte, key bool) (all []Payload) {
	c.picture, c.key = (c.picture+1)&0x7fff, key
	c.position = (c.position + 1) % len(group)
	if key {
		c.position = 0
	}
	if group[c.position].temporal == 0 {
		c.base++
	}
	var sizes []int
	for spatial, frame := range picture {
		c.spatial = spatial
		whole := append(slices.Clip(frame), make([]byte, StampSize)...)
		sizes = append(sizes, len(whole)+indexOf(spatial+1))
		whole = appendSizes(whole, append(slices.Clone(sizes[:spatial]), len(whole)))
		all = append(all, c.parts(whole, len(frame), c.describeLayer)...)
	}
	return all
}

// describeLayer writes VP9's descriptor of a frame of one layer (RFC 9628 section 4.2).
//
//	|I|P|L|F|B|E|V|Z|  I and L; P but in key pictures, V at their beginning, Z in the top layer
//	|M| PICTURE ID  |  of 15 bits
//	| EXTENDED PID  |
//	| TID |U| SID |D|  U; D but in the smallest layer
//	|   TL0PICIDX   |
//	| N_S |Y|G|-----|  three layers, their sizes, and a group of pictures
//	| width, height |  of 16 bits each, three times
//	|      N_G      |  four
//	| TID |U| R |---|  with one reference each
//	|    P_DIFF     |
func (c *Cutter) describeLayer(dst []byte, first, last bool) []byte {
	const switchUp, interLayer = 0x10, 0x01
	layer := group[c.position].temporal<<5 | switchUp | byte(c.spatial)<<1
	if c.spatial > 0 {
		layer |= interLayer
	}
	structure := c.key && first && c.spatial == 0
	dst = append(c.begin9(dst, first, last, c.spatial == Layers-1, structure), layer, c.base)
	if !structure {
		return dst
	}
	dst = append(dst, (Layers-1)<<5|0x18)
	for below := Layers - 1; below >= 0; below-- {
		dst = binary.BigEndian.AppendUint16(dst, uint16(c.width>>below))
		dst = binary.BigEndian.AppendUint16(dst, uint16(c.height>>below))
	}
	dst = append(dst, byte(len(group)))
	for _, p := range group {
		dst = append(dst, p.temporal<<5|switchUp|1<<2, p.follows)
	}
	return dst
}
