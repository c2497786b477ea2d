package lane

import (
	"errors"
	"testing"

	"github.com/pion/rtcp"

	"meshfocus/simulcast"
)

// write writes packets to a local source as one frame.
func write(t *testing.T, l *Lane, track *Track, c *camera, key bool, packets int) {
	t.Helper()
	for _, one := range c.frame(key, packets) {
		raw, err := one.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := track.Write(raw, l.now()); err != nil {
			t.Fatal(err)
		}
	}
	track.Flush()
}

func TestLocal_WhatIsWrittenReachesThePeer(t *testing.T) {
	l := running(t, Config{}, 1)
	bob := connect(t, l, "bob")
	track := l.NewTrack(TrackConfig{Name: "clip", Kind: Video, Codec: simulcast.VP8})
	defer track.Close()
	bob.watch(track, 2000)
	c := camera{ssrc: 5, timestamp: 90}
	for i := range 10 {
		write(t, l, track, &c, i == 0, 3)
	}
	until(t, "all came", func() bool { return len(bob.got(2000)) == 30 })
	until(t, "it was reported", func() bool { return len(told[*rtcp.SenderReport](bob)) > 0 })
	if report := told[*rtcp.SenderReport](bob)[0]; report.SSRC != 2000 {
		t.Errorf("reported %+v", report)
	}
}

func TestLocal_RequestsForKeyFramesAreOne(t *testing.T) {
	l := running(t, Config{}, 1)
	bob, carol := connect(t, l, "bob"), connect(t, l, "carol")
	shared := make(chan struct{}, 1)
	track := l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8, Requests: shared})
	defer track.Close()
	bob.watch(track, 2000)
	carol.watch(track, 3000)
	c := camera{ssrc: 5}
	write(t, l, track, &c, false, 1) // nobody can begin with it
	<-shared
	write(t, l, track, &c, true, 1)
	until(t, "both have it", func() bool { return len(bob.got(2000)) == 1 && len(carol.got(3000)) == 1 })
	bob.report(&rtcp.PictureLossIndication{MediaSSRC: 2000})
	carol.report(&rtcp.PictureLossIndication{MediaSSRC: 3000})
	<-track.KeyFrameRequests()
	if asked := track.Stats().KeyFrames.Requests; asked > 4 {
		t.Errorf("it was asked for %d times", asked)
	}
}

func TestLocal_LayersAreToldBySSRC(t *testing.T) {
	l := running(t, Config{}, 1)
	track := l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
	defer track.Close()
	for i, rid := range []string{"q", "h", "f"} {
		if err := track.AddStream(uint32(i+1), rid); err != nil {
			t.Fatal(err)
		}
	}
	for ssrc := range uint32(3) {
		write(t, l, track, &camera{ssrc: ssrc + 1}, true, 1)
	}
	layers := track.Layers()
	if len(layers) != 3 || layers[2].RID != "f" || layers[0].Received.Received != 1 {
		t.Errorf("layers %+v", layers)
	}
	raw, _ := (&camera{ssrc: 9}).frame(true, 1)[0].Marshal()
	if err := track.Write(raw, l.now()); !errors.Is(err, ErrStream) {
		t.Errorf("a fourth is %v", err)
	}
	track.Close()
	if err := track.Write(raw, l.now()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed it is %v", err)
	}
}

func TestLocal_AReceivedTrackIsNotWritten(t *testing.T) {
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	raw, _ := (&camera{ssrc: 9}).frame(true, 1)[0].Marshal()
	if err := track.Write(raw, l.now()); !errors.Is(err, ErrReceived) {
		t.Errorf("it is %v", err)
	}
}

func TestLocal_MutedNothingLeavesAndNumbersGoOn(t *testing.T) {
	l := running(t, Config{}, 1)
	bob := connect(t, l, "bob")
	track := l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
	defer track.Close()
	s := bob.watch(track, 2000)
	c := camera{ssrc: 5}
	write(t, l, track, &c, true, 2)
	write(t, l, track, &c, false, 1)
	track.SetMuted(true)
	for range 5 {
		write(t, l, track, &c, false, 3)
	}
	if s.Current() != simulcast.None {
		t.Errorf("muted it sends %v", s.Current())
	}
	track.SetMuted(false)
	write(t, l, track, &c, false, 1)
	write(t, l, track, &c, true, 2)
	until(t, "five came", func() bool { return len(bob.got(2000)) == 5 })
	got := bob.got(2000)
	for i := range got {
		if i > 0 && got[i].SequenceNumber != got[i-1].SequenceNumber+1 {
			t.Errorf("%d comes after %d", got[i].SequenceNumber, got[i-1].SequenceNumber)
		}
	}
	if since := got[3].Timestamp - got[2].Timestamp; since == 0 || int32(since) < 0 {
		t.Errorf("time went on by %d", int32(since))
	}
}
