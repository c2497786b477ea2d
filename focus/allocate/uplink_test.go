package allocate

import (
	"math"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// shared is an uplink with paths that do as they are told.
type shared struct {
	t *testing.T
	*Uplink
	now   unit.Instant
	paths []Member
}

func share(t *testing.T, count int, rate unit.BitRate) *shared {
	s := &shared{t: t, Uplink: NewUplink(), now: unit.Instant(time.Hour)}
	s.paths = append(s.paths, Member{Key: 0, Rate: rate, Demand: 5000 * kbit, Sound: 20 * kbit, RoundTrip: 50 * time.Millisecond})
	s.step(0)
	for i := 1; i < count; i++ {
		s.paths = append(s.paths, Member{Key: uint64(i), Rate: 300 * kbit, Demand: 5000 * kbit, Sound: 20 * kbit, RoundTrip: 50 * time.Millisecond})
	}
	s.step(0)
	return s
}

// step lets time pass and couples all estimators to the answer.
func (s *shared) step(d time.Duration) []unit.BitRate {
	s.now = s.now.Add(d)
	given := s.Share(s.paths, s.now)
	for i := range s.paths {
		s.paths[i].Rate = given[i]
	}
	return given
}

func (s *shared) gives(want ...unit.BitRate) {
	s.t.Helper()
	for i, w := range want {
		if got := s.paths[i].Rate; math.Abs(float64(got-w)) > float64(kbit) {
			s.t.Errorf("path %d gets %v, want %v", i, got, w)
		}
	}
}

func TestUplink_WhoJoinsShares(t *testing.T) {
	s := share(t, 4, 2000*kbit)
	s.gives(500*kbit, 500*kbit, 500*kbit, 500*kbit)
}

func TestUplink_WhoLeavesLeavesItsPart(t *testing.T) {
	s := share(t, 4, 2000*kbit)
	s.paths = s.paths[2:]
	s.step(time.Second)
	s.gives(1000*kbit, 1000*kbit)
}

func TestUplink_ByWeightAndDemandWithSoundFirst(t *testing.T) {
	s := share(t, 3, 1060*kbit)
	s.paths[0].Weight, s.paths[2].Demand = 2, 70*kbit
	s.step(time.Second)
	s.gives(653*kbit, 337*kbit, 70*kbit)
	for i := range s.paths { // all is gone but sound
		s.paths[i].Rate /= 100
	}
	s.step(time.Second)
	s.gives(20*kbit, 20*kbit, 20*kbit)
}

func TestUplink_ARiseOfOneIsOfAll(t *testing.T) {
	s := share(t, 4, 2000*kbit)
	s.paths[3].Rate += 200 * kbit
	s.step(time.Second)
	s.gives(548*kbit, 548*kbit, 548*kbit, 548*kbit) // 175 that a probe has shown, and 25 less because of four
}

func TestUplink_ProbesOfSeveralHaveSeenTheSameRoom(t *testing.T) {
	s := share(t, 2, 1000*kbit)
	s.paths[0].Rate, s.paths[1].Rate = 725*kbit, 925*kbit
	s.step(time.Second)
	s.gives(722*kbit, 722*kbit) // 400 of the larger, and 25 of each, less because of two
}

// What a path has shown while the others sent less than their part is room beside what
// they sent: it may use that, and nobody has more for it.
func TestUplink_WhatOthersDoNotUseIsLent(t *testing.T) {
	s := share(t, 4, 2000*kbit)
	for i := range s.paths {
		s.paths[i].Delivered = 100 * kbit
	}
	s.paths[3].Rate = 800 * kbit
	s.step(time.Second)
	s.gives(500*kbit, 500*kbit, 500*kbit, 800*kbit)
	for i := range s.paths {
		s.paths[i].Delivered = 450 * kbit
	}
	s.step(time.Second)
	s.gives(500*kbit, 500*kbit, 500*kbit, 500*kbit)
}

func TestUplink_AFallOfOneIsOfAll(t *testing.T) {
	s := share(t, 4, 2000*kbit)
	s.paths[1].Rate, s.paths[1].Queue = 400*kbit, 40*time.Millisecond
	s.step(100 * time.Millisecond)
	s.gives(500*kbit, 400*kbit, 500*kbit, 500*kbit)
	s.paths[2].Queue = 30 * time.Millisecond
	s.step(100 * time.Millisecond)
	s.step(time.Second)
	s.gives(425*kbit, 425*kbit, 425*kbit, 425*kbit) // 85 % of what arrives
}

func TestUplink_AFallThatNobodyElseSeesIsItsOwn(t *testing.T) {
	s := share(t, 4, 2000*kbit)
	s.paths[1].Rate, s.paths[1].Queue = 200*kbit, 40*time.Millisecond
	s.step(time.Second)
	s.gives(500*kbit, 200*kbit, 500*kbit, 500*kbit)
	s.step(time.Second)
	s.gives(500*kbit, 200*kbit, 500*kbit, 500*kbit)
	s.paths[1].Rate = 150 * kbit // again: nobody minds
	s.step(time.Second)
	s.gives(517*kbit, 150*kbit, 517*kbit, 517*kbit)
	s.paths[1].Rate = 700 * kbit // it is free again
	s.step(time.Second)
	s.step(forgetsCaps + time.Second)
	s.gives(425*kbit, 425*kbit, 425*kbit, 425*kbit)
}

// A path that is the only one has nobody to wait for: what it falls by, and rises by soon
// after, is the uplink's.
func TestUplink_OneAloneFallsAndRisesAtOnce(t *testing.T) {
	s := share(t, 1, 2000*kbit)
	s.paths[0].Rate, s.paths[0].Queue = 1000*kbit, 40*time.Millisecond
	s.step(time.Second)
	s.gives(1000 * kbit)
	s.paths[0].Rate = 1500 * kbit
	s.step(100 * time.Millisecond)
	s.step(time.Second)
	s.gives(1500 * kbit)
}

// Who joins has been sent something before, beside what the others have.
func TestUplink_WhoJoinsBringsWhatItHad(t *testing.T) {
	s := share(t, 1, 2000*kbit)
	s.paths = append(s.paths, Member{Key: 7, Rate: 1600 * kbit, Brings: 1600 * kbit, Demand: 5000 * kbit, Sound: 20 * kbit})
	s.step(0)
	s.gives(1800*kbit, 1800*kbit)
	s.step(time.Second) // once
	s.gives(1800*kbit, 1800*kbit)
}

func TestUplink_WhatWasNotGivenOutIsNotProven(t *testing.T) {
	s := share(t, 1, 2000*kbit)
	s.paths[0].Demand = 1000 * kbit
	s.step(time.Second)
	s.gives(1000 * kbit)
	s.paths[0].Rate = 500 * kbit
	s.step(time.Second)
	s.paths[0].Demand = 5000 * kbit
	s.step(time.Second)
	s.gives(500 * kbit)
}

func FuzzUplink(f *testing.F) {
	f.Add([]byte("a fall of one is a fall of all, in proportion"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := source(data)
		u, twin, now := NewUplink(), NewUplink(), unit.Instant(time.Hour)
		for range 20 {
			paths := make([]Member, s.next()%8)
			for i := range paths {
				paths[i] = Member{
					Key: uint64(i) + uint64(s.next()%2)*8, Rate: max(s.rate(), 0), Queue: time.Duration(s.next()) * time.Millisecond,
					Sound: s.rate() / 64, Demand: s.rate(), Weight: []float64{0, 1, 2, math.NaN(), -1, math.Inf(1)}[s.next()%6],
				}
			}
			now = now.Add(time.Duration(s.next()) * 10 * time.Millisecond)
			given := u.Share(paths, now)
			again := twin.Share(paths, now)
			if math.IsNaN(u.sum) || u.sum < 0 {
				t.Fatalf("the sum is %v", u.sum)
			}
			var sum, sound unit.BitRate
			for i, g := range given {
				if g < max(paths[i].Sound, 0) || g > max(paths[i].Demand, paths[i].Sound, 0) {
					t.Fatalf("%v is given to %+v", g, paths[i])
				}
				if g != again[i] {
					t.Fatalf("the same twice gives %v and %v", g, again[i])
				}
				sum += g
				sound += max(paths[i].Sound, 0)
			}
			if len(given) > 0 && float64(sum) > max(u.sum, float64(sound))+1 {
				t.Fatalf("%v of %v are given", sum, u.Sum())
			}
		}
	})
}
