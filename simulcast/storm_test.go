package simulcast

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// weather is what a storm does, as chances in a thousand packets or frames.
type weather struct {
	loss, repair, reorder, duplicate, padding int
	restart, aim, pause, report, silence      int
}

var (
	calm   = weather{aim: 20, pause: 3, report: 30}
	windy  = weather{loss: 20, repair: 700, reorder: 20, duplicate: 20, padding: 20, restart: 2, aim: 30, pause: 3, report: 20, silence: 2}
	stormy = weather{loss: 150, repair: 600, reorder: 100, duplicate: 100, padding: 100, restart: 10, aim: 100, pause: 20, report: 20, silence: 10}
)

// origin is what a packet that was made really is.
type origin struct {
	life     int // of which life of which stream: each restart begins one
	number   int // of the packet in that life
	frame    int // of the frame in it
	spatial  int8
	index    int // of the packet in its frame of one spatial layer
	packets  int // in that frame
	temporal int8
	start    bool
	key      bool
	padding  bool
	place    int  // in the pattern of temporal layers
	thinned  bool // not wanted for its layer
	out      bool
	late     bool // when it went out
	refused  bool // it came, and Output said no for good
}

type travelling struct {
	packet Packet
	origin *origin
	due    int
}

// storm is a publisher of three layers behind a bad network, with one subscriber
// that changes its mind.
type storm struct {
	*rand.Rand
	weather
	p         *publisher
	o         *Output
	life      [3]int
	number    [3]int
	frames    [3]int
	silent    [3]int
	group     int
	wantKey   bool
	now       int
	way       []travelling
	all       []*origin
	receiver  receiver
	target    Layer
	lifeCount int
	svc       svc
	clean     bool // nothing can be missing
	late      int  // how late repairs and duplicates may be, ten for each packet of all
}

// svc is how spatial layers inside one stream depend on each other.
type svc uint8

const (
	// apart: streams of simulcast.
	apart svc = iota
	// atKeys: only at key frames (L3T3_KEY).
	atKeys
	// always: each frame on the layer below (L3T3).
	always
)

// newStorm makes a storm. Plain are streams with frame numbers (dependency
// descriptors) alone, as AV1 always has them here.
func newStorm(seed uint64, codec Codec, plain bool, layers svc, w weather) *storm {
	r := rand.New(rand.NewPCG(seed, 1))
	p := newPublisher(codec, uint16(r.Uint32()))
	for i := range p.lines {
		p.lines[i].plain = plain
		p.lines[i].timestamp = r.Uint32()
		if r.IntN(4) == 0 {
			p.lines[i].bits = 7
			p.lines[i].picture &= 0x7f
		}
	}
	s := &storm{Rand: r, weather: w, p: p, o: NewOutput(uint16(r.Uint32()), r.Uint32()), life: [3]int{0, 1, 2}, lifeCount: 3, svc: layers, clean: w.loss == 0 && w.silence == 0 && w.reorder == 0, late: 3000}
	if codec == Opus {
		s.late = 300 // there are fewer packets in a second
	}
	if layers != apart {
		s.silence = 0
	}
	s.target = Layer{int8(r.IntN(3)), int8(r.IntN(3))}
	s.o.Selector.Aim(s.target)
	s.receiver = receiver{slots: map[int]arrival{}, codec: codec, svc: layers}
	return s
}

func (s *storm) chance(thousandth int) bool { return s.IntN(1000) < thousandth }

// run makes frames and lets them travel.
func (s *storm) run(frames int) error {
	for range frames {
		s.p.wait(frameTime)
		s.whims()
		key := s.wantKey && s.IntN(3) == 0 || s.group == 0 && s.lifeCount == 3
		if key {
			s.group = 0
		}
		for stream := range uint8(3) {
			if s.silent[stream] > 0 {
				s.silent[stream]--
				continue
			}
			if stream > 0 && (s.svc != apart || s.p.codec == Opus) {
				break
			}
			s.send(stream, key || s.frames[stream] == 0)
		}
		s.group++
		s.wantKey = false
		if err := s.travel(); err != nil {
			return err
		}
		_, waits := s.o.Selector.Waiting(s.p.source)
		s.wantKey = waits
	}
	return s.receiver.judge(s.all, s.clean)
}

