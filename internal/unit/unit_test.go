package unit

import (
	"math"
	"testing"
	"time"
)

func TestInstant_CountsInDurations(t *testing.T) {
	start := Instant(5 * time.Second)
	later := start.Add(250 * time.Millisecond)
	if got := later.Sub(start); got != 250*time.Millisecond {
		t.Errorf("the later is %v later", got)
	}
	if got := start.Sub(later); got != -250*time.Millisecond {
		t.Errorf("the earlier is %v later", got)
	}
	if !start.Before(later) || later.Before(start) || start.Before(start) {
		t.Error("before is not before")
	}
}

func TestInstant_NothingIsLaterThanFar(t *testing.T) {
	if got := Far.Add(time.Hour); got != Far {
		t.Errorf("an hour after Far is %d", got)
	}
	if !Instant(math.MaxInt64 - 1).Before(Far) {
		t.Error("something is not before Far")
	}
	if !Never.Before(Instant(1)) {
		t.Error("Never is not before the first instant")
	}
}

func TestRate_IsBitsInASecond(t *testing.T) {
	cases := []struct {
		name   string
		bytes  int64
		within time.Duration
		want   BitRate
	}{
		{"a byte in a second", 1, time.Second, 8},
		{"a video in 20 ms", 3125, 20 * time.Millisecond, 1250 * Kilobit},
		{"a terabyte in an hour", 1e12, time.Hour, 2222222222},
		{"nothing", 0, time.Second, 0},
		{"in no time", 1000, 0, 0},
		{"in less than no time", 1000, -time.Second, 0},
	}
	for _, c := range cases {
		if got := Rate(c.bytes, c.within); got != c.want {
			t.Errorf("%s: %d bit/s, want %d", c.name, got, c.want)
		}
	}
}

func TestBitRate_SaysHowLongBytesTake(t *testing.T) {
	cases := []struct {
		name  string
		rate  BitRate
		bytes int
		want  time.Duration
	}{
		{"a packet at a megabit", Megabit, 1250, 10 * time.Millisecond},
		{"nothing", Megabit, 0, 0},
		{"at no rate", 0, 1, math.MaxInt64},
		{"at less than no rate", -1, 1, math.MaxInt64},
		{"longer than can be told", 1, math.MaxInt64, math.MaxInt64},
	}
	for _, c := range cases {
		if got := c.rate.Duration(c.bytes); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestBitRate_SaysHowManyBytesFit(t *testing.T) {
	if got := Megabit.Bytes(10 * time.Millisecond); got != 1250 {
		t.Errorf("%d bytes fit into 10 ms of a megabit", got)
	}
	if got := BitRate(0).Bytes(time.Hour); got != 0 {
		t.Errorf("%d bytes fit into no rate", got)
	}
	for _, rate := range []BitRate{30 * Kilobit, 1234567, 900 * Megabit} {
		if got := Rate(rate.Bytes(time.Minute), time.Minute); rate-got > 1 || got > rate {
			t.Errorf("a minute of %v is %v", rate, got)
		}
	}
}

func TestBitRate_ReadsWell(t *testing.T) {
	for rate, want := range map[BitRate]string{
		0: "0 bit/s", 999: "999 bit/s", 350 * Kilobit: "350 kbit/s", 1250 * Kilobit: "1.25 Mbit/s", 12345678: "12.3 Mbit/s",
	} {
		if got := rate.String(); got != want {
			t.Errorf("%d reads %q, want %q", int64(rate), got, want)
		}
	}
}
