package forward

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"meshfocus/focus/transport"
)

// wire is what is negotiated on: a *focus.Party.
type wire interface {
	CreateOffer(ctx context.Context, gather time.Duration, restart bool) (transport.Description, error)
	AcceptOffer(ctx context.Context, offer transport.Description, gather time.Duration) (transport.Description, error)
	AcceptAnswer(ctx context.Context, answer transport.Description) error
	Withdraw(ctx context.Context) error
	Renegotiate()
}

// exchanges are the offers and answers of one connection, which go by two ways: those
// of the mesh from device to device, and ours on the channel. The mesh goes first, since
// what it renews is the way that the channel takes: an offer on the channel is withdrawn
// for it, and neither waits for an answer that cannot come.
//
//	               the mesh offers   the peer offers    we want to   the answer comes
//	                                 by the mesh        on channel   on the channel
//	nothing open   offer             answer             offer        drop
//	on channel     withdraw, offer   withdraw, answer,  later        take
//	                                 want to again
//	mesh's open    (negotiate's to decide)              later        drop
//
// Whoever negotiates has the turn, the mesh from its offer to the answer. Late answers
// to what was withdrawn are told by their version (transport.ErrStale).
type exchanges struct {
	wire    wire            // set once
	life    context.Context // set once
	turn    chan struct{}   // holds one token: who has it negotiates
	wanted  atomic.Bool     // something is to be offered on the channel
	offered atomic.Bool     // an offer is open there; who has the turn changes it
}

func newExchanges(life context.Context, w wire) *exchanges {
	x := &exchanges{wire: w, life: life, turn: make(chan struct{}, 1)}
	x.turn <- struct{}{}
	return x
}

// take waits for the turn.
func (x *exchanges) take(ctx context.Context) error {
	select {
	case <-x.turn:
		return nil
	case <-x.life.Done():
		return transport.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try takes the turn if nobody has it.
func (x *exchanges) try() bool {
	select {
	case <-x.turn:
		return true
	default:
		return false
	}
}

// give gives the turn back, and wakes whoever wanted it for the channel.
func (x *exchanges) give() {
	x.turn <- struct{}{}
	if x.wanted.Load() && !x.offered.Load() {
		x.wire.Renegotiate()
	}
}

// yield withdraws what is open on the channel. The caller has the turn.
func (x *exchanges) yield(ctx context.Context) (had bool, err error) {
	if !x.offered.Load() {
		return false, nil
	}
	x.offered.Store(false)
	return true, x.wire.Withdraw(ctx)
}

// offer makes one of the mesh's. It has in it what was on the channel. The turn is kept
// until the answer has come.
func (x *exchanges) offer(ctx context.Context, options transport.OfferOptions) (offer transport.Description, err error) {
	if err := x.take(ctx); err != nil {
		return offer, err
	}
	if _, err = x.yield(ctx); err == nil {
		offer, err = x.wire.CreateOffer(ctx, options.Gather, options.Restart)
	}
	if err != nil {
		x.give()
	}
	return offer, err
}

// settle takes the answer to an offer of the mesh's.
func (x *exchanges) settle(ctx context.Context, answer transport.Description) error {
	err := x.wire.AcceptAnswer(ctx, answer)
	if !errors.Is(err, transport.ErrWrongState) && !errors.Is(err, transport.ErrStale) {
		x.give()
	}
	return err
}

// answer answers an offer that came from device to device. It cannot have in it what
// was on the channel, which is offered again.
func (x *exchanges) answer(ctx context.Context, offer transport.Description, gather time.Duration) (transport.Description, error) {
	if err := x.take(ctx); err != nil {
		return transport.Description{}, err
	}
	defer x.give()
	had, err := x.yield(ctx)
	if err != nil {
		return transport.Description{}, err
	}
	if had {
		x.wanted.Store(true)
	}
	return x.wire.AcceptOffer(ctx, offer, gather)
}

// propose makes an offer for the channel, if one is wanted and it is the time.
func (x *exchanges) propose() (offer transport.Description, made bool, err error) {
	if !x.wanted.Load() || x.offered.Load() || !x.try() {
		return offer, false, nil
	}
	defer x.give()
	x.wanted.Store(false)
	if offer, err = x.wire.CreateOffer(x.life, gather, false); err != nil {
		return offer, false, err
	}
	x.offered.Store(true)
	return offer, true, nil
}

// hear takes an answer from the channel. Where the mesh negotiates, or has since, it
// answers what was withdrawn.
func (x *exchanges) hear(answer transport.Description) error {
	if !x.try() {
		return nil
	}
	defer x.give()
	if !x.offered.Load() {
		return nil
	}
	err := x.wire.AcceptAnswer(x.life, answer)
	if errors.Is(err, transport.ErrStale) {
		return nil
	}
	x.offered.Store(false)
	return err
}

// again offers anew what was said on a channel that another has taken the place of.
func (x *exchanges) again() error {
	if !x.try() {
		return nil // it is withdrawn
	}
	defer x.give()
	had, err := x.yield(x.life)
	if had {
		x.wanted.Store(true)
	}
	return err
}

// forsake gives up an offer that is not answered on the channel, for good: there will
// be another call.
func (x *exchanges) forsake() { x.offered.Store(false); x.wanted.Store(false) }
