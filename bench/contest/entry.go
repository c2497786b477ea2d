package contest

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"meshfocus/bench/party"
	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

const (
	// entering is how long it may take until everybody receives.
	entering = 90 * time.Second
	// entry is how much longer for each subscriber.
	entry = 50 * time.Millisecond
	// together are as many as may be connecting at once. Signalling is quicker than
	// handshakes: those of a whole crowd would wait for each other until they are given
	// up, and those who are in would not be asked for their consent meanwhile.
	together = 32
	// refreshed: key frames come so often while parties come in.
	refreshed = 300 * time.Millisecond
	// counted is how often it is said how many are in.
	counted = 5 * time.Second
)

// subscribe brings the subscribers in and waits until all of them receive.
func (m *match) subscribe(ctx context.Context, publishers []*party.End) error {
	begun := time.Now()
	if err := m.connect(ctx, publishers); err != nil {
		return err
	}
	for {
		streams := m.load.Counts().Streams
		if streams >= m.scenario.Streams() {
			if m.scenario.Kind == scenario.Memory {
				m.result.Figures[report.EnterSeconds] = time.Since(begun).Seconds()
			}
			return m.load.Sample()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("only %d of %d streams arrive: %w", streams, m.scenario.Streams(), ctx.Err())
		}
		m.load.Refresh()
		wait(ctx, refreshed)
	}
}

// connect brings the subscribers in and waits until all of them are connected. As many
// as may be together come side by side, and the next as soon as any of them is in: one
// whose handshake has to be repeated holds up nobody else. Who does not come in ends it
// for all.
func (m *match) connect(ctx context.Context, publishers []*party.End) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begun := time.Now()
	var asked, in atomic.Int64
	come := func() error {
		for {
			number := int(asked.Add(1)) - 1
			if number >= m.scenario.Subscribers {
				return nil
			}
			if err := m.bring(ctx, number, publishers); err != nil {
				return fmt.Errorf("when %d of %d were in: %w", in.Load(), m.scenario.Subscribers, err)
			}
			in.Add(1)
		}
	}
	beside := min(together, m.scenario.Subscribers)
	ended := make(chan error, beside)
	for range beside {
		go func() { ended <- come() }()
	}
	var fault error // the first; those after it follow from it
	ticker := time.NewTicker(m.counted)
	defer ticker.Stop()
	for beside > 0 {
		select {
		case <-ticker.C:
			m.config.Say("  %s, %s: %d of %d are in after %v", m.scenario.Name, m.result.Rival, in.Load(), m.scenario.Subscribers, time.Since(begun).Round(time.Second))
		case err := <-ended:
			beside--
			if err != nil {
				fault = cmp.Or(fault, err)
				cancel()
			}
		}
	}
	if fault != nil {
		return fault
	}
	return m.load.Connected(ctx)
}

// bring brings one subscriber in and waits until it is connected.
func (m *match) bring(ctx context.Context, number int, publishers []*party.End) error {
	end, err := m.load.Subscriber(fmt.Sprintf("subscriber%d", number), m.scenario.Publishers)
	if err != nil {
		return err
	}
	end.Layer = m.scenario.Layer(number)
	if err := m.server.Subscribe(ctx, end, publishers); err != nil {
		return err
	}
	if number == 0 {
		m.first = end
	}
	return end.Connected(ctx)
}
