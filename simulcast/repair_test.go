package simulcast

import (
	"testing"
	"time"
)

// Checklist points 10 to 13 once more: what comes late, in odd company.

func TestNothingFromBeforeARestartOfTheEncoderIsSentAfterIt(t *testing.T) { // points 7 and 13
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		p.wait(frameTime)
		lost := p.make(0, picture{})
		s.frame(0, picture{})
		p.lines[0].timestamp -= 1 << 30
		s.frame(0, keyPicture)
		s.verdicts(s.give(lost...), Drop)
	})
}

func TestPicturesLostBehindPaddingKeepTheirIDs(t *testing.T) { // points 10 and 11
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		before := s.last()
		p.wait(frameTime)
		lost := p.make(0, picture{packets: 2})
		s.give(p.padding(0))
		s.frame(0, picture{})
		if step := (s.last().PictureID - before.PictureID) & 0x7fff; step != 2 {
			t.Fatalf("picture ID goes on by %d over a lost picture", step)
		}
		for _, out := range s.give(lost...) {
			if out.Verdict != Forward || out.PictureID != (before.PictureID+1)&0x7fff {
				t.Fatalf("repaired as %+v", out)
			}
		}
	})
}

func TestAFrameRepairedBehindPaddingIsTheNewest(t *testing.T) { // points 10 and 14
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		s.frame(1, picture{})
		p.report(0, 0)
		p.report(1, 0)
		s.Selector.Aim(Layer{1, 2})
		p.wait(frameTime)
		key := p.make(1, keyPicture)
		p.wait(frameTime)
		lost := p.make(0, picture{})
		s.give(p.padding(0))
		s.verdicts(s.give(lost...), Forward)
		s.verdicts(s.give(key...), Switch, Forward)
		if step := int32(s.last().Timestamp - s.sent[len(s.sent)-3].Timestamp); step != 1 {
			t.Fatalf("time goes on by %d", step)
		}
		s.gapless()
	})
}

func TestALostPictureOfAThinnedLayerIsSentIfOthersWaitForItsID(t *testing.T) { // point 10
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		for temporal, want := range []Verdict{Fill, Forward} {
			s := p.subscribe(t, Layer{0, int8(temporal)})
			s.frame(0, keyPicture)
			p.wait(frameTime)
			lost := p.make(0, picture{temporal: 2})
			s.frame(0, picture{})
			s.verdicts(s.give(lost...), want)
		}
	})
}

func TestALateKeyFrameStartRaisesNothing(t *testing.T) { // point 4
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 0})
		s.frame(0, keyPicture)
		s.Selector.Aim(Layer{0, 2})
		p.wait(frameTime)
		key := p.make(0, keyPicture)
		s.give(key[1])
		s.verdicts(s.frame(0, picture{temporal: 1}), Drop)
		s.verdicts(s.give(key[0]), Forward)
		s.verdicts(s.frame(0, picture{temporal: 2}), Drop)
	})
}

func TestAnSSRCThatWasReplacedComesBackOnlyIfItInsists(t *testing.T) { // point 7
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		old := p.lines[0]
		p.lines[0].ssrc = 77
		s.frame(0, keyPicture)
		next := p.lines[0]
		p.wait(5 * time.Second)
		p.lines[0] = old
		s.verdicts(s.frame(0, keyPicture), Drop, Drop)
		p.lines[0] = next
		s.verdicts(s.frame(0, picture{}), Forward)
		p.wait(3 * time.Second) // it is still remembered
		old.sequence += 2
		p.lines[0] = old
		s.frame(0, picture{packets: 3})
		s.verdicts(s.frame(0, keyPicture), Switch, Forward)
		s.gapless()
	})
}

