package party

import (
	"testing"
	"time"

	"meshfocus/bench/report"
)

// TestLoad_CountsAWaitForAsLongAsItTook: sockets that nobody looked into for 30 ms of 100.
func TestLoad_CountsAWaitForAsLongAsItTook(t *testing.T) {
	t.Parallel()
	const ms = int64(time.Millisecond)
	l := &Load{counts: Counts{Behind: &report.Histogram{}}}
	for now := ms; now <= 70*ms; now += ms {
		l.begin(now)
	}
	l.begin(101 * ms)
	behind := l.counts.Behind
	if behind.Count() != 69+30 || behind.Quantile(0.5) > time.Duration(ms) || behind.Quantile(1) < time.Duration(29*ms) || behind.Quantile(0.85) < time.Duration(10*ms) {
		t.Errorf("%d, %v, %v, %v", behind.Count(), behind.Quantile(0.5), behind.Quantile(0.85), behind.Quantile(1))
	}
}

// TestLoad_LeavesOutWhatWouldComeInAHeap: of a slow source nothing does.
func TestLoad_LeavesOutWhatWouldComeInAHeap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		interval, late time.Duration
		skipped        uint64
	}{
		{100 * time.Millisecond, 15 * time.Millisecond, 0},
		{100 * time.Millisecond, 50 * time.Millisecond, 1},
		{time.Second, 50 * time.Millisecond, 0},
		{time.Second, 500 * time.Millisecond, 1},
	} {
		now := time.Now().UnixNano()
		s := newSource(1, 0, 1)
		s.interval, s.burst, s.due = int64(c.interval), 1, now-int64(c.late)
		l := &Load{senders: []*End{{sources: []*source{s}}}, counts: Counts{Latency: &report.Histogram{}, Lateness: &report.Histogram{}}}
		l.sendDue(now)
		if l.counts.Skipped != c.skipped {
			t.Errorf("every %v, late by %v: %d were left out, want %d", c.interval, c.late, l.counts.Skipped, c.skipped)
		}
	}
}
