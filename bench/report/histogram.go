package report

import (
	"math/bits"
	"time"
)

const (
	// fine of each doubling: a value is known to 3 %.
	fine = 32
	// rows of doublings: from a microsecond to more than an hour.
	rows = 33
)

// Histogram counts durations, in microseconds and in buckets that grow with
// them. The zero Histogram is empty. It belongs to one goroutine.
type Histogram struct {
	buckets [rows * fine]uint64
	total   uint64
	most    time.Duration
}

// Add counts a duration; negative ones count as none.
func (h *Histogram) Add(d time.Duration) {
	h.buckets[bucket(uint64(max(d, 0)/time.Microsecond))]++
	h.total++
	h.most = max(h.most, d)
}

// bucket gives the place of a value: below fine each has its own, above each
// doubling has as many.
func bucket(micros uint64) int {
	row := bits.Len64(micros / fine)
	if row == 0 {
		return int(micros)
	}
	place := row*fine + int(micros>>(row-1)) - fine
	return min(place, rows*fine-1)
}

// upper gives the end of a bucket, which no value in it reaches.
func upper(place int) time.Duration {
	if place < fine {
		return time.Duration(place+1) * time.Microsecond
	}
	row := place / fine
	return time.Duration(uint64(place%fine+fine+1)<<(row-1)) * time.Microsecond
}

// Count says how many there are.
func (h *Histogram) Count() uint64 { return h.total }

// lower gives the beginning of a bucket.
func lower(place int) time.Duration {
	if place == 0 {
		return 0
	}
	return upper(place - 1)
}

// Quantile gives what a part, 0 to 1, of the durations do not exceed, to 3 %; 0 if
// there are none. Those in a bucket are taken to lie evenly in it: its end alone
// would be 64 µs too late, in the mean, at 5 ms.
func (h *Histogram) Quantile(part float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	wanted := max(uint64(part*float64(h.total)+0.5), 1)
	var seen uint64
	for place, count := range h.buckets {
		if seen+count >= wanted {
			return lower(place) + (upper(place)-lower(place))*time.Duration(wanted-seen)/time.Duration(count)
		}
		seen += count
	}
	return h.most
}

// steps are the parts of a spread: close where latencies are told apart.
var steps = [...]float64{0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1}

// Note writes the latencies of a round down: percentiles, and how they spread.
// Without any it writes nothing.
func (h *Histogram) Note(r *Round) {
	if h.total == 0 {
		return
	}
	at := func(part float64) float64 { return float64(h.Quantile(part)) / float64(time.Microsecond) }
	for m, part := range map[Metric]float64{P50Micros: 0.5, P95Micros: 0.95, P99Micros: 0.99, P999Micros: 0.999} {
		r.set(m, at(part))
	}
	r.Spread = nil
	for _, part := range steps {
		r.Spread = append(r.Spread, Point{part, at(part)})
	}
}

// Clone gives a copy.
func (h *Histogram) Clone() *Histogram {
	c := *h
	return &c
}

// Since gives what was added after an earlier clone.
func (h *Histogram) Since(earlier *Histogram) *Histogram {
	c := h.Clone()
	for i, count := range earlier.buckets {
		c.buckets[i] -= count
	}
	c.total -= earlier.total
	return c
}
