package lane

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"meshfocus/focus/allocate"
	"meshfocus/focus/bwe"
	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// Case S1 of the dossier in short: the layer follows the link down and up, sound does
// not wait, and the subscriber sees no gap in the numbers.
func TestWay_ChoosesTheLayerThatFits(t *testing.T) {
	for name, streams := range map[string]*feedback.StreamArrivals{"transport-wide": nil, "RFC 8888": feedback.NewStreamArrivals(0)} {
		t.Run(name, func(t *testing.T) {
			s := newStreet(t, 11)
			s.streams = streams
			defer s.close(false)
			s.expect(3*unit.Megabit, 6*time.Second, 2)
			s.expect(800*unit.Kilobit, 4*time.Second, 1)
			s.expect(3*unit.Megabit, 12*time.Second, 2)
			s.expect(350*unit.Kilobit, 4*time.Second, 0)
			if stats := s.end.Stats().Sending; stats.Estimate < 250_000 || stats.Estimate > 500_000 || stats.Pace == 0 || stats.Padding == 0 || stats.Acknowledged == 0 {
				t.Errorf("in the end it says %+v", stats)
			} else if stats.Changed == unit.Never || stats.Reason == bwe.Started {
				t.Errorf("in the end it changed at %v, as it %v", stats.Changed, stats.Reason)
			}
			changes := s.lane.Stats().Paths.Changes
			if changes[bwe.Climbed] == 0 || changes[bwe.Proved] == 0 || changes[bwe.Cut] == 0 || changes[bwe.Silent] > 0 {
				t.Errorf("it changed %v times", changes)
			}
			if why := s.sub.Stats().Reason; why == allocate.Best || why == allocate.Unwanted || why == allocate.Silent {
				t.Errorf("the picture is what it is because %v", why)
			}
		})
	}
}

// expect has the link carry so much, and wants a layer nearly all the time once that
// has settled.
func (s *street) expect(capacity unit.BitRate, settle time.Duration, layer int8) {
	s.t.Helper()
	s.capacity = capacity
	s.run(settle)
	right, dropped := 0, s.dropped
	s.worst = 0
	for range 50 {
		if s.run(100 * time.Millisecond); s.sub.Current().Spatial == layer {
			right++
		}
	}
	if right < 45 {
		s.t.Errorf("%v: layer %d for %d of 50 tenths of a second", capacity, layer, right)
	}
	if dropped = s.dropped - dropped; dropped > 5 || s.worst > 100*time.Millisecond {
		s.t.Errorf("%v: %d packets dropped, sound waits for %v", capacity, dropped, s.worst)
	}
}

// Who is kept from sending takes that for no queue of the path's.
func TestWay_KnowsWhenPacketsReallyLeft(t *testing.T) {
	s := newStreet(t, 11)
	s.starved = rand.New(rand.NewPCG(1, 2))
	defer s.close(false)
	s.expect(4*unit.Megabit, 6*time.Second, 2)
	if queued := s.end.Stats().Sending.Queued; queued > 20*time.Millisecond {
		t.Errorf("packets wait for %v in a queue that is empty", queued)
	}
}

// Until there is a report the smallest layer leaves: on a narrow path the key frame of the largest
// would be lost, and first pictures be late.
func TestWay_BeginsWithTheSmallestLayer(t *testing.T) {
	s := newStreet(t, 11)
	defer s.close(false)
	s.capacity = 600 * unit.Kilobit
	for s.sub.Current() == simulcast.None {
		s.run(10 * time.Millisecond)
	}
	if current := s.sub.Current(); current.Spatial != 0 {
		t.Errorf("it begins with %v", current)
	}
	if s.run(3 * time.Second); s.dropped > 0 || s.worst > 100*time.Millisecond {
		t.Errorf("%d packets dropped, sound waits for %v", s.dropped, s.worst)
	}
}

// Where not even the smallest layer fits pictures pause, and they come back when there
// is room.
func TestWay_ComesBackFromNothing(t *testing.T) {
	s := newStreet(t, 11)
	defer s.close(false)
	s.run(5 * time.Second)
	s.capacity = 90 * unit.Kilobit
	s.run(10 * time.Second)
	if s.sub.Current() != simulcast.None {
		t.Errorf("layer %v at 90 kbit/s", s.sub.Current())
	}
	s.expect(3*unit.Megabit, 20*time.Second, 2)
}

