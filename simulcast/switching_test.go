package simulcast

import (
	"testing"
	"time"
)

// Checklist points 1 to 8: when a layer is changed.

func TestASwitchStartsOnlyAtAKeyFrameOfTheTarget(t *testing.T) { // point 1
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.verdicts(s.frame(0, picture{packets: 2}), Drop, Drop)
		s.verdicts(s.frame(0, keyPicture), Switch, Forward)
		s.frame(1, keyPicture)
		s.Selector.Aim(Layer{1, 2})
		if stream, ok := s.Selector.Waiting(p.source); !ok || stream != 1 {
			t.Fatal("nobody is asked for the key frame of the target")
		}
		s.verdicts(s.frame(1, picture{packets: 2}), Drop, Drop)
		s.verdicts(s.frame(0, picture{packets: 2}), Forward, Forward)
		s.verdicts(s.frame(0, keyPicture), Forward, Forward)
		s.verdicts(s.frame(1, keyPicture), Switch, Forward)
		s.verdicts(s.frame(0, keyPicture), Drop, Drop)
		if _, ok := s.Selector.Waiting(p.source); ok {
			t.Fatal("a key frame is still asked for")
		}
		s.gapless()
	})
}

func TestACutOffFrameLeavesOneNumberOut(t *testing.T) { // point 2
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		s.frame(1, picture{})
		s.Selector.Aim(Layer{1, 2})
		whole := p.make(0, picture{packets: 3})
		s.give(whole[:2]...)
		before := s.last()
		s.frame(1, keyPicture)
		if got := s.sent[len(s.sent)-2]; got.Sequence != before.Sequence+2 || got.Verdict != Switch {
			t.Fatalf("sequence %d after %d: the receiver takes the frame for whole", got.Sequence, before.Sequence)
		}
		s.verdicts(s.give(whole[2]), Drop)
	})
}

func TestASwitchAfterAWholeFrameGoesOnByOne(t *testing.T) { // point 2
	acrossWraps(t, VP9, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		s.frame(1, picture{})
		s.Selector.Aim(Layer{1, 2})
		s.frame(0, picture{packets: 2})
		before := s.last()
		got := s.frame(1, keyPicture)[0]
		if got.Sequence != before.Sequence+1 || got.PictureID != (before.PictureID+1)&0x7fff || got.TL0 != int16(uint8(before.TL0+1)) {
			t.Fatalf("%+v after %+v", got, before)
		}
	})
}

func TestNothingOlderThanTheSwitchIsSent(t *testing.T) { // point 3
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		old := p.make(0, picture{packets: 2})
		reordered := p.make(1, picture{packets: 2})
		s.give(p.make(1, picture{})...)
		s.Selector.Aim(Layer{1, 2})
		s.frame(1, keyPicture)
		s.verdicts(s.give(reordered...), Drop, Drop)
		s.verdicts(s.give(old...), Drop, Drop)
		for range 1500 {
			s.frame(1, picture{})
		}
		s.verdicts(s.give(reordered...), Drop, Drop)
		s.verdicts(s.give(old...), Drop, Drop)
		s.gapless()
	})
}

func TestAKeyFrameWithoutItsFirstPacketInTimeIsNoSwitchPoint(t *testing.T) { // point 4
	for _, codec := range []Codec{VP8, VP9, H264, AV1} {
		acrossWraps(t, codec, func(t *testing.T, p *publisher) {
			s := p.subscribe(t, Layer{0, 2})
			s.frame(0, picture{})
			p.wait(frameTime)
			key := p.make(0, picture{key: true, packets: 3})
			s.verdicts(s.give(key[1], key[0], key[2]), Drop, Drop, Drop)
			p.wait(frameTime)
			lost := p.make(0, picture{key: true, packets: 3})
			for i := range lost {
				lost[i].Info.Key = true // as slices of H.264 say of themselves
			}
			s.verdicts(s.give(lost[1:]...), Drop, Drop)
			p.wait(frameTime)
			s.verdicts(s.give(p.make(0, keyPicture)...), Switch, Forward)
		})
	}
}

func TestH264IsNotEnteredBehindAMissingPacket(t *testing.T) { // point 4
	acrossWraps(t, H264, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 0})
		s.frame(0, picture{})
		p.make(0, picture{}) // perhaps the parameter sets
		s.verdicts(s.frame(0, keyPicture), Drop, Drop)
		s.verdicts(s.frame(0, keyPicture), Switch, Forward)
	})
}

