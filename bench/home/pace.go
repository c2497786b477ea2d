package home

import (
	"context"
	"fmt"
	"time"

	"meshfocus/bench/report"
)

const (
	// latest is how late messages may leave at the 99th percentile; beyond that it
	// was the generator that was measured.
	latest = 5 * time.Millisecond
	// given: a message that is later than this is left out and counted, or all would
	// leave in a heap.
	given = time.Second
	// unsent is the part of messages that may be left out.
	unsent = 0.001
)

// pacer says when messages are due, evenly, and keeps how late it was. It belongs to
// one goroutine.
type pacer struct {
	began    time.Time
	interval time.Duration
	next     int // of messages

	lateness *report.Histogram
	skipped  int

	sleep func(time.Duration) // time.Sleep
}

func newPacer(began time.Time, rate float64) *pacer {
	return &pacer{began: began, interval: time.Duration(float64(time.Second) / rate), lateness: &report.Histogram{}, sleep: time.Sleep}
}

// wait returns when the next message is due, with its number; false when the
// context has ended, or the next is not due before the end.
func (p *pacer) wait(ctx context.Context, end time.Time) (number int, more bool) {
	for ctx.Err() == nil {
		number = p.next
		due := p.began.Add(time.Duration(number) * p.interval)
		if !due.Before(end) {
			return 0, false
		}
		if rest := time.Until(due); rest > 0 {
			p.sleep(rest)
		}
		p.next++
		late := time.Since(due)
		if late > given {
			p.skipped++
			continue
		}
		p.lateness.Add(late)
		return number, true
	}
	return 0, false
}

// fault says why what was sent is not what was asked for, if so.
func (p *pacer) fault() error {
	late := p.lateness.Quantile(0.99)
	switch {
	case p.next == 0:
		return fmt.Errorf("the generator sent nothing")
	case float64(p.skipped) > unsent*float64(p.next):
		return fmt.Errorf("the generator could not send %d of %d messages in time", p.skipped, p.next)
	case late > latest:
		return fmt.Errorf("the generator was late by %v (p99)", late.Round(100*time.Microsecond))
	}
	return nil
}
