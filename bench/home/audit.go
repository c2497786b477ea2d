package home

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"sync"
	"time"

	"meshfocus/bench/report"
)

const (
	// latest is how late requests may leave, and the generator wake, at the 99th
	// percentile; beyond that, and beyond a small part of the median that is
	// measured, it was the generator that was measured.
	latest = 5 * time.Millisecond
	// small is the part of the median, one of so many, by which they may be later than
	// latest: of what takes seconds, and of requests that are all due at one instant.
	small = 10
	// beat is how often the generator looks whether it wakes in time.
	beat = time.Millisecond
	// busiest is the part of its cores' time that the generator may take: with more,
	// answers wait for it and not for the homeserver.
	busiest = 0.8
)

// delays counts how late something was. Any goroutine may use it.
type delays struct {
	mu  sync.Mutex // a leaf; guards all
	all report.Histogram
}

func (d *delays) add(late time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all.Add(late)
}

func (d *delays) quantile(part float64) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all.Quantile(part)
}

// leaving has a request that was due at an instant count how late it was handed to
// the kernel. Opening a connection for it does not count: that waits for the homeserver.
func (d *delays) leaving(ctx context.Context, due time.Time) context.Context {
	var asked, got time.Time // written by the caller, before the connection's writer has the request
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { asked = time.Now() },
		GotConn:      func(httptrace.GotConnInfo) { got = time.Now() },
		WroteRequest: func(httptrace.WroteRequestInfo) { d.add(asked.Sub(due) + time.Since(got)) },
	})
}

// audit looks at the generator itself while a homeserver is measured: how late it
// wakes, which is how late it may be to read an answer, and what it takes of its cores.
type audit struct {
	spent func() (time.Duration, bool) // processor time of this process
	began time.Time
	used  time.Duration
	woken delays
	stop  context.CancelFunc
	loop  sync.WaitGroup

	// What the last look found.
	looked bool
	late   time.Duration // at the 99th percentile
	share  float64       // of the time of the cores that it may run on
	known  bool          // the system tells processor time
}

// watch begins an audit, which end ends.
func watch(ctx context.Context, spent func() (time.Duration, bool)) *audit {
	ctx, stop := context.WithCancel(ctx)
	a := &audit{spent: spent, began: time.Now(), stop: stop}
	a.used, a.known = spent()
	a.loop.Go(func() {
		for due := a.began.Add(beat); ctx.Err() == nil; due = time.Now().Add(beat) {
			pause(ctx, time.Until(due))
			if ctx.Err() == nil {
				a.woken.add(time.Since(due))
			}
		}
	})
	return a
}

// look finds how the generator did until now.
func (a *audit) look() {
	used, _ := a.spent()
	took := time.Since(a.began)
	a.late, a.looked = a.woken.quantile(0.99), true
	a.share = (used - a.used).Seconds() / took.Seconds() / float64(ownCores())
}

// end ends an audit, with a look if there was none. It may be called again, and
// changes nothing then.
func (a *audit) end() {
	if a.stop == nil {
		return
	}
	if !a.looked {
		a.look()
	}
	a.stop()
	a.stop = nil
	a.loop.Wait()
}

// note writes down what an audit that has ended found, with how late requests left.
func (a *audit) note(r *report.Round, left time.Duration) {
	r.Figures[report.LateMicros] = micros(max(a.late, left))
	if a.known {
		r.Figures[report.GeneratorCPU] = a.share
	}
}

// fault says that the generator was the limit of a round, if so.
func (a *audit) fault(left time.Duration, r *report.Round) error {
	median := time.Duration(r.Figures[report.P50Micros]) * time.Microsecond
	bound := max(latest, median/small)
	switch {
	case left > bound:
		return fmt.Errorf("the generator was late by %v (p99)", left.Round(100*time.Microsecond))
	case a.late > bound:
		return fmt.Errorf("the generator woke late by %v (p99)", a.late.Round(100*time.Microsecond))
	case a.known && a.share > busiest:
		return fmt.Errorf("the generator took %.0f %% of its cores", 100*a.share)
	}
	return nil
}
