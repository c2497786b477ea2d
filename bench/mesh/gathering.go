package mesh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/message"
)

const (
	// patience is how long it may take until all are connected.
	patience = 90 * time.Second
	// step is how often it is looked; figures do not hang on it.
	step = 10 * time.Millisecond
	// comers is how many have to come and go at least, where they do.
	comers = 3
)

// gathering is one round under way. It belongs to one goroutine.
type gathering struct {
	config   Config
	scenario scenario.Scenario
	front    *front
	seats    []*seat // present, who came first is first
	gone     []*seat // on their way out
	opened   int     // seats so far, whose numbers are their names
	links    map[pair]observed
	joins    []time.Duration // of those who came later
}

// pair is an ordered pair: who sees whom.
type pair struct{ self, peer message.Party }

// observed is what the one end saw of the other, and when the one was let in.
type observed struct {
	headless.Link
	came time.Time
}

// measure is the round. Whatever fails, everybody has left when it returns.
func (g *gathering) measure(ctx context.Context) (r report.Round) {
	r.Figures = report.Figures{}
	err := g.run(ctx, &r)
	if err = errors.Join(err, g.leave()); err != nil {
		r.Invalid = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return r
}

// run goes through the steps of a round, in order.
func (g *gathering) run(ctx context.Context, r *report.Round) (err error) {
	if g.front, err = openFront(g.scenario.Delay); err != nil {
		return err
	}
	before := inUse()
	for range g.scenario.Parties {
		if err := g.open(ctx); err != nil {
			return err
		}
	}
	start := time.Now()
	for _, s := range g.seats {
		s.sit()
	}
	if err := g.await(ctx, "are connected", connected); err != nil {
		return err
	}
	if err := g.await(ctx, "have sound and picture", flowing); err != nil {
		return err
	}
	g.look()
	r.Figures[report.ConnectedMillis] = g.lastConnected(start)
	r.Course = g.course(start)
	r.Figures[report.PartyMB] = float64(inUse()-before) / float64(len(g.seats)) / 1e6
	pause(ctx, g.config.Warm)
	return g.watch(ctx, r)
}

// watch counts processor time while all flows and some come and go, and notes what
// the round came to.
func (g *gathering) watch(ctx context.Context, r *report.Round) error {
	began, waited := time.Now(), waits()
	used, err := rival.UsageOf(os.Getpid())
	if err != nil {
		return err
	}
	if err := g.stay(ctx); err != nil {
		return err
	}
	then, err := rival.UsageOf(os.Getpid())
	if err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	g.look()
	r.Figures[report.Seconds] = seconds
	r.Figures[report.PartyCPU] = (then.User + then.System - used.User - used.System).Seconds() / seconds / float64(g.scenario.Parties)
	g.note(r)
	late := waits().since(waited).quantile(0.99)
	r.Figures[report.LateMicros] = float64(late) / float64(time.Microsecond)
	return fault(late)
}

// stay lets the time of the measurement pass.
func (g *gathering) stay(ctx context.Context) error {
	if g.scenario.Leave == 0 {
		pause(ctx, g.config.Measure)
		return ctx.Err()
	}
	until := time.Now().Add(g.config.Measure)
	for came := 0; came < comers || time.Now().Before(until); came++ {
		next := time.Now().Add(g.scenario.Leave)
		if err := g.change(ctx); err != nil {
			return err
		}
		pause(ctx, time.Until(next))
	}
	return ctx.Err()
}

// change lets who came first go and another come, and returns when all pairs flow
// again.
func (g *gathering) change(ctx context.Context) error {
	g.look()
	first := g.seats[0]
	g.seats, g.gone = slices.Delete(g.seats, 0, 1), append(g.gone, first)
	first.stand()
	if err := g.open(ctx); err != nil {
		return err
	}
	fresh := g.seats[len(g.seats)-1]
	fresh.sit()
	if err := g.await(ctx, "have sound and picture after one came", flowing); err != nil {
		return err
	}
	last := fresh.came
	for _, l := range fresh.party.Status().Links {
		if l.ConnectedAt.After(last) && g.present()[l.Peer] {
			last = l.ConnectedAt
		}
	}
	g.joins = append(g.joins, last.Sub(fresh.came))
	return nil
}

// open adds a seat.
func (g *gathering) open(ctx context.Context) error {
	s, err := g.front.open(ctx, fmt.Sprintf("party%d", g.opened))
	if err != nil {
		return err
	}
	g.opened++
	g.seats = append(g.seats, s)
	return nil
}

// await waits until something holds on every ordered pair of those present.
func (g *gathering) await(ctx context.Context, what string, is func(headless.Link) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for want := len(g.seats) * (len(g.seats) - 1); ; pause(ctx, step) {
		present, count := g.present(), 0
		for _, s := range g.seats {
			select {
			case <-s.ended:
				return fmt.Errorf("%s has left: %w", s.party.Party(), s.err)
			default:
			}
			for _, l := range s.party.Status().Links {
				if present[l.Peer] && is(l) {
					count++
				}
			}
		}
		if count >= want {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%d of %d ordered pairs %s: %w", count, want, what, err)
		}
	}
}

func (g *gathering) present() map[message.Party]bool {
	present := make(map[message.Party]bool)
	for _, s := range g.seats {
		present[s.party.Party()] = true
	}
	return present
}

// look takes down what everybody sees of each other.
func (g *gathering) look() {
	present := g.present()
	for _, s := range g.seats {
		for _, l := range s.party.Status().Links {
			if present[l.Peer] && connected(l) && l.Stats != nil {
				g.links[pair{s.party.Party(), l.Peer}] = observed{l, s.came}
			}
		}
	}
}

// leave has everybody leave and ends the homeserver.
func (g *gathering) leave() error {
	var errs []error
	for _, s := range g.seats {
		s.stand()
	}
	for _, s := range append(g.gone, g.seats...) {
		errs = append(errs, s.wait())
	}
	if g.front != nil {
		g.front.stop()
	}
	return errors.Join(errs...)
}

// inUse gives heap and stacks after a collection.
func inUse() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapInuse + stats.StackInuse)
}

// pause lets a time pass, or the context end.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
