package home

import (
	"context"
	"fmt"
	"time"
)

const (
	// given: a message that is later than this is left out and counted, or all would
	// leave in a heap.
	given = time.Second
	// unsent is the part of messages that may be left out.
	unsent = 0.001
)

// pacer says when messages are due, evenly. It belongs to one goroutine, but for left.
type pacer struct {
	began    time.Time
	interval time.Duration
	next     int // of messages

	left    delays // how late messages left; those who send them add to it
	skipped int

	sleep func(time.Duration) // time.Sleep
}

func newPacer(began time.Time, rate float64) *pacer {
	return &pacer{began: began, interval: time.Duration(float64(time.Second) / rate), sleep: time.Sleep}
}

// wait returns when the next message is due, with its number and that instant; false
// when the context has ended, or the next is not due before the end.
func (p *pacer) wait(ctx context.Context, end time.Time) (number int, due time.Time, more bool) {
	for ctx.Err() == nil {
		number = p.next
		due = p.began.Add(time.Duration(number) * p.interval)
		if !due.Before(end) {
			return 0, due, false
		}
		if rest := time.Until(due); rest > 0 {
			p.sleep(rest)
		}
		p.next++
		if time.Since(due) > given {
			p.skipped++
			continue
		}
		return number, due, true
	}
	return 0, due, false
}

// fault says why what was sent is not what was asked for, if so.
func (p *pacer) fault() error {
	switch {
	case p.next == 0:
		return fmt.Errorf("the generator sent nothing")
	case float64(p.skipped) > unsent*float64(p.next):
		return fmt.Errorf("the generator could not send %d of %d messages in time", p.skipped, p.next)
	}
	return nil
}
