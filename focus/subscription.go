package focus

import (
	"fmt"
	"slices"

	"meshfocus/focus/lane"
	"meshfocus/focus/transport"
)

// Subscription is one party's share in one track, under its wish. It ends with Close,
// with the track, or with either party.
type Subscription struct {
	party *Party
	key   Key
}

// Subscribe has a track of another party sent to this one, once that was negotiated
// (NegotiationNeeded); if it is already, only the wish is another one. The error is
// ErrUnknown; a track that ends meanwhile is told as TrackEnded.
func (p *Party) Subscribe(key Key, wish Wish) (*Subscription, error) {
	known := func(t Track) bool { return t.Key == key && t.Owner != p.key }
	if !slices.ContainsFunc(p.session.Tracks(), known) {
		return nil, fmt.Errorf("%w: %s", ErrUnknown, key)
	}
	p.say(func() {
		c, err := p.session.roster.subscribe(p.key, key, wish)
		if err != nil {
			return // it has ended, and that was told
		}
		p.session.apply(c)
		p.session.aim(p, p.session.roster.shares(p.key), make(map[Key][]lane.LayerState))
	})
	return &Subscription{p, key}, nil
}

// SubscribeAll subscribes to everything that others publish now.
func (p *Party) SubscribeAll(wish Wish) (all []*Subscription) {
	for _, track := range p.session.Tracks() {
		if sub, err := p.Subscribe(track.Key, wish); err == nil {
			all = append(all, sub)
		}
	}
	return all
}

// Key names the track.
func (s *Subscription) Key() Key { return s.key }

// Wish says what is wanted from now on; it needs no negotiation.
func (s *Subscription) Wish(wish Wish) {
	p := s.party
	p.say(func() {
		if m := p.session.roster.members[p.key]; m.shares[s.key] != nil {
			m.shares[s.key].wish = wish
			p.session.aim(p, p.session.roster.shares(p.key), make(map[Key][]lane.LayerState))
		}
	})
}

// Close ends the subscription: nothing more is sent, and what is left of it in the
// description goes with the next negotiation.
func (s *Subscription) Close() { s.party.Unsubscribe(s.key) }

// Unsubscribe closes the subscription of a track, if there is one.
func (p *Party) Unsubscribe(key Key) {
	p.say(func() { p.session.apply(p.session.roster.unsubscribe(p.key, key)) })
}

// lay gives the connection its lines: its own, and one for each share.
func (p *Party) lay(shares []*share) {
	lines := slices.Clone(p.base)
	for _, sh := range shares {
		kind := transport.Video
		if sh.of.Kind == lane.Audio {
			kind = transport.Audio
		}
		// Not SendOnly: it may find a section that the party publishes on, or come to
		// be one.
		lines = append(lines, transport.BundleLine{
			Name: sh.line, Kind: kind, Send: sh.of.media,
			StreamID: sh.of.Key.Stream, TrackID: sh.of.Key.Track,
			First: layerFor(sh.wish, nil),
		})
	}
	p.bundle.SetLines(lines)
}
