package main

import (
	"context"
	"errors"
	"io"
	"time"

	"meshfocus/bench/report"
)

// ledger is where the rounds of a run go as they come, and what is said
// meanwhile. Its methods are for one goroutine at a time.
type ledger struct {
	out     io.Writer    // JSON lines
	kept    func() error // called with each round that was written; nil is nobody
	kinds   map[string]string
	display *display
	noise   noise
	rounds  []report.Round
}

// measure runs all ways one after the other, and gives what the run ends with. That
// somebody stopped it is no error.
func (l *ledger) measure(ctx context.Context, all []measuring) (end report.End, err error) {
	whole := l.noise // of all of the run
	whole.steal()
	l.noise.steal()
	for _, measure := range all {
		if err = measure(ctx, l); err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		end.Stopped = true
		if errors.Is(err, context.Canceled) {
			err = nil
		}
	}
	end.End, end.Load = time.Now().UTC().Format(time.RFC3339), load()
	end.Steal, _ = whole.steal()
	return end, err
}

// Now says what is about to be measured: so many of all rounds are done.
func (l *ledger) Now(done, all int, what string) { l.display.now(done, all, what) }

// Say says a line in between: a version, a step of a search.
func (l *ledger) Say(format string, arguments ...any) { l.display.say(format, arguments...) }

// until is Took that ends with a fault that there may be after a round.
func (l *ledger) until(fault func() error) func(report.Round) error {
	return func(r report.Round) error { return errors.Join(l.Took(r), fault()) }
}

// Took keeps a round: writes it down, with the noise of the machine since the one
// before, and says what it came to.
func (l *ledger) Took(r report.Round) error {
	if r.At == "" {
		r.At = time.Now().UTC().Format(time.RFC3339)
	}
	if r.Kind == "" {
		r.Kind = l.kinds[r.Scenario]
	}
	l.noise.note(&r)
	l.rounds = append(l.rounds, r)
	l.display.took(r)
	if err := report.Write(l.out, r); err != nil || l.kept == nil {
		return err
	}
	return l.kept()
}

// lines is a file of whole lines: one that finds no room is taken back, so that nothing in it
// is half-written.
type lines struct {
	file interface {
		io.Writer
		Truncate(size int64) error
	}
	size int64
	torn bool // a line is missing
}

// Write writes one line, or nothing.
func (l *lines) Write(line []byte) (int, error) {
	n, err := l.file.Write(line)
	if err != nil {
		l.torn = true
		_ = l.file.Truncate(l.size) // a pipe cannot be; the error is the first one
		return 0, err
	}
	l.size += int64(n)
	return n, nil
}