// Who gives no feedback gets everything as it comes, and so does who takes no padding.
func TestWay_IsForThoseWhoGiveFeedback(t *testing.T) {
	for _, mute := range []bool{true, false} {
		repeats := uint32(0)
		if mute {
			repeats = 11
		}
		s := newStreet(t, repeats)
		s.mute = mute
		s.run(4 * time.Second)
		if s.end.out.way != nil || s.sub.Current().Spatial != 2 || len(s.numbers) < 3*30*5 {
			t.Errorf("%d packets left, of layer %d", len(s.numbers), s.sub.Current().Spatial)
		}
		if acknowledged := s.end.Stats().Sending.Acknowledged; (acknowledged == 0) != mute {
			t.Errorf("%d packets were acknowledged", acknowledged)
		}
		s.close(false)
	}
}

// Who says how much it can take, and nothing else, gets the layers that fit that.
func TestWay_FollowsWhatThePeerSaysItCanTake(t *testing.T) {
	for _, repeats := range []uint32{0, 11} {
		s := newStreet(t, repeats)
		s.mute = true
		for _, c := range []struct {
			most  float32
			layer int8
		}{{4_000_000, 2}, {900_000, 1}, {300_000, 0}, {100_000, -1}, {4_000_000, 2}} {
			said, err := (&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: c.most, SSRCs: []uint32{10}}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			for range 40 {
				s.lane.hear(s.end, said, s.now)
				s.run(100 * time.Millisecond)
			}
			if got := s.sub.Current().Spatial; got != c.layer {
				t.Errorf("it can take %.0f, and gets layer %d, want %d", c.most, got, c.layer)
			}
		}
		if stats := s.end.Stats().Sending; stats.Pace != 0 || stats.Padding != 0 || stats.Estimate != 4_000_000 {
			t.Errorf("it says %+v", stats)
		}
		s.mute = false
		s.run(time.Second)
		if reports := s.end.Stats().Sending; (reports.Pace > 0) != (repeats > 0) {
			t.Errorf("reports come, and the pace is %d", reports.Pace)
		}
		s.close(false)
	}
}

// An End, a subscription and a lane that end let go of what waits.
func TestWay_LetsGoOfWhatWaits(t *testing.T) {
	for _, lane := range []bool{false, true} {
		s := newStreet(t, 11)
		s.run(5 * time.Second)
		s.wait()
		s.close(lane)
	}
	s := newStreet(t, 11)
	s.run(5 * time.Second)
	s.wait()
	s.sub.Close()
	s.sender.turn()
	if s.end.out.way.path.Waits() != 0 {
		t.Error("what nobody wants waits")
	}
	s.close(false)
}

// wait has the link carry little until something waits before it.
func (s *street) wait() {
	s.t.Helper()
	s.capacity = 100 * unit.Kilobit
	for range 5000 {
		if s.run(time.Millisecond); s.end.out.way.path.Waits() > 0 {
			return
		}
	}
	s.t.Fatal("nothing waits")
}

// A muted track and a wish for nothing stay what they are, and come back.
func TestWay_LeavesTheWishToItsSubscriber(t *testing.T) {
	s := newStreet(t, 11)
	defer s.close(false)
	s.run(6 * time.Second)
	if got := s.end.out.way.demands[0].Priority; got != allocate.Visible {
		t.Errorf("its priority is %v before anybody said so", got)
	}
	s.sub.Matter(allocate.Screen)
	s.sub.Aim(simulcast.Layer{Spatial: 1, Temporal: 3})
	s.run(2 * time.Second)
	if got := s.sub.Current().Spatial; got != 1 {
		t.Errorf("layer %d, wished was 1", got)
	}
	if got := s.end.out.way.demands[0].Priority; got != allocate.Screen {
		t.Errorf("its priority is %v", got)
	}
	s.sub.Aim(simulcast.None)
	s.run(time.Second)
	if got := s.sub.Current(); got != simulcast.None {
		t.Errorf("layer %v, wished was none", got)
	}
	s.sub.Aim(all)
	s.run(3 * time.Second)
	if got := s.sub.Current().Spatial; got != 2 {
		t.Errorf("layer %d, wished was everything", got)
	}
}

