package lane

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// scene is somebody who publishes two layers of a picture and a sound, each with
// timestamps of its own, and a clock that is an hour wrong; and somebody who watches.
// Time is the test's.
type scene struct {
	t          *testing.T
	clock      atomic.Int64
	alice, bob *peer
	cameras    []*camera
	voice      *voice
	video      *Subscription
	tracks     [2]*Track
	tick       int
	sent       int
}

const sceneTick = 20 * time.Millisecond // a packet of sound and, here, a picture

func newScene(t *testing.T) *scene {
	s := &scene{t: t, voice: &voice{ssrc: 1500, timestamp: 1 << 30}}
	s.clock.Store(int64(time.Hour))
	l := running(t, Config{Now: func() unit.Instant { return unit.Instant(s.clock.Load()) }}, 1)
	s.alice, s.bob = connect(t, l, "alice"), connect(t, l, "bob")
	s.tracks = [2]*Track{l.NewTrack(TrackConfig{Kind: Video}), l.NewTrack(TrackConfig{Kind: Audio})}
	s.alice.end.SetIncoming(Incoming{Numbers: extensions(t, packet.MID, packet.RID), Sections: []IncomingSection{
		{MID: "1", Track: s.tracks[0], Formats: []Format{vp8Format()}, RIDs: []string{"q", "h"}},
		{MID: "2", Track: s.tracks[1], Formats: []Format{opusFormat()}, Sources: []Source{{SSRC: 1500}}},
	}})
	s.cameras = []*camera{named(1000, "q"), named(1010, "h")}
	s.cameras[1].timestamp = 1<<32 - 9000 // wraps soon
	s.video = s.bob.watch(s.tracks[0], 2000)
	s.bob.agree(s.tracks[1], SubscriptionConfig{SSRC: 3000})
	return s
}

// play goes on by one tick: pictures of both layers and a sound of the same instant,
// and now and then what the publisher reports of them.
func (s *scene) play(key bool) {
	s.t.Helper()
	wall := feedback.NTPOf(time.Unix(1_700_000_000, 0)).Add(-time.Hour + time.Duration(s.tick)*sceneTick)
	if s.tick%25 == 1 {
		for _, source := range []struct{ ssrc, timestamp uint32 }{
			{1000, s.cameras[0].timestamp}, {1010, s.cameras[1].timestamp}, {1500, s.voice.timestamp},
		} {
			s.alice.report(&rtcp.SenderReport{SSRC: source.ssrc, NTPTime: uint64(wall), RTPTime: source.timestamp})
		}
	}
	for _, c := range s.cameras {
		one := c.frame(key, 1)
		c.timestamp += uint32(sceneTick.Seconds()*90_000) - 3000
		s.alice.send(one...)
	}
	s.alice.send(s.voice.packet())
	s.sent++
	until(s.t, "they came", func() bool {
		return s.tracks[0].Stats().Packets == int64(2*s.sent) && len(s.bob.got(3000)) == s.sent
	})
	s.tick++
	s.clock.Add(int64(sceneTick))
}

// skew is by how much sound and picture of one instant are apart for the watcher.
func (s *scene) skew() time.Duration {
	s.t.Helper()
	picture := s.bob.got(2000)
	until(s.t, "the last picture came", func() bool {
		picture = s.bob.got(2000)
		return len(picture) == int(s.video.Stats().Packets)
	})
	sound := s.bob.got(3000)
	seen := s.captured(2000, picture[len(picture)-1].Timestamp, 90_000)
	heard := s.captured(3000, sound[len(sound)-1].Timestamp, 48_000)
	return seen.Sub(heard)
}

// captured is when a timestamp was taken, by the last report about the stream.
func (s *scene) captured(ssrc, timestamp uint32, rate int) feedback.NTP {
	s.t.Helper()
	var last *rtcp.SenderReport
	for _, report := range told[*rtcp.SenderReport](s.bob) {
		if report.SSRC == ssrc {
			last = report
		}
	}
	if last == nil {
		s.t.Fatalf("no report about %d", ssrc)
	}
	return feedback.NTP(last.NTPTime).Add(time.Duration(int32(timestamp-last.RTPTime)) * time.Second / time.Duration(rate))
}

// Point 27: sound and picture stay within 20 ms through 50 switches of layers whose
// timestamps have nothing to do with each other.
func TestLipSync_SurvivesFiftySwitches(t *testing.T) {
	s := newScene(t)
	for range 60 { // until the publisher's clock is known well
		s.play(s.tick == 0)
	}
	worst, switches, before := time.Duration(0), 0, s.video.Current()
	for round := range 50 {
		s.video.Aim(simulcast.Layer{Spatial: int8(round % 2), Temporal: 2})
		s.play(true)
		for range 4 {
			s.play(false)
		}
		worst = max(worst, s.skew().Abs())
		if now := s.video.Current(); now != before {
			before = now
			switches++
		}
	}
	if worst >= 20*time.Millisecond {
		t.Errorf("sound and picture were %v apart", worst)
	}
	if switches < 49 { // the first may be there already
		t.Errorf("only %d switches", switches)
	}
	t.Logf("at worst %v", worst)
	unbroken(t, s.bob.got(2000))
	if s.bob.refused > 0 {
		t.Errorf("%d datagrams could not be opened", s.bob.refused)
	}
}
