package simulcast

import "testing"

// Prediction between spatial layers at key frames alone (L3T3_KEY): who shows the
// highest needs nothing of those below between key frames.

// keyed makes a super-frame whose layers refer to each other only if it is a key
// frame, up to a layer.
func (p *publisher) keyed(key bool, top int) []Packet {
	packets := p.superframe(key, 0, false)[:2*top+2]
	for i := range packets {
		info := &packets[i].Info
		info.InterPredicted = key && i/2 > 0
		if !key {
			info.Needless = ^uint8(1<<(i/2+1) - 1)
		}
	}
	packets[len(packets)-1].Marker = true
	p.lines[0].sequence -= uint16(4 - 2*top)
	return packets
}

func (s *subscriber) keyed(key bool, top int) []Outgoing {
	s.publisher.wait(frameTime)
	return s.give(s.publisher.keyed(key, top)...)
}

// gets fails unless of a super-frame that was not a key frame exactly one layer left.
func (s *subscriber) gets(layer int, answers []Outgoing) {
	s.t.Helper()
	for i, out := range answers {
		if got, want := out.Verdict != Drop, i/2 == layer; got != want {
			s.t.Fatalf("packet %d of layer %d: verdict %d (%v)", i, i/2, out.Verdict, out.Reason)
		}
		if got, want := out.Marker, i == 2*layer+1; got != want {
			s.t.Fatalf("packet %d: marker %v", i, got)
		}
	}
}

func TestLowerLayersThatTheHighestDoesNotNeedAreLeftOut(t *testing.T) {
	forSVC(t, func(t *testing.T, p *publisher) {
		for top := range 3 {
			s := p.subscribe(t, Layer{int8(top), 2})
			for range 3 {
				s.reaches(top, s.keyed(true, 2))
				for range 20 {
					s.gets(top, s.keyed(false, 2))
				}
			}
			s.gapless()
		}
	})
}

// Who has not been sent the lower layers gets the higher one until a key frame comes,
// which is asked for; where they were needed, and so sent, none is.
func TestGoingDownToALayerThatWasLeftOutTakesAKeyFrame(t *testing.T) {
	forSVC(t, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{2, 2})
		s.keyed(true, 2)
		s.gets(2, s.keyed(false, 2))
		s.Selector.Aim(Layer{1, 2})
		if _, waits := s.Selector.Waiting(p.source); !waits {
			t.Fatal("no key frame is asked for")
		}
		s.gets(2, s.keyed(false, 2))
		s.reaches(1, s.keyed(true, 2))
		if _, waits := s.Selector.Waiting(p.source); waits {
			t.Fatal("a key frame is asked for")
		}
		s.gets(1, s.keyed(false, 2))
		s.gapless()
	})
}

// The highest layer stops: the publisher says so, or it does not come for a while.
func TestAHighestLayerThatStopsTakesAKeyFrameOfTheNext(t *testing.T) {
	forSVC(t, func(t *testing.T, p *publisher) {
		for _, silent := range []uint8{0, 1 << 2} {
			s := p.subscribe(t, Layer{2, 2})
			s.keyed(true, 2)
			s.gets(2, s.keyed(false, 2))
			asked := 0
			for pictures := 1; asked == 0; pictures++ {
				p.wait(frameTime)
				packets := p.keyed(false, 1)
				for i := range packets {
					packets[i].Info.Silent = silent
				}
				for _, out := range s.give(packets...) {
					if out.Verdict != Drop {
						t.Fatalf("%+v leaves, which refers to what did not", out)
					}
				}
				if _, waits := s.Selector.Waiting(p.source); waits {
					asked = pictures
				}
			}
			if want := map[uint8]int{0: lackMost + 1, 1 << 2: 1}[silent]; asked != want {
				t.Fatalf("a key frame is asked for after %d pictures, want %d", asked, want)
			}
			s.reaches(1, s.keyed(true, 1))
			if _, waits := s.Selector.Waiting(p.source); waits {
				t.Fatal("a key frame is asked for")
			}
			s.gets(1, s.keyed(false, 1))
			// It comes back with a key frame, as it has to.
			s.reaches(2, s.keyed(true, 2))
			s.gets(2, s.keyed(false, 2))
			s.gapless()
		}
	})
}

// What is missing behind a lower layer that was left out may be of the highest: it is
// waited for.
func TestWhatIsMissingAboveALayerThatWasLeftOutIsHeld(t *testing.T) {
	forSVC(t, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{2, 2})
		s.keyed(true, 2)
		s.keyed(false, 2)
		p.wait(frameTime)
		lost := p.keyed(false, 2)
		s.give(lost[:2]...)
		before := s.last().Sequence
		s.keyed(false, 2)
		if hole := s.last().Sequence - before - 2; hole < 2 {
			t.Fatalf("%d numbers are held for a picture that was lost", hole)
		}
		repaired := s.give(lost[4:]...)
		s.verdicts(repaired, Forward, Forward)
		if !repaired[1].Marker || repaired[1].Sequence != repaired[0].Sequence+1 {
			t.Fatalf("repaired as %+v", repaired)
		}
	})
}
