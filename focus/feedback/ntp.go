package feedback

import (
	"time"

	"meshfocus/internal/unit"
)

// NTP is an instant as 32 bits of seconds since 1900 and 32 bits of fraction
// (RFC 3550 section 4). It wraps in 2036, and differences survive that.
type NTP uint64

// secondsTo1970 is from the beginning of NTP's era to that of Unix.
const secondsTo1970 = 2_208_988_800

// NTPOf gives the NTP instant of a wall clock.
func NTPOf(t time.Time) NTP {
	return NTP(uint64(t.Unix()+secondsTo1970) << 32).Add(time.Duration(t.Nanosecond()))
}

// Add gives the instant d later.
func (n NTP) Add(d time.Duration) NTP {
	seconds, rest := int64(d/time.Second), int64(d%time.Second)
	return n + NTP(seconds<<32) + NTP((rest<<32)/int64(time.Second))
}

// Sub gives how much later n is than earlier, which is within 68 years.
func (n NTP) Sub(earlier NTP) time.Duration {
	d := int64(n - earlier)
	seconds, rest := d>>32, d&(1<<32-1)
	return time.Duration(seconds)*time.Second + time.Duration((rest*int64(time.Second))>>32)
}

// Middle gives the 32 bits that reports quote: 16 of seconds, 16 of fraction.
func (n NTP) Middle() uint32 { return uint32(n >> 16) }

// Epoch is the NTP instant at which the process's Instant was zero. Whoever
// owns the clock reads it once, so that all sender reports share it and a step
// of the machine's clock moves none of them.
type Epoch NTP

// EpochOf gives the epoch from a wall clock read at the instant now.
func EpochOf(wall time.Time, now unit.Instant) Epoch {
	return Epoch(NTPOf(wall).Add(-time.Duration(now)))
}

// At gives the NTP instant of now.
func (e Epoch) At(now unit.Instant) NTP { return NTP(e).Add(time.Duration(now)) }

// RoundTrip says how long a sender report of ours and its answer were under
// way (RFC 3550 section 6.4.1). It is false if the report answers none, or was
// answered sooner than it can have been.
func (e Epoch) RoundTrip(r Report, now unit.Instant) (time.Duration, bool) {
	if r.LastReport == 0 {
		return 0, false
	}
	since := fractions(e.At(now).Middle() - r.LastReport)
	trip := since - r.Delay
	if trip < -time.Millisecond || trip > time.Minute {
		return 0, false
	}
	return max(trip, time.Microsecond*100), true
}

// fractions gives the duration of 1/65536 seconds.
func fractions(count uint32) time.Duration {
	return time.Duration((int64(count)*int64(time.Second) + 1<<15) >> 16)
}

// inFractions gives a duration in 1/65536 seconds, at most what 32 bits hold.
func inFractions(d time.Duration) uint32 {
	d = min(max(d, 0), 65535*time.Second)
	return uint32((int64(d)<<16 + int64(time.Second)/2) / int64(time.Second))
}
