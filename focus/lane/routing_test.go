package lane

import (
	"testing"

	"github.com/pion/rtp"

	"meshfocus/focus/packet"
)

// layered agrees on one section with three layers, by name only.
func layered(t *testing.T, l *Lane, p *peer) *Track {
	t.Helper()
	in := Incoming{Numbers: extensions(t, packet.MID, packet.RID, packet.RepairedRID)}
	return p.publish(l, in, IncomingSection{MID: "1", RIDs: []string{"q", "h", "f"}})
}

// named makes a camera of a layer that says its names.
func named(ssrc uint32, rid string) *camera {
	return &camera{ssrc: ssrc, rid: rid, mid: "1", timestamp: ssrc * 7, sequence: uint16(ssrc)}
}

func TestRouting_LayersAreKnownByNameAndThenBySSRC(t *testing.T) {
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := layered(t, l, alice)
	var reader collector
	defer track.Attach(&reader)()
	cameras := []*camera{named(1000, "f"), named(1010, "q"), named(1020, "h")}
	for _, c := range cameras {
		alice.send(c.frame(true, 1)...)
		c.rid, c.mid = "", "" // browsers say them on the first few packets only
		alice.send(c.frame(false, 1)...)
	}
	until(t, "all came", func() bool { return track.Stats().Packets == 6 })
	layers := track.Layers()
	if len(layers) != 3 {
		t.Fatalf("there are %d layers", len(layers))
	}
	for i, want := range []struct {
		rid  string
		ssrc uint32
	}{{"q", 1010}, {"h", 1020}, {"f", 1000}} {
		if layers[i].RID != want.rid || layers[i].SSRC != want.ssrc || int(layers[i].Stream) != i {
			t.Errorf("layer %d is %+v", i, layers[i])
		}
	}
	if stats := alice.end.Stats().Received; stats.Unknown != 0 {
		t.Errorf("received %+v", stats)
	}
}

func TestRouting_AnotherSSRCUnderTheSameNameGoesOn(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := layered(t, l, alice)
	bob.watch(track, 2000)
	before, after := named(1000, "f"), named(1500, "f")
	alice.send(before.frame(true, 2)...)
	straggler := before.frame(false, 1)
	alice.send(after.frame(true, 2)...)
	until(t, "both came", func() bool { return track.Stats().Packets == 4 })
	straggler[0].Header.Extension, straggler[0].Header.Extensions = false, nil
	alice.send(straggler...)
	alice.send(after.frame(false, 2)...)
	until(t, "bob has both", func() bool { return len(bob.got(2000)) == 6 })
	for i, one := range bob.got(2000) {
		if first := bob.got(2000)[0]; one.SequenceNumber != first.SequenceNumber+uint16(i) {
			t.Errorf("packet %d left as %d behind %d", i, one.SequenceNumber, first.SequenceNumber)
		}
	}
	if layers := track.Layers(); len(layers) != 1 || layers[0].SSRC != 1500 || layers[0].Stream != 2 {
		t.Errorf("the layers are %+v", layers)
	}
	until(t, "the straggler was dropped", func() bool { return alice.end.Stats().Received.Unknown == 1 })
}

func TestRouting_RetransmissionsAreKnownBeforeTheirMedia(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := layered(t, l, alice)
	bob.watch(track, 2000)
	c := named(1000, "h")
	frame := c.frame(true, 6)
	probe := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: vp8RTX, SSRC: 1001, SequenceNumber: 1, Padding: true}, PaddingSize: 200}
	_ = probe.SetExtension(uint8(packet.RepairedRID), []byte("h"))
	_ = probe.SetExtension(uint8(packet.MID), []byte("1"))
	alice.send(probe)
	until(t, "the probe was dropped", func() bool { return alice.end.Stats().Received.Unwanted == 1 })
	alice.send(frame[:2]...)
	alice.send(frame[3:]...)
	until(t, "they came", func() bool { return track.Stats().Packets == 5 })
	alice.send(again(frame[2], 1001, 2))
	until(t, "bob has all", func() bool { return len(bob.got(2000)) == 6 })
	if stats := alice.end.Stats().Received; stats.Restored != 1 || stats.Unknown != 0 {
		t.Errorf("received %+v", stats)
	}
}

