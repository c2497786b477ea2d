package judge

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"meshfocus/simulcast"
	"meshfocus/simulcast/dependency"
	"meshfocus/simulcast/vp9"
)

// Recording is what a browser sent of one encoding with three spatial layers
// (testdata/README.md), with what its pictures look like.
type Recording struct {
	Codec    simulcast.Codec
	pictures []recorded
	frames   int // of all layers
}

type recorded struct {
	Picture
	packets []part
}

// part is one packet of a picture.
type part struct {
	marker              bool
	layer               int8
	frame               uint16 // frame number, from the recording's first
	payload, descriptor []byte
}

// Load reads a recording and has ffmpeg decode what a receiver of each spatial
// layer gets.
func Load(t testing.TB, name string, codec simulcast.Codec) *Recording {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	r := &Recording{Codec: codec}
	var state dependency.State
	var first uint16
	now := int64(-1)
	for len(data) > 0 {
		timestamp := int64(binary.BigEndian.Uint32(data))
		p := part{marker: data[4] != 0}
		middle, end := 8+int(data[5]), 8+int(data[5])+int(binary.BigEndian.Uint16(data[6:]))
		p.descriptor, p.payload = data[8:middle], data[middle:end]
		data = data[end:]
		if len(p.payload) == 0 {
			continue
		}
		var d dependency.Descriptor
		if err := state.Parse(p.descriptor, &d); err != nil {
			t.Fatal(err)
		}
		if now < 0 {
			first = d.Number
		}
		p.layer, p.frame = d.Spatial, d.Number-first
		r.frames = max(r.frames, int(p.frame)+1)
		if timestamp != now {
			r.pictures = append(r.pictures, recorded{Picture: Picture{Key: d.Key()}})
			now = timestamp
		}
		picture := &r.pictures[len(r.pictures)-1]
		picture.packets = append(picture.packets, p)
	}
	for top := range int8(3) {
		r.look(t, top)
	}
	return r
}

// look notes what the pictures look like up to a spatial layer.
func (r *Recording) look(t testing.TB, top int8) {
	t.Helper()
	var pictures [][]byte
	for _, picture := range r.pictures {
		u := accessUnit{}
		for _, p := range picture.packets {
			if p.layer <= top {
				u.packets = append(u.packets, arrived{Received: Received{Payload: p.payload}})
			}
		}
		var report Report
		pictures = append(pictures, NewReceiver(r.Codec).assemble(&u, &report))
	}
	hashes := Decode(t, r.Codec, pictures)
	if len(hashes) != len(pictures) {
		t.Fatalf("%d pictures of %d decoded up to layer %d", len(hashes), len(pictures), top)
	}
	for i, hash := range hashes {
		r.pictures[i].Hashes[top] = hash
	}
}

// Player sends a recording over and over, with numbers of its own.
type Player struct {
	*Recording
	Numbers
	// Described: with dependency descriptors, as it was recorded.
	Described bool

	turn, number int
}

// Next gives the packets of the next picture, as Sender's does.
func (s *Player) Next(ticks uint32) (packets []*Packet) {
	picture := &s.pictures[s.turn%len(s.pictures)]
	round := s.turn / len(s.pictures)
	s.PictureID = (s.PictureID + 1) & 0x7fff
	var parts [3]int
	for _, part := range picture.packets {
		parts[part.layer]++
	}
	for _, part := range picture.packets {
		p := &Packet{
			Sequence: s.Sequence, Timestamp: s.Timestamp + ticks, SSRC: s.SSRC, Marker: part.marker,
			Number: s.number, Turn: s.turn, Picture: &picture.Picture, Parts: parts,
			Payload: append([]byte(nil), part.payload...),
		}
		if s.Codec == simulcast.VP9 {
			vp9.Patch(p.Payload, int32(s.PictureID), simulcast.Absent)
		}
		if s.Described {
			p.Descriptor = append([]byte(nil), part.descriptor...)
			dependency.PatchNumber(p.Descriptor, s.Frame+uint16(round*s.frames)+part.frame)
		}
		packets = append(packets, p)
		s.Sequence++
		s.number++
	}
	s.turn++
	return packets
}

// Padding gives a packet without payload, of the picture sent last.
func (s *Player) Padding(ticks uint32) *Packet {
	p := &Packet{Sequence: s.Sequence, Timestamp: s.Timestamp + ticks, SSRC: s.SSRC, Number: s.number, Turn: s.turn - 1}
	s.Sequence++
	s.number++
	return p
}
