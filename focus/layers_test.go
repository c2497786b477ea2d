package focus

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/lane"
	"meshfocus/simulcast"
	"meshfocus/simulcast/vp8"
)

// layered is a picture in three sizes, written to a lane by the test and published in
// the session by nobody's connection.
type layered struct {
	track *lane.Track
	sizes []uint16 // widths
}

const widths = 3

// publishLayered has "studio" publish a picture in three layers, until the test ends.
func publishLayered(t testing.TB, s *Session, l *lane.Lane) Key {
	t.Helper()
	p := &layered{
		track: l.NewTrack(lane.TrackConfig{Name: "studio", Kind: lane.Video, Codec: simulcast.VP8}),
		sizes: []uint16{160, 320, 640},
	}
	for i := range p.sizes {
		if err := p.track.AddStream(uint32(i+1), string("qhf"[i])); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	writing.Go(func() { p.run(ctx, t) })
	t.Cleanup(func() { cancel(); writing.Wait(); p.track.Close() })
	done := make(chan Key)
	s.mail.Put(func() {
		c, _ := s.roster.join("studio")
		c.join(s.roster.publish("studio", "0", Track{Kind: lane.Video, Stream: "studio", ID: "picture", media: p.track}))
		s.apply(c)
		done <- Key{"studio", "picture"}
	})
	return <-done
}

func (p *layered) run(ctx context.Context, t testing.TB) {
	tick := time.NewTicker(33 * time.Millisecond)
	defer tick.Stop()
	var sequence [widths]uint16
	for n, key := uint32(0), true; ; n++ {
		for i := range p.sizes {
			for part := range i + 1 { // larger ones have more packets
				raw := p.packet(i, part, sequence[i], n, key)
				sequence[i]++
				if err := p.track.Write(raw, lane.Now()); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		}
		p.track.Flush()
		key = false
		select {
		case <-ctx.Done():
			return
		case <-p.track.KeyFrameRequests():
			key = true
		case <-tick.C:
		}
	}
}

// packet is a part of the n-th picture in a size.
func (p *layered) packet(size, part int, sequence uint16, n uint32, key bool) []byte {
	raw := []byte{0x80, 96, byte(sequence >> 8), byte(sequence)}
	if part == size {
		raw[1] |= 0x80
	}
	raw = binary.BigEndian.AppendUint32(raw, n*3000)
	raw = binary.BigEndian.AppendUint32(raw, uint32(size+1))
	d := vp8.Descriptor{
		Start: part == 0, PictureID: int32(n & 0x7FFF), PictureBits: 15, TL0: int16(n & 0xFF), KeyIndex: simulcast.Absent,
	}
	raw = d.Append(raw)
	switch {
	case part == 0 && key: // RFC 6386 section 9.1
		raw = append(raw, 0x10, 0, 0, 0x9D, 0x01, 0x2A)
		raw = binary.LittleEndian.AppendUint16(raw, p.sizes[size])
		raw = binary.LittleEndian.AppendUint16(raw, p.sizes[size]*3/4)
	case part == 0:
		raw = append(raw, 0x11, 0, 0)
	}
	return append(raw, bytes.Repeat([]byte{byte(n)}, 300)...)
}
