package mesh

import (
	"math"
	"runtime/metrics"
	"time"
)

// waiting is how long goroutines that could run waited for a core since the process
// began, as counts in buckets (runtime/metrics).
type waiting struct {
	counts []uint64
	bounds []float64 // seconds, one more than counts
}

// waits reads it.
func waits() waiting {
	sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return waiting{}
	}
	h := sample[0].Value.Float64Histogram()
	return waiting{h.Counts, h.Buckets}
}

// since gives what came after an earlier reading.
func (w waiting) since(earlier waiting) waiting {
	counts := make([]uint64, len(w.counts))
	for i, count := range w.counts {
		counts[i] = count
		if i < len(earlier.counts) {
			counts[i] -= earlier.counts[i]
		}
	}
	return waiting{counts, w.bounds}
}

// quantile gives what a part of the waits do not exceed, 0 without any.
func (w waiting) quantile(part float64) time.Duration {
	var total, seen uint64
	for _, count := range w.counts {
		total += count
	}
	if total == 0 {
		return 0
	}
	for i, count := range w.counts {
		if seen += count; float64(seen) < part*float64(total) {
			continue
		}
		if upper := w.bounds[i+1]; !math.IsInf(upper, 1) {
			return time.Duration(upper * float64(time.Second))
		}
		return time.Duration(w.bounds[i] * float64(time.Second))
	}
	return 0
}
