package packet

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestBefore_GoesTheShorterWayRound(t *testing.T) {
	cases := []struct {
		a, b uint16
		want bool
	}{
		{1, 2, true}, {2, 1, false}, {1, 1, false}, {65535, 0, true}, {0, 65535, false},
		{0, 32767, true}, {0, 32768, false}, {32768, 0, false}, {65000, 1000, true},
	}
	for _, c := range cases {
		if got := Before(c.a, c.b); got != c.want {
			t.Errorf("%d before %d: %v", c.a, c.b, got)
		}
	}
}

func TestUnwrapper_CountsOnAcrossWraps(t *testing.T) {
	var numbers Unwrapper[uint16]
	if _, begun := numbers.Newest(); begun {
		t.Error("it has begun without a number")
	}
	for value := int64(65000); value < 65000+200000; value++ {
		if got := numbers.Unwrap(uint16(value)); got != value {
			t.Fatalf("%d reads %d", value, got)
		}
	}
	var clock Unwrapper[uint32]
	for value := int64(math.MaxUint32 - 5000); value < math.MaxUint32*3; value += 1 << 27 {
		if got := clock.Unwrap(uint32(value)); got != value {
			t.Fatalf("%d reads %d", value, got)
		}
	}
}

func TestUnwrapper_TakesLateNumbersForLate(t *testing.T) {
	var numbers Unwrapper[uint16]
	for _, c := range []struct {
		number uint16
		want   int64
	}{{3, 3}, {65535, -1}, {4, 4}, {65530, -6}, {32771, 32771}, {65535, 65535}, {1, 65537}, {65535, 65535}, {32769, 32769}} {
		if got := numbers.Peek(c.number); got != c.want {
			t.Errorf("%d would read %d, want %d", c.number, got, c.want)
		}
		if got := numbers.Unwrap(c.number); got != c.want {
			t.Errorf("%d reads %d, want %d", c.number, got, c.want)
		}
	}
	if newest, begun := numbers.Newest(); newest != 65537 || !begun {
		t.Errorf("the newest is %d, %v", newest, begun)
	}
}

func TestUnwrapper_FollowsWhateverStaysWithinHalfTheRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var numbers Unwrapper[uint16]
		value := rapid.Int64Range(0, math.MaxUint16).Draw(t, "first")
		newest := numbers.Unwrap(uint16(value))
		for _, step := range rapid.SliceOf(rapid.Int64Range(-32767, 32767)).Draw(t, "steps") {
			value = newest + step
			if got := numbers.Unwrap(uint16(value)); got != value {
				t.Fatalf("%d reads %d", value, got)
			}
			newest = max(newest, value)
		}
	})
}
