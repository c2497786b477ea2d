package call

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshfocus/bench/offset"
	"meshfocus/bench/report"
)

const (
	// unread is how long the other clock may go without a reading.
	unread = 5 * time.Second
	// small: a latency is stated if it is so many times by how much it may be wrong.
	small = 4
)

// first waits for the first reading, without which no packet is dated.
func (s *stage) first(ctx context.Context) (offset.Offset, error) {
	ctx, cancel := context.WithTimeout(ctx, unread)
	defer cancel()
	select {
	case r := <-s.config.Readings:
		s.track = offset.Track{r}
		return r.Offset, nil
	case <-ctx.Done():
		return offset.Offset{}, fmt.Errorf("%w: nothing was read of it", offset.ErrUnknown)
	}
}

// correct is the loop that takes readings.
func (s *stage) correct() {
	for {
		select {
		case r := <-s.config.Readings:
			s.mu.Lock()
			s.track = append(s.track, r)
			s.mu.Unlock()
			s.load.Correct(r.Offset)
		case <-s.done:
			return
		}
	}
}

// compared waits for a reading that is later than the measurement, says how well
// latencies are known, and takes back those that are not known well.
func (s *stage) compared(ctx context.Context, ended time.Time) error {
	end := s.config.Clock.At(ended.UnixNano())
	var track offset.Track
	for {
		s.mu.Lock()
		track = append(offset.Track(nil), s.track...)
		s.mu.Unlock()
		if track[len(track)-1].At >= end || time.Since(ended) > unread || ctx.Err() != nil {
			break
		}
		wait(ctx, looking)
	}
	bound := track.Bound()
	s.config.Clocks.Bound = bound
	best, _ := track.Best() // there is a first
	f := s.round.Figures
	f[report.ClockOffsetMillis], f[report.ClockBoundMillis] = millis(-best.Ahead), millis(bound)
	doubt(s.round, bound)
	return errors.Join(steady(track, end), track.Check())
}

// steady says whether the other clock was read often enough, and until the end.
func steady(track offset.Track, end int64) error {
	for i := range track[:len(track)-1] {
		if gap := time.Duration(track[i+1].At - track[i].At); gap > unread {
			return fmt.Errorf("%w: nothing was read of it for %v", offset.ErrUnknown, gap.Round(time.Millisecond))
		}
	}
	if last := track[len(track)-1].At; last < end {
		return fmt.Errorf("%w: the last that was read of it is %v older than the end", offset.ErrUnknown, time.Duration(end-last).Round(time.Millisecond))
	}
	return nil
}

// doubt takes latencies back that may be wrong by a good part of themselves.
func doubt(r *report.Round, bound time.Duration) {
	for _, m := range []report.Metric{report.P50Micros, report.P95Micros, report.P99Micros, report.P999Micros} {
		if value, ok := r.Has(m); ok && value < small*micros(bound) {
			delete(r.Figures, m)
		}
	}
	if _, ok := r.Has(report.P50Micros); !ok {
		r.Spread = nil
	}
	if _, ok := r.Has(report.P99Micros); !ok {
		delete(r.Course, latencyCourse)
	}
}