func TestAnSSRCThatWasReplacedStaysOutHoweverManyFollow(t *testing.T) { // points 3 and 7
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		first := p.make(0, keyPicture)
		s.give(first...)
		for i := range uint32(memory) {
			p.wait(time.Second)
			p.lines[0].ssrc = 1000 + i
			s.verdicts(s.frame(0, keyPicture), Switch, Forward)
		}
		s.verdicts(s.give(first...), Drop, Drop)
		p.lines[0].ssrc = 77 // more than are remembered
		s.verdicts(s.frame(0, keyPicture), Drop, Drop)
		p.wait(straggling)
		s.verdicts(s.frame(0, keyPicture), Switch, Forward)
		s.gapless()
	})
}

func TestARepairOlderThanAThinnedFrameIsTheNewestThatLeft(t *testing.T) { // point 14
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 0})
		s.frame(0, keyPicture)
		s.frame(1, picture{})
		p.report(0, 0)
		p.report(1, 0)
		p.wait(frameTime)
		key := p.make(1, keyPicture)
		p.wait(frameTime)
		lost := p.make(0, picture{})
		s.verdicts(s.frame(0, picture{temporal: 2}), Drop)
		s.verdicts(s.give(lost...), Forward)
		s.Selector.Aim(Layer{1, 0})
		s.verdicts(s.give(key...), Switch, Forward)
		s.gapless()
	})
}

func TestWhatIsLateOfAFrameThatLeftGoesWithIt(t *testing.T) { // points 10 and 13
	for _, codec := range []Codec{VP8, VP9, AV1, H264} {
		acrossWraps(t, codec, func(t *testing.T, p *publisher) {
			s := p.subscribe(t, Layer{0, 2})
			s.frame(0, keyPicture)
			p.wait(frameTime)
			frame := p.make(0, picture{temporal: 2, packets: 3})
			s.give(frame[0], frame[2])
			s.Selector.Aim(Layer{0, 0})
			s.frame(0, picture{})
			for range borders/2 - 1 { // as often as is remembered
				s.Selector.Aim(Layer{0, 1})
				s.frame(0, keyPicture)
				s.Selector.Aim(Layer{0, 0})
				s.frame(0, picture{})
			}
			got := s.give(frame[1])[0]
			if got.Verdict != Forward || got.Sequence != s.sent[2].Sequence+1 {
				t.Fatalf("%+v (%v)", got, got.Reason)
			}
		})
	}
}

func TestWhatIsLaterThanTheChoiceIsRememberedIsNotFilled(t *testing.T) { // point 13
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		p.wait(frameTime)
		frame := p.make(0, picture{temporal: 2, packets: 2})
		s.give(frame[0])
		for range borders {
			s.Selector.Aim(Layer{0, 0})
			s.frame(0, picture{})
			s.Selector.Aim(Layer{0, 1})
			s.frame(0, keyPicture)
		}
		if got := s.give(frame[1])[0]; got.Verdict != Drop || got.Reason != Old {
			t.Fatalf("%+v (%v)", got, got.Reason)
		}
	})
}

func TestALateFrameFromBeforeGoingUpIsNotSent(t *testing.T) { // points 10 and 13: what it refers to was not sent
	for _, codec := range []Codec{VP9, AV1, H264} {
		acrossWraps(t, codec, func(t *testing.T, p *publisher) {
			s := p.subscribe(t, Layer{0, 0})
			s.frame(0, keyPicture)
			s.verdicts(s.frame(0, picture{temporal: 1}), Drop)
			p.wait(frameTime)
			lost := p.make(0, picture{temporal: 2})
			s.frame(0, picture{})
			s.Selector.Aim(Layer{0, 2})
			s.frame(0, keyPicture)
			s.verdicts(s.give(lost...), Fill)
		})
	}
}

func TestWhatWasSeenARoundEarlierIsNoDuplicate(t *testing.T) { // point 12
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		for range 3 * window {
			s.frame(0, picture{})
		}
		p.wait(frameTime)
		lost := p.make(0, picture{})
		s.frame(0, picture{})
		s.verdicts(s.give(lost...), Forward)
		for range 1500 { // more lost than the window remembers
			p.make(0, picture{})
		}
		p.wait(50 * time.Second)
		lost = p.make(0, picture{})
		s.frame(0, picture{})
		s.verdicts(s.give(lost...), Forward)
	})
}
