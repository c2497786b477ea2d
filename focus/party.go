package focus

import (
	"context"
	"slices"
	"sync"
	"time"

	"meshfocus/focus/lane"
	"meshfocus/focus/transport"
	"meshfocus/internal/unit"
)

// Party is one connection of a session with its two sides: it publishes what arrives
// on it and gets what it subscribes to.
//
// A listener takes what the connection has to say, and a reader each data channel;
// they end when the connection is closed, by Leave, by the end of the session, or
// because it is lost for longer than Config.Patience.
type Party struct {
	session *Session // set once
	key     string   // set once
	bundle  *transport.Bundle
	events  *events
	closed  chan struct{}  // closed when nothing of it runs any more
	readers sync.WaitGroup // of data channels

	mutex    sync.Mutex
	channels map[string]*transport.Channel // guarded by mutex: by label, the newest
	over     bool                          // guarded by mutex: no more readers

	// owned by the session's loop
	base  []transport.BundleLine // lines of its own
	gone  bool
	since unit.Instant // of the present state; unit.Never while connected
}

func newParty(s *Session, key string, bundle *transport.Bundle, base []transport.BundleLine) *Party {
	return &Party{
		session: s, key: key, bundle: bundle, base: base, events: newEvents(),
		closed: make(chan struct{}), channels: make(map[string]*transport.Channel),
	}
}

// Key is what the party is known by.
func (p *Party) Key() string { return p.key }

// Session is the one that the party is, or was, in.
func (p *Party) Session() *Session { return p.session }

// Next waits for what happens next. The error is ErrClosed when the party is out of
// the session and everything has been told, or ctx's. One goroutine at a time may.
func (p *Party) Next(ctx context.Context) (Event, error) { return p.events.next(ctx) }

// CreateOffer, AcceptOffer, AcceptAnswer, Withdraw and AddCandidates are those of the
// connection (see transport.Bundle), with everything that was subscribed before.
func (p *Party) CreateOffer(ctx context.Context, gather time.Duration, restart bool) (transport.Description, error) {
	if err := p.session.settle(ctx); err != nil {
		return transport.Description{}, err
	}
	return p.bundle.CreateOffer(ctx, gather, restart)
}

// AcceptOffer is described with CreateOffer.
func (p *Party) AcceptOffer(ctx context.Context, offer transport.Description, gather time.Duration) (transport.Description, error) {
	if err := p.session.settle(ctx); err != nil {
		return transport.Description{}, err
	}
	return p.bundle.AcceptOffer(ctx, offer, gather)
}

// AcceptAnswer is described with CreateOffer.
func (p *Party) AcceptAnswer(ctx context.Context, answer transport.Description) error {
	return p.bundle.AcceptAnswer(ctx, answer)
}

// Withdraw is described with CreateOffer.
func (p *Party) Withdraw(ctx context.Context) error { return p.bundle.Withdraw(ctx) }

// Renegotiate has the party told once more that negotiation is needed.
func (p *Party) Renegotiate() { p.events.put(NegotiationNeeded{}) }

// AddCandidates is described with CreateOffer.
func (p *Party) AddCandidates(batch []transport.Candidate) error {
	return p.bundle.AddCandidates(batch)
}

// SetLines says which lines the connection has besides those of what the party
// subscribes to: what it is asked for, what we send of our own. It takes effect with
// the next exchange.
func (p *Party) SetLines(lines []transport.BundleLine) {
	lines = slices.Clone(lines)
	p.say(func() {
		p.base = lines
		p.lay(p.session.roster.shares(p.key))
	})
}

// Feed gives a track of our own for a line; see transport.Bundle.
func (p *Party) Feed(t *transport.LocalTrack) (track *lane.Track, leave func()) {
	return p.bundle.Feed(t)
}

// SetICEServers is that of the connection.
func (p *Party) SetICEServers(servers []transport.ICEServer) error {
	return p.bundle.SetICEServers(servers)
}

