package simulcast

import "testing"

// Checklist points 18 and 23 to 26, as far as they are ours: who waits for a key
// frame, and what a switch tells those who repair. Point 37: odd input.

func TestOneKeyFrameServesEverybodyWhoWaits(t *testing.T) { // points 23, 24 and 26
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		var all []*subscriber
		first := p.subscribe(t, Layer{0, 2})
		first.three(3)
		for i := range 30 {
			all = append(all, p.subscribe(t, Layer{int8(i % 3), int8(i % 2)}))
		}
		for _, s := range all {
			if _, ok := s.Selector.Waiting(p.source); !ok {
				t.Fatal("who joins waits for nothing")
			}
		}
		p.wait(frameTime)
		for stream := range uint8(3) { // one request makes all layers begin anew
			for _, packet := range p.make(stream, keyPicture) {
				p.source.Observe(&packet)
				for _, s := range all {
					if out := s.Next(p.source, &packet); out.Verdict != Drop {
						s.sent = append(s.sent, out)
					}
				}
			}
		}
		for i, s := range all {
			if _, ok := s.Selector.Waiting(p.source); ok || s.Selector.Current(p.source).Spatial != int8(i%3) {
				t.Fatalf("subscriber %d still waits", i)
			}
			s.verdicts(s.sent, Switch, Forward)
		}
	})
}

func TestAKeyFrameThatIsUnderWayIsNoLongerWaitedFor(t *testing.T) { // point 25
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.subscribe(t, Layer{0, 2})
		key := p.make(0, picture{key: true, packets: 9})
		s.give(key[0])
		if _, ok := s.Selector.Waiting(p.source); ok {
			t.Fatal("asked for again though it comes")
		}
		s.give(key[1:]...)
		s.gapless()
	})
}

func TestASwitchIsTheBorderOfWhatIsWorthRepairing(t *testing.T) { // points 17 and 18
	acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
		s := p.pair(t)
		p.wait(frameTime)
		old := p.make(0, picture{packets: 2})
		s.give(old[0])
		border := s.frame(1, keyPicture)[0]
		if border.Verdict != Switch {
			t.Fatalf("%+v", border)
		}
		for _, out := range s.sent[:len(s.sent)-2] {
			if int16(out.Sequence-border.Sequence) >= 0 {
				t.Fatalf("%d was sent before the border at %d", out.Sequence, border.Sequence)
			}
		}
		for range 500 {
			s.frame(1, picture{})
			if now := s.last(); now.Verdict == Switch || int16(now.Sequence-border.Sequence) <= 0 {
				t.Fatalf("%+v behind the border", now)
			}
		}
	})
}

func TestWhatIsOddIsLeftOutAndTheStreamGoesOn(t *testing.T) { // point 37
	for name, odd := range map[string]func(p *publisher) []Packet{
		"more encodings than there can be": func(p *publisher) []Packet {
			before := p.lines[0]
			packets := p.make(0, keyPicture)
			p.lines[0] = before
			for i := range packets {
				packets[i].Stream, packets[i].SSRC = Streams, 4711
			}
			return packets
		},
		"an unknown SSRC with a few packets": func(p *publisher) []Packet {
			packet := p.make(2, picture{})[0]
			packet.Sequence += 30000
			return []Packet{packet, packet}
		},
		"an SSRC under another encoding's name": func(p *publisher) []Packet {
			packet := p.make(1, picture{})[0]
			packet.SSRC = p.lines[0].ssrc
			return []Packet{packet}
		},
		"layers above all there can be": func(p *publisher) []Packet {
			packet := p.make(1, picture{})[0]
			packet.Info.Spatial, packet.Info.Temporal = 7, 7
			return []Packet{packet}
		},
	} {
		t.Run(name, func(t *testing.T) {
			acrossWraps(t, VP8, func(t *testing.T, p *publisher) {
				s := p.subscribe(t, Layer{0, 2})
				s.frame(0, keyPicture)
				p.wait(frameTime)
				packets := odd(p)
				for i := range packets {
					packets[i].At = p.now
				}
				for _, out := range s.give(packets...) {
					if out.Verdict != Drop {
						t.Fatalf("%+v", out)
					}
				}
				s.verdicts(s.frame(0, picture{}), Forward)
				s.gapless()
			})
		})
	}
}
