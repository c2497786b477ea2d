package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"meshfocus/bench/congestion"
	"meshfocus/bench/congestion/bubble"
	"meshfocus/bench/congestion/table"
	"meshfocus/focus/bwe"
)

// play is one run that is to be played.
type play struct {
	controller *controller
	scene      *scene
	seed       uint64
	varied     bool
	observe    bool   // keep the curves
	record     string // folder for traces, if any
}

// name is that of files about a flow of it.
func (p *play) name(flow int, suffix string) string {
	kind := ""
	if p.varied {
		kind = "-varied"
	}
	return strings.ReplaceAll(fmt.Sprintf("%s-%s%s-%d-%d%s", p.controller.name, p.scene.name, kind, p.seed, flow, suffix), " ", "-")
}

// playAll plays runs on a few goroutines, which end with it, and gives them in
// the order of plays.
func (q *trial) playAll(ctx context.Context, plays []play, in func(func(*bubble.Bubble))) ([]table.Run, error) {
	runs, faults := make([]table.Run, len(plays)), make([]error, len(plays))
	next := make(chan int)
	done := newProgress(len(plays))
	var players sync.WaitGroup
	for range q.workers {
		players.Go(func() {
			for i := range next {
				runs[i], faults[i] = plays[i].play(in)
				done.count(plays[i].scene.name)
			}
		})
	}
	var err error
	for i := range plays {
		if err = ctx.Err(); err != nil {
			break
		}
		next <- i
	}
	close(next)
	players.Wait()
	done.end()
	return runs, errors.Join(append(faults, err)...)
}

// play plays one run, in a bubble if its controller needs one.
func (p *play) play(in func(func(*bubble.Bubble))) (r table.Run, err error) {
	r.Controller = p.controller.name
	var recorders []*bwe.Recorder
	one := func(b *bubble.Bubble) {
		maker := p.controller.maker(b)
		if p.record != "" && p.controller.name == table.Ours {
			maker = congestion.Recorded(&recorders)
		}
		r.Result = p.scene.play(maker, p.seed, p.varied, p.observe)
	}
	if p.controller.bubbled {
		in(one)
	} else {
		one(nil)
	}
	r.Varied = p.varied
	for flow, recorder := range recorders {
		name := filepath.Join(p.record, p.name(flow, ".trace"))
		if err := os.WriteFile(name, recorder.Take(), 0o666); err != nil {
			return r, err
		}
	}
	return r, nil
}

// progress says on standard error how far it is: in place on a terminal, else in
// a line now and then.
type progress struct {
	mu          sync.Mutex
	began, said time.Time
	total, done int
	terminal    bool
}

func newProgress(total int) *progress {
	info, err := os.Stderr.Stat()
	return &progress{began: time.Now(), said: time.Now(), total: total, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// How often it says something.
const (
	eachTerminal = 200 * time.Millisecond
	eachLine     = 10 * time.Second
)

// count notes that a run of a case has ended.
func (p *progress) count(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	now := time.Now()
	each, form := eachLine, "%s\n"
	if p.terminal {
		each, form = eachTerminal, "\r\x1b[K%s"
	}
	if now.Sub(p.said) < each {
		return
	}
	p.said = now
	fmt.Fprintf(os.Stderr, form, fmt.Sprintf("%d of %d runs after %v, at %s", p.done, p.total, now.Sub(p.began).Round(time.Second), name))
}

// end takes the line off a terminal.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
