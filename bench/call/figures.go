package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshfocus/bench/party"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/internal/unit"
)

const (
	// unsent is how much of the pictures may not be captured by the generator's fault: nobody
	// gets them, so they are neither late nor lost. lost is how much of what came may have
	// found no room, late how far behind the generator may be, and still how far ever: a
	// freeze is a pause of 150 ms more than 33.
	unsent = 0.01
	lost   = 0.001
	late   = 5 * time.Millisecond
	still  = 100 * time.Millisecond
	// unlooked is how late who only receives may be with looking what came, which is dated
	// by the kernel: requests leave so much later at most, a third of a frame.
	unlooked = 10 * time.Millisecond
	// second is how long a point of a course stands for.
	second = time.Second
)

// latencyCourse is the name of that curve.
const latencyCourse = "latency p99 ms"

// look is what counters say at an instant.
type look struct {
	at     time.Time
	counts party.Counts
	usage  rival.Usage
}

func (s *stage) look() (l look, err error) {
	if l.usage, err = rival.UsageOf(s.server.PID()); err != nil {
		return l, err
	}
	l.at, l.counts = time.Now(), s.load.Counts()
	return l, nil
}

// measure watches for as long as it is to last, while things happen.
func (s *stage) measure(ctx context.Context) error {
	wait(ctx, s.config.Warm)
	before, err := s.look()
	if err != nil {
		return err
	}
	s.tell(Begins)
	for _, g := range s.present() {
		g.before = g.end.Seen()
	}
	happening, cancel := context.WithCancel(ctx)
	var events sync.WaitGroup
	events.Go(func() { s.churn(happening) })
	events.Go(func() { s.change(happening) })
	events.Go(func() { s.wander(happening, before.at) })
	events.Go(func() { s.speak(happening) })
	s.follow(ctx, before)
	then, err := s.look()
	s.tell(Ends)
	cancel()
	events.Wait()
	if err != nil {
		return err
	}
	s.note(before, then)
	if s.config.Readings != nil {
		if err := s.compared(ctx, then.at); err != nil {
			return errors.Join(err, s.broken())
		}
	}
	return s.judge(before, then)
}

// Lasts is how long a measurement takes: as asked, or until the path has been all it is
// to be, or some have spoken.
func (c Config) Lasts() time.Duration {
	d := c.Measure
	if all := c.Scenario.Path; len(all) > 1 {
		d = max(d, all[len(all)-1].From+settled)
	}
	return max(d, turns*c.Scenario.Speak)
}

// Guests is how many subscribers come at most, with those in the place of others.
func (c Config) Guests() int {
	if c.Scenario.Leave == 0 {
		return c.Scenario.Subscribers
	}
	return c.Scenario.Subscribers + int(c.Lasts()/c.Scenario.Leave) + 1
}

// follow notes the course, second by second.
func (s *stage) follow(ctx context.Context, begun look) {
	course := make(map[string][]report.Point)
	last := begun.counts
	for at := time.Duration(0); at < s.config.Lasts() && ctx.Err() == nil; {
		at = min(at+second, s.config.Lasts())
		wait(ctx, time.Until(begun.at.Add(at)))
		now := s.load.Counts()
		span := now.Since(last)
		last = now
		x := time.Since(begun.at).Seconds()
		if span.Latency.Count() > 0 {
			course[latencyCourse] = append(course[latencyCourse], report.Point{x, millis(span.Latency.Quantile(0.99))})
		}
		course["loss %"] = append(course["loss %"], report.Point{x, 100 * loss(span)})
	}
	s.round.Course = course
}

// loss is the part of what servers have numbered that came neither at first nor again.
func loss(span party.Counts) float64 {
	if span.Expected == 0 {
		return 0
	}
	return max(1-float64(span.Received+span.Repaired)/float64(span.Expected), 0)
}

// note writes down what was measured.
func (s *stage) note(before, then look) {
	f, span := s.round.Figures, then.counts.Since(before.counts)
	seconds := then.at.Sub(before.at).Seconds()
	f[report.Seconds], f[report.Sent], f[report.Loss] = seconds, float64(span.Sent), loss(span)
	late, _, _ := s.lateness(span)
	f[report.LateMicros] = micros(late.Quantile(0.99))
	f[report.Skipped], f[report.Overflowed] = float64(span.Skipped), float64(span.Dropped)
	span.Latency.Note(s.round)
	if trip := s.load.RoundTrip(); trip > 0 {
		f[report.RoundTrip] = micros(trip)
	}
	// What is under way at either end looks like missing.
	if missing := span.Expected - min(span.Expected, span.Received); missing > span.Expected/1000 {
		f[report.Repaired] = min(float64(span.Repaired)/float64(missing), 1)
	}
	view := s.sum(before.at, then.at)
	f[report.JoinMillis], f[report.FirstFrameMillis] = median(view.joins), median(view.firsts)
	if view.watched > 0 {
		f[report.Freezes] = float64(view.freezes) / view.watched.Minutes()
		f[report.Frozen] = view.frozen.Seconds() / view.watched.Seconds()
	}
	if s.config.Scenario.Layers > 1 && view.frames > 0 {
		f[report.Layer] = view.layers/float64(view.frames) - float64(len(sizes)-s.config.Scenario.Layers)
	}
	if len(s.switches) > 0 {
		f[report.SwitchMillis] = median(s.switches)
	}
	if view.expected > 0 {
		f[report.Concealed] = 1 - float64(view.heard)/float64(view.expected)
	}
	forwarded := float64(span.Received+span.Repaired) + float64(view.expected)
	f[report.Forwarded] = forwarded
	s.cost(before, then)
	if guests := s.present(); len(guests) > 0 {
		s.round.Negotiated = guests[0].end.Negotiated()
	}
}

