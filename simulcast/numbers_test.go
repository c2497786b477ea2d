package simulcast

import (
	"testing"
	"time"
)

// Checklist points 9 to 13 and 16: sequence numbers, picture IDs and the like.

// t3 is the temporal layer of each of four successive frames, as browsers order
// three of them.
var t3 = [4]int8{0, 2, 1, 2}

// thinned gives frames of a stream in the order of t3, of packets each, and
// returns the answers to each frame.
func (s *subscriber) thinned(stream uint8, frames, packets int) (answers [][]Outgoing) {
	for i := range frames {
		tid := t3[i%4]
		answers = append(answers, s.frame(stream, picture{temporal: tid, packets: packets, up: i%4 == 1 || i%4 == 2}))
	}
	return answers
}

func TestNumbersGoOnForAnHourOverAllWraps(t *testing.T) { // point 9
	p := newPublisher(VP8, 1)
	s := p.subscribe(t, Layer{0, 2})
	s.frame(0, keyPicture)
	s.frame(1, picture{})
	for block := range 360 {
		stream := uint8(block % 2)
		s.Selector.Aim(Layer{int8(stream), int8(block % 3)})
		s.frame(stream, keyPicture)
		s.thinned(stream, 456, 3)
	}
	if len(s.sent) < 2*65536 {
		t.Fatalf("only %d packets: nothing wrapped twice", len(s.sent))
	}
	s.gapless()
}

func TestDroppedPacketsLeaveNoHole(t *testing.T) { // point 10
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		for temporal := range int8(3) {
			s := p.subscribe(t, Layer{0, temporal})
			s.frame(0, keyPicture)
			for range 20 {
				s.give(p.padding(0))
				for i, answers := range s.thinned(0, 8, 2) {
					want := Forward
					if t3[i%4] > temporal {
						want = Drop
					}
					s.verdicts(answers, want, want)
				}
			}
			s.gapless()
		}
	})
}

func TestALostPacketLeavesOneHoleAndItsRepairFillsIt(t *testing.T) { // point 10
	for _, codec := range []Codec{VP8, VP9, H264, AV1} {
		acrossWraps(t, codec, func(t *testing.T, p *publisher) {
			s := p.subscribe(t, Layer{0, 2})
			s.frame(0, keyPicture)
			frame := p.make(0, picture{packets: 3})
			s.give(frame[0])
			before := s.last()
			s.give(frame[2])
			if got := s.last().Sequence; got != before.Sequence+2 {
				t.Fatalf("sequence %d after %d, want a hole of one", got, before.Sequence)
			}
			s.thinned(0, 9, 2)
			answer := s.give(frame[1])[0]
			if answer.Verdict != Forward || answer.Sequence != before.Sequence+1 || answer.Timestamp != before.Timestamp ||
				answer.PictureID != before.PictureID || answer.FrameNumber != before.FrameNumber {
				t.Fatalf("repaired as %+v, its frame as %+v", answer, before)
			}
		})
	}
}

func TestAFrameLostAsAWholeIsRepairedWithItsOwnPictureID(t *testing.T) { // points 10 and 13
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 1})
		s.frame(0, keyPicture)
		s.thinned(0, 4, 2)
		before := s.last()
		p.wait(frameTime)
		lost := p.make(0, picture{temporal: 1, packets: 2})
		after := s.frame(0, picture{packets: 2})[0]
		s.thinned(0, 40, 2)
		for i, answer := range s.give(lost...) {
			if answer.Verdict != Forward || answer.Sequence != before.Sequence+uint16(i)+1 ||
				answer.PictureID != (before.PictureID+1)&0x7fff || answer.PictureID != (after.PictureID-1)&0x7fff {
				t.Fatalf("repaired as %+v between %+v and %+v", answer, before, after)
			}
		}
	})
}

func TestWhatIsMissingOfADroppedFrameIsNotWaitedFor(t *testing.T) { // point 10
	for name, missing := range map[string]int{"first": 0, "middle": 1, "last": 2} {
		t.Run(name, func(t *testing.T) {
			acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
				s := p.subscribe(t, Layer{0, 0})
				s.frame(0, keyPicture)
				s.thinned(0, 4, 2)
				p.wait(frameTime)
				frame := p.make(0, picture{temporal: 2, packets: 3})
				for i, packet := range frame {
					if i != missing {
						s.verdicts(s.give(packet), Drop)
					}
				}
				s.thinned(0, 8, 2)
				s.verdicts(s.give(frame[missing]), Drop)
				s.gapless()
			})
		})
	}
}