func TestOnlyTheLastAimCounts(t *testing.T) { // point 5
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		s.frame(1, picture{})
		s.frame(2, picture{})
		s.Selector.Aim(Layer{1, 2})
		s.frame(0, picture{})
		s.Selector.Aim(Layer{2, 2})
		s.verdicts(s.frame(1, keyPicture), Drop, Drop)
		s.Selector.Aim(Layer{0, 2})
		if _, ok := s.Selector.Waiting(p.source); ok {
			t.Fatal("going back to the present layer asks for a key frame")
		}
		s.verdicts(s.frame(2, keyPicture), Drop, Drop)
		s.verdicts(s.frame(0, picture{}), Forward)
		s.gapless()
	})
}

// three lets all layers run for a number of frames, but those in without.
func (s *subscriber) three(frames int, without ...uint8) {
	for range frames {
		s.publisher.wait(frameTime)
	streams:
		for stream := range uint8(3) {
			for _, silent := range without {
				if stream == silent {
					continue streams
				}
			}
			s.give(s.publisher.make(stream, picture{packets: 2})...)
		}
	}
}

func TestALayerThatStopsIsReplacedByTheBestLivingOne(t *testing.T) { // point 6
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{2, 2})
		s.three(30)
		s.frame(2, keyPicture)
		s.three(2)
		if _, ok := s.Selector.Waiting(p.source); ok {
			t.Fatal("waits though it has what it wants")
		}
		began := p.now
		for stream := uint8(0); stream != 1; {
			s.three(1, 2)
			var ok bool
			if stream, ok = s.Selector.Waiting(p.source); !ok {
				stream = 0
			}
			if p.now.Sub(began) > 6*frameTime {
				t.Fatal("not noticed within six frame times")
			}
		}
		s.verdicts(s.frame(1, keyPicture), Switch, Forward)
		s.gapless()
	})
}

func TestALayerThatComesBackHasToProveItself(t *testing.T) { // point 6
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{2, 2})
		s.three(30)
		s.frame(2, keyPicture)
		s.three(12, 2)
		s.frame(1, keyPicture)
		var waited [3]time.Duration
		for round := range waited {
			began := p.now
			for {
				s.three(1)
				waited[round] = p.now.Sub(began)
				if stream, ok := s.Selector.Waiting(p.source); ok && stream == 2 {
					break
				}
				if waited[round] > 10*time.Second {
					t.Fatal("never trusted again")
				}
			}
			s.frame(2, keyPicture)
			s.three(12, 2)
			s.frame(1, keyPicture)
		}
		if waited[0] < 900*time.Millisecond || waited[1] < waited[0]*3/2 || waited[2] < waited[1]*3/2 {
			t.Fatalf("waits %v: they do not grow from a second", waited)
		}
		s.gapless()
	})
}

func TestABurstOfSilenceThatEndsInTimeCostsNothing(t *testing.T) { // point 6
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{2, 2})
		s.three(10)
		s.frame(2, keyPicture)
		s.three(8, 2)
		if _, ok := s.Selector.Waiting(p.source); !ok {
			t.Fatal("silence not noticed")
		}
		s.three(2)
		if _, ok := s.Selector.Waiting(p.source); ok {
			t.Fatal("the present layer flows again, and yet it is to be left")
		}
	})
}

func TestAllSilentTogetherIsNobodysFailure(t *testing.T) { // point 6: a still picture
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{2, 2})
		s.three(10)
		s.frame(2, keyPicture)
		p.wait(5 * time.Second)
		s.three(3)
		if _, ok := s.Selector.Waiting(p.source); ok {
			t.Fatal("a still picture is taken for a dead layer")
		}
	})
}

func TestOutputContinuesWhenThePublisherRestarts(t *testing.T) { // point 7
	for _, codec := range []Codec{VP8, VP9, H264, AV1} {
		acrossWraps(t, codec, func(t *testing.T, p *publisher) {
			s := p.subscribe(t, Layer{0, 2})
			s.frame(0, keyPicture)
			s.frame(0, picture{packets: 2})
			before, came := s.last(), p.now
			straggler := p.make(0, picture{})
			p.lines[0] = line{ssrc: 999, sequence: 7, timestamp: 123456789, picture: 3, bits: 15, tl0: 200, frame: 9}
			s.verdicts(s.frame(0, picture{packets: 2}), Drop, Drop)
			if stream, ok := s.Selector.Waiting(p.source); !ok || stream != 0 {
				t.Fatal("no key frame asked for")
			}
			got := s.frame(0, keyPicture)
			s.verdicts(got, Switch, Forward)
			passed := uint32(p.source.ticks(p.now.Sub(came)))
			if got[0].Timestamp != before.Timestamp+passed {
				t.Fatalf("timestamp goes on by %d, want %d", got[0].Timestamp-before.Timestamp, passed)
			}
			s.verdicts(s.give(straggler...), Drop)
			s.gapless()
		})
	}
}

