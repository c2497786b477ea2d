package simulcast

import (
	"math/rand/v2"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// Checklist points 14 and 15: timestamps; 33 and 36: extensions and audio.

// report lets a sender report of a stream arrive, for the instant it is now.
// Late says by how much the packets of the stream lag behind their capture.
func (p *publisher) report(stream uint8, step time.Duration) {
	since := time.Duration(p.now) + step
	ntp := uint64(since/time.Second)<<32 | uint64(since%time.Second)<<32/uint64(time.Second)
	p.source.Report(p.lines[stream].ssrc, Report{NTP: ntp, Timestamp: p.time(stream), At: p.now})
}

// pair is a subscriber of stream 0 that waits for stream 1.
func (p *publisher) pair(t *testing.T) *subscriber {
	s := p.subscribe(t, Layer{0, 2})
	s.frame(0, keyPicture)
	s.frame(1, picture{})
	s.frame(0, picture{})
	s.Selector.Aim(Layer{1, 2})
	return s
}

func TestASwitchAdvancesTimeByWhatReallyPassed(t *testing.T) { // point 14
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.pair(t)
		p.report(0, 0)
		p.wait(300 * time.Millisecond)
		p.report(1, 0)
		s.frame(0, picture{})
		before := s.last()
		p.wait(20 * time.Millisecond)
		key := p.make(1, keyPicture)
		p.wait(60 * time.Millisecond) // the larger layer's key frame takes that long
		for i := range key {
			key[i].At = p.now
		}
		s.give(key...)
		if got := s.last().Timestamp - before.Timestamp; got < 1799 || got > 1801 {
			t.Fatalf("time goes on by %d ticks, want the 1800 between the captures", got)
		}
	})
}

func TestWithoutReportsTimeAdvancesByTheArrivals(t *testing.T) { // point 14
	for name, reports := range map[string]func(p *publisher){
		"none":           func(p *publisher) {},
		"of one only":    func(p *publisher) { p.report(1, 0) },
		"clock was set":  func(p *publisher) { p.report(0, 0); p.report(1, -40*time.Second) },
		"far ahead":      func(p *publisher) { p.report(0, 0); p.report(1, 1500*time.Millisecond) },
		"absurdly apart": func(p *publisher) { p.report(0, 0); p.report(1, 90*24*time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
				s := p.pair(t)
				reports(p)
				s.frame(0, picture{})
				before := s.last()
				got := s.frame(1, keyPicture)
				s.verdicts(got, Switch, Forward)
				if got := got[0].Timestamp - before.Timestamp; got != uint32(p.source.ticks(frameTime)) {
					t.Fatalf("time goes on by %d ticks", got)
				}
			})
		})
	}
}

func TestATimeAFrameBehindIsNudged(t *testing.T) { // point 14
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.pair(t)
		p.report(0, 0)
		p.report(1, 0)
		key := p.make(1, keyPicture)
		s.frame(0, picture{})
		before := s.last()
		s.verdicts(s.give(key...), Switch, Forward)
		if got := s.last().Timestamp - before.Timestamp; got != 1 {
			t.Fatalf("time goes on by %d ticks, want one", int32(got))
		}
	})
}

func TestATimeFarBehindWaitsForTheNextKeyFrameButNotForEver(t *testing.T) { // point 14
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.pair(t)
		p.report(0, 0)
		p.report(1, -300*time.Millisecond) // what arrives now was taken then
		for range patience {
			if got := s.frame(1, keyPicture)[0]; got.Reason != Behind {
				t.Fatalf("a key frame 300 ms behind is %+v", got)
			}
			if _, ok := s.Selector.Waiting(p.source); !ok {
				t.Fatal("no other key frame asked for")
			}
			s.verdicts(s.frame(0, picture{}), Forward)
		}
		s.verdicts(s.frame(1, keyPicture), Switch, Forward)
		s.gapless()
	})
}

