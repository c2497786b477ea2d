package allocate

import (
	"strings"
	"testing"
	"time"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// The lines of what is known of allocation, one test each; the numbers are those of
// docs/allocation.md.

func Test1_TheBudgetIsTheEstimateLessSoundLessRepair(t *testing.T) {
	for _, c := range []struct {
		name string
		b    Budget
		want unit.BitRate
	}{
		{"all of it", Budget{Estimate: 1000 * kbit}, 1000 * kbit},
		{"less sound", Budget{Estimate: 1000 * kbit, Sound: 40 * kbit}, 960 * kbit},
		{"less what repairs a tenth of the rest", Budget{Estimate: 1040 * kbit, Sound: 40 * kbit, Loss: 0.1}, 900 * kbit},
		{"nothing beside sound", Budget{Estimate: 30 * kbit, Sound: 40 * kbit}, 0},
		{"loss that nobody repairs", Budget{Estimate: 1000 * kbit, Loss: 0.9}, 500 * kbit},
		{"no sense", Budget{Estimate: -5, Sound: -7, Loss: -1}, 2},
	} {
		if got := c.b.hold(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	b := Budget{Estimate: 1040 * kbit, Sound: 40 * kbit, Loss: 0.1}
	if got := b.whole(b.hold()); got < b.Estimate-1 || got > b.Estimate+1 {
		t.Errorf("the whole of the budget is %v, not the estimate", got)
	}
}

func Test2_TheLadderIsByWorthNotByRate(t *testing.T) {
	got := usual().Rungs()
	want := []simulcast.Layer{layer(0, 0), layer(0, 1), layer(0, 2), layer(1, 1), layer(1, 2), layer(2, 1), layer(2, 2)}
	if len(got) != len(want) {
		t.Fatalf("%d rungs: %v", len(got), got)
	}
	for i := range want {
		if got[i].Layer != want[i] {
			t.Errorf("rung %d is %v, want %v", i, got[i].Layer, want[i])
		}
	}
}

func Test2_AQuarterOfTheFramesIsNeverAboveTheSmallerPicture(t *testing.T) {
	for _, full := range [][]unit.BitRate{{150, 500, 1500}, {100, 1000, 10000}, {100, 110, 120}, {150, 151}} {
		for i := range full {
			full[i] *= kbit
		}
		worth := map[simulcast.Layer]float64{}
		var l Ladder
		for _, r := range ladder(full...).Rungs() {
			worth[r.Layer] = r.Worth
		}
		l = *ladder(full...)
		for s := int8(1); int(s) < len(full); s++ {
			for _, r := range l.Rungs() {
				if r.Layer == layer(s, 0) && r.Worth >= worth[layer(s-1, 2)] {
					t.Errorf("%v: %v is above the smaller one in full", full, r.Layer)
				}
			}
		}
	}
}

func Test3_EverybodyGetsTheLowestRungFirst(t *testing.T) {
	v := watch(t, demand(Visible, usual()), demand(Visible, usual()), demand(Speaker, usual()))
	v.give(190 * kbit)
	v.layers(layer(0, 0), layer(0, 0), layer(0, 0))
}

func Test3_ThenRungsAreHandedOutByGainPerBit(t *testing.T) {
	// The second costs twice as much for the same picture.
	v := watch(t, demand(Visible, ladder(100*kbit, 400*kbit)), demand(Visible, ladder(100*kbit, 800*kbit)))
	v.settle(540 * kbit)
	v.layers(layer(1, 1), layer(0, 2))
	v.settle(640 * kbit) // what is left is not enough for the second, and equal ones stay together
	v.layers(layer(1, 1), layer(0, 2))
	v.reasons(Level, Full)
}

func Test3_WhoSpeaksGetsMore(t *testing.T) {
	v := watch(t, demand(Visible, usual()), demand(Speaker, usual()), demand(Other, usual()))
	v.settle(2300 * kbit)
	v.layers(layer(1, 2), layer(2, 2), layer(0, 2))
}

func Test3_EqualPriorityEndsWithinOneRung(t *testing.T) {
	for rate := 100 * kbit; rate < 8000*kbit; rate += 37 * kbit {
		v := watch(t, demand(Visible, usual()), demand(Visible, usual()), demand(Visible, usual()), demand(Visible, usual()))
		v.settle(rate)
		least, most := 10, -1
		for _, s := range v.shares {
			rung := usual().find(s.Layer)
			if s.Reason == Paused { // the others had their lowest rung when it did not fit
				continue
			}
			least, most = min(least, rung), max(most, rung)
		}
		if most-least > 1 {
			t.Fatalf("at %v: rungs %d to %d", rate, least, most)
		}
	}
}

func Test3_WhoComesLaterEndsEqualToo(t *testing.T) {
	v := watch(t, demand(Visible, usual()))
	v.settle(1900 * kbit)
	v.layers(layer(2, 2))
	v.demands = append(v.demands, Demand{Key: 7, Priority: Visible, Ladder: usual(), Most: all, Current: simulcast.None})
	// What was proven is what was sent: the newcomer's share is taken from the first.
	// Both at the same rung would fit, but not with the margin of what is new.
	for range 40 {
		v.hand(Budget{Estimate: 1900 * kbit, Confirmed: 1600 * kbit})
	}
	v.layers(layer(2, 1), layer(1, 2))
}

func Test4_WhatDoesNotFitIsPausedByPriorityAndTold(t *testing.T) {
	v := watch(t, demand(Other, usual()), demand(Screen, usual()), demand(Visible, usual()))
	v.give(130 * kbit)
	v.layers(simulcast.None, layer(0, 0), layer(0, 0))
	v.reasons(Paused)
	if words := v.shares[0].Reason.Words(); !strings.Contains(words, "sound goes on") {
		t.Errorf("it is told %q", words)
	}
	v.give(70 * kbit)
	v.layers(simulcast.None, layer(0, 0), simulcast.None)
}

func Test5_UpNeedsProof(t *testing.T) {
	v := watch(t, demand(Visible, usual()))
	v.settle(600 * kbit)
	v.layers(layer(1, 2))
	v.hand(Budget{Estimate: 3000 * kbit, Confirmed: 900 * kbit})
	v.layers(layer(1, 2))
	v.reasons(Unproven)
	v.hand(Budget{Estimate: 3000 * kbit, Confirmed: 1800 * kbit})
	v.layers(layer(2, 2))
}

func Test5_UpNeedsThePeakAndAMargin(t *testing.T) {
	var offers Offers
	offers[0][0] = Offer{Mean: 150 * kbit, Peak: 160 * kbit}
	offers[1][0] = Offer{Mean: 500 * kbit, Peak: 600 * kbit}
	l := new(Ladder)
	l.Build(&offers)
	v := watch(t, demand(Visible, l))
	v.settle(710 * kbit) // above the mean with its margin, below the peak with it
	v.layers(layer(0, 0))
	v.reasons(Full)
	v.give(721 * kbit)
	v.layers(layer(1, 0))
	v.settle(510 * kbit) // the mean is enough to stay
	v.layers(layer(1, 0))
}

func Test6_DownAtOnceAndAsFarAsNeeded(t *testing.T) {
	v := watch(t, demand(Visible, usual()))
	v.settle(2000 * kbit)
	v.layers(layer(2, 2))
	v.give(108 * kbit)
	v.layers(layer(0, 1))
	v.reasons(Fell)
}

func Test6_WhatOneFallsToHasRoomForItsKeyFrame(t *testing.T) {
	v := watch(t, demand(Visible, usual()))
	v.settle(2000 * kbit)
	v.give(560 * kbit) // 500 and a margin of 20 % would not fit
	v.layers(layer(1, 1))
	v.demands[0].Current = layer(2, 0) // its key frame is not here yet, and there is less
	v.give(310 * kbit)
	v.layers(layer(0, 2))
	v.settle(155 * kbit) // it has come: what arrives of it is enough
	v.layers(layer(0, 2))
}

func Test6_WhoJoinsFallsToNothing(t *testing.T) {
	v := watch(t, demand(Visible, usual()), demand(Visible, usual()))
	for range 3 { // no key frame has come yet, and nothing more than the lowest rungs fits
		v.give(121 * kbit)
		v.demands[0].Current, v.demands[1].Current = simulcast.None, simulcast.None
		v.layers(layer(0, 0), layer(0, 0))
	}
}

func Test7_AFirstFailureIsTriedAgainSoon(t *testing.T) {
	v := failed(t)
	again := v.Want().Again
	if wait := again.Sub(v.now); wait > firstWait {
		t.Errorf("it waits for %v", wait)
	}
	v.give(1200 * kbit)
	v.layers(layer(1, 2))
	v.reasons(Proving)
	v.now = again
	v.give(1200 * kbit)
	v.layers(layer(2, 1))
}

func Test7_WhatFailsAgainWaitsTwiceAsLong(t *testing.T) {
	v := failed(t)
	before := firstWait
	for range 4 {
		v.now = v.Want().Again
		v.give(1300 * kbit)
		v.layers(layer(2, 1))
		v.give(700 * kbit)
		wait := v.Want().Again.Sub(v.now)
		if wait != 2*before {
			t.Errorf("it waits for %v after %v", wait, before)
		}
		before = wait
	}
}

func Test7_WhatHasFailedNeedsMoreProof(t *testing.T) {
	v := failed(t)
	if w := v.Want(); w.Next != w.Now {
		t.Errorf("it wants %v while it waits", w.Next)
	}
	v.now = v.Want().Again
	v.give(1090 * kbit) // enough the first time: 900 and 20 %
	v.layers(layer(1, 2))
	if got, want := v.Want().Next, unit.BitRate(1134000); got != want {
		t.Errorf("it wants %d, not %d", got, want)
	}
	v.give(1135 * kbit)
	v.layers(layer(2, 1))
}

// Nothing above what is wanted at most is probed for, so the proof of the next step has to be
// below, also of one to the best there is that has failed.
func Test7_WhatIsWantedAtMostProvesTheNextStep(t *testing.T) {
	v := watch(t, demand(Visible, ladder(150*kbit, 500*kbit)))
	v.settle(550 * kbit)
	for range 5 {
		v.now = v.now.Add(mostWait)
		v.give(800 * kbit)
		v.layers(layer(1, 2))
		v.give(400 * kbit)
		v.layers(layer(1, 1))
		v.now = v.Want().Again
		v.give(400 * kbit)
		if w := v.Want(); w.Next <= w.Now || w.Most < w.Next || w.Most < w.Leap {
			t.Errorf("it wants %v at most, %v next", w.Most, w.Next)
		}
	}
}

func Test7_WhatWasHeldForLongHasNotFailed(t *testing.T) {
	v := watch(t, demand(Visible, usual()))
	v.settle(1200 * kbit)
	for range 10 {
		v.settle(1200 * kbit)
	}
	v.give(700 * kbit)
	v.give(1200 * kbit)
	v.layers(layer(2, 1))
}

func Test7_AnotherRouteForgets(t *testing.T) {
	v := failed(t)
	v.hand(Budget{Estimate: 1200 * kbit, Confirmed: 1200 * kbit, Moved: 1})
	v.layers(layer(2, 1))
}

func Test7_ALongCleanSpellForgets(t *testing.T) {
	v := failed(t)
	v.now = v.Want().Again.Add(cleanSpell + time.Second)
	v.give(1200 * kbit)
	v.give(700 * kbit)
	if wait := v.Want().Again.Sub(v.now); wait != firstWait {
		t.Errorf("it waits for %v", wait)
	}
}

func Test7_ProofOfFarMoreEndsTheWait(t *testing.T) {
	v := failed(t)
	v.now = v.now.Add(soon / 8)
	v.give(2400 * kbit)
	v.layers(layer(2, 2))
}

// failed is a viewer whose path did not carry a rung that it was given.
func failed(t *testing.T) *viewer {
	v := watch(t, demand(Visible, usual()))
	v.settle(700 * kbit)
	v.layers(layer(1, 2))
	v.give(1200 * kbit)
	v.layers(layer(2, 1))
	v.give(700 * kbit)
	v.layers(layer(1, 2))
	return v
}

func Test8_ASilentLayerDoesNotFit(t *testing.T) {
	v := watch(t, demand(Visible, ladder(150*kbit, 0, 1500*kbit)), demand(Visible, ladder(0, 0, 0)))
	v.settle(1000 * kbit)
	v.layers(layer(0, 2), simulcast.None)
	v.reasons(Full, Silent)
	v.settle(2000 * kbit)
	v.layers(layer(2, 2))
}

func Test9_OneSubscribersLinkIsItsOwn(t *testing.T) {
	shared := usual()
	poor, rich := watch(t, demand(Visible, shared)), watch(t, demand(Visible, shared))
	poor.settle(110 * kbit)
	rich.settle(2000 * kbit)
	poor.layers(layer(0, 1))
	rich.layers(layer(2, 2))
}

func Test9_LayersThatNobodyWantsMayRest(t *testing.T) {
	now := unit.Instant(time.Hour)
	w := NewWants(now)
	if mask := w.Resting(now.Add(linger)); mask != 0 {
		t.Errorf("%b rest at once", mask)
	}
	later := now.Add(linger / 2)
	w.Want(layer(1, 2), later)
	w.Want(simulcast.None, later)
	if got, want := w.Next(later), now.Add(linger+1); got != want {
		t.Errorf("next is in %v", got.Sub(now))
	}
	if mask := w.Resting(w.Next(later)); mask != 0b1101 {
		t.Errorf("%b rest", mask)
	}
	if mask := w.Resting(later.Add(linger + 1)); mask != 0b1111 {
		t.Errorf("%b rest when nobody is left", mask)
	}
	w.Want(layer(2, 0), later.Add(time.Minute))
	if mask := w.Resting(later.Add(time.Minute)); mask != 0b1011 {
		t.Errorf("%b rest", mask)
	}
}

func TestUntilTheLowerLayersKeyFrame(t *testing.T) {
	t.Run("temporal layers above T0 are shed at once", func(t *testing.T) {
		v := watch(t, demand(Visible, usual()))
		v.settle(2000 * kbit)
		v.give(760 * kbit)
		v.layers(layer(1, 2))
		if got := v.shares[0].Shed; got != 0 {
			t.Errorf("sheds to %d", got)
		}
	})
	t.Run("if T0 alone does not fit there is no picture", func(t *testing.T) {
		v := watch(t, demand(Visible, usual()))
		v.settle(2000 * kbit)
		v.give(290 * kbit)
		v.layers(layer(0, 2))
		if got := v.shares[0].Shed; got != -1 {
			t.Errorf("sheds to %d", got)
		}
	})
	t.Run("what is left goes to the first in priority", func(t *testing.T) {
		v := watch(t, demand(Visible, usual()), demand(Speaker, usual()))
		v.settle(4000 * kbit)
		v.layers(layer(2, 2), layer(2, 2))
		v.give(1150 * kbit)
		if got := []int8{v.shares[0].Shed, v.shares[1].Shed}; v.shares[0].Layer.Spatial == 2 || got[0] != -1 {
			t.Errorf("shed to %v with %v", got, v.shares)
		}
	})
	t.Run("nothing is shed on the way up or where temporal layers are enough", func(t *testing.T) {
		v := watch(t, demand(Visible, usual()))
		v.settle(600 * kbit)
		v.demands[0].Current = layer(0, 2) // the key frame has not come
		v.give(2000 * kbit)
		v.layers(layer(2, 2))
		if got := v.shares[0].Shed; got != Everything {
			t.Errorf("sheds to %d on the way up", got)
		}
		v.give(1000 * kbit)
		v.layers(layer(2, 1))
		if got := v.shares[0].Shed; got != Everything {
			t.Errorf("sheds to %d", got)
		}
	})
}

func TestWant(t *testing.T) {
	v := watch(t, demand(Visible, usual()))
	v.settle(200 * kbit)
	w := v.Want()
	if w.Now != 150*kbit || w.Next != 360*kbit || w.Leap != 600*kbit || w.Most != 1800*kbit {
		t.Errorf("wants %+v", w)
	}
	v.hand(Budget{Estimate: 200 * kbit, Confirmed: 200 * kbit, Sound: 40 * kbit, Loss: 0.02})
	if w := v.Want(); w.Now < 193*kbit || w.Now > 194*kbit {
		t.Errorf("with sound and repair it takes %v", w.Now)
	}
	v.settle(3000 * kbit)
	if w := v.Want(); w.Now != 1500*kbit || w.Next != w.Now || w.Leap != w.Now || w.Most != w.Now || w.Again != unit.Far {
		t.Errorf("at the best it wants %+v", w)
	}
	if w := failed(t).Want(); w.Next != w.Now {
		t.Errorf("it tries out %v though that has failed just now", w.Next)
	}
}

func TestWishes(t *testing.T) {
	small, none := demand(Visible, usual()), demand(Visible, usual())
	small.Most, none.Most = layer(1, 127), simulcast.None
	v := watch(t, small, none)
	v.settle(5000 * kbit)
	v.layers(layer(1, 2), simulcast.None)
	v.reasons(Best, Unwanted)
	v.demands[0].Most = layer(2, 1)
	v.settle(5000 * kbit)
	v.layers(layer(2, 1))
}

func TestALadderThatChangesKeepsWhatIsHeld(t *testing.T) {
	v := watch(t, demand(Visible, usual()))
	v.settle(2000 * kbit)
	v.demands[0].Ladder = ladder(150*kbit, 500*kbit, 0)
	v.give(2000 * kbit)
	v.layers(layer(1, 2))
	v.demands[0].Ladder = ladder(150*kbit, 500*kbit, 1500*kbit)
	v.give(2000 * kbit)
	v.layers(layer(2, 2))
}

func TestEqualOnesDoNotChangePlaces(t *testing.T) {
	v := watch(t, demand(Visible, usual()), demand(Visible, usual()))
	v.settle(900 * kbit)
	first := [2]simulcast.Layer{v.shares[0].Layer, v.shares[1].Layer}
	for i := range 200 {
		noisy := unit.BitRate(i%7-3) * 5 * kbit
		v.demands[i%2].Ladder = ladder(150*kbit, 500*kbit+noisy, 1500*kbit)
		v.give(900 * kbit)
		if got := [2]simulcast.Layer{v.shares[0].Layer, v.shares[1].Layer}; got != first {
			t.Fatalf("after %d: %v, before %v", i, got, first)
		}
	}
}
