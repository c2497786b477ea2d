package call

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
)

// Publish has the publishers of a round here, while its subscribers are elsewhere: they
// are what watch brings to the server, who gives what they have seen. Whatever goes
// wrong stands in Round.Invalid. Config.Measure and Warm are for them.
func Publish(ctx context.Context, c Config, watch func(context.Context, rival.Server) (report.Round, error)) (round report.Round) {
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
func (s *stage) send(ctx context.Context, watch func(context.Context, rival.Server) (report.Round, error)) error {
	before := s.load.Counts()
	round, err := watch(ctx, s.server)
	if err != nil {
		return err
	}
	*s.round = round
	if s.round.Figures == nil {
		s.round.Figures = report.Figures{}
	}
	span := s.load.Counts().Since(before)
	lateness, f := span.Lateness.Quantile(0.99), s.round.Figures
	delete(f, report.Sent) // of all of the time, not of that which was measured
	f[report.LateMicros], f[report.Skipped] = micros(lateness), float64(span.Skipped)
	switch {
	case float64(span.Skipped) > unsent*float64(span.Sent):
		return fmt.Errorf("the generator could not send %d of %d packets", span.Skipped, span.Sent+span.Skipped)
	case lateness > late:
		return fmt.Errorf("the generator was late by %v", lateness)
	}
	return nil
}
