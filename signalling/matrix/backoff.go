package matrix

import "time"

// backoff says how long to wait before the next attempt. Pure: the random
// number is an argument.
type backoff struct {
	first, most time.Duration
}

// wait gives the pause after the given number of failures (1 is the first),
// doubling from first to most, spread over plus and minus a quarter by random
// in [0, 1).
func (b backoff) wait(failures int, random float64) time.Duration {
	pause := b.first
	for i := 1; i < failures && pause < b.most; i++ {
		pause *= 2
	}
	return jitter(min(pause, b.most), 0.25, random)
}

// jitter spreads a duration over plus and minus the given part of it.
func jitter(d time.Duration, part, random float64) time.Duration {
	return time.Duration(float64(d) * (1 + part*(2*random-1)))
}
