package matrix

import (
	"context"
	"errors"
	"time"
)

// Renew goes on under another session ID, as a client that was restarted would,
// and returns when the homeserver has taken that. It costs one write: the
// delayed leave stays. A sticky event cannot be renewed, whose key is that of
// its session. For who calls Join and Leave, between the two.
func (m *Membership) Renew(ctx context.Context, sessionID string) error {
	if m.config.Profile == ProfileSticky {
		return errors.New("membership: a sticky event has its session's key; leave and join anew")
	}
	for _, p := range m.kept() {
		if err := p.renew(ctx, sessionID); err != nil {
			return err
		}
	}
	m.config.SessionID = sessionID
	return nil
}

// renew writes the event as a new membership under another session ID.
func (p *post) renew(ctx context.Context, sessionID string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.turn:
	}
	p.adopt(p.place.form.changed(func(c *MembershipConfig) { c.SessionID = sessionID }))
	p.heart.out()
	p.heart.joinAt = time.Now()
	p.turn <- struct{}{}
	err := p.until(ctx, func(h *heartbeat) bool { return h.leaving || h.present })
	p.wake() // Run, which has other times to keep now
	return err
}