func TestAfterAPauseTimeHasPassedAndAKeyFrameComesFirst(t *testing.T) { // point 15
	for name, reports := range map[string]bool{"with reports": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
				s := p.subscribe(t, Layer{0, 2})
				s.frame(0, keyPicture)
				if reports {
					p.report(0, 0)
				}
				p.wait(frameTime)
				half := p.make(0, picture{packets: 2})
				s.give(half[0])
				s.Selector.Aim(None)
				s.verdicts(s.give(half[1]), Forward) // the frame is finished
				before, began := s.last(), p.now
				s.verdicts(s.frame(0, keyPicture), Drop, Drop)
				for range 30 {
					p.wait(10 * time.Second)
					s.frame(0, picture{})
				}
				s.Selector.Aim(Layer{0, 2})
				if _, ok := s.Selector.Waiting(p.source); !ok {
					t.Fatal("no key frame asked for")
				}
				s.verdicts(s.frame(0, picture{}), Drop)
				s.verdicts(s.frame(0, keyPicture), Switch, Forward)
				want := uint32(p.source.ticks(p.now.Sub(began)))
				if got := s.last().Timestamp - before.Timestamp; got-want+90 > 180 {
					t.Fatalf("time went on by %d ticks of %d", got, want)
				}
				s.gapless()
			})
		})
	}
}

func TestAHoldOfThePublisherPassesThrough(t *testing.T) { // point 15
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		before := s.last()
		p.wait(10 * time.Minute)
		s.frame(0, picture{})
		if got := s.last().Timestamp - before.Timestamp; got != uint32(p.source.ticks(10*time.Minute+frameTime)) {
			t.Fatalf("time went on by %d ticks", got)
		}
	})
}

func TestShedLayersAreSilentUntilTheSwitch(t *testing.T) { // section 7
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.pair(t)
		s.Selector.Shed(0)
		s.frame(1, picture{})
		s.verdicts(s.frame(0, picture{temporal: 1}), Drop)
		s.verdicts(s.frame(0, picture{}), Forward)
		s.Selector.Shed(-1)
		s.verdicts(s.frame(0, picture{}), Drop)
		s.frame(1, picture{})
		s.verdicts(s.frame(0, picture{temporal: 1}), Drop)
		s.verdicts(s.frame(1, keyPicture), Switch, Forward)
		s.verdicts(s.frame(1, picture{temporal: 2}), Forward)
		s.gapless()
	})
}

func TestWhatWasShedComesBackWhereTheCodecAllows(t *testing.T) { // section 7
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		s.Selector.Shed(0)
		s.thinned(0, 4, 1)
		s.Selector.Aim(Layer{0, 1})
		s.verdicts(s.frame(0, picture{}), Forward)
		s.verdicts(s.frame(0, picture{temporal: 1}), Drop) // refers to one that was shed
		s.verdicts(s.frame(0, picture{temporal: 1, up: true}), Forward)
		s.verdicts(s.frame(0, picture{temporal: 1}), Forward)
		s.gapless()
	})
}

func TestExtensionsOfThinnedPacketsAreOwed(t *testing.T) { // point 33
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 0})
		s.frame(0, keyPicture)
		if s.sent[0].Owed&Orientation == 0 {
			t.Fatal("who joins is not told how the picture lies")
		}
		turned := p.make(0, picture{temporal: 2})
		turned[0].Carries = Orientation | Structure
		s.give(turned...)
		got := s.frame(0, picture{packets: 2})
		if got[0].Owed != Orientation|Structure || got[1].Owed != 0 {
			t.Fatalf("owed %b, then %b", got[0].Owed, got[1].Owed)
		}
		s.give(turned...) // a duplicate is nobody's loss
		own := p.make(0, picture{})
		own[0].Carries = Orientation
		if got := s.give(own...)[0].Owed; got != 0 {
			t.Fatalf("owed %b though the packet has its own", got)
		}
	})
}

// opus gives a packet of audio.
func (p *publisher) opus() Packet {
	packet := p.make(0, picture{})[0]
	packet.Marker = false
	packet.Info = Plain(Opus)
	packet.Info.Start, packet.Info.End = true, true
	return packet
}

func TestAudioIsNeverDroppedByAllocation(t *testing.T) { // point 36
	acrossWraps(t, Opus, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 0})
		first := s.give(p.opus())[0]
		if first.Verdict != Switch || !first.Marker {
			t.Fatalf("the first packet is %+v", first)
		}
		s.Selector.Shed(-1)
		for range 100 {
			p.wait(20 * time.Millisecond)
			s.verdicts(s.give(p.opus()), Forward)
		}
		if _, ok := s.Selector.Waiting(p.source); ok {
			t.Fatal("a key frame of audio is asked for")
		}
		s.gapless()
	})
}

