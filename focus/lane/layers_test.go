package lane

import (
	"testing"

	"github.com/pion/rtcp"

	"meshfocus/simulcast"
)

func TestLayers_AWishComesTrueAtAKeyFrame(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := layered(t, l, alice)
	s, err := bob.end.Subscribe(track, SubscriptionConfig{
		SSRC: 2000, RTX: 2001, Formats: []Format{vp8Format()}, First: simulcast.Layer{Spatial: 0, Temporal: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	cameras := []*camera{named(1000, "q"), named(1010, "h"), named(1020, "f")}
	sent := int64(0)
	all := func(key bool) {
		for _, c := range cameras {
			alice.send(c.frame(key, 2)...)
			sent += 2
		}
		until(t, "it came", func() bool { return track.Stats().Packets == sent })
	}
	all(true)
	all(false)
	until(t, "the smallest came", func() bool { return len(bob.got(2000)) == 4 && s.Current().Spatial == 0 })
	requests := len(told[*rtcp.PictureLossIndication](alice))
	s.Aim(simulcast.Layer{Spatial: 2, Temporal: 2})
	all(false)
	until(t, "the present one goes on", func() bool { return len(bob.got(2000)) == 6 })
	until(t, "a key frame was asked for", func() bool {
		asked := told[*rtcp.PictureLossIndication](alice)
		return len(asked) > requests && asked[len(asked)-1].MediaSSRC == 1020
	})
	all(true)
	all(false)
	// The key frame of the smallest came first, and was still its turn.
	until(t, "the largest came", func() bool { return len(bob.got(2000)) == 12 && s.Current().Spatial == 2 })
	got := bob.got(2000)
	for i := range got {
		if i > 0 && got[i].SequenceNumber != got[i-1].SequenceNumber+1 {
			t.Errorf("packet %d left as %d behind %d", i, got[i].SequenceNumber, got[i-1].SequenceNumber)
		}
		if i > 0 && int32(got[i].Timestamp-got[i-1].Timestamp) < 0 {
			t.Errorf("time went back at packet %d", i)
		}
	}
	s.Aim(simulcast.None)
	all(false)
	until(t, "it pauses", func() bool { return s.Current() == simulcast.None })
}
