package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/mesh/forward"
	"meshfocus/mesh/headless"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/matrix"
)

// ForwardConfig is about the party that passes on what others send it.
type ForwardConfig struct {
	Enabled  bool `koanf:"enabled"`
	MaxCalls int  `koanf:"max_calls"`
	Lanes    int  `koanf:"lanes"`
	Adaptive bool `koanf:"adaptive"`
}

func forwardSettings() []setting {
	return []setting{
		{key: "forward.enabled", flag: "forward", def: false, check: checkForward,
			about: "Whether a party is in the lobby, and in each call that people made while somebody is in it, that forwards: others publish to it once, and get of it what they ask for over a data channel (docs/forwarding.md). To who asks for nothing it is a silent member."},
		{key: "forward.max_calls", flag: "forward-max-calls", def: 20,
			about: "In how many calls besides the lobby it may be at once. A call beyond that has no such party until another one ends, and everybody sends to everybody there."},
		{key: "forward.lanes", flag: "forward-lanes", def: 1,
			about: "Over how many cores forwarding is spread, each with a port of its own. The first port is the one behind those of the lobby's other parties (media.port), the others are any free ones."},
		{key: "forward.adaptive", flag: "forward-adaptive", def: true,
			about: "Whether what is forwarded is paced, and its layers are chosen, by an estimate of what the way to each receiver carries (docs/bwe.md). Switched off, everybody gets the layers that fit the size in which they show others, as they come."},
	}
}

// mostLanes is more cores than one network card feeds.
const mostLanes = 64

func checkForward(c Config) error {
	switch {
	case c.Forward.MaxCalls < 0:
		return fmt.Errorf("forward.max_calls is %d; 0 forwards in the lobby alone", c.Forward.MaxCalls)
	case c.Forward.Lanes < 1 || c.Forward.Lanes > mostLanes:
		return fmt.Errorf("forward.lanes is %d; give 1 to %d, at most one for each core", c.Forward.Lanes, mostLanes)
	}
	return nil
}

// focusUser is the party of the lobby that forwards.
const focusUser = "focus"

// openHouse opens the sockets of all that forwards.
func (d *daemon) openHouse() (*forward.House, error) {
	media := d.mediaConfig()
	if media.Port != 0 {
		media.Port += lobbyParties(d.config.Lobby)
	}
	media.Lanes = d.config.Forward.Lanes
	leaving := forward.AsItFits
	if !d.config.Forward.Adaptive {
		leaving = forward.AsItComes
	}
	house, err := forward.Open(media, leaving)
	if err != nil {
		return nil, fmt.Errorf("forwarding: %w", err)
	}
	return house, nil
}

// forwardRelay: a server hides its addresses from nobody, and what everybody sends
// through it should not take another way round.
func forwardRelay(policy headless.RelayPolicy) headless.RelayPolicy {
	if policy == headless.RelayAuto {
		return headless.RelayNever
	}
	return policy
}

// forwarding brings a party that forwards into the calls that people made: when the
// first guest enters, until it has been alone. Calls beyond the limit wait for another
// to end, in the order in which they began.
//
// Each stay is a goroutine; close waits for all.
type forwarding struct {
	d     *daemon
	house *forward.House
	life  context.Context
	end   context.CancelFunc
	runs  sync.WaitGroup

	mu sync.Mutex
	// guarded by mu
	stays  []*stay // oldest first: of calls with guests in them, and under way
	closed bool
}

// stay is the part that we take in one call.
type stay struct {
	at place
	// guarded by forwarding.mu
	guests int
	runs   bool
	party  *headless.Participant // nil before it is open
}

// tryAgain is how long a call goes without a party that could not come.
const tryAgain = 10 * time.Second

