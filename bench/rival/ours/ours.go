// Package ours is our forwarder behind package door: package focus with a
// session for each room, everything as it comes. It lets go of whom it is told to,
// and of who takes leave.
package ours

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"meshfocus/focus"
	"meshfocus/focus/transport"
)

const (
	// gathering is how long candidates may take; there are those of the machine.
	gathering = 5 * time.Second
	// looking is how often a subscriber looks whether a publisher is there.
	looking = 5 * time.Millisecond
	// A party of a session is one connection, and those of a benchmark may have two.
	publishing, subscribing = "/publishes", "/subscribes"
)

// Config is what may be chosen.
type Config struct {
	// Tick and Lanes are as in transport.Config.
	Tick  time.Duration
	Lanes int
	// Adaptive paces what leaves, and chooses layers, by what each way carries.
	Adaptive bool
	// Loopback adds 127.0.0.1.
	Loopback bool
}

// Forwarder is one network with a focus on it.
type Forwarder struct {
	network *transport.Network
	focus   *focus.Focus

	mu sync.Mutex // guards what follows
	// sections is how many tracks each publisher will have, by room and party.
	sections map[string]int
	// subscriptions are those of each subscriber, likewise, by publisher.
	subscriptions map[string]map[string][]*focus.Subscription
	parties       map[string][]*focus.Party // likewise
}

// New opens the sockets, on all addresses.
func New(config Config) (*Forwarder, error) {
	network, err := transport.Listen(transport.Config{
		Lanes: config.Lanes, Tick: config.Tick, Loopback: config.Loopback,
	})
	if err != nil {
		return nil, err
	}
	return &Forwarder{
		network: network, focus: focus.New(focus.Config{Network: network, Patience: -1, AsItComes: !config.Adaptive}),
		sections: make(map[string]int), subscriptions: make(map[string]map[string][]*focus.Subscription),
		parties: make(map[string][]*focus.Party),
	}, nil
}

// Publish answers an offer that sends a picture, and maybe a sound.
func (f *Forwarder) Publish(ctx context.Context, room, party, offer string) (string, error) {
	_, joined, err := f.join(room, party, publishing)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	f.sections[room+"/"+party] = strings.Count(offer, "\nm=")
	f.mu.Unlock()
	return answer(ctx, joined, offer)
}

// Subscribe answers an offer that receives from others, who may be about to
// publish. The layer matters where there are several.
func (f *Forwarder) Subscribe(ctx context.Context, room, party string, from []string, layer int, offer string) (string, error) {
	session, joined, err := f.join(room, party, subscribing)
	if err != nil {
		return "", err
	}
	for _, name := range from {
		f.mu.Lock()
		sections := f.sections[room+"/"+name]
		f.mu.Unlock()
		tracks, err := published(ctx, session, name+publishing, sections)
		if err != nil {
			return "", err
		}
		for _, track := range tracks {
			subscription, err := joined.Subscribe(track.Key, wish(layer))
			if err != nil {
				return "", err
			}
			f.mu.Lock()
			if f.subscriptions[room+"/"+party] == nil {
				f.subscriptions[room+"/"+party] = make(map[string][]*focus.Subscription)
			}
			f.subscriptions[room+"/"+party][name] = append(f.subscriptions[room+"/"+party][name], subscription)
			f.mu.Unlock()
		}
	}
	return answer(ctx, joined, offer)
}

// Choose has a subscriber get other layers of publishers.
func (f *Forwarder) Choose(room, party string, layers map[string]int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subscriptions[room+"/"+party] == nil {
		return fmt.Errorf("nobody called %s subscribes", party)
	}
	for from, layer := range layers {
		for _, subscription := range f.subscriptions[room+"/"+party][from] {
			subscription.Wish(wish(layer))
		}
	}
	return nil
}

// wish asks for a layer by the size that parties give it; the largest is whatever
// is the best.
func wish(layer int) focus.Wish {
	sizes := [...]focus.Wish{{Width: 320, Height: 180}, {Width: 640, Height: 360}}
	if layer < len(sizes) {
		return sizes[layer]
	}
	return focus.Wish{}
}

func (f *Forwarder) join(room, party, purpose string) (*focus.Session, *focus.Party, error) {
	session, err := f.focus.Session(room)
	if err != nil {
		return nil, nil, err
	}
	joined, err := session.Join(party+purpose, transport.BundleConfig{Name: party + purpose})
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.parties[room+"/"+party] = append(f.parties[room+"/"+party], joined)
	}
	return session, joined, err
}

// Leave ends the connections of a party.
func (f *Forwarder) Leave(room, party string) {
	f.mu.Lock()
	parties := f.parties[room+"/"+party]
	delete(f.parties, room+"/"+party)
	delete(f.subscriptions, room+"/"+party)
	delete(f.sections, room+"/"+party)
	f.mu.Unlock()
	for _, joined := range parties {
		joined.Leave()
	}
}

// published waits for the tracks of an owner, so many and one at least.
func published(ctx context.Context, session *focus.Session, owner string, count int) ([]focus.Track, error) {
	ticker := time.NewTicker(looking)
	defer ticker.Stop()
	for {
		tracks := slices.Clone(session.Tracks())
		tracks = slices.DeleteFunc(tracks, func(t focus.Track) bool { return t.Owner != owner })
		if len(tracks) >= max(count, 1) {
			return tracks, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("waits for %s: %w", owner, ctx.Err())
		}
	}
}

// Close ends all connections.
func (f *Forwarder) Close() error {
	f.focus.Close()
	return f.network.Close()
}

// answer answers with all candidates. Who cannot be answered leaves.
func answer(ctx context.Context, party *focus.Party, offer string) (string, error) {
	made, err := party.AcceptOffer(ctx, transport.Description{Type: transport.TypeOffer, SDP: offer}, gathering)
	if err != nil {
		party.Leave()
		return "", err
	}
	return made.SDP, nil
}
