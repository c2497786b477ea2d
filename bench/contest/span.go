package contest

import (
	"context"
	"fmt"
	"os"
	"time"

	"meshfocus/bench/party"
	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

const (
	// unsent and overflowed are how much of the traffic may be missing by the
	// generator's fault: a tenth of the loss that is looked for.
	unsent = 0.0001
	// late is how far behind a generator's bursts may be that still looks even.
	late = 5 * time.Millisecond
)

// look is what counters say at an instant.
type look struct {
	at          time.Time
	counts      party.Counts
	usage, own  rival.Usage // of the server, of ourselves
	cores       rival.Core
	overflows   uint64
	allocations uint64
	told        bool
}

// look reads all counters.
func (m *match) look(ctx context.Context) (l look, err error) {
	l.allocations, l.told = m.server.Allocations(ctx) // first: answering costs something
	if l.overflows, err = rival.Overflows(); err != nil {
		return l, err
	}
	if l.cores, err = rival.CoresOf(m.config.coresOf(m.scenario)); err != nil {
		return l, err
	}
	if l.usage, err = rival.UsageOf(m.server.PID()); err != nil {
		return l, err
	}
	if l.own, err = rival.UsageOf(os.Getpid()); err != nil {
		return l, err
	}
	l.counts, l.at = m.load.Counts(), time.Now()
	return l, nil
}

// span is what happened between two looks.
type span struct {
	seconds      float64
	counts       party.Counts
	before, then look
	copies       uint64 // subscribers of each publisher
	sample       uint64
	cores        int
	layers       int
}

// watch looks, waits and looks again.
func (m *match) watch(ctx context.Context, d time.Duration) (span, error) {
	before, err := m.look(ctx)
	if err != nil {
		return span{}, err
	}
	wait(ctx, d)
	then, err := m.look(ctx)
	if err != nil {
		return span{}, err
	}
	return span{
		seconds: then.at.Sub(before.at).Seconds(), counts: then.counts.Since(before.counts), before: before, then: then,
		copies: uint64(m.scenario.Subscribers), sample: uint64(max(m.scenario.Sample, 1)), cores: len(m.config.coresOf(m.scenario)), layers: m.scenario.Layers,
	}, nil
}

// forwarded is how many packets subscribers got; of a sample, as many as it
// stands for.
func (s span) forwarded() uint64 { return s.counts.Received * s.sample }

// loss is the part of what was sent that did not arrive. Packets under way at
// either end of the span make it uncertain by some hundred.
func (s span) loss() float64 {
	wanted := float64(s.counts.Sent * s.copies)
	if s.layers > 1 { // who gets which is not for certain: by the numbers that came
		wanted = float64(s.counts.Expected)
	}
	if wanted == 0 {
		return 1
	}
	return max(1-float64(s.forwarded())/wanted, 0)
}

// rate is packets forwarded in a second.
func (s span) rate() float64 { return float64(s.forwarded()) / s.seconds }

// fault says why a span tells nothing of the server, if so.
func (s span) fault() error {
	overflowed := s.then.overflows - s.before.overflows
	lateness := s.counts.Lateness.Quantile(0.99)
	switch {
	case s.counts.Sent == 0 || s.counts.Received == 0:
		return fmt.Errorf("%d packets were sent and %d arrived", s.counts.Sent, s.counts.Received)
	case float64(s.counts.Skipped) > unsent*float64(s.counts.Sent):
		return fmt.Errorf("the generator could not send %d of %d packets", s.counts.Skipped, s.counts.Sent+s.counts.Skipped)
	case float64(overflowed) > unsent*float64(s.counts.Received):
		return fmt.Errorf("the generator had no room for %d datagrams", overflowed)
	case lateness > late:
		return fmt.Errorf("the generator was late by %v", lateness)
	case s.counts.Broken > s.counts.Opened/100:
		return fmt.Errorf("%d of %d packets could not be read", s.counts.Broken, s.counts.Opened)
	}
	return nil
}

// note writes a span down.
func (m *match) note(s span) {
	r, f := m.result, m.result.Figures
	forwarded := float64(max(s.forwarded(), 1))
	used := func(of func(rival.Usage) time.Duration) time.Duration { return of(s.then.usage) - of(s.before.usage) }
	user := used(func(u rival.Usage) time.Duration { return u.User })
	system := used(func(u rival.Usage) time.Duration { return u.System })
	f[report.Seconds], f[report.Sent], f[report.Forwarded], f[report.Loss] = s.seconds, float64(s.counts.Sent), float64(s.forwarded()), s.loss()
	local := m.server.PID() != 0
	if local {
		f[report.UserMicros], f[report.SystemMicros] = micros(user)/forwarded, micros(system)/forwarded
		f[report.CPUMicros] = f[report.UserMicros] + f[report.SystemMicros]
	}
	s.counts.Latency.Note(r)
	if s.before.told && s.then.told {
		all := float64(s.then.allocations - s.before.allocations)
		f[report.Allocations] = max(all-m.background*s.seconds, 0) / forwarded
	}
	if m.alone > 0 {
		f[report.MemoryKB] = float64(int64(s.then.usage.Memory)-int64(m.alone)) / 1000 / float64(m.scenario.Subscribers)
	}
	ours := s.then.own.User + s.then.own.System - s.before.own.User - s.before.own.System
	f[report.GeneratorMicros] = micros(ours) / forwarded
	f[report.LateMicros] = micros(s.counts.Lateness.Quantile(0.99))
	r.Negotiated, f[report.Feedback] = m.last.Negotiated(), float64(s.counts.Told)/s.seconds
	if s.counts.Feigned > 0 && f[report.Loss] <= scenario.MaxLoss { // else what was lost in truth comes again as well
		f[report.Repaired] = float64(s.counts.Repaired) / float64(s.counts.Feigned)
	}
	f[report.Skipped], f[report.Overflowed] = float64(s.counts.Skipped), float64(s.then.overflows-s.before.overflows)
	if s.cores > 0 && local {
		whole := s.seconds * float64(s.cores)
		idle, steal := s.then.cores.Idle-s.before.cores.Idle, s.then.cores.Steal-s.before.cores.Steal
		f[report.Others] = max(1-(idle+steal+user+system).Seconds()/whole, 0)
		f[report.Steal] = steal.Seconds() / whole
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
