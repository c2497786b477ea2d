// Package unit is the quantities of the media path as types: instants of one
// monotonic clock, and bit rates.
//
// It reads no clock: whoever owns a loop reads it once for each batch and passes
// the Instant on. Instants of one process compare with each other and with
// nothing else; a simulation starts them where it likes.
package unit

import (
	"fmt"
	"math"
	"time"
)

// Instant is nanoseconds on a monotonic clock whose zero nobody knows. The
// zero Instant is used for "never".
type Instant int64

// Never is the instant that nothing happened at.
const Never Instant = 0

// Far is later than all others: a machine that wants no call says it.
const Far Instant = math.MaxInt64

// Add gives the instant d later. Far stays Far.
func (i Instant) Add(d time.Duration) Instant {
	if i == Far {
		return Far
	}
	return i + Instant(d)
}

// Sub gives how much later i is than earlier.
func (i Instant) Sub(earlier Instant) time.Duration { return time.Duration(i - earlier) }

// Before reports whether i is earlier than other.
func (i Instant) Before(other Instant) bool { return i < other }

// BitRate is bits in a second.
type BitRate int64

// The usual multiples, of ten as networks count.
const (
	BitPerSecond BitRate = 1
	Kilobit              = 1000 * BitPerSecond
	Megabit              = 1000 * Kilobit
)

// Rate gives the bit rate of bytes sent within a time, 0 if no time passed.
func Rate(bytes int64, within time.Duration) BitRate {
	if within <= 0 {
		return 0
	}
	return BitRate(float64(bytes) * 8 / within.Seconds())
}

// Duration says how long bytes take at the rate. What would take longer than a
// Duration can tell, and anything at no rate, takes for ever: the longest one.
func (r BitRate) Duration(bytes int) time.Duration {
	if r <= 0 {
		return math.MaxInt64
	}
	taken := float64(bytes) * 8 / float64(r) * float64(time.Second)
	if taken >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(taken)
}

// Bytes says how many bytes fit into a time at the rate.
func (r BitRate) Bytes(within time.Duration) int64 {
	return int64(float64(r) * within.Seconds() / 8)
}

// String gives the rate with three digits: "1.25 Mbit/s", "350 kbit/s".
func (r BitRate) String() string {
	switch {
	case r >= Megabit:
		return fmt.Sprintf("%.3g Mbit/s", float64(r)/float64(Megabit))
	case r >= Kilobit:
		return fmt.Sprintf("%.3g kbit/s", float64(r)/float64(Kilobit))
	default:
		return fmt.Sprintf("%d bit/s", int64(r))
	}
}
