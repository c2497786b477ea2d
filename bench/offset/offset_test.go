package offset

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// exchange is one with a clock that is ahead, at an instant of ours.
func exchange(now int64, ahead, there, work, back time.Duration) Exchange {
	came := now + int64(there)
	return Exchange{Asked: now, Came: came + int64(ahead), Answered: came + int64(ahead+work), Heard: came + int64(work+back)}
}

// TestMeasure_IsRightWithinItsBound: whatever the ways there and back take.
func TestMeasure_IsRightWithinItsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := rapid.Int64Range(0, int64(time.Second))
		ahead := time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "ahead"))
		least := time.Hour
		var all []Exchange
		for range rapid.IntRange(1, 20).Draw(t, "count") {
			there, work, back := span.Draw(t, "there"), span.Draw(t, "work"), span.Draw(t, "back")
			least = min(least, time.Duration(there+back))
			all = append(all, exchange(1<<60, ahead, time.Duration(there), time.Duration(work), time.Duration(back)))
		}
		o, err := Measure(all)
		if err != nil || (o.Ahead-ahead).Abs() > o.Bound+1 || o.Bound > least/2+1 {
			t.Fatalf("%+v, %v; it is %v, the least round trip %v", o, err, ahead, least)
		}
		// What was sent by their clock and took a while comes out within the bound.
		took := time.Duration(span.Draw(t, "took"))
		theirs := int64(1<<60) + int64(ahead)
		if got := o.Latency(theirs, 1<<60+int64(took)); (got-took).Abs() > o.Bound+1 || o.Check(got+1) != nil {
			t.Fatalf("%v came out as %v ± %v", took, got, o.Bound)
		}
	})
}

func TestMeasure_NeedsAnExchange(t *testing.T) {
	for _, all := range [][]Exchange{nil, {{Asked: 10, Came: 5, Answered: 5, Heard: 9}}, {{Asked: 0, Came: 9, Answered: 1, Heard: 2}}} {
		if _, err := Measure(all); !errors.Is(err, ErrUnknown) {
			t.Errorf("%v: %v", all, err)
		}
	}
}

func TestOffset_ThatIsWrongIsCaught(t *testing.T) {
	right := Offset{50 * time.Millisecond, time.Millisecond}
	theirs, ours := int64(1<<40), int64(1<<40)-int64(right.Ahead)+int64(300*time.Microsecond)
	if err := right.Check(right.Latency(theirs, ours)); err != nil {
		t.Error(err)
	}
	for _, wrong := range []Offset{{}, {40 * time.Millisecond, time.Millisecond}, {-50 * time.Millisecond, time.Millisecond}} {
		if err := wrong.Check(wrong.Latency(theirs, ours)); !errors.Is(err, ErrWrong) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}
