package lane

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// ground is an End with everything agreed on, without loops and sockets: what
// happens is what a test does.
type ground struct {
	lane   *Lane
	end    *End
	reader *reader
	tracks []*Track
	subs   []*Subscription
	now    unit.Instant

	batches []*batch // of the last drain, as a send loop keeps them
	letters []letter
}

func newGround(t testing.TB, packets int) *ground {
	t.Helper()
	g := &ground{now: unit.Instant(time.Hour)}
	g.lane = New(Config{Now: func() unit.Instant { return g.now }})
	g.reader = newReader(g.lane, packets)
	g.end = g.lane.NewEnd(EndConfig{Name: "hostile", CName: "lane"})
	g.tracks = []*Track{
		g.lane.NewTrack(TrackConfig{Kind: Audio}), g.lane.NewTrack(TrackConfig{Kind: Video}), g.lane.NewTrack(TrackConfig{Kind: Video}),
	}
	video := func(number uint8, codec simulcast.Codec) Format {
		return Format{PayloadType: number, RTX: number + 1, Codec: codec, Clock: 90_000, Nack: true, PLI: true}
	}
	opus := opusFormat()
	opus.Red, opus.Nack = redType, true
	formats := []Format{video(96, simulcast.VP8), video(98, simulcast.VP9), video(100, simulcast.AV1), video(102, simulcast.H264), video(104, simulcast.Other)}
	numbers := extensions(t, packet.MID, packet.RID, packet.RepairedRID, packet.AudioLevel, packet.TransportNumber,
		packet.Orientation, packet.Descriptor, packet.LayersAllocation)
	g.end.SetIncoming(Incoming{Numbers: numbers, TransportWide: true, Sections: []IncomingSection{
		{MID: "0", Track: g.tracks[0], Formats: []Format{opus}, Sources: []Source{{SSRC: 1}}},
		{MID: "1", Track: g.tracks[1], Formats: formats, RIDs: []string{"q", "h", "f"}},
		{MID: "2", Track: g.tracks[2], Formats: formats, Sources: []Source{{SSRC: 2, RTX: 3}}},
	}})
	for i, track := range g.tracks {
		for j := range 2 {
			s, err := g.end.Subscribe(track, SubscriptionConfig{
				SSRC: uint32(100 + 10*i + j), RTX: uint32(1000 + 10*i + j), Formats: append(formats, opus),
				First: simulcast.Layer{Spatial: int8(j * 2), Temporal: int8(j * 2)},
			})
			if err != nil {
				t.Fatal(err)
			}
			g.subs = append(g.subs, s)
		}
	}
	return g
}

// drain lets go of what was handed over, as a send loop does in the end.
func (g *ground) drain() (parcels int) {
	g.lane.mail.collect(&g.batches, &g.letters)
	for _, b := range g.batches {
		for i := range b.parcels {
			b.parcels[i].release()
			parcels++
		}
		g.lane.mail.sent(len(b.parcels), b.packets)
	}
	g.lane.mail.recycle(g.batches, g.letters)
	return parcels
}

// kept counts the packets that can be sent again.
func (g *ground) kept() (packets int) {
	for _, t := range g.tracks {
		for _, s := range t.streams {
			if s != nil {
				packets += s.ring.Len()
			}
		}
	}
	return packets
}

// FuzzTake lets a peer that has the keys send anything: it neither panics nor keeps
// a packet that no history holds.
//
// Input is steps: a byte of what to do, a byte of length, so many bytes.
func FuzzTake(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		g := newGround(t, 64)
		for steps := 0; len(input) >= 2 && steps < 200; steps++ {
			action, length := input[0], min(int(input[1]), len(input)-2)
			g.step(action, input[2:2+length], steps)
			input = input[2+length:]
		}
		g.reader.done()
		g.drain()
		if held, kept := g.reader.pool.Held(), g.kept(); held != kept {
			t.Fatalf("%d packets are held, %d of them for those who lost them", held, kept)
		}
		g.end.Close()
		g.drain()
		if held := g.reader.pool.Held(); held != 0 {
			t.Fatalf("%d packets are held by nobody", held)
		}
	})
}