// What a publisher is to send is what is wished for, as far as its path may come to it.
func TestUseful_IsWhatMayBeSentNext(t *testing.T) {
	for _, c := range []struct {
		wish, permitted, current, want int8
	}{
		{everything, everything, -1, everything},                            // nothing is estimated
		{2, everything, 2, 2}, {0, everything, 0, 0}, {0, everything, 2, 2}, // not yet there
		{2, 0, 0, 1}, {2, 1, 1, 2}, {1, 1, 1, 1}, {2, -1, -1, 0}, // as the path carries
		{-1, 2, -1, -1}, {-1, 2, 1, 1},
	} {
		var s Subscription
		s.Aim(simulcast.Layer{Spatial: c.wish})
		s.permit(allotted{layer: simulcast.Layer{Spatial: c.permitted}})
		s.choice.current.Store(pack(simulcast.Layer{Spatial: c.current}))
		if got := s.Useful(); got != c.want {
			t.Errorf("wished %d, permitted %d, sent %d: %d is useful, want %d", c.wish, c.permitted, c.current, got, c.want)
		}
	}
}

// With the loops of a lane: what waits leaves in its time though nothing else comes.
func TestWay_WakesTheLoop(t *testing.T) {
	l := running(t, Config{}, 1)
	bob := connect(t, l, "bob")
	bob.end.config.Adaptive = true
	picture := l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
	defer picture.Close()
	if _, err := bob.end.Subscribe(picture, SubscriptionConfig{
		SSRC: 2000, RTX: 2001, Formats: []Format{vp8Format()}, Writer: writer(t, false, packet.TransportNumber), First: all,
	}); err != nil {
		t.Fatal(err)
	}
	c := &camera{ssrc: 1, size: 1000}
	show := func(key bool, packets int) {
		for _, one := range c.frame(key, packets) {
			put(t, picture, l.now(), one)
		}
		picture.Flush()
	}
	show(true, 5)
	until(t, "the first picture came", func() bool { return len(bob.got(2000)) == 5 })
	arrivals := feedback.NewArrivals()
	for i := range uint16(5) {
		arrivals.Arrived(i, l.now())
	}
	l.hear(bob.end, arrivals.Append(nil, 1, 2000, l.now().Add(time.Second)), l.now())
	until(t, "it is paced", func() bool { return bob.end.Stats().Sending.Pace > 0 })
	show(false, 12) // 0.32 s at the least rate: more would be let go of
	until(t, "the second picture came", func() bool { return len(bob.got(2000)) == 17 })
	if held := bob.end.Stats().Sending.Held; held != 0 {
		until(t, "nothing waits", func() bool { return bob.end.Stats().Sending.Held == 0 })
	}
}

// A source that follows the estimate is sent whole whatever it costs, and all that it could
// make is probed for.
func TestWay_LeavesASourceAloneThatFollows(t *testing.T) {
	s := newStreet(t, 11)
	defer s.close(false)
	s.picture.config.Follows = 2 * unit.Megabit
	s.capacity = 3 * unit.Megabit
	s.run(5 * time.Second)
	if stats := s.end.Stats().Sending; stats.Estimate < 1_800_000 || s.sub.Current().Spatial != 2 {
		t.Errorf("layer %v, %+v", s.sub.Current(), stats)
	}
	s.capacity = 700 * unit.Kilobit // less than it costs
	s.run(300 * time.Millisecond)
	if s.sub.Current().Spatial != 2 {
		t.Errorf("layer %v of a source that is about to follow", s.sub.Current())
	}
	s.run(4 * time.Second) // it does not follow, and begins anew each time too much waits
	if emptied := s.sub.Stats().Emptied; emptied == 0 {
		t.Errorf("it was emptied %d times", emptied)
	}
	s.expect(3*unit.Megabit, 3*time.Second, 2)
}
