package lane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"meshfocus/focus/udp"
	"meshfocus/internal/unit"
)

const (
	// beat is how often the clock loop looks for what is due.
	beat = 10 * time.Millisecond
	// slots is how many datagrams are read at a time: eight are within 4 % of what
	// thirty-two cost (udp.NewInbox), and leave more to be gathered.
	slots = 16
	// roomy holds any datagram that comes over the internet.
	roomy = 2048
)

// run runs all loops, and ends all when one ends.
func (l *Lane) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var loops sync.WaitGroup
	read := func(s *udp.Socket) {
		loops.Go(func() {
			defer l.forget(s)
			if err := l.read(s); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	for _, s := range l.begin() {
		read(s)
	}
	loops.Go(func() { l.tick(ctx) })
	loops.Go(func() { newSender(l).run(ctx) })
	for ctx.Err() == nil {
		select {
		case s := <-l.added:
			read(s)
		case <-ctx.Done():
		}
	}
	l.closeSockets()
	loops.Wait()
	l.mail.end()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// begin gives the sockets to read first; those added later come over added.
func (l *Lane) begin() []*udp.Socket {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for len(l.added) > 0 {
		<-l.added
	}
	return *l.sockets.Load()
}

func (l *Lane) closeSockets() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.ended = true
	for _, s := range *l.sockets.Load() {
		_ = s.Close() // it has nothing to say that would matter now
	}
}

// forget takes a socket out whose read loop has ended: nothing is to leave by it.
func (l *Lane) forget(s *udp.Socket) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if !l.ended {
		left := without(*l.sockets.Load(), s)
		l.sockets.Store(&left)
	}
}

// read is the read loop of a socket. It ends when the socket is closed: then nil.
func (l *Lane) read(s *udp.Socket) error {
	size := roomy
	if s.Stats().Coalescing {
		size = udp.Longest
	}
	inbox := udp.NewInbox(udp.Buffers(slots, size)...)
	r := newReader(l, l.config.Packets)
	local := plain(s.LocalAddr())
	for {
		inbox.Timed = r.lap.next()
		_, err := s.Read(inbox)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %v: %w", local, err)
		}
		now := l.now()
		if inbox.Timed {
			r.lap.received(inbox.Took)
		}
		r.read(inbox.Datagrams, local, now)
		r.done()
	}
}

// tick is the clock loop: every beat while anything is due soon, else when it is
// poked.
func (l *Lane) tick(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.clock:
		}
		now := l.now()
		if next := l.due(now); next != unit.Far {
			timer.Reset(max(next.Sub(now), beat))
		}
	}
}

// due has everybody do what is due, and says when to come again.
func (l *Lane) due(now unit.Instant) unit.Instant {
	next, living := unit.Far, l.living.Load()
	for _, e := range living.ends {
		next = min(next, e.tick(now))
	}
	for _, t := range living.tracks {
		next = min(next, t.tick(now))
	}
	return next
}