// step does one thing that a peer can do.
func (g *ground) step(action byte, data []byte, steps int) {
	switch g.now = g.now.Add(time.Millisecond); action % 8 {
	case 0:
		g.end.mutex.Lock()
		g.end.heard(data, g.now)
		g.end.mutex.Unlock()
	case 1:
		g.packet(data)
	case 2, 3:
		g.packet(rtpOf(data))
	case 4:
		g.now = g.now.Add(time.Duration(len(data)) * 10 * time.Millisecond)
		g.end.tick(g.now)
	case 5:
		g.subs[steps%len(g.subs)].Aim(simulcast.Layer{Spatial: int8(len(data)%5) - 1, Temporal: int8(len(data) % 3)})
	case 6:
		g.reader.done()
		g.drain()
	case 7:
		track := g.tracks[steps%len(g.tracks)]
		track.complain(g.subs[2*(steps%len(g.tracks))], time.Millisecond)
		track.RequestKeyFrame()
	}
}

func (g *ground) packet(clear []byte) {
	if len(clear) > packetSize {
		return
	}
	g.end.mutex.Lock()
	g.end.opened(g.reader, clear, envelope{}, g.now)
	g.end.settle(g.reader, g.now)
	g.end.mutex.Unlock()
}

// rtpOf makes a packet that gets far of few bytes: flags and payload type, number,
// timestamp and SSRC, how long the header extension is, that, and a payload.
func rtpOf(data []byte) []byte {
	if len(data) < 5 {
		return data
	}
	types := []byte{96, 97, 98, 99, 100, 101, 102, 103, 104, opusType, redType}
	raw := []byte{0x80, data[0]&0x80 | types[data[0]&0x7F%byte(len(types))], 0, data[1]}
	raw = binary.BigEndian.AppendUint32(raw, uint32(data[2])*3000)
	raw = binary.BigEndian.AppendUint32(raw, uint32(data[3]%16))
	extension := min(int(data[4]%64), len(data)-5)
	if extension > 0 {
		raw[0] |= 0x10
		raw = append(raw, 0xBE, 0xDE, 0, byte((extension+3)/4))
		raw = append(raw, data[5:5+extension]...)
		for len(raw)%4 != 0 {
			raw = append(raw, 0)
		}
	}
	return append(raw, data[5+extension:]...)
}

// seeds are steps that lead far.
func seeds(t testing.TB) (all [][]byte) {
	steps := func(of ...[]byte) {
		var seed []byte
		for _, one := range of {
			seed = append(append(seed, one[0], byte(len(one)-1)), one[1:]...)
		}
		all = append(all, seed)
	}
	written := func(packets ...*rtp.Packet) (steps [][]byte) {
		for _, one := range packets {
			one.Payload = one.Payload[:min(len(one.Payload), 30)]
			raw, err := one.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			steps = append(steps, append([]byte{1}, raw...))
		}
		return steps
	}
	reports := func(packets ...rtcp.Packet) []byte {
		raw, err := rtcp.Marshal(packets)
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte{0}, raw...)
	}
	wait, hand, ask := append([]byte{4}, make([]byte, 20)...), []byte{6}, []byte{7}

	c := camera{ssrc: 2}
	frames := append(c.frame(true, 4), c.frame(false, 4)...)
	lost := again(frames[5], 3, 9)
	steps(append(append(written(frames[:5]...), written(frames[6:]...)...), append(written(lost), wait, hand)...)...)
	steps(append(written(named(20, "q").frame(true, 2)...), append(written(named(21, "h").frame(true, 2)...),
		append(written(named(22, "q").frame(true, 2)...), ask, wait, []byte{5, 1})...)...)...)
	described := c.frame(true, 2)
	// Two templates of one layer, as libwebrtc's L1T1: a structure, then two that use it.
	_ = described[0].SetExtension(uint8(packet.Descriptor), []byte{0x80, 0, 1, 0x80, 0, 0x82, 0x10, 0x30, 0x12, 0x20})
	_ = described[1].SetExtension(uint8(packet.Descriptor), []byte{0x40, 0, 1})
	_ = described[0].SetExtension(uint8(packet.Orientation), []byte{1})
	steps(append(written(described...), []byte{5, 1, 2, 3}, hand)...)
	steps(append(written(frames[0], frames[1]),
		reports(&rtcp.SenderReport{SSRC: 2, NTPTime: 1 << 40, RTPTime: 7}),
		reports(&rtcp.ReceiverReport{SSRC: 9, Reports: []rtcp.ReceptionReport{{SSRC: 100}}}, &rtcp.PictureLossIndication{MediaSSRC: 100}),
		reports(&rtcp.Goodbye{Sources: []uint32{2, 3}}), wait)...)
	for _, kind := range []byte{2, 4, 6, 8, 9, 10} {
		steps([]byte{2, kind, 1, 1, 2, 0, 0x8C, 1, 2, 3, 4, 5}, []byte{2, kind, 2, 1, 2, 0, 0x0B, 0x10, 2, 3}, hand)
	}
	return all
}
