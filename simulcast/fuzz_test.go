package simulcast

import (
	"encoding/binary"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// FuzzOutput_TakesAnything feeds packets whose every field is a stranger's. Each
// number may leave once, and what leaves fits its field.
func FuzzOutput_TakesAnything(f *testing.F) {
	f.Add([]byte("a key frame, a picture, a layer, a restart, and once more from the start"))
	f.Fuzz(func(t *testing.T, data []byte) {
		source, output := NewSource(clockRate), NewOutput(65000, 7)
		output.Selector.Aim(Layer{2, 2})
		now := unit.Instant(time.Second)
		for len(data) >= 16 {
			p := strange(data)
			now = now.Add(time.Duration(data[15]) * time.Millisecond)
			p.At = now
			if data[14]&0xf == 0 {
				output.Selector.Aim(Layer{int8(data[13]), int8(data[12])})
				output.Selector.Shed(int8(data[11]))
				source.Stop(data[10])
				source.Report(p.SSRC, Report{binary.BigEndian.Uint64(data), p.Timestamp, now})
			}
			source.Observe(&p)
			out := output.Next(source, &p)
			output.Selector.Waiting(source)
			output.Selector.Current(source)
			if out.Verdict != Drop && (out.PictureID > 0x7fff || out.PictureID < Absent || out.TL0 > 255 || out.FrameNumber > 65535) {
				t.Fatalf("%+v of %+v", out, p)
			}
			data = data[4:]
		}
	})
}

// strange makes a packet of any 16 bytes. What parsers promise holds: layers
// that fit their fields, a width for each picture ID.
func strange(data []byte) Packet {
	p := Packet{
		SSRC: uint32(data[0] & 3), Stream: data[0] >> 4, Marker: data[0]&8 != 0,
		Sequence: uint16(data[1])<<8 | uint16(data[2]), Timestamp: binary.BigEndian.Uint32(data[3:]),
		Carries: Extensions(data[7]), Info: Plain(Codec(data[7] & 7)),
	}
	i := &p.Info
	flags := data[8]
	i.Start, i.End, i.Key, i.UpSwitch = flags&1 != 0, flags&2 != 0, flags&4 != 0, flags&8 != 0
	i.Independent, i.Padding = flags&16 != 0, flags&32 != 0
	i.Temporal, i.Spatial = int8(data[9]&7), int8(data[9]>>4&7)
	i.Width, i.Height = uint16(data[10]), uint16(data[11])
	i.Needless, i.Silent = data[10]<<i.Spatial<<1, data[11]
	if flags&64 != 0 {
		i.PictureBits = 7 + 8*(data[9]>>7)
		i.PictureID, i.TL0 = int32(binary.BigEndian.Uint16(data[12:]))&(1<<i.PictureBits-1), int16(data[14])
	}
	if flags&128 != 0 {
		i.FrameNumber = int32(binary.BigEndian.Uint16(data[12:]))
	}
	return p
}