// SetMuted says that a track of the party's is muted, or not any more: nothing of it
// is forwarded, and everybody is told. Tracks of others are not touched.
func (p *Party) SetMuted(key Key, muted bool) {
	p.session.mail.Put(func() {
		if published := p.session.roster.tracks[key]; !p.gone && published != nil && published.Owner == p.key {
			p.session.apply(p.session.roster.mute(key, muted))
		}
	})
}

// Leave takes the party out of the session and closes its connection. It returns when
// nothing of it runs any more.
func (p *Party) Leave() {
	p.leave()
	<-p.closed
}

func (p *Party) leave() {
	if !p.session.mail.Put(func() { p.session.takeOut(p, "it wants to") }) {
		<-p.session.over // takes out who is left
	}
}

// close closes the connection. Whoever took the party out runs it once.
func (p *Party) close() {
	if err := p.bundle.Close(); err != nil {
		p.session.log.Warn("connection ends badly", "party", p.key, "err", err)
	}
	p.mutex.Lock()
	p.over = true
	p.mutex.Unlock()
	p.readers.Wait()
	close(p.closed)
}

// listen takes what the connection has to say, until it is closed.
func (p *Party) listen() {
	for event := range p.bundle.Events() {
		switch e := event.(type) {
		case transport.CandidatesFound:
			p.events.put(CandidatesFound{e.Candidates})
		case transport.StateChanged:
			p.say(func() { p.changed(e.State) })
			p.events.put(StateChanged{e.State})
		case transport.LineReceived:
			p.say(func() { p.publish(e) })
		case transport.LineEnded:
			p.say(func() { p.session.apply(p.session.roster.unpublish(p.key, e.Mid)) })
		case transport.ChannelOpened:
			p.open(e.Channel)
		}
	}
}

// say has the session do a step if the party is still in it.
func (p *Party) say(step func()) {
	p.session.mail.Put(func() {
		if !p.gone {
			step()
		}
	})
}

// publish enters what arrives on a line. The session's loop calls it.
func (p *Party) publish(e transport.LineReceived) {
	track := Track{Kind: lane.Video, Stream: e.StreamID, ID: e.TrackID, media: e.Track}
	if e.Kind == transport.Audio {
		track.Kind = lane.Audio
	}
	p.session.apply(p.session.roster.publish(p.key, e.Mid, track))
}

// changed notes since when the connection is not as it should be, and begins what
// waited for it. The session's loop calls it.
func (p *Party) changed(state transport.State) {
	switch {
	case state == transport.StateConnected:
		p.since = unit.Never
		p.session.aim(p, p.session.roster.shares(p.key), make(map[Key][]lane.LayerState))
	case p.since == unit.Never:
		p.since = lane.Now()
	}
}

// lost reports whether the party has been out of reach for too long. The session's
// loop calls it.
func (p *Party) lost(now unit.Instant, patience time.Duration) bool {
	return p.since != unit.Never && now.Sub(p.since) > patience
}

// Stats is what a party's connection has done and what it gets.
type Stats struct {
	Party      string
	Connection transport.BundleStats
	Shares     []ShareStats
}

// ShareStats is one subscription.
type ShareStats struct {
	Track Track
	Wish  Wish
	Sent  lane.SubscriptionStats // zero until it was negotiated and connected
}

// stats takes the snapshot. The session's loop calls it.
func (p *Party) stats() Stats {
	stats := Stats{Party: p.key, Connection: p.bundle.Stats()}
	for _, sh := range p.session.roster.shares(p.key) {
		each := ShareStats{Track: sh.of.Track, Wish: sh.wish}
		if sub := p.bundle.Subscription(sh.line); sub != nil {
			each.Sent = sub.Stats()
		}
		stats.Shares = append(stats.Shares, each)
	}
	return stats
}

// Stats takes a snapshot. The error is ErrClosed or ctx's.
func (p *Party) Stats(ctx context.Context) (Stats, error) {
	got := make(chan Stats, 1)
	p.say(func() { got <- p.stats() })
	select {
	case stats := <-got:
		return stats, nil
	case <-p.closed:
		return Stats{}, ErrClosed
	case <-ctx.Done():
		return Stats{}, ctx.Err()
	}
}