func TestRouting_SectionsWithoutNamesAreToldByPayloadType(t *testing.T) {
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	video, audio := l.NewTrack(TrackConfig{Kind: Video}), l.NewTrack(TrackConfig{Kind: Audio})
	alice.end.SetIncoming(Incoming{Sections: []IncomingSection{
		{MID: "0", Track: audio, Formats: []Format{opusFormat()}},
		{MID: "1", Track: video, Formats: []Format{vp8Format()}},
	}})
	c := camera{ssrc: 77}
	alice.send(c.frame(true, 2)...)
	alice.send(&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: opusType, SSRC: 78}, Payload: []byte{0x78, 1, 2}})
	until(t, "both came", func() bool { return video.Stats().Packets == 2 && audio.Stats().Packets == 1 })
}

func TestRouting_TracksThatStayKeepWhatTheyKnow(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	bob.watch(track, 2000)
	c := camera{ssrc: 1000}
	alice.send(c.frame(true, 2)...)
	until(t, "it came", func() bool { return len(bob.got(2000)) == 2 })
	second := l.NewTrack(TrackConfig{Kind: Video})
	sections := []IncomingSection{
		{MID: "0", Track: track, Formats: []Format{vp8Format()}, Sources: []Source{{SSRC: 1000}}},
		{MID: "1", Track: second, Formats: []Format{vp8Format()}, Sources: []Source{{SSRC: 1100}}},
	}
	alice.end.SetIncoming(Incoming{Sections: sections})
	alice.send(c.frame(false, 2)...)
	until(t, "it goes on", func() bool { return len(bob.got(2000)) == 4 })
	alice.end.SetIncoming(Incoming{Sections: sections[1:]})
	alice.send(c.frame(false, 1)...)
	until(t, "nobody knows it any more", func() bool { return alice.end.Stats().Received.Unknown == 1 })
	other := camera{ssrc: 1100}
	alice.send(other.frame(true, 1)...)
	until(t, "the other has come", func() bool { return second.Stats().Packets == 1 })
}

func TestRouting_AFloodOfSSRCsIsBounded(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := layered(t, l, alice)
	bob.watch(track, 2000)
	good := named(900, "q")
	alice.send(good.frame(true, 1)...)
	until(t, "the good one came", func() bool { return track.Stats().Packets == 1 })
	for i := range 300 {
		alice.send(named(uint32(10_000+i), "h").frame(true, 1)...)
		until(t, "it was dealt with", func() bool { return alice.end.Stats().Received.Packets == int64(i+2) })
	}
	stats := alice.end.Stats().Received
	if taken := track.Stats().Packets; taken > 1+adoptMost || stats.Unknown != 301-taken {
		t.Errorf("%d taken, %+v", taken, stats)
	}
	good.rid, good.mid = "", ""
	count := track.Stats().Packets
	alice.send(good.frame(false, 1)...)
	until(t, "the good one goes on", func() bool { return track.Stats().Packets == count+1 })
}

func TestRouting_NamesThatNobodyAgreedOnAreDropped(t *testing.T) {
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := layered(t, l, alice)
	strange := []*camera{named(1, "x"), named(2, ""), named(3, "qq")}
	other := named(4, "q")
	other.mid = "9"
	for _, c := range append(strange, other) {
		alice.send(c.frame(true, 1)...)
	}
	until(t, "all were dropped", func() bool { return alice.end.Stats().Received.Unknown == 4 })
	if len(track.Layers()) != 0 {
		t.Errorf("layers %+v", track.Layers())
	}
}

func TestRoutes_FindWhatWasSet(t *testing.T) {
	var r routes
	streams := make([]stream, routesMost)
	for i := range streams {
		if !r.set(uint32(i)<<25|uint32(i%3), &streams[i], i%2 == 0) {
			t.Fatalf("no room for %d", i)
		}
	}
	for i := range streams {
		found := r.find(uint32(i)<<25 | uint32(i%3))
		if found == nil || found.stream != &streams[i] || found.repair != (i%2 == 0) {
			t.Errorf("%d is %+v", i, found)
		}
	}
	if r.find(12345) != nil || r.set(12345, &streams[0], false) {
		t.Error("a full table takes more, or finds what is not there")
	}
	r.find(uint32(5)<<25 | 5%3).retired = true
	if !r.set(12345, &streams[0], false) || r.find(uint32(5)<<25|5%3) != nil {
		t.Error("what was given up made no room")
	}
}
