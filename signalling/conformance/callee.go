package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"meshfocus/signalling/message"
)

// The lines in which the client calls us.

func orderCalls(ctx context.Context, b *bench) error {
	_, h, err := b.called(ctx)
	if err != nil {
		return err
	}
	s := h.Signal
	switch {
	case s.Invitee != "" && s.Invitee != b.config.Self.UserID:
		return fmt.Errorf("the invite is for %s", s.Invitee)
	case s.Description.Type != "offer" || !strings.Contains(s.Description.SDP, "m="):
		return errors.New("the invite has no offer")
	}
	return nil
}

// candidatesFirst lets a candidate overtake the answer.
func candidatesFirst(ctx context.Context, b *bench) error {
	c, invite, err := b.called(ctx)
	if err != nil {
		return err
	}
	candidate := map[string]any{
		"candidate": "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host", "sdpMid": value(first(invite), "a=mid:"), "sdpMLineIndex": 0, "usernameFragment": c.side.ufrag,
	}
	if err := b.send(ctx, c, message.TypeCandidates, map[string]any{"candidates": []any{candidate}}); err != nil {
		return err
	}
	if err := b.answer(ctx, c, invite); err != nil {
		return err
	}
	return b.accepted(ctx, c)
}

// first is the first media section of an invite's offer.
func first(invite Heard) []string {
	if all := sections(invite.Signal.Description.SDP); len(all) > 0 {
		return all[0]
	}
	return nil
}

// accepted wants that our answer was taken: select_answer says so where it is
// sent, and nobody hangs up.
func (b *bench) accepted(ctx context.Context, c *call) error {
	return b.silence(ctx, b.config.Silence, "a hang-up", of(c, message.Hangup))
}

func offerAudio(ctx context.Context, b *bench) error {
	_, h, err := b.called(ctx)
	if err != nil {
		return err
	}
	for _, section := range sections(h.Signal.Description.SDP) {
		if strings.HasPrefix(section[0], "m=audio ") && strings.HasPrefix(direction(section), "send") {
			return nil
		}
	}
	return errors.New("no audio line of the offer sends")
}

// collisionCallee makes an offer of its own instead of an answer, and then
// answers after all.
func collisionCallee(ctx context.Context, b *bench) error {
	c, invite, err := b.called(ctx)
	if err != nil {
		return err
	}
	if err := b.negotiate(ctx, c); err != nil {
		return err
	}
	if err := b.silence(ctx, b.config.Silence/3, "an answer to the colliding offer", renegotiated(c)); err != nil {
		return err
	}
	if err := b.answer(ctx, c, invite); err != nil {
		return err
	}
	return b.accepted(ctx, c)
}

// sessionChange comes back as a new client instance while the call connects.
func sessionChange(ctx context.Context, b *bench) error {
	before, _, err := b.called(ctx)
	if err != nil {
		return err
	}
	b.open = nil // the old session is gone with all it had
	if err := b.enter(ctx); err != nil {
		return err
	}
	after, _, err := b.called(ctx)
	if err != nil {
		return err
	}
	if after.id == before.id {
		return errors.New("the new session was called with the call_id of the old one")
	}
	return nil
}