func TestASilenceOfAudioKeepsItsTime(t *testing.T) { // point 36: DTX
	acrossWraps(t, Opus, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 0})
		s.give(p.opus())
		for range 50 {
			before := s.last()
			p.wait(400 * time.Millisecond)
			s.give(p.opus())
			if got := s.last().Timestamp - before.Timestamp; got != 36000 {
				t.Fatalf("time goes on by %d", got)
			}
		}
		s.gapless()
	})
}

func TestAudioGoesOnWithTheFirstPacketOfANewSSRC(t *testing.T) { // points 7 and 36
	acrossWraps(t, Opus, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 0})
		s.give(p.opus())
		p.lines[0] = line{ssrc: 7, sequence: 1, timestamp: 5}
		p.wait(20 * time.Millisecond)
		s.verdicts(s.give(p.opus()), Switch)
		s.gapless()
	})
}

func TestEntryOfAnInstantNeverIsNotAReport(t *testing.T) {
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.pair(t)
		p.source.Report(p.lines[0].ssrc, Report{At: unit.Never})
		p.source.Report(424242, Report{At: 5})
		s.verdicts(s.frame(1, keyPicture), Switch, Forward)
		s.gapless()
	})
}

func TestFiftySwitchesKeepThePictureWithItsSound(t *testing.T) { // point 27
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		r := rand.New(rand.NewPCG(1, 27))
		s := p.subscribe(t, Layer{0, 2})
		var began unit.Instant
		var first uint32
		switches := 0
		for i := range 600 {
			p.wait(frameTime)
			if i%10 == 0 {
				s.Selector.Aim(Layer{int8(i / 10 % 3), 2})
			}
			for stream := range uint8(3) {
				if i%20 == 0 {
					p.report(stream, 0)
				}
				packets := p.make(stream, picture{key: i%10 == 5 || i == 0, packets: 2})
				taken := p.now
				late := time.Duration(r.IntN(15)) * time.Millisecond // larger ones take longer, and the way varies
				for k := range packets {
					packets[k].At = p.now.Add(late)
				}
				for _, out := range s.give(packets...) {
					if out.Verdict == Drop {
						continue
					}
					if first == 0 {
						first, began = out.Timestamp, taken
					}
					skew := int64(out.Timestamp-first)*1000/clockRate - taken.Sub(began).Milliseconds()
					if abs(skew) >= 20 {
						t.Fatalf("after %d switches the picture is %d ms off", switches, skew)
					}
					if out.Verdict == Switch {
						switches++
					}
				}
			}
		}
		if switches < 50 {
			t.Fatalf("only %d switches", switches)
		}
	})
}

func TestReportsThatJumpNeverMoveTimeBack(t *testing.T) { // point 28
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		r := rand.New(rand.NewPCG(2, 28))
		s := p.subscribe(t, Layer{0, 2})
		var before unit.Instant
		for i := range 2000 {
			p.wait(frameTime)
			for stream := range uint8(3) {
				if r.IntN(15) == 0 { // the clock is set, by milliseconds, seconds or hours
					by := []time.Duration{time.Millisecond, time.Second, time.Hour}[r.IntN(3)]
					p.report(stream, time.Duration(r.IntN(400)-200)*by)
				}
				last := len(s.sent)
				for _, out := range s.give(p.make(stream, picture{key: i%7 == 0})...) {
					if out.Verdict == Drop || last == 0 {
						continue
					}
					step := int64(int32(out.Timestamp - s.sent[last-1].Timestamp))
					if passed := p.source.ticks(p.now.Sub(before)); step > passed+p.source.ticks(farAhead*time.Millisecond)+1 {
						t.Fatalf("time goes on by %d ticks in %d", step, passed)
					}
				}
				if len(s.sent) > last {
					before = p.now
				}
			}
			s.Selector.Aim(Layer{int8(r.IntN(3)), 2})
		}
		s.gapless()
	})
}
