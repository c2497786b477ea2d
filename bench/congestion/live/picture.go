package live

import (
	_ "embed"
	"encoding/binary"
)

//go:embed pictures/160x90.ivf
var small []byte

//go:embed pictures/320x180.ivf
var medium []byte

//go:embed pictures/640x360.ivf
var large []byte

// picture is frames of one size: the first is a key frame.
type picture struct{ frames [][]byte }

// newPicture takes the frames out of an IVF file: a header of 32 bytes, and one of
// 12 before each frame that begins with its size.
func newPicture(ivf []byte) (p picture) {
	for at := 32; at+12 <= len(ivf); {
		end := at + 12 + int(binary.LittleEndian.Uint32(ivf[at:]))
		p.frames = append(p.frames, ivf[at+12:end])
		at = end
	}
	return p
}

// frame gives a frame of so many bytes, or as few as it takes: zeros behind its last
// partition, whose decoder takes what it needs (RFC 6386 section 9.5). Any of those
// that follow a key frame can follow any other.
func (p *picture) frame(n, size int) []byte {
	f := p.frames[0]
	if n > 0 {
		f = p.frames[1+(n-1)%(len(p.frames)-1)]
	}
	whole := make([]byte, max(size, len(f)))
	copy(whole, f)
	return whole
}
