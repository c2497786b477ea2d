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
	// late is how far behind a generator's bursts may be that still looks even, where a part
	// of what lies between two is not longer.
	late   = 5 * time.Millisecond
	uneven = 10 // the part, a tenth
	// crowded is how much of the servers' cores others may have had while a server lost
	// packets: from a third on nobody can tell whose fault that was.
	crowded = 1.0 / 3
)

// look is what counters say at an instant.
type look struct {
	at          time.Time
	counts      party.Counts
	usage, own  rival.Usage // of the server, of ourselves
	cores       rival.Core
	overflows   uint64 // of all sockets around; of a sample only
	allocations uint64
	told        bool
}

// look reads all counters.
func (m *match) look(ctx context.Context) (l look, err error) {
	l.allocations, l.told = m.server.Allocations(ctx) // first: answering costs something
	if m.scenario.Sample > 1 {                        // our sockets drop what is not of it, and count that as well
		if l.overflows, err = rival.Overflows(); err != nil {
			return l, err
		}
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
	cores        int // that a local server was bound to, 0 if to none
	layers       int
	interval     time.Duration // between two bursts of a publisher
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
	cores := len(m.config.coresOf(m.scenario))
	if m.server.PID() == 0 {
		cores = 0
	}
	return span{
		seconds: then.at.Sub(before.at).Seconds(), counts: then.counts.Since(before.counts), before: before, then: then,
		copies: uint64(m.scenario.Subscribers), sample: uint64(max(m.scenario.Sample, 1)), cores: cores, layers: m.scenario.Layers,
		interval: time.Duration(float64(time.Second) * float64(max(m.scenario.Burst, 1)) / m.scenario.Rate),
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

// overflowed is how many datagrams found no room in our sockets; of a sample, in those of
// all processes in this network namespace.
func (s span) overflowed() uint64 {
	if s.sample > 1 {
		return s.then.overflows - s.before.overflows
	}
	return s.counts.Dropped
}

// rate is packets forwarded in a second.
func (s span) rate() float64 { return float64(s.forwarded()) / s.seconds }

// fault says why a span tells nothing of the server, if so.
func (s span) fault() error {
	overflowed := s.overflowed()
	lateness := s.counts.Lateness.Quantile(0.99)
	switch {
	case s.counts.Sent == 0 || s.counts.Received == 0:
		return fmt.Errorf("%d packets were sent and %d arrived", s.counts.Sent, s.counts.Received)
	case float64(s.counts.Skipped) > unsent*float64(s.counts.Sent):
		return fmt.Errorf("the generator could not send %d of %d packets", s.counts.Skipped, s.counts.Sent+s.counts.Skipped)
	case float64(overflowed) > unsent*float64(s.counts.Received):
		return fmt.Errorf("the generator had no room for %d datagrams", overflowed)
	case lateness > max(late, s.interval/uneven):
		return fmt.Errorf("the generator was late by %v", lateness)
	case s.counts.Broken > s.counts.Opened/100:
		return fmt.Errorf("%d of %d packets could not be read", s.counts.Broken, s.counts.Opened)
	}
	if others, _ := s.noise(); others > crowded && s.loss() > scenario.MaxLoss {
		return fmt.Errorf("others had %.0f %% of the servers' cores, and %.1f %% was lost", 100*others, 100*s.loss())
	}
	return nil
}

// used is what the server took.
func (s span) used() (user, system time.Duration) {
	return s.then.usage.User - s.before.usage.User, s.then.usage.System - s.before.usage.System
}

// noise is which part of the cores that the server was bound to other programs had, and
// which the hypervisor gave to others.
func (s span) noise() (others, steal float64) {
	if s.cores == 0 {
		return 0, 0
	}
	whole := s.seconds * float64(s.cores)
	user, system := s.used()
	idle, stolen := s.then.cores.Idle-s.before.cores.Idle, s.then.cores.Steal-s.before.cores.Steal
	return max(1-(idle+stolen+user+system).Seconds()/whole, 0), stolen.Seconds() / whole
}

// note writes a span down.
func (m *match) note(s span) {
	r, f := m.result, m.result.Figures
	forwarded := float64(max(s.forwarded(), 1))
	user, system := s.used()
	f[report.Seconds], f[report.Sent], f[report.Forwarded], f[report.Loss] = s.seconds, float64(s.counts.Sent), float64(s.forwarded()), s.loss()
	if m.server.PID() != 0 {
		f[report.UserMicros], f[report.SystemMicros] = micros(user)/forwarded, micros(system)/forwarded
		f[report.CPUMicros] = f[report.UserMicros] + f[report.SystemMicros]
	}
	s.counts.Latency.Note(r)
	if trip := m.load.RoundTrip(); trip > 0 {
		f[report.RoundTrip] = micros(trip)
	}
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
	r.Negotiated, f[report.Feedback] = m.first.Negotiated(), float64(s.counts.Told)/s.seconds
	if s.counts.Feigned > 0 && f[report.Loss] <= scenario.MaxLoss { // else what was lost in truth comes again as well
		// What was missing just before the span may have come again in it.
		f[report.Repaired] = min(float64(s.counts.Repaired)/float64(s.counts.Feigned), 1)
	}
	f[report.Skipped], f[report.Overflowed] = float64(s.counts.Skipped), float64(s.overflowed())
	if s.cores > 0 {
		f[report.Others], f[report.Steal] = s.noise()
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
