package congestion

import (
	"math"
	"testing"
	"time"

	"meshfocus/internal/simnet/discrete"
)

func TestSimulcast_TheSameSeedGivesTheSamePackets(t *testing.T) {
	t.Parallel()
	s := Simulcasts()[0]
	s.Length = 3 * time.Second
	first, second, other := s.Run(1), s.Run(1), s.Run(2)
	if first.Hash != second.Hash {
		t.Error("the same seed gives other packets")
	}
	if first.Hash == other.Hash {
		t.Error("another seed gives the same packets")
	}
	if varied := s.Varied(3); varied.Run(1).Hash == first.Hash {
		t.Error("a varied schedule gives the same packets")
	}
}

func TestSimulcast_APictureComesSoonAndTheBestAfterIt(t *testing.T) {
	t.Parallel()
	for _, s := range Simulcasts() {
		s.Length = 4 * time.Second
		if s.starving() {
			s.Length += settled
		}
		r := s.Run(1)
		if first := r.Get(FirstFrame); first > 0.5 && !s.starving() {
			t.Errorf("%s: the first frame after %v s", s.Name, first)
		}
		if top := r.Get(Top); top > 2 && !s.starving() || top > 5 { // who stands reports late, 3.6 s at worst of 30 seeds
			t.Errorf("%s: the best layer after %v s", s.Name, top)
		}
		if frozen := r.Get(Frozen); frozen > 15 && !s.starving() {
			t.Errorf("%s: frozen for %v %%", s.Name, frozen)
		}
		for _, g := range SimulcastGoals() {
			if g.Case == s.Name && math.IsNaN(r.Get(g.Metric)) {
				t.Errorf("%s: %s is not measured", g.Case, g.Metric)
			}
		}
	}
}

func TestSimulcast_PublishersSendWhatTheyShould(t *testing.T) {
	s := Simulcasts()[1]
	st := newStage(&s, 1)
	p := st.publishers[0]
	p.start()
	var bytes [len(layerRates)][3]float64
	st.focus.tracks[0].price(discrete.Start)
	for _, rung := range st.focus.tracks[0].ladder.Rungs() {
		bytes[rung.Layer.Spatial][rung.Layer.Temporal] = float64(rung.Mean)
	}
	for layer, rate := range layerRates {
		for temporal, share := range shares {
			got := bytes[layer][temporal]
			if want := share * float64(rate); got != 0 && math.Abs(got/want-1) > 0.05 {
				t.Errorf("layer %d.%d arrives with %v, want %v", layer, temporal, got, want)
			}
		}
	}
}

func TestSimulcast_AKeyFrameBeginsWhenItWasAskedFor(t *testing.T) {
	s := Simulcasts()[1]
	st := newStage(&s, 1)
	st.begin()
	st.clock.Run(discrete.At(time.Second))
	p := st.publishers[0]
	before := len(st.items)
	p.ask(st.clock.Now())
	st.clock.Run(discrete.At(time.Second + keyDelay))
	for _, i := range st.items[before:] {
		if i.picture != nil && i.picture.key {
			t.Fatal("it began too soon")
		}
	}
	st.clock.Run(discrete.At(time.Second + keyDelay + time.Millisecond))
	last := st.focus.tracks[0].picture
	average := layerRates[last.layer].Bytes(pictureTime)
	if size := float64(last.bytes) / float64(average); !last.key || size < 5.3 || size > 6.7 {
		t.Errorf("key %v of %v average frames", last.key, size)
	}
}

func TestSimulcast_AViewerDecodesWhatItHasAllFor(t *testing.T) {
	key := &picture{order: 1, key: true}
	lost := &picture{order: 2, temporal: 1, needs: key}
	upper := &picture{order: 3, temporal: 2, needs: lost}
	base := &picture{order: 4, needs: key}
	v := shown{whole: []*picture{upper, base, key}}
	for v.decode(discrete.Start) {
	}
	if !key.decoded || !base.decoded || upper.decoded || len(v.whole) > 0 {
		t.Errorf("decoded: key %v, base %v, upper %v", key.decoded, base.decoded, upper.decoded)
	}
	v.whole = append(v.whole, lost)
	if v.decode(discrete.Start) {
		t.Error("it goes back to what is older than what is shown")
	}
}

func TestSimulcast_GapsFreezeAsAWhole(t *testing.T) {
	at := func(ms int, temporal int8) rendered {
		return rendered{discrete.At(time.Duration(ms) * time.Millisecond), 1, temporal}
	}
	v := shown{rendered: []rendered{at(100, 0), at(133, 2), at(310, 1), at(343, 2), at(540, 0), at(573, 2)}}
	s := v.sight(600 * time.Millisecond)
	if s.first != 100*time.Millisecond || s.frozen != 197*time.Millisecond || s.longest != s.frozen {
		t.Errorf("first %v, frozen %v, longest %v", s.first, s.frozen, s.longest)
	}
	v.rendered = []rendered{at(0, 0), at(133, 0), at(400, 0), at(690, 0)}
	if s := v.sight(700 * time.Millisecond); s.frozen != 290*time.Millisecond {
		t.Errorf("thinned, frozen %v", s.frozen)
	}
}

func TestSimulcast_ACameraMakesNoFrameJustBeforeAKeyFrame(t *testing.T) {
	p := &publisher{next: 1000, key: 1001}
	if p.due() != p.key {
		t.Error("a frame comes an instant before the key frame")
	}
	p.key = p.next.Add(pictureTime / 2)
	if p.due() != p.next {
		t.Error("a frame half a frame time before is left out")
	}
}
