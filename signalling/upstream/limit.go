package upstream

import (
	"sync"
	"time"
)

// limiter bounds how often each user may do something: a bucket that fills at
// a rate and holds a burst.
type limiter struct {
	limit Limit

	mu      sync.Mutex
	buckets map[string]bucket // guarded by mu
}

// bucket is how full it was, and when.
type bucket struct {
	filled float64
	at     time.Time
}

// maxBuckets is when full buckets are thrown away, which say nothing.
const maxBuckets = 10_000

func newLimiter(limit Limit) *limiter {
	return &limiter{limit: limit, buckets: map[string]bucket{}}
}

// allow takes one; otherwise wait says when there will be one.
func (l *limiter) allow(who string, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buckets) >= maxBuckets {
		for key, b := range l.buckets {
			if l.level(b, now) >= float64(l.limit.Burst) {
				delete(l.buckets, key)
			}
		}
	}
	b, known := l.buckets[who]
	if !known {
		b = bucket{float64(l.limit.Burst), now}
	}
	b = bucket{l.level(b, now), now}
	if b.filled < 1 {
		l.buckets[who] = b
		return max(time.Duration((1-b.filled)/l.limit.PerSecond*float64(time.Second)), time.Millisecond), false
	}
	b.filled--
	l.buckets[who] = b
	return 0, true
}

func (l *limiter) level(b bucket, now time.Time) float64 {
	return min(b.filled+max(now.Sub(b.at).Seconds(), 0)*l.limit.PerSecond, float64(l.limit.Burst))
}
