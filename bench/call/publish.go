package call

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
)

// Event is what whoever has the publishers is told by whoever has the subscribers, on
// another machine.
type Event struct {
	What What `json:"what"`
	// Speaker is the number of the publisher who Speaks.
	Speaker int `json:"speaker,omitempty"`
}

// What happens.
type What string

// The events: the measurement begins and ends, and somebody begins to speak.
const (
	Begins What = "begins"
	Ends   What = "ends"
	Speaks What = "speaks"
)

// tell says that something happens, if anybody wants to know.
func (s *stage) tell(what What) {
	if s.config.Tell != nil {
		s.config.Tell(Event{What: what})
	}
}

// Watch has subscribers come in to a server, who are elsewhere, and gives what they have
// seen. It calls happens, one call after the other, as soon as it hears of an Event.
type Watch func(ctx context.Context, server rival.Server, happens func(Event)) (report.Round, error)

// Publish has the publishers of a round here, while its subscribers are elsewhere.
// Whatever goes wrong stands in Round.Invalid. Config.Measure and Warm are for them.
func Publish(ctx context.Context, c Config, watch Watch) (round report.Round) {
	round = report.Round{Figures: report.Figures{}}
	s := &stage{config: c, round: &round, done: make(chan struct{})}
	err := s.begin(ctx)
	if err == nil {
		err = s.send(ctx, watch)
	}
	round.Scenario, round.Rival, round.Seed = c.Scenario.Name, c.Rival.Name(), c.Seed
	if err = errors.Join(err, s.leave()); err != nil {
		round.Invalid = strings.TrimPrefix(round.Invalid+"; "+strings.ReplaceAll(err.Error(), "\n", "; "), "; ")
	}
	return round
}

// begin brings the publishers in.
func (s *stage) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, entering)
	defer cancel()
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.publish(ctx)
}

// send publishes while others watch, and adds to what they say how that went.
func (s *stage) send(ctx context.Context, watch Watch) error {
	var before, then look
	round, err := watch(ctx, s.server, func(e Event) {
		var err error
		switch {
		case e.What == Begins:
			before, err = s.look()
		case e.What == Ends:
			then, err = s.look()
		case e.What == Speaks && e.Speaker >= 0 && e.Speaker < len(s.publishers):
			s.load.Speak(s.publishers[e.Speaker])
		}
		s.fault(err)
	})
	if err != nil {
		return err
	}
	*s.round = round
	if s.round.Figures == nil {
		s.round.Figures = report.Figures{}
	}
	if err := s.broken(); err != nil || then.at.IsZero() || before.at.IsZero() {
		return err // what was not measured is told by who did not
	}
	return s.sent(before, then)
}

// sent adds how publishers and server did while it was measured.
func (s *stage) sent(before, then look) error {
	span := then.counts.Since(before.counts)
	lateness, f := span.Lateness.Quantile(0.99), s.round.Figures
	f[report.Sent], f[report.Skipped] = float64(span.Sent), float64(span.Skipped)
	f[report.LateMicros] = max(f[report.LateMicros], micros(lateness)) // of both
	s.cost(before, then)
	switch {
	case float64(span.Skipped) > unsent*float64(span.Sent):
		return fmt.Errorf("the generator with the publishers could not send %d of %d packets", span.Skipped, span.Sent+span.Skipped)
	case span.Lateness.Quantile(1) > still:
		return fmt.Errorf("the generator with the publishers stood still for %v", span.Lateness.Quantile(1))
	case lateness > late:
		return fmt.Errorf("the generator with the publishers was late by %v", lateness)
	}
	return nil
}