// whims changes the aim, restarts streams and lets reports pass.
func (s *storm) whims() {
	if s.chance(s.aim) {
		s.target = Layer{int8(s.IntN(3)), int8(s.IntN(3))}
		s.o.Selector.Aim(s.target)
	}
	if s.chance(s.pause) {
		s.o.Selector.Aim(None)
	}
	for stream := range uint8(3) {
		if s.chance(s.report) {
			s.p.report(stream, time.Duration(s.IntN(40)-20)*time.Millisecond)
		}
		if s.chance(s.silence) {
			s.silent[stream] = s.IntN(60)
		}
		if s.chance(s.restart) {
			l := &s.p.lines[stream]
			*l = line{ssrc: s.Uint32(), sequence: uint16(s.Uint32()), timestamp: s.Uint32(), picture: int32(s.IntN(1 << 7)), bits: l.bits, tl0: uint8(s.Uint32()), frame: uint16(s.Uint32()), plain: l.plain}
			s.life[stream], s.number[stream], s.frames[stream] = s.lifeCount, 0, 0
			s.lifeCount++
		}
	}
}

// send makes a frame of a stream and gives its packets to the network. Every packet
// of sound is one where decoding can begin.
func (s *storm) send(stream uint8, key bool) {
	place := s.group % 4
	key = key || s.p.codec == Opus
	f := picture{key: key, temporal: t3[place], up: place == 1 || place == 2}
	if key {
		f.temporal, place = 0, 0
	}
	s.frames[stream]++
	var parts [3]int
	for layer := range s.layers(key) {
		parts[layer] = 1 + s.IntN(4)
		if s.p.codec == Opus {
			parts[layer] = 1
		}
		f.packets += parts[layer]
	}
	packets, padded := s.p.make(stream, f), s.chance(s.padding)
	layer, index := 0, 0
	for i := range packets {
		if index == parts[layer] {
			layer, index = layer+1, 0
		}
		s.place(&packets[i], f, layer, index, parts[layer])
		s.number[stream]++
		o := &origin{
			life: s.life[stream], number: s.number[stream] - 1, frame: s.frames[stream], index: index, packets: parts[layer],
			spatial: int8(layer), temporal: f.temporal, start: index == 0, key: f.key, place: place,
		}
		index++
		s.all = append(s.all, o)
		s.post(packets[i], o)
	}
	if f := &s.p.lines[stream].frame; packets[0].Info.FrameNumber >= 0 {
		*f += uint16(layer)
	}
	if padded {
		o := &origin{life: s.life[stream], number: s.number[stream], frame: s.frames[stream], index: f.packets, packets: f.packets, padding: true, place: place}
		s.number[stream]++
		s.all = append(s.all, o)
		s.post(s.p.padding(stream), o)
	}
}

// layers is how many spatial layers a frame has: encoders leave out the highest
// now and then.
func (s *storm) layers(key bool) int {
	switch {
	case s.svc == apart:
		return 1
	case !key && s.IntN(8) == 0:
		return 2
	}
	return 3
}

// place writes what a packet says of its spatial layer.
func (s *storm) place(p *Packet, f picture, layer, index, parts int) {
	if s.svc == apart {
		return
	}
	i := &p.Info
	i.Spatial = int8(layer)
	i.Start, i.End, i.Key = index == 0, index == parts-1, f.key && layer == 0 && index == 0
	i.Independent, i.InterPredicted = f.key, layer > 0 && (f.key || s.svc == always)
	i.UpSwitch = f.temporal < 2
	if s.svc == atKeys && !f.key {
		i.Needless = ^uint8(1<<(layer+1) - 1)
	}
	if i.FrameNumber >= 0 {
		i.FrameNumber = int32(uint16(i.FrameNumber) + uint16(layer))
		i.UpSwitch = f.temporal == 0 // as encoders' structures have it
		if f.temporal < 2 {
			i.Reach = 2
		}
	} else if s.svc == atKeys {
		i.TL0 = Absent // flexible mode
	}
}

func (s *storm) post(packet Packet, o *origin) {
	s.now += 10
	due := s.now
	if s.chance(s.loss) {
		if !s.chance(s.repair) {
			return
		}
		due += s.IntN(s.late)
	}
	if s.chance(s.reorder) {
		due += s.IntN(100)
	}
	s.way = append(s.way, travelling{packet, o, due})
	if s.chance(s.duplicate) {
		s.way = append(s.way, travelling{packet, o, due + s.IntN(s.late)})
	}
}

