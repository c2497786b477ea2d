package offset

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTrack_FindsADrift: of a clock that gains, whatever the ways take, within its bound.
func TestTrack_FindsADrift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const began = int64(1 << 60)
		c := Clock{Ahead: time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "ahead")), Gain: rapid.Float64Range(-5e-4, 5e-4).Draw(t, "gain"), Since: began}
		var track Track
		for i := range rapid.Int64Range(2, 12).Draw(t, "readings") {
			way := rapid.Int64Range(1000, int64(50*time.Millisecond))
			asked := began + i*int64(time.Second)
			there, back := way.Draw(t, "there"), way.Draw(t, "back")
			r, err := Measure([]Exchange{{Asked: asked, Came: c.At(asked + there), Answered: c.At(asked + there), Heard: asked + there + back}})
			if err != nil {
				t.Fatal(err)
			}
			if truth := time.Duration(c.At(r.At) - r.At); (r.Ahead - truth).Abs() > r.Bound+time.Microsecond*100 {
				t.Fatalf("%v, it was %v", r, truth)
			}
			track = append(track, r)
		}
		gain, bound := track.Drift()
		if math.Abs(gain-c.Gain) > bound+1e-4 || bound <= 0 || track.Check() != nil {
			t.Fatalf("%v ± %v, it is %v; %v", gain, bound, c.Gain, track.Check())
		}
		if best, ok := track.Best(); !ok || best.Bound > track[0].Bound {
			t.Fatalf("%v of %v", best, track)
		}
	})
}

func TestTrack_SeesThatAClockWasSet(t *testing.T) {
	at := func(seconds int64, ahead time.Duration) Reading {
		return Reading{seconds * int64(time.Second), Offset{ahead, time.Millisecond}}
	}
	drifts := Track{at(1, 50*time.Millisecond), at(2, 51*time.Millisecond), at(3, 49*time.Millisecond), at(13, 60*time.Millisecond)}
	if err := drifts.Check(); err != nil {
		t.Error(err)
	}
	if err := append(drifts, at(14, 65*time.Millisecond)).Check(); !errors.Is(err, ErrWrong) {
		t.Errorf("a clock that was set: %v", err)
	}
	if gain, bound := drifts[:1].Drift(); gain != 0 || !math.IsInf(bound, 1) || (Track{}).Check() != nil {
		t.Errorf("%v ± %v of one reading", gain, bound)
	}
	if _, ok := (Track{}).Best(); ok {
		t.Error("there is a best of none")
	}
}

func TestOffset_CoversWhatWasMeasuredMeanwhile(t *testing.T) {
	used := Offset{10, 3}
	for measured, bound := range map[Offset]time.Duration{{10, 2}: 3, {12, 2}: 4, {-5, 1}: 16} {
		if got := used.Covers(measured); got.Ahead != 10 || got.Bound != bound {
			t.Errorf("%v covers %v as %v", used, measured, got)
		}
	}
}

// TestTrack_BoundsWhatWasCorrectedByIt of a clock that drifts.
func TestTrack_BoundsWhatWasCorrectedByIt(t *testing.T) {
	at := func(seconds int64, ahead, bound time.Duration) Reading {
		return Reading{seconds * int64(time.Second), Offset{ahead, bound}}
	}
	for want, track := range map[time.Duration]Track{
		0:   nil,
		7:   {at(1, 100, 7)},
		52:  {at(1, 100, 2), at(2, 125, 2), at(3, 150, 2), at(4, 175, 2)},
		102: {at(1, 100, 2), at(2, 102, 100), at(3, 98, 2), at(4, 100, 2), at(5, 100, 1)},
	} {
		if got := track.Bound(); got != want {
			t.Errorf("%v: %d, want %d", track, got, want)
		}
	}
	r := at(1, 250, 3)
	if turned := r.Turned(); turned.At != r.At+250 || turned.Ahead != -250 || turned.Bound != 3 || turned.Turned() != r {
		t.Errorf("%+v", turned)
	}
}