// cost writes down the server's processor time for each packet that was forwarded, where
// it is here.
func (s *stage) cost(before, then look) {
	f := s.round.Figures
	if forwarded := f[report.Forwarded]; forwarded > 0 && s.server.PID() != 0 {
		f[report.UserMicros] = micros(then.usage.User-before.usage.User) / forwarded
		f[report.SystemMicros] = micros(then.usage.System-before.usage.System) / forwarded
		f[report.CPUMicros] = f[report.UserMicros] + f[report.SystemMicros]
	}
}

// sizes are the widths of layers, the smallest first.
var sizes = []uint16{320, 640, 1280}

// view is what all have seen and heard together.
type view struct {
	joins, firsts   []float64 // ms
	watched, frozen time.Duration
	freezes, frames uint64
	layers          float64 // sum over frames
	heard, expected uint64
}

// sum adds up what all saw between two instants, also those who have left, and those
// who came.
func (s *stage) sum(began, ended time.Time) (v view) {
	for _, g := range s.present() {
		if !g.connected.IsZero() {
			g.last, g.until = g.end.Seen(), ended
			v.add(g, began)
		}
	}
	for _, g := range s.former {
		v.add(g, began)
	}
	return v
}

func (v *view) add(g *guest, began time.Time) {
	v.joins = append(v.joins, millis(g.connected.Sub(g.asked)))
	for i, sight := range g.last.Pictures {
		if sight.First == unit.Never {
			continue
		}
		first := time.Unix(0, int64(sight.First))
		v.firsts = append(v.firsts, millis(first.Sub(g.asked)))
		if i < len(g.before.Pictures) {
			sight = sight.Since(g.before.Pictures[i])
		}
		if first.Before(began) {
			first = began
		}
		v.watched += max(g.until.Sub(first), 0)
		v.freezes += sight.Freezes
		v.frozen += sight.Frozen
		for width, count := range sight.Widths {
			v.frames += count
			v.layers += float64(max(slices.Index(sizes, width), 0)) * float64(count)
		}
	}
	for i, hearing := range g.last.Sounds {
		if i < len(g.before.Sounds) {
			hearing = hearing.Since(g.before.Sounds[i])
		}
		v.heard += min(hearing.Heard, hearing.Expected)
		v.expected += hearing.Expected
	}
}

// judge says why a round tells nothing of the server, if so.
func (s *stage) judge(before, then look) error {
	if err := s.broken(); err != nil {
		return err
	}
	span := then.counts.Since(before.counts)
	all, bound, generator := s.lateness(span)
	lateness, overflowed := all.Quantile(0.99), span.Dropped
	switch {
	case span.Sent == 0 && !s.config.Present || span.Received == 0:
		return fmt.Errorf("%d packets were sent and %d arrived", span.Sent, span.Received)
	case float64(span.Skipped) > unsent*float64(span.Sent):
		return fmt.Errorf("%s could not send %d of %d packets", generator, span.Skipped, span.Sent+span.Skipped)
	case all.Quantile(1) > still:
		return fmt.Errorf("%s stood still for %v", generator, all.Quantile(1))
	case float64(overflowed) > lost*float64(span.Received):
		return fmt.Errorf("%s had no room for %d datagrams", generator, overflowed)
	case lateness > bound:
		return fmt.Errorf("%s was late by %v", generator, lateness)
	case span.Broken > span.Opened/100:
		return fmt.Errorf("%d of %d packets could not be read", span.Broken, span.Opened)
	}
	for _, g := range s.present() {
		if err := g.path.fault(); err != nil {
			return err
		}
	}
	return s.config.Clocks.Check(then.counts.Least)
}

// lateness is how late we were, with what is sent, or where nothing is, as publishers are
// on another machine, with looking what came; how late one may be at the 99th percentile,
// and who we are.
func (s *stage) lateness(span party.Counts) (all *report.Histogram, bound time.Duration, generator string) {
	if s.config.Present {
		return span.Behind, unlooked, "the generator with the subscribers"
	}
	return span.Lateness, late, "the generator"
}

// median gives the middle of some values, 0 if there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
