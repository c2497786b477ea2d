package feedback

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/internal/unit"
)

const (
	trip  = 50 * time.Millisecond
	frame = 33 * time.Millisecond
)

func TestKeyFrames_OneRequestServesAllWhoWait(t *testing.T) {
	var k KeyFrames
	if k.Next(trip, frame) != unit.Far || k.Due(trip, frame, in(0)) != 0 {
		t.Fatal("asks for nobody")
	}
	for range 20 {
		k.Want(0)
		k.Want(2)
	}
	if got := k.Due(trip, frame, in(0)); got != LayerOf(0)|LayerOf(2) {
		t.Fatalf("asked for %b", got)
	}
	k.Want(1)
	k.Complain(2, trip, in(10))
	if got := k.Due(trip, frame, in(10)); got != 0 {
		t.Fatalf("asked again for %b", got)
	}
	for layer := range int8(3) {
		k.Started(layer, in(80))
	}
	if k.Next(trip, frame) != unit.Far || k.Pending() != 0 {
		t.Error("who wanted another layer did not take the chance")
	}
	if s := k.Stats(); s.Requests != 1 {
		t.Errorf("%+v", s)
	}
}

func TestKeyFrames_RepeatsAfterARoundTripAndAFrame(t *testing.T) {
	for _, test := range []struct {
		trip time.Duration
		want unit.Instant
	}{{trip, in(300)}, {600 * time.Millisecond, in(633)}} {
		var k KeyFrames
		k.Want(1)
		k.Due(test.trip, frame, in(0))
		if got := k.Next(test.trip, frame); got != test.want {
			t.Errorf("round trip %v: again after %v", test.trip, got.Sub(in(0)))
		}
		k.Want(0)
		k.Started(1, in(80)) // a publisher that answers for one layer alone
		if got := k.Due(test.trip, frame, test.want); got != LayerOf(0) {
			t.Errorf("asked for %b", got)
		}
	}
}

func TestKeyFrames_SwallowsWhatWasSaidBeforeTheKeyFrameCame(t *testing.T) {
	var k KeyFrames
	k.Started(1, in(100))
	k.Complain(1, trip, in(149))
	if k.Pending() != 0 {
		t.Error("asks for what is under way")
	}
	k.Complain(0, trip, in(149))
	k.Complain(1, trip, in(150))
	if k.Pending() != LayerOf(0)|LayerOf(1) || k.Stats().Swallowed != 1 {
		t.Errorf("pending %b, %+v", k.Pending(), k.Stats())
	}
}

func TestKeyFrames_AJoiningWaveCostsTwo(t *testing.T) {
	for _, subscribers := range []int{5, 50, 500} {
		var k KeyFrames
		answer := unit.Far
		for ms := range 800 {
			if ms < subscribers && ms < 250 {
				for range max(1, subscribers/250) {
					k.Want(int8(ms % 3))
				}
			}
			if k.Due(trip, frame, in(ms)) != 0 {
				answer = in(ms + 80)
			}
			if in(ms) == answer {
				for layer := range int8(3) {
					k.Started(layer, in(ms))
				}
			}
		}
		if s := k.Stats(); s.Requests > 2 || k.Pending() != 0 {
			t.Errorf("%d subscribers cost %d requests, pending %b", subscribers, s.Requests, k.Pending())
		}
	}
}

func TestKeyFrames_AsksRarelyWhoDoesNotAnswer(t *testing.T) {
	var k KeyFrames
	k.Want(1)
	for ms := range 60_000 {
		k.Due(trip, frame, in(ms))
	}
	if s := k.Stats(); s.Requests < 30 || s.Requests > 40 {
		t.Errorf("%d requests in a minute", s.Requests)
	}
	k.Forget(1)
	if k.Next(trip, frame) != unit.Far {
		t.Error("asks for what nobody wants")
	}
}

func TestKeyFrames_KeepTheirDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trip := time.Duration(rapid.IntRange(1, 900).Draw(t, "trip")) * time.Millisecond
		does := rapid.SliceOfN(rapid.IntRange(0, 9), 10, 400).Draw(t, "does")
		var k KeyFrames
		last := unit.Never
		for i, do := range does {
			now := in(i * 20)
			layer := int8(i % 3)
			switch do {
			case 0, 1:
				k.Want(layer)
			case 2, 3:
				k.Complain(layer, trip, now)
			case 4:
				k.Started(layer, now)
			}
			pending := k.Pending()
			if asked := k.Due(trip, frame, now); asked != 0 {
				if last != unit.Never && now.Sub(last) < max(requestLeast, trip+frame) {
					t.Fatalf("asked %v after the last", now.Sub(last))
				}
				if asked != pending {
					t.Fatalf("asked for %b of %b", asked, pending)
				}
				last = now
			}
			if next := k.Next(trip, frame); !now.Before(next) {
				t.Fatal("asks to be called for what was done")
			}
		}
	})
}

func TestIntraNumber_TheSameNumberIsTheSameRequest(t *testing.T) {
	var i IntraNumber
	got := []bool{i.Fresh(0), i.Fresh(0), i.Fresh(1), i.Fresh(1), i.Fresh(0)}
	equal(t, "fresh", got, []bool{true, false, true, false, true})
}
