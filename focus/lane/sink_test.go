package lane

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"

	"meshfocus/focus/packet"
	"meshfocus/simulcast"
)

// collector is a Sink that keeps copies of payloads. It asks for a key frame when it
// sees padding, as one might from there.
type collector struct {
	track *Track
	got   []seen // to be read under the track's guard, or after detach
}

// seen is a packet as a Sink saw it.
type seen struct {
	payload  []byte
	sequence uint16
	stream   StreamInfo
	info     simulcast.Info
}

func (c *collector) Packet(p *packet.Packet, s StreamInfo, info *simulcast.Info) {
	c.got = append(c.got, seen{append([]byte(nil), p.Payload()...), p.Header.Sequence, s, *info})
	if c.track != nil && info.Padding {
		c.track.RequestKeyFrame()
	}
}

func TestSink_SeesEverythingOnceAndInTheClear(t *testing.T) {
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000, RTX: 1001}}})
	reader := &collector{track: track}
	detach := track.Attach(reader)
	c := camera{ssrc: 1000}
	frame := c.frame(true, 6)
	alice.send(frame[:2]...)
	alice.send(frame[3:]...)
	alice.send(again(frame[2], 1001, 1), again(frame[2], 1001, 2))
	padding := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: vp8Type, SSRC: 1000, SequenceNumber: c.sequence, Timestamp: 1, Padding: true}, PaddingSize: 100}
	alice.send(padding)
	until(t, "all came", func() bool { return track.Stats().Packets == 7 })
	until(t, "the sink's request came to the clock", func() bool { return track.Stats().KeyFrames.Wanted > 0 })
	detach()
	c.sequence++
	alice.send(c.frame(false, 1)...)
	until(t, "one more came", func() bool { return track.Stats().Packets == 8 })

	if len(reader.got) != 7 {
		t.Fatalf("it saw %d packets", len(reader.got))
	}
	order := []int{0, 1, 3, 4, 5, 2}
	for i, of := range order {
		got := reader.got[i]
		if got.sequence != frame[of].SequenceNumber || !bytes.Equal(got.payload, frame[of].Payload) {
			t.Errorf("packet %d has number %d and %d bytes", i, got.sequence, len(got.payload))
		}
		if got.stream.SSRC != 1000 || got.stream.Format.Codec != simulcast.VP8 || got.info.Key != (of == 0) {
			t.Errorf("packet %d is of %+v: %+v", i, got.stream, got.info)
		}
	}
	if !reader.got[6].info.Padding {
		t.Error("the last one is no padding")
	}
	detach() // does nothing
}

func TestLevel_FollowsTheExtension(t *testing.T) {
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := l.NewTrack(TrackConfig{Kind: Audio})
	alice.end.SetIncoming(Incoming{Numbers: extensions(t, packet.AudioLevel), Sections: []IncomingSection{
		{Track: track, Formats: []Format{opusFormat()}, Sources: []Source{{SSRC: 50}}},
	}})
	if db, speaking, at := track.Level(); db != silence || speaking || at != 0 {
		t.Errorf("before anything it is %d, %v, %v", db, speaking, at)
	}
	sequence := uint16(0)
	say := func(level byte) {
		one := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: opusType, SSRC: 50, SequenceNumber: sequence, Timestamp: uint32(sequence) * 960}, Payload: []byte{0x78, 1}}
		_ = one.SetExtension(uint8(packet.AudioLevel), []byte{level})
		sequence++
		alice.send(one)
		until(t, "it came", func() bool { return track.Stats().Packets == int64(sequence) })
	}
	for range 10 {
		say(127)
	}
	if db, speaking, at := track.Level(); db != 127 || speaking || at == 0 {
		t.Errorf("silence is %d, %v, %v", db, speaking, at)
	}
	for range 10 {
		say(0x80 | 20)
	}
	if db, speaking, _ := track.Level(); db < 20 || db > 22 || !speaking {
		t.Errorf("speech is %d, %v", db, speaking)
	}
	say(127)
	if db, _, _ := track.Level(); db < 22 || db > 40 {
		t.Errorf("after a gap it is %d", db)
	}
}