func newForwarding(d *daemon, house *forward.House) *forwarding {
	f := &forwarding{d: d, house: house}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// enter says that a guest has entered a call, and leave that one has left. The lobby's
// party is there anyway.
func (f *forwarding) enter(at place) { f.count(at, 1) }
func (f *forwarding) leave(at place) { f.count(at, -1) }

func (f *forwarding) count(at place, more int) {
	if f == nil || at.confID == lobbyCall {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.find(at.roomID)
	if v == nil {
		v = &stay{at: at}
		f.stays = append(f.stays, v)
	}
	v.guests += more
	f.fill()
}

// find gives the stay of a room. f.mu is held.
func (f *forwarding) find(roomID string) *stay {
	for _, v := range f.stays {
		if v.at.roomID == roomID {
			return v
		}
	}
	return nil
}

// fill begins the stays that there is room for and forgets those that nobody needs.
// f.mu is held.
func (f *forwarding) fill() {
	under, kept := 0, f.stays[:0]
	for _, v := range f.stays {
		if v.runs {
			under++
		}
		if v.runs || v.guests > 0 {
			kept = append(kept, v)
		}
	}
	clear(f.stays[len(kept):])
	f.stays = kept
	for _, v := range f.stays {
		if !v.runs && under < f.d.config.Forward.MaxCalls && !f.closed {
			v.runs = true
			under++
			f.runs.Go(func() { f.run(v) })
		}
	}
}

// close has all leave and returns when they have.
func (f *forwarding) close() {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.end()
	f.runs.Wait()
}

// run is in a call for as long as there are guests in it.
func (f *forwarding) run(v *stay) {
	for f.wanted(v) {
		if err := f.attend(v); err != nil && f.life.Err() == nil {
			f.d.log.Info("no party forwards in a call", "room", v.at.roomID, "err", err)
			select {
			case <-f.life.Done():
			case <-time.After(tryAgain):
			}
		}
	}
}

// wanted reports whether there is something to go to, and ends the stay if not.
func (f *forwarding) wanted(v *stay) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	v.party = nil
	if v.guests > 0 && !f.closed {
		return true
	}
	v.runs = false
	f.fill()
	return false
}

// attend is in a call until nobody else is.
func (f *forwarding) attend(v *stay) error {
	ctx, leave := context.WithCancel(f.life)
	defer leave()
	local := guestPrefix + firstOfGuests + strings.ToLower(rand.Text()[:8-len(firstOfGuests)])
	release, err := f.d.guests.hold(ctx, local)
	if err != nil {
		return err
	}
	defer release()
	account, checkOut, err := v.at.house.lodge(ctx, lodger{local, "FOCUS" + rand.Text()[:6], "Focus", v.at.roomID})
	if err != nil {
		return err
	}
	defer checkOut()
	account.Encrypt, account.Trust, account.ReplaceKeys = matrix.EncryptPrefer, f.d.trust, true
	account.DeviceName, account.Log = "meshfocus focus", f.d.log
	party, err := headless.Open(ctx, headless.Config{
		Account: account, Room: v.at.roomID, CallID: v.at.confID, Forward: true, House: f.house,
		Relay: forwardRelay(f.d.relay), MaxMembers: f.d.config.Media.MaxMembers, Profile: f.d.config.Membership.ofGuests(), Log: f.d.log,
		OnStatus: func(s headless.Status) {
			if f.alone(v, s) {
				leave()
			}
		},
	})
	if err != nil {
		return err
	}
	f.show(v, party)
	return party.Run(ctx)
}

// firstOfGuests begins the names of our parties in people's calls: they sort before
// the guests', so that it is for us to call and to ask for layers (docs/protocol.md, who
// calls).
const firstOfGuests = "2222"

func (f *forwarding) show(v *stay, party *headless.Participant) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v.party = party
}

// alone reports whether nobody else is in the call: no guest, and no device with an
// account of its own that we see.
func (f *forwarding) alone(v *stay, s headless.Status) bool {
	for _, link := range s.Links {
		if link.State != negotiate.Absent && link.State != negotiate.Over {
			return false
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return v.guests == 0
}

// parties are those in people's calls, and waiting the calls that have none because
// there are too many.
func (f *forwarding) parties() (parties []*headless.Participant, waiting int) {
	if f == nil {
		return nil, 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.stays {
		if v.party != nil {
			parties = append(parties, v.party)
		}
		if !v.runs {
			waiting++
		}
	}
	return parties, waiting
}

// mediaConfig is what the sockets of all our parties have in common.
func (d *daemon) mediaConfig() transport.Config {
	c := d.config.Media
	return transport.Config{Port: c.Port, External: c.External, TCP: c.TCP, Loopback: c.Loopback && transport.OnlyLoopback(), ECN: c.ECN, Traces: d.traces, Log: d.log}
}
