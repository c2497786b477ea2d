package transport

import (
	"context"
	"fmt"
	"time"

	"meshfocus/focus/transport/jsep"
)

// OfferOptions say how an offer is made.
type OfferOptions struct {
	// Restart makes new ICE credentials and gathers anew (RFC 8839 section
	// 4.4.1.1.1). Media goes on by the old way until there is a new one.
	Restart bool
	// Gather is how long to wait for candidates. 0 takes those that are there
	// at once.
	Gather time.Duration
}

// CreateOffer makes an offer and sets it as the local description. It comes
// with the candidates found until gathering is complete or options.Gather
// has passed; later ones come as events.
//
// Errors: ErrWrongState unless the negotiation is stable (decision D25; but see
// Bundle.Withdraw), ErrClosed, ctx's. After any other error the connection is of no
// use.
func (x *exchange) CreateOffer(ctx context.Context, options OfferOptions) (Description, error) {
	if err := x.take(ctx); err != nil {
		return Description{}, err
	}
	defer x.give()
	if err := x.expect(stable, "to make an offer"); err != nil {
		return Description{}, err
	}
	text, err := x.strand.offer(options.Restart)
	if err != nil {
		return Description{}, fmt.Errorf("connection %s: offer: %w", x.name, err)
	}
	return x.describe(ctx, Description{TypeOffer, text}, options.Gather)
}

// AcceptOffer takes an offer of the other side, first or later, and makes the
// answer, with candidates as CreateOffer has them. An offer with new ICE
// credentials restarts ICE on our side too.
//
// Errors: ErrWrongState if an offer of ours is open (glare is for the caller
// to settle), ErrStale, ErrBadDescription, ErrClosed, ctx's. The connection is of
// no use after all but the first two.
func (x *exchange) AcceptOffer(ctx context.Context, offer Description, gather time.Duration) (Description, error) {
	if err := x.take(ctx); err != nil {
		return Description{}, err
	}
	defer x.give()
	if err := x.expect(stable, "to accept an offer"); err != nil {
		return Description{}, err
	}
	var answer string
	if err := x.hear(offer, TypeOffer, func(d jsep.Description) (err error) {
		answer, err = x.strand.answer(d)
		return err
	}); err != nil {
		return Description{}, err
	}
	return x.describe(ctx, Description{TypeAnswer, answer}, gather)
}

// AcceptAnswer takes the answer to our offer.
//
// Errors: ErrWrongState if no offer of ours is open, ErrStale, ErrBadDescription,
// ErrClosed, ctx's. The connection is of no use after ErrBadDescription.
func (x *exchange) AcceptAnswer(ctx context.Context, answer Description) error {
	if err := x.take(ctx); err != nil {
		return err
	}
	defer x.give()
	if err := x.expect(offerOpen, "to accept an answer"); err != nil {
		return err
	}
	return x.hear(answer, TypeAnswer, x.strand.settle)
}

// withdraw is described with Bundle.Withdraw.
func (x *exchange) withdraw(ctx context.Context) error {
	if err := x.take(ctx); err != nil {
		return err
	}
	defer x.give()
	if err := x.expect(offerOpen, "to withdraw an offer"); err != nil {
		return err
	}
	return x.strand.withdraw()
}

// expect checks where the negotiation stands.
func (x *exchange) expect(state, purpose string) error {
	if now := x.strand.signalling(); now != state {
		return fmt.Errorf("connection %s: %s: %w: %s, not %s", x.name, purpose, ErrWrongState, now, state)
	}
	return nil
}

// hear applies a remote description and the candidates that waited for it.
func (x *exchange) hear(d Description, want string, apply func(jsep.Description) error) error {
	fail := func(err error) error {
		return fmt.Errorf("connection %s: remote %s: %w", x.name, want, explain(err))
	}
	if d.Type != want {
		return fail(fmt.Errorf("%w: it is of type %q", ErrBadDescription, d.Type))
	}
	remote, err := jsep.Read(d.SDP)
	if err != nil {
		return fail(err)
	}
	if err := apply(remote); err != nil {
		return fail(err)
	}
	var candidates []Candidate
	for _, text := range remote.Transport.Candidates {
		candidates = append(candidates, Candidate{Candidate: text})
	}
	x.mu.Lock()
	x.generations.advance(remote.Transport.Ufrag) // only now: candidates are the link's newest generation's
	candidates = append(candidates, x.held...)
	x.held = nil
	x.mu.Unlock()
	if err := x.AddCandidates(candidates); err != nil {
		x.log.Debug("remote candidates", "err", err)
	}
	return nil
}

// describe gives our description out with the candidates found in time.
func (x *exchange) describe(ctx context.Context, d Description, gather time.Duration) (Description, error) {
	gathering := x.current()
	timer := time.NewTimer(gather)
	defer timer.Stop()
	select {
	case <-gathering.done:
	case <-timer.C:
	case <-ctx.Done():
		return Description{}, ctx.Err()
	case <-x.done:
		return Description{}, ErrClosed
	}
	candidates, complete := gathering.handOut()
	return Description{Type: d.Type, SDP: withCandidates(d.SDP, candidates, complete)}, nil
}
