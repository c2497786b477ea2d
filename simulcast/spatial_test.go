package simulcast

import "testing"

// Table of codecs: layers inside one SSRC (SVC), and temporal layers.

// superframe makes a picture of three spatial layers, two packets each, in one
// SSRC and with one picture ID.
func (p *publisher) superframe(key bool, temporal int8, up bool) []Packet {
	packets := p.make(0, picture{key: key, temporal: temporal, up: up, packets: 6})
	frame := uint16(packets[0].Info.FrameNumber)
	for i := range packets {
		info := &packets[i].Info
		info.Spatial = int8(i / 2)
		info.Start, info.End = i%2 == 0, i%2 == 1
		info.Independent, info.InterPredicted = key, i/2 > 0
		if info.FrameNumber >= 0 {
			info.FrameNumber = int32(frame + uint16(i/2))
		}
	}
	if packets[0].Info.FrameNumber >= 0 {
		p.lines[0].frame += 2
	}
	return packets
}

func (s *subscriber) superframe(key bool, temporal int8, up bool) []Outgoing {
	s.publisher.wait(frameTime)
	return s.give(s.publisher.superframe(key, temporal, up)...)
}

func forSVC(t *testing.T, test func(t *testing.T, p *publisher)) {
	for name, codec := range map[string]Codec{"VP9": VP9, "AV1": AV1} {
		t.Run(name, func(t *testing.T) { acrossWraps(t, codec, test) })
	}
}

// reaches fails unless exactly the spatial layers up to one are forwarded, and
// the marker stands on the last packet of them alone.
func (s *subscriber) reaches(top int, answers []Outgoing) {
	s.t.Helper()
	for i, out := range answers {
		if got, want := out.Verdict != Drop, i/2 <= top; got != want {
			s.t.Fatalf("packet %d of layer %d: verdict %d (%v)", i, i/2, out.Verdict, out.Reason)
		}
		if got, want := out.Marker, i == 2*top+1; got != want {
			s.t.Fatalf("packet %d: marker %v", i, got)
		}
	}
}

func TestSVCGoesDownAtAnySuperFrameAndSetsTheMarker(t *testing.T) {
	forSVC(t, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{2, 2})
		s.reaches(2, s.superframe(true, 0, false))
		p.wait(frameTime)
		packets := p.superframe(false, 0, false)
		s.give(packets[:2]...)
		s.Selector.Aim(Layer{0, 2})
		for _, out := range s.give(packets[2:]...) {
			if out.Verdict != Forward {
				t.Fatal("a super-frame that was begun is not finished")
			}
		}
		s.reaches(0, s.superframe(false, 0, false))
		s.Selector.Aim(Layer{1, 2})
		s.reaches(0, s.superframe(false, 0, false))
		s.gapless()
	})
}

func TestSVCGoesUpAtAKeySuperFrame(t *testing.T) {
	forSVC(t, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.reaches(0, s.superframe(true, 0, false))
		s.Selector.Aim(Layer{2, 2})
		if stream, ok := s.Selector.Waiting(p.source); !ok || stream != 0 {
			t.Fatal("no key frame is asked for")
		}
		s.reaches(0, s.superframe(false, 0, false))
		s.reaches(2, s.superframe(true, 0, false))
		if _, ok := s.Selector.Waiting(p.source); ok {
			t.Fatal("a key frame is still asked for")
		}
		s.gapless()
	})
}

func TestSVCGoesUpWhereALayerRefersToNothingEarlier(t *testing.T) { // full SVC
	acrossWraps(t, VP9, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.superframe(true, 0, false)
		s.Selector.Aim(Layer{2, 2})
		p.wait(frameTime)
		packets := p.superframe(false, 0, false)
		for i := range packets {
			packets[i].Info.Independent = packets[i].Info.Spatial == 2
		}
		s.reaches(0, s.give(packets...)) // not without the layer between
		p.wait(frameTime)
		packets = p.superframe(false, 0, false)
		for i := range packets {
			packets[i].Info.Independent = packets[i].Info.Spatial == 1
		}
		// The marker of the layer below has left already, the only time.
		s.verdicts(s.give(packets...), Forward, Forward, Forward, Forward, Drop, Drop)
		s.reaches(1, s.superframe(false, 0, false))
	})
}

func TestSVCKeepsPictureIDsAndFrameNumbersWhenThinned(t *testing.T) {
	forSVC(t, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{1, 0})
		key := s.superframe(true, 0, false)[0]
		for i := range 20 {
			p.wait(frameTime)
			packets := p.superframe(false, t3[i%4], false)
			for j, out := range s.give(packets...) {
				if out.Verdict == Drop {
					continue
				}
				in := packets[j].Info
				if in.PictureID >= 0 && out.PictureID != in.PictureID || in.FrameNumber >= 0 && out.FrameNumber != in.FrameNumber {
					t.Fatalf("frame %d leaves as %d after %d: references break", in.FrameNumber, out.FrameNumber, key.FrameNumber)
				}
			}
		}
		s.gapless()
	})
}

func TestALateLayerThatIsNotWantedIsFilledEmpty(t *testing.T) {
	forSVC(t, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.superframe(true, 0, false)
		lost := p.superframe(false, 0, false)
		s.superframe(false, 0, false)
		s.verdicts(s.give(lost...), Forward, Forward, Fill, Fill, Fill, Fill)
	})
}

