package conformance

import (
	"context"
	"fmt"
	"time"

	"meshfocus/signalling/message"
)

// Connection is our end of a peer connection that really connects: it sends at
// least silence, and counts what arrives. Its descriptions hold all its
// candidates. One goroutine uses it.
type Connection interface {
	Offer(context.Context) (sdp string, err error)
	Answer(ctx context.Context, offer string) (sdp string, err error)
	Accept(ctx context.Context, answer string) error
	AddCandidates([]message.Candidate)
	// Received counts the bytes of media that have come so far.
	Received() uint64
	Close() error
}

// The lines that need media to flow.

const (
	// graceLeast and graceMost bound the ten seconds for which media goes on
	// after a membership is gone (docs/msc-full-mesh.md, Ending): the client
	// learns of it a little later than we do, and may be busy.
	graceLeast = 7 * time.Second
	graceMost  = 15 * time.Second
	// atOnce is what a busy client may take from a hang-up to its last packet.
	atOnce = 4 * time.Second
	// look is how long media is listened for: fifty packets of sound. It has
	// stopped when it has not come in two looks.
	look = time.Second
)

func media(b *bench) error {
	if b.config.Connect == nil {
		return notApplicable("needs media, which this peer has none of")
	}
	return nil
}

// mediaGrace is gone from the room without a hang-up, as when its homeserver
// could not be reached and sent the delayed leave.
func mediaGrace(ctx context.Context, b *bench) error {
	c, err := b.flowing(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.media.Close() }()
	if err := b.leave(ctx); err != nil {
		return err
	}
	b.open = nil
	kept, err := b.lasts(ctx, c, graceMost)
	switch {
	case err != nil:
		return err
	case kept > graceMost:
		return fmt.Errorf("media still came %s after the membership was gone", graceMost)
	case kept < graceLeast:
		return fmt.Errorf("nothing came any more %s after the membership was gone%s", kept.Round(time.Second), b.instead())
	}
	return nil
}

func mediaStops(ctx context.Context, b *bench) error {
	c, err := b.flowing(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.media.Close() }()
	if err := b.end(ctx); err != nil {
		return err
	}
	kept, err := b.lasts(ctx, c, atOnce)
	if err == nil && kept > atOnce {
		err = fmt.Errorf("media still came %s after the hang-up", atOnce)
	}
	return err
}

// lasts says for how long media goes on coming; longer than limit, if it does
// not end before.
func (b *bench) lasts(ctx context.Context, c *call, limit time.Duration) (time.Duration, error) {
	var kept time.Duration
	for begun := time.Now(); kept <= limit && time.Since(begun)-kept < 2*look; {
		flows, err := b.flows(ctx, c)
		if err != nil {
			return 0, err
		}
		if flows {
			kept = time.Since(begun)
		}
	}
	return kept, nil
}

// flowing connects with media, whoever has to call, and waits until some comes.
func (b *bench) flowing(ctx context.Context) (c *call, err error) {
	connection, err := b.config.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("we have no media: %w", err)
	}
	defer func() {
		if err != nil {
			_ = connection.Close()
		}
	}()
	if b.config.Self.Before(b.config.Peer) {
		c, err = b.callWith(ctx, connection)
	} else {
		c, err = b.takeUp(ctx, connection)
	}
	if err != nil {
		return nil, err
	}
	c.media = connection
	for begun := time.Now(); time.Since(begun) < b.config.Patience; {
		if flows, err := b.flows(ctx, c); flows || err != nil {
			return c, err
		}
	}
	return nil, fmt.Errorf("no media came within %s%s", b.config.Patience, b.instead())
}

// callWith places the call that a connection is for.
func (b *bench) callWith(ctx context.Context, connection Connection) (*call, error) {
	offer, err := connection.Offer(ctx)
	if err != nil {
		return nil, fmt.Errorf("we could not make an offer: %w", err)
	}
	c := b.newCall()
	if err := b.send(ctx, c, message.TypeInvite, b.inviteWith(offer)); err != nil {
		return nil, err
	}
	h, err := b.await(ctx, "answer", of(c, message.Answer))
	if err != nil {
		return nil, err
	}
	if err := connection.Accept(ctx, h.Signal.Description.SDP); err != nil {
		return nil, fmt.Errorf("its answer cannot be used: %w", err)
	}
	return c, b.chosen(ctx, c, h)
}

// takeUp takes up the client's call with a connection.
func (b *bench) takeUp(ctx context.Context, connection Connection) (*call, error) {
	c, invite, err := b.called(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := connection.Answer(ctx, invite.Signal.Description.SDP)
	if err != nil {
		return nil, fmt.Errorf("its offer cannot be answered: %w", err)
	}
	return c, b.send(ctx, c, message.TypeAnswer, answerWith(answer))
}

// flows reports whether media comes, and gives the connection the candidates
// that have come meanwhile.
func (b *bench) flows(ctx context.Context, c *call) (bool, error) {
	before := c.media.Received()
	if err := b.pause(ctx, look); err != nil {
		return false, err
	}
	for h, more := b.take(of(c, message.Candidates)); more; h, more = b.take(of(c, message.Candidates)) {
		c.media.AddCandidates(h.Signal.Candidates)
	}
	return c.media.Received() > before, nil
}