func TestANumberHeldForWhatIsNotWantedIsFilledEmpty(t *testing.T) { // point 10
	acrossWraps(t, H264, func(t *testing.T, p *publisher) { // no IDs: whose part it was shows late
		s := p.subscribe(t, Layer{0, 0})
		s.frame(0, keyPicture)
		before := s.last()
		frame := p.make(0, picture{temporal: 2, packets: 2})
		s.verdicts(s.give(frame[1]), Drop)
		s.frame(0, picture{})
		if got := s.last().Sequence; got != before.Sequence+2 {
			t.Fatalf("sequence %d after %d", got, before.Sequence)
		}
		if got := s.give(frame[0])[0]; got.Verdict != Fill || got.Sequence != before.Sequence+1 {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestPaddingNeverLeavesAndNeverSwitches(t *testing.T) { // point 11
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		for range 200 { // probes before the first media
			s.verdicts(s.give(p.padding(0)), Drop)
		}
		if stream, _ := p.source.Layer(0); stream != -1 {
			t.Fatal("padding makes a layer")
		}
		s.frame(0, keyPicture)
		padding := p.padding(0)
		padding.Info.Key, padding.Info.Start = true, true
		s.verdicts(s.give(padding), Drop)
		frame := p.make(0, picture{packets: 2})
		s.give(frame[0])
		s.frame(0, picture{packets: 2})
		late := p.padding(0)
		s.frame(0, picture{packets: 2})
		s.verdicts(s.give(late), Fill)
	})
}

func TestDuplicatesAreDropped(t *testing.T) { // point 12
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		key := p.make(0, keyPicture)
		s.give(key...)
		for range 300 {
			frame := p.make(0, picture{packets: 3})
			s.verdicts(s.give(frame[0], frame[0], frame[2], frame[1], frame[1], frame[2], frame[0]),
				Forward, Drop, Forward, Forward, Drop, Drop, Drop)
			if got := s.give(key[1])[0]; got.Reason != Duplicate && got.Reason != Old {
				t.Fatalf("a probe with old bytes is %v", got.Reason)
			}
			p.wait(frameTime)
		}
	})
}

func TestLatePacketsAreForwardedWithinTheWindowOnly(t *testing.T) { // point 13
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		for behind, want := range map[int]Verdict{1: Forward, 500: Forward, 1020: Forward, 1030: Drop, 20000: Drop, 40000: Drop} {
			s := p.subscribe(t, Layer{0, 2})
			s.frame(0, keyPicture)
			before := s.last()
			lost := p.make(0, picture{})
			for range behind {
				s.frame(0, picture{})
			}
			got := s.give(lost...)[0]
			if got.Verdict != want || want == Forward && got.Sequence != before.Sequence+1 {
				t.Fatalf("%d behind: %+v", behind, got)
			}
		}
	})
}

func TestALatePacketAmongThinnedFramesKeepsItsPlace(t *testing.T) { // point 13
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 0})
		s.frame(0, keyPicture)
		p.wait(frameTime)
		lost := p.make(0, picture{packets: 2})
		s.give(lost[0])
		before := s.last()
		s.thinned(0, 40, 2)
		if got := s.give(lost[1])[0]; got.Verdict != Forward || got.Sequence != before.Sequence+1 || got.PictureID != before.PictureID {
			t.Fatalf("%+v, its frame was %+v", got, before)
		}
	})
}

func TestSubscribersShareNothing(t *testing.T) { // point 16
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		twin := newPublisher(VP8, p.lines[0].sequence)
		aims := []Layer{{0, 0}, {1, 2}, {2, 1}}
		alone := twin.subscribe(t, aims[1])
		var together [3]*subscriber
		for i, aim := range aims {
			together[i] = p.subscribe(t, aim)
		}
		for i := range 400 {
			p.wait(frameTime)
			twin.wait(frameTime)
			f := picture{key: i%60 == 0, temporal: t3[i%4], up: i%4 != 0, packets: 2}
			for stream := range uint8(3) {
				alone.give(twin.make(stream, f)...)
				for _, packet := range p.make(stream, f) {
					p.source.Observe(&packet)
					was := packet
					for _, s := range together {
						if out := s.Next(p.source, &packet); out.Verdict != Drop {
							s.sent = append(s.sent, out)
						}
					}
					if packet != was {
						t.Fatal("an Output wrote into the packet")
					}
				}
			}
		}
		for i, out := range alone.sent {
			if together[1].sent[i] != out {
				t.Fatalf("packet %d: %+v beside others, %+v alone", i, together[1].sent[i], out)
			}
		}
		for _, s := range together {
			s.gapless()
		}
	})
}

func TestPictureIDsAreWidenedOnceAndNeverNarrowed(t *testing.T) { // table of codecs, VP8
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		p.lines[0].bits, p.lines[0].picture = 7, 120
		p.lines[2].bits, p.lines[2].picture = 7, 9
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		s.thinned(0, 300, 2)
		s.frame(1, picture{})
		s.frame(2, picture{})
		s.Selector.Aim(Layer{1, 2})
		s.frame(1, keyPicture)
		s.thinned(1, 300, 2)
		s.Selector.Aim(Layer{2, 2})
		s.frame(2, keyPicture)
		s.thinned(2, 300, 2)
		if s.sent[0].PictureBits != 7 || s.last().PictureBits != 15 {
			t.Fatalf("from %d to %d bits", s.sent[0].PictureBits, s.last().PictureBits)
		}
		s.gapless()
	})
}

func TestALayerThatGoesSilentAndOnIsNotForwardedTwice(t *testing.T) { // points 12 and 15
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		p.wait(frameTime)
		copied := p.make(0, picture{packets: 2})
		s.give(copied...)
		p.wait(5 * time.Minute)
		s.verdicts(s.give(copied...), Drop, Drop)
		s.frame(0, picture{})
		s.gapless()
	})
}
