package headless

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"meshfocus/mesh"
	"meshfocus/mesh/via"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// ErrEnded: Run has ended or is about to, and no call begins any more.
var ErrEnded = errors.New("the participant has ended")

// call is our part in one call of the room: a membership and the meshes of its
// sessions, both made for it.
type call struct {
	membership *matrix.Membership
	registry   *mesh.Registry
	guide      *via.Guide // nil: everybody is connected directly
	sink       *sink
	// playing ends with hush, when we begin to leave: what is sent ends before
	// the connections do.
	playing context.Context
	hush    context.CancelFunc
}

func (p *Participant) newCall() *call {
	c := &call{membership: p.account.NewMembership(matrix.MembershipConfig{
		RoomID: p.roomID, SessionID: rand.Text()[:16], Slot: !p.config.ConferenceOnly, Profile: p.config.Profile, Famedly: true, CallID: p.config.CallID, Intent: p.config.Intent,
		LeaveDelay: p.config.LeaveDelay, Forwards: p.config.Forward, Feeds: []message.Feed{{Purpose: message.PurposeUserMedia}},
	})}
	if p.config.Via == ViaFocus && p.house == nil {
		c.guide = p.newGuide(c)
	}
	c.registry = mesh.NewRegistry(p.meshConfig(c.membership.SessionID(), c.guide))
	c.sink = &sink{registry: c.registry, fresh: make(chan struct{})}
	c.playing, c.hush = context.WithCancel(context.Background())
	return c
}

// Call takes part in the call of the room until ctx or Run ends, and has left
// it when it returns: nil, or why it could not be joined or go on. Joined,
// unless nil, is called when the homeserver has taken our membership. Any
// goroutine may call it, at most one at a time is served, others wait. Nothing
// happens before Run.
func (p *Participant) Call(ctx context.Context, joined func()) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.open.Done():
		if ctx.Err() != nil {
			return nil // Run's own: both have ended
		}
		return ErrEnded
	case <-p.seat:
	}
	defer func() { p.seat <- struct{}{} }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.open, cancel)()
	return p.take(ctx, p.newCall(), joined)
}

// take is Call for who has the seat.
func (p *Participant) take(ctx context.Context, c *call, joined func()) error {
	// The loops outlive ctx by the time it takes to say goodbye.
	inner, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	loops := loops{ctx: inner, stop: stop}
	p.state.Store("joining")
	p.present.Store(c)
	p.account.Subscribe(p.roomID, c.sink)
	loops.run("mesh", c.registry.Run)
	err := p.enter(ctx, c, &loops)
	switch {
	case err == nil:
		p.state.Store("joined")
		if joined != nil {
			joined()
		}
		select {
		case <-ctx.Done():
		case <-inner.Done():
		}
	case ctx.Err() != nil:
		err = nil // asked to stop while joining
	}
	p.state.Store("leaving")
	c.hush()
	p.goodbye(context.WithoutCancel(ctx), c)
	cause := context.Cause(inner)
	stop(nil)
	loops.wait()
	p.account.Unsubscribe(p.roomID, c.sink)
	p.present.Store(nil)
	p.state.Store("waiting")
	return errors.Join(err, cause)
}

// enter checks that the call can be joined and becomes a member.
func (p *Participant) enter(ctx context.Context, c *call, loops *loops) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(loops.ctx, cancel)()
	select {
	case <-c.sink.fresh:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, key := range c.membership.Keys() {
		if err := c.registry.Check(ctx, key); err != nil {
			return fmt.Errorf("cannot join the call: %w", err)
		}
	}
	p.turn.now() // before the first call asks whether there is a relay
	loops.run("source", func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(c.playing, cancel)()
		return p.media.play(ctx)
	})
	loops.run("addresses", func(ctx context.Context) error { return p.followMoves(ctx, c) })
	if err := c.membership.Join(ctx); err != nil {
		return err
	}
	c.registry.Enter(c.membership.Keys()...)
	loops.run("membership", c.membership.Run)
	if c.guide != nil {
		loops.run("via", c.guide.Run)
	}
	return nil
}

// followMoves restarts ICE when the machine's network addresses change, for
// the calls that are ours to restart; the others' callers notice by themselves.
func (p *Participant) followMoves(ctx context.Context, c *call) error {
	for seen := uint64(0); ; {
		now, err := p.network.AwaitMove(ctx, seen)
		if err != nil {
			return err
		}
		seen = now
		c.registry.RestartICE()
	}
}

// goodbye leaves the call: first the membership, then the hang-ups. js-sdk
// looks every five seconds for members whom it has no call with, and calls them
// (matrix-js-sdk 43.0.0, GroupCall, onRetryCallLoop). If it hears of the end
// before it sees the membership go, it may call us once more, and as only an
// answer or a hang-up ends such a call, we stay in its view for the minute until
// the invite expires. With the other order it is safe: it acts on messages after
// the state of the same sync.
func (p *Participant) goodbye(ctx context.Context, c *call) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTime)
	defer cancel()
	oneThenOther(leaveFirst, func() {
		if err := c.membership.Leave(ctx); err != nil {
			p.log.Warn("the homeserver did not take our leave; the delayed leave will do", "err", err)
		}
	}, func() {
		if err := c.registry.Leave(ctx); err != nil {
			p.log.Warn("not every peer was told that we leave", "err", err)
		}
	})
}

// oneThenOther does the one, and the other when that is done or has taken too
// long. It returns when both are done.
func oneThenOther(patience time.Duration, one, other func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		one()
	}()
	select {
	case <-done:
	case <-time.After(patience):
	}
	other()
	<-done
}

// loops run beside each other; the first that fails stops all.
type loops struct {
	ctx   context.Context
	stop  context.CancelCauseFunc
	group sync.WaitGroup
}

func (l *loops) run(name string, loop func(context.Context) error) {
	l.group.Go(func() {
		if err := loop(l.ctx); err != nil && !errors.Is(err, context.Canceled) {
			l.stop(fmt.Errorf("%s: %w", name, err))
		}
	})
}

func (l *loops) wait() { l.group.Wait() }

// sink passes what the sync loop finds on to the registry and tells when the
// first facts came.
type sink struct {
	registry *mesh.Registry
	once     sync.Once
	fresh    chan struct{} // closed with the first facts
}

func (s *sink) SetFacts(facts membership.Facts) {
	s.registry.SetFacts(facts)
	s.once.Do(func() { close(s.fresh) })
}

func (s *sink) Receive(batch []matrix.Received) {
	received := make([]mesh.Received, len(batch))
	for i, r := range batch {
		received[i] = mesh.Received{From: r.From, Encrypted: r.Encrypted, Signal: r.Signal}
	}
	s.registry.Receive(received)
}

// MediaKey passes on the key of a peer's frames.
func (s *sink) MediaKey(from message.Party, key message.MediaKey) { s.registry.ReceiveKey(from, key) }

// Refuse passes on whom the account does not trust.
func (s *sink) Refuse(batch []matrix.Refusal) {
	refused := make([]mesh.Refused, len(batch))
	for i, r := range batch {
		refused[i] = mesh.Refused{From: r.From, Kind: r.Kind, Room: r.Room, Err: r.Err}
	}
	s.registry.Refuse(refused)
}
