package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"meshfocus/bench/report"
)

// display tells how far a run is. On a terminal one line is written again and
// again: rounds done, what runs now and for how long, and about how long
// the rest takes; elsewhere each round is a line.
type display struct {
	w        io.Writer
	terminal bool
	width    int // of the terminal

	mu    sync.Mutex // the clock writes as well
	began time.Time  // of the first round
	since time.Time  // of this one
	done  int
	all   int
	what  string
	shown bool
	stop  chan struct{}
	ended chan struct{}
}

// newDisplay tells on standard error, and begins the clock of the line if
// that is a terminal; end ends it.
func newDisplay(w io.Writer) *display {
	p := &display{w: w, width: 80, stop: make(chan struct{}), ended: make(chan struct{})}
	if file, ok := w.(*os.File); ok {
		p.width, p.terminal = widthOf(file)
	}
	go p.clock()
	return p
}

// clock writes the line again each second.
func (p *display) clock() {
	defer close(p.ended)
	if !p.terminal {
		return
	}
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			p.mu.Lock()
			if p.shown {
				p.show(time.Now())
			}
			p.mu.Unlock()
		case <-p.stop:
			return
		}
	}
}

// now takes down what is about to be measured.
func (p *display) now(done, all int, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if done == 0 || p.began.IsZero() {
		p.began = now
	}
	p.since, p.done, p.all, p.what = now, done, all, what
	if p.terminal {
		p.show(now)
	}
}

// took says what a round came to.
func (p *display) took(r report.Round) {
	p.mu.Lock()
	p.done++
	done, all, passed := p.done, p.all, time.Since(p.began)
	p.mu.Unlock()
	count := ""
	if all > 0 {
		count = fmt.Sprintf("%d of %d", done, all)
		if !p.terminal {
			count += left(passed, done, all)
		}
		count += ": "
	}
	p.say("%s%s, %s: %s", count, r.Scenario, r.Rival, report.Tell(r))
}

// say writes a line above the one that is written again.
func (p *display) say(format string, arguments ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	fmt.Fprintf(p.w, "%s %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, arguments...))
	if p.shown {
		p.show(time.Now())
	}
}

// show writes the line; the mutex is held.
func (p *display) show(now time.Time) {
	p.shown = true
	fmt.Fprint(p.w, "\r\x1b[K"+cut(p.line(now), p.width-1))
}

// line is what is going on.
func (p *display) line(now time.Time) string {
	line := fmt.Sprintf("%s %d of %d", bar(p.done, p.all), p.done, p.all)
	if p.done > 0 {
		line += left(p.since.Sub(p.began), p.done, p.all)
	}
	return fmt.Sprintf("%s · %s · %v", line, p.what, now.Sub(p.since).Truncate(time.Second))
}

// end takes the line away.
func (p *display) end() {
	close(p.stop)
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// bar draws how much of all is done, ten places wide.
func bar(done, all int) string {
	full := 10 * done / max(all, 1)
	return strings.Repeat("█", full) + strings.Repeat("░", 10-full)
}

// cut leaves so many characters of a line, the last of them a sign that there is more.
func cut(line string, most int) string {
	if most < 1 || utf8.RuneCountInString(line) <= most {
		return line
	}
	return string([]rune(line)[:most-1]) + "…"
}

// left guesses how long the rest takes, by what was done; "" in the end. Searches
// take longer than other rounds.
func left(passed time.Duration, done, all int) string {
	if done >= all {
		return ""
	}
	rest := passed / time.Duration(done) * time.Duration(all-done)
	return fmt.Sprintf(", about %v left", rest.Round(10*time.Second))
}