// travel delivers what has arrived by now.
func (s *storm) travel() error {
	slices.SortStableFunc(s.way, func(a, b travelling) int { return a.due - b.due })
	count := 0
	for _, t := range s.way {
		if t.due > s.now {
			break
		}
		count++
		t.packet.At = s.p.now
		s.p.source.Observe(&t.packet)
		want := s.o.Selector.want
		out := s.o.Next(s.p.source, &t.packet)
		if out.Verdict == Drop {
			present := s.o.Selector.has(&t.packet)
			unwanted := out.Reason == Thinned || out.Reason == Higher || out.Reason == Lower || out.Reason == Awaited && present
			t.origin.thinned = t.origin.thinned || unwanted
			t.origin.refused = t.origin.refused || present && (unwanted || out.Reason == Padded)
			continue
		}
		if t.origin.out {
			return fmt.Errorf("packet %+v left twice", *t.origin)
		}
		t.origin.out, t.origin.late = true, t.packet.place == late
		if out.Verdict == Switch && (!t.origin.key || !t.origin.start || s.o.Selector.target == None || want >= 0 && s.o.Selector.stream != int8(t.packet.Stream)) {
			return fmt.Errorf("switched at %+v", *t.origin)
		}
		if err := s.receiver.take(out, t.origin); err != nil {
			return err
		}
	}
	s.way = append([]travelling(nil), s.way[count:]...)
	return nil
}

func TestAnyWeatherGivesOneUnbrokenStream(t *testing.T) {
	for name, w := range map[string]weather{"calm": calm, "windy": windy, "stormy": stormy} {
		for _, codec := range []Codec{Opus, VP8, VP9, AV1, H264} {
			t.Run(fmt.Sprintf("%s/codec %d", name, codec), func(t *testing.T) {
				for seed := range uint64(10) {
					if err := newStorm(seed, codec, codec != Opus && seed%3 == 0, apart, w).run(400); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
				}
			})
		}
	}
}

// With spatial layers inside one stream: VP9 by picture IDs, in flexible mode
// (L3T3_KEY) or not, and both codecs that have them by the frame numbers of the
// dependency descriptor.
func TestAnyWeatherGivesOneUnbrokenStreamOfSVC(t *testing.T) {
	for name, w := range map[string]weather{"calm": calm, "windy": windy, "stormy": stormy} {
		for _, layers := range []svc{atKeys, always} {
			for _, codec := range []Codec{VP9, AV1} {
				t.Run(fmt.Sprintf("%s/svc %d/codec %d", name, layers, codec), func(t *testing.T) {
					for seed := range uint64(10) {
						if err := newStorm(seed, codec, codec == AV1 || seed%2 == 0, layers, w).run(400); err != nil {
							t.Fatalf("seed %d: %v", seed, err)
						}
					}
				})
			}
		}
	}
}

func FuzzOutput_AnyWeatherGivesOneUnbrokenStream(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(20), uint16(20), uint16(20), uint16(20), uint16(3), uint16(40))
	f.Add(uint64(2), uint8(2), uint16(200), uint16(90), uint16(0), uint16(99), uint16(0), uint16(100))
	f.Add(uint64(3), uint8(5), uint16(100), uint16(90), uint16(20), uint16(99), uint16(2), uint16(100))
	f.Add(uint64(4), uint8(10), uint16(100), uint16(90), uint16(20), uint16(99), uint16(2), uint16(100))
	f.Fuzz(func(t *testing.T, seed uint64, kind uint8, loss, reorder, duplicate, padding, restart, aim uint16) {
		w := weather{
			loss: int(loss % 400), repair: 500, reorder: int(reorder % 400), duplicate: int(duplicate % 400),
			padding: int(padding % 400), restart: int(restart % 20), aim: int(aim % 1000), pause: 10, report: 20, silence: 5,
		}
		codec, layers := VP8+Codec(kind%4), svc(kind/4%3)
		if codec == VP8 || codec == H264 {
			layers = apart
		}
		if err := newStorm(seed, codec, seed%3 == 0, layers, w).run(200); err != nil {
			t.Fatal(err)
		}
	})
}