func TestOutputContinuesWhenAnEncoderRestartsUnderItsSSRC(t *testing.T) { // point 7
	for name, change := range map[string]func(l *line){
		"timestamp ahead":   func(l *line) { l.timestamp += 1 << 30 },
		"timestamp back":    func(l *line) { l.timestamp -= 1 << 30 },
		"a little back":     func(l *line) { l.timestamp -= 9000 },
		"picture IDs":       func(l *line) { l.picture = 5 },
		"TL0PICIDX":         func(l *line) { l.tl0 += 100 },
		"all but sequence":  func(l *line) { l.timestamp += 1 << 29; l.picture = 31111; l.tl0 -= 9 },
		"seven bits, later": func(l *line) { l.picture, l.bits = 100, 7 },
	} {
		t.Run(name, func(t *testing.T) {
			acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
				s := p.subscribe(t, Layer{0, 2})
				s.frame(0, keyPicture)
				for range 40 {
					s.frame(0, picture{packets: 2})
				}
				change(&p.lines[0])
				s.verdicts(s.frame(0, keyPicture), Forward, Forward)
				for range 200 {
					s.frame(0, picture{packets: 2})
				}
				s.gapless()
				if wide := s.last().PictureBits; wide != 15 {
					t.Fatalf("picture IDs of %d bits after such of 15", wide)
				}
			})
		})
	}
}

func TestAJumpOfSequenceNumbersIsARestartOnceItInsists(t *testing.T) { // point 7
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		p.lines[0].sequence += 20000
		s.verdicts(s.frame(0, picture{packets: 2}), Drop, Drop)
		s.frame(0, picture{packets: 2})
		s.verdicts(s.frame(0, keyPicture), Switch, Forward)
		s.gapless()
	})
}

func TestLayersAreOrderedBySizeNotByName(t *testing.T) { // point 8
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		sized := func(stream uint8, width uint16) []Outgoing {
			p.wait(frameTime)
			packets := p.make(stream, keyPicture)
			packets[0].Info.Width, packets[0].Info.Height = width, width
			return s.give(packets...)
		}
		s.verdicts(sized(1, 640), Switch, Forward) // two are missing yet
		sized(0, 1280)
		sized(2, 320)
		for want, stream := range []uint8{2, 1, 0} {
			if got, _ := p.source.Layer(stream); got != int8(want) {
				t.Fatalf("stream %d is layer %d, want %d", stream, got, want)
			}
		}
		if got := s.Selector.Current(p.source); got.Spatial != 0 {
			t.Fatalf("current is %v: the smallest came with a key frame", got)
		}
		s.verdicts(sized(1, 640), Drop, Drop)
		s.Selector.Aim(Layer{2, 2})
		s.verdicts(sized(0, 1280), Switch, Forward)
		s.gapless()
	})
}

func TestALayerOfUnknownSizeStandsWhereItsIndexPutsIt(t *testing.T) { // point 8
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		for stream := range uint8(3) {
			s.frame(stream, keyPicture)
		}
		p.source.Resize(0, 320, 180)
		p.source.Resize(1, 640, 360)
		for stream := range uint8(3) {
			if got, _ := p.source.Layer(stream); got != int8(stream) {
				t.Fatalf("stream %d is layer %d", stream, got)
			}
		}
	})
}

func TestSwitchingWithoutPictureIDsGoesOnInFrameNumbers(t *testing.T) { // table of codecs: AV1, VP8 with descriptor
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		for i := range p.lines {
			p.lines[i].plain = true
			p.lines[i].frame += uint16(500 * i)
		}
		s := p.subscribe(t, Layer{0, 2})
		s.frame(0, keyPicture)
		s.frame(0, picture{})
		s.frame(1, picture{})
		before := s.last()
		s.Selector.Aim(Layer{1, 2})
		got := s.frame(1, keyPicture)[0]
		if uint16(got.FrameNumber) != uint16(before.FrameNumber)+1 || got.PictureID != Absent || got.TL0 != Absent {
			t.Fatalf("%+v after %+v", got, before)
		}
		s.gapless()
	})
}