func TestASuperFrameWhoseFirstPacketIsLateIsChosenAsAWhole(t *testing.T) {
	forSVC(t, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{2, 2})
		s.superframe(true, 0, false)
		p.wait(frameTime)
		packets := p.superframe(false, 2, false)
		s.Selector.Aim(Layer{2, 0})
		for _, out := range append(s.give(packets[2:]...), s.give(packets[:2]...)...) {
			if out.Verdict == Forward {
				t.Fatalf("a part of a thinned super-frame is sent: %+v", out)
			}
		}
	})
}

func TestWhatIsMissingBetweenSuperFramesIsHeld(t *testing.T) { // of the lower layers of the next one
	forSVC(t, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{1, 2})
		s.superframe(true, 0, false)
		first := p.superframe(false, 0, false)
		s.give(first[:5]...) // the rest is of a layer that is not wanted
		before := s.last()
		p.wait(frameTime)
		next := p.superframe(false, 0, false)
		s.give(next[2:]...)
		for i, out := range s.give(next[:2]...) {
			if out.Verdict != Forward || out.Sequence != before.Sequence+uint16(i)+2 {
				t.Fatalf("packet %d of the lowest layer: %+v after %+v", i, out, before)
			}
		}
	})
}

func TestTemporalLayersGoDownAtOnce(t *testing.T) {
	for _, codec := range []Codec{VP8, VP9, AV1} {
		acrossWraps(t, codec, func(t *testing.T, p *publisher) {
			s := p.subscribe(t, Layer{0, 2})
			s.frame(0, keyPicture)
			p.wait(frameTime)
			frame := p.make(0, picture{temporal: 2, packets: 2})
			s.give(frame[0])
			s.Selector.Aim(Layer{0, 0})
			s.verdicts(s.give(frame[1]), Forward) // what was begun is finished
			s.verdicts(s.frame(0, picture{temporal: 1, packets: 2}), Drop, Drop)
			s.verdicts(s.frame(0, picture{}), Forward)
			s.gapless()
		})
	}
}

func TestTemporalLayersGoUpOnlyWhereTheCodecSaysSo(t *testing.T) {
	up := func(temporal int8) picture { return picture{temporal: temporal, up: true, packets: 2} }
	plain := func(temporal int8) picture { return picture{temporal: temporal, packets: 2} }
	for name, test := range map[string]struct {
		codec  Codec
		frames []picture
		want   []Verdict
	}{
		"VP8 by layer sync, one at a time": {VP8,
			[]picture{plain(1), up(2), plain(0), up(1), plain(2), plain(0), up(2), plain(1), plain(2)},
			[]Verdict{Drop, Drop, Forward, Forward, Drop, Forward, Forward, Forward, Forward}},
		"VP9 after a switching-up point that is forwarded": {VP9,
			[]picture{plain(1), up(1), plain(0), plain(2), up(0), plain(2), plain(1)},
			[]Verdict{Drop, Drop, Forward, Drop, Forward, Forward, Forward}},
		"AV1 with the switch indication": {AV1,
			[]picture{plain(1), plain(2), plain(0), up(2), plain(1), plain(2)},
			[]Verdict{Drop, Drop, Forward, Forward, Forward, Forward}},
		"AV1 with a lower layer that is all the higher need": {AV1,
			[]picture{plain(1), plain(2), {reach: 2, packets: 2}, plain(2), plain(1), plain(2)},
			[]Verdict{Drop, Drop, Forward, Forward, Forward, Forward}},
		"AV1 not with such a layer that is not sent": {AV1,
			[]picture{{temporal: 1, reach: 2, packets: 2}, plain(2), plain(0), plain(1)},
			[]Verdict{Drop, Drop, Forward, Drop}},
		"any with a key frame": {H264,
			[]picture{plain(1), keyPicture, plain(2)},
			[]Verdict{Drop, Forward, Forward}},
	} {
		t.Run(name, func(t *testing.T) {
			acrossWraps(t, test.codec, func(t *testing.T, p *publisher) {
				s := p.subscribe(t, Layer{0, 0})
				s.frame(0, keyPicture)
				s.Selector.Aim(Layer{0, 2})
				for i, f := range test.frames {
					if got := s.frame(0, f); got[0].Verdict != test.want[i] || got[1].Verdict != test.want[i] {
						t.Fatalf("frame %d: %d (%v)", i, got[0].Verdict, got[0].Reason)
					}
				}
				s.gapless()
			})
		})
	}
}

func TestALateSignForGoingUpIsNoneAnyMore(t *testing.T) {
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 0})
		s.frame(0, keyPicture)
		s.Selector.Aim(Layer{0, 1})
		p.wait(frameTime)
		frame := p.make(0, picture{temporal: 1, up: true, packets: 2})
		s.give(frame[1], frame[0])
		s.verdicts(s.frame(0, picture{temporal: 1}), Drop)
	})
}

func TestAHigherStreamAwaitedLeavesThePresentAsItIs(t *testing.T) {
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		s.frame(1, picture{})
		s.Selector.Aim(Layer{1, 0})
		s.verdicts(s.frame(0, picture{temporal: 2}), Forward)
		s.frame(1, keyPicture)
		s.verdicts(s.frame(1, picture{temporal: 1}), Drop)
		s.Selector.Aim(Layer{0, 0})
		s.frame(0, picture{})
		s.verdicts(s.frame(1, picture{temporal: 1}), Drop)
		s.gapless()
	})
}
