package allocate

import (
	"math"
	"testing"
	"time"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// source gives numbers out of fuzzed bytes, and zeros behind their end.
type source []byte

func (s *source) next() byte {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

// rate is one of any size, and of no sense at times.
func (s *source) rate() unit.BitRate {
	b := s.next()
	if b == 255 {
		return -1
	}
	return unit.BitRate(float64(s.next()) * math.Pow(2, float64(b%32)))
}

func (s *source) ladder() *Ladder {
	var offers Offers
	for i := range offers {
		for j := range offers[i] {
			if s.next()%3 > 0 {
				offers[i][j] = Offer{s.rate(), s.rate()}
			}
		}
	}
	l := new(Ladder)
	l.Build(&offers)
	return l
}

func (s *source) layer() simulcast.Layer { return layer(int8(s.next()%6)-1, int8(s.next()%6)-1) }

func (s *source) demands(ladders []*Ladder) []Demand {
	demands := make([]Demand, s.next()%14)
	for i := range demands {
		demands[i] = Demand{
			Key: uint64(s.next() % 16), Priority: Priority(s.next() % 7), Most: s.layer(), Current: s.layer(),
			Ladder: ladders[int(s.next())%len(ladders)],
		}
	}
	return demands
}

func (s *source) budget() Budget {
	losses := []float64{0, 0, 0.02, 0.3, 1, -1, math.NaN(), math.Inf(1)}
	return Budget{
		Estimate: s.rate(), Confirmed: s.rate(), Sound: s.rate() / 64, Loss: losses[s.next()%8], Moved: uint32(s.next() / 250),
	}
}

func FuzzAllocate(f *testing.F) {
	f.Add([]byte("everybody gets the lowest rung, then single rungs by gain per bit"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := source(data)
		ladders := []*Ladder{s.ladder(), s.ladder(), usual(), nil}
		for _, l := range ladders[:2] {
			checkLadder(t, l)
		}
		a, b := New(Config{}), New(Config{})
		now := unit.Instant(time.Hour)
		for range 12 {
			demands, budget := s.demands(ladders), s.budget()
			now = now.Add(time.Duration(s.next()) * 20 * time.Millisecond)
			shares := a.Allocate(budget, demands, now)
			check(t, budget, demands, shares)
			want := a.Want()
			if min(want.Now, want.Next, want.Leap, want.Most) < 0 || want.Next < want.Now || want.Leap < want.Next && want.Leap != want.Now {
				t.Fatalf("wants %+v", want)
			}
			again := b.Allocate(budget, demands, now)
			for i := range shares {
				if shares[i] != again[i] || want != b.Want() {
					t.Fatalf("the same twice gives %+v and %+v", shares[i], again[i])
				}
			}
		}
	})
}

// check says what holds for every answer.
func check(t *testing.T, b Budget, demands []Demand, shares []Share) {
	var sum, least unit.BitRate
	for i, s := range shares {
		d := &demands[i]
		if s.Key != d.Key {
			t.Fatalf("share %d is for %d, not %d", i, s.Key, d.Key)
		}
		if s.Rate < 0 || s.Reason >= Reasons || s.Reason.Words() == "" {
			t.Fatalf("%+v", s)
		}
		if s.Layer == simulcast.None {
			if s.Rate != 0 {
				t.Fatalf("nothing costs %v", s.Rate)
			}
			continue
		}
		if s.Layer.Spatial > d.Most.Spatial || s.Layer.Temporal > d.Most.Temporal {
			t.Fatalf("%v is larger than %v", s.Layer, d.Most)
		}
		if s.Rate == 0 || s.Rate != d.Ladder.cost(s.Layer) {
			t.Fatalf("%v costs %v, not %v", s.Layer, d.Ladder.cost(s.Layer), s.Rate)
		}
		sum += s.Rate
		if d.Current.Spatial > s.Layer.Spatial && s.Shed == 0 {
			least += max(d.Ladder.cost(layer(d.Current.Spatial, 0))-s.Rate, 0)
		}
	}
	if sum > b.hold() || sum+least > b.hold() {
		t.Fatalf("%v and %v meanwhile of a budget of %v", sum, least, b.hold())
	}
	// The same by what a budget means: what leaves of pictures, and leaves again for
	// what is lost, is no more than the path carries beside sound.
	again := 0.0
	if b.Loss > 0 {
		again = min(b.Loss, 0.5)
	}
	if room := float64(max(b.Estimate-b.Sound, 0)); float64(sum+least)/(1-again) > room+2 {
		t.Fatalf("%v and %v meanwhile, of %v with %v of sound and a loss of %v", sum, least, b.Estimate, b.Sound, b.Loss)
	}
}

func checkLadder(t *testing.T, l *Ladder) {
	for i, r := range l.Rungs() {
		if math.IsNaN(r.Worth) || r.Mean <= 0 || r.Peak < r.Mean {
			t.Fatalf("rung %d is %+v", i, r)
		}
		if i > 0 && (r.Worth <= l.rungs[i-1].Worth || r.Mean <= l.rungs[i-1].Mean) {
			t.Fatalf("rung %d %+v is not above %+v", i, r, l.rungs[i-1])
		}
	}
}

// FuzzPriority holds it against those who have the same ladder: who matters more
// never ends with less, and equal ones end within a rung.
func FuzzPriority(f *testing.F) {
	f.Add([]byte("screen share, speaker, pinned, visible, others"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := source(data)
		ladder := s.ladder()
		demands := make([]Demand, 2+s.next()%11)
		for i := range demands {
			demands[i] = Demand{Key: uint64(i), Priority: Priority(s.next() % 5), Ladder: ladder, Most: all, Current: simulcast.None}
		}
		a, now, rate := New(Config{}), unit.Instant(time.Hour), s.rate()
		var shares []Share
		for range 40 {
			now = now.Add(time.Second)
			shares = a.Allocate(Budget{Estimate: rate, Confirmed: rate}, demands, now)
			for i := range demands {
				demands[i].Current = shares[i].Layer
			}
		}
		for i := range demands {
			for j := range demands {
				p, q := demands[i].Priority, demands[j].Priority
				x, y := ladder.find(shares[i].Layer), ladder.find(shares[j].Layer)
				if p > q && x < y {
					t.Fatalf("%v has rung %d, %v %d", p, x, q, y)
				}
				if p == q && min(x, y) >= 0 && (x-y > 1 || y-x > 1) {
					t.Fatalf("two that are %v have rungs %d and %d", p, x, y)
				}
			}
		}
	})
}
