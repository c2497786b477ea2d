package focus

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/focus/lane"
	"meshfocus/focus/transport"
	"meshfocus/internal/mailbox"
)

// beat is how often a session with parties looks at who speaks, which sizes there are
// and who is gone: well within a breath (see speaker).
const beat = 100 * time.Millisecond

// Session is a set of parties that can get each other's tracks.
//
// Its loop owns who publishes and subscribes (roster), which Party is which, and who
// speaks. It may be sent steps by anybody: by methods of the Session and of its
// parties, by what listens to their connections and data channels. It ends with
// Close, when everybody has been taken out, or with its last party (Focus.Join);
// Close waits for the loop, for the listeners and for the connections.
type Session struct {
	focus *Focus       // set once
	key   string       // set once
	log   *slog.Logger // set once
	kept  bool         // guarded by the Focus' mutex: it stays without parties
	mail  *mailbox.Tray[func()]
	over  chan struct{}  // closed when the loop has ended
	runs  sync.WaitGroup // listeners, and connections that are being closed

	tracks  atomic.Pointer[[]Track] // a snapshot, as the loop made it last
	speaks  atomic.Pointer[string]
	relayed atomic.Uint64
	dropped atomic.Uint64

	// owned by the loop
	roster  roster
	parties map[string]*Party
	speaker speaker
	resting map[Key]*resting
	matter  []allocate.Priority // of whom aim looks at
	beats   *time.Ticker
	ending  bool
}

func newSession(f *Focus, key string) *Session {
	s := &Session{
		focus: f, key: key, log: f.config.Log.With("session", key), mail: mailbox.NewTray[func()](), over: make(chan struct{}),
		roster: newRoster(), parties: make(map[string]*Party), resting: make(map[Key]*resting), beats: time.NewTicker(beat),
	}
	s.beats.Stop()
	s.tracks.Store(&[]Track{})
	s.speaks.Store(new(string))
	go s.run()
	return s
}

// Key is what the session is known by.
func (s *Session) Key() string { return s.key }

// Join makes a connection for a party of the session and has it listed. Nothing leaves
// before it negotiates. Errors: ErrClosed, ErrTaken, those of Network.NewBundle.
func (s *Session) Join(party string, config transport.BundleConfig) (*Party, error) {
	config.Adaptive = !s.focus.config.AsItComes
	bundle, err := s.focus.config.Network.NewBundle(config)
	if err != nil {
		return nil, fmt.Errorf("session %s: party %s: %w", s.key, party, err)
	}
	p := newParty(s, party, bundle, config.Lines)
	joined := make(chan error, 1) // soon: the loop does nothing slow
	if !s.mail.Put(func() { joined <- s.join(p) }) {
		joined <- ErrClosed
	}
	if err := <-joined; err != nil {
		_ = bundle.Close()
		return nil, fmt.Errorf("session %s: party %s: %w", s.key, party, err)
	}
	return p, nil
}

// Tracks gives what is published at present, by owner and name.
func (s *Session) Tracks() []Track { return *s.tracks.Load() }

// Speaker gives the party that speaks, or did last; "" if none did.
func (s *Session) Speaker() string { return *s.speaks.Load() }

// Stats takes a snapshot of all parties, by key. The error is ErrClosed or ctx's.
func (s *Session) Stats(ctx context.Context) ([]Stats, error) {
	got := make(chan []Stats, 1)
	put := s.mail.Put(func() {
		var all []Stats
		for _, key := range slices.Sorted(maps.Keys(s.parties)) {
			all = append(all, s.parties[key].stats())
		}
		got <- all
	})
	if !put {
		return nil, ErrClosed
	}
	select {
	case all := <-got:
		return all, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close takes everybody out and ends the session.
func (s *Session) Close() {
	s.mail.Put(func() {
		for _, p := range s.parties {
			s.takeOut(p, "the session ends")
		}
		s.ending = true
	})
	<-s.over
	s.runs.Wait()
	s.focus.forget(s)
}

// settle waits until everything said to the session before has been done.
func (s *Session) settle(ctx context.Context) error {
	done := make(chan struct{})
	if !s.mail.Put(func() { close(done) }) {
		return ErrClosed
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run is the loop.
func (s *Session) run() {
	defer close(s.over)
	defer s.beats.Stop()
	for !s.ending {
		select {
		case <-s.mail.Wake():
			s.step(s.mail.Take())
		case <-s.beats.C:
			s.beat()
		}
	}
	s.step(s.mail.Close()) // who joined meanwhile
	for _, p := range s.parties {
		s.takeOut(p, "the session has ended")
	}
}

func (s *Session) step(steps []func()) {
	for _, step := range steps {
		step()
	}
}

func (s *Session) join(p *Party) error {
	if s.ending {
		return ErrClosed
	}
	c, err := s.roster.join(p.key)
	if err != nil {
		return err
	}
	if len(s.parties) == 0 {
		s.beats.Reset(beat)
	}
	s.parties[p.key] = p
	p.since = lane.Now()
	s.runs.Go(p.listen)
	s.apply(c)
	s.log.Info("party joins", "party", p.key)
	return nil
}

// takeOut ends a party: what it published first, so that nobody asks its connection
// for anything, then the connection.
func (s *Session) takeOut(p *Party, why string) {
	if p.gone {
		return
	}
	p.gone = true
	if s.parties[p.key] == p {
		delete(s.parties, p.key)
		s.apply(s.roster.leave(p.key))
		s.log.Info("party leaves", "party", p.key, "why", why)
	}
	s.thin()
	p.events.close()
	s.runs.Go(p.close)
}

// thin does what is due once nobody is left. The loop calls it.
func (s *Session) thin() {
	if len(s.parties) > 0 {
		return
	}
	s.beats.Stop()
	s.say("")
	s.ending = s.ending || s.focus.release(s)
}

// apply does what follows from a step: lines first, so that who is told of something
// can already negotiate it.
func (s *Session) apply(c change) {
	for _, track := range c.settled {
		track.media.SetMuted(track.Muted)
	}
	for _, key := range c.lines {
		if p := s.parties[key]; p != nil {
			p.lay(s.roster.shares(key))
			p.events.put(NegotiationNeeded{})
		}
	}
	if len(c.notices) > 0 { // before anybody hears that there is news, and looks
		tracks := s.roster.published()
		s.tracks.Store(&tracks)
	}
	for _, n := range c.notices {
		if p := s.parties[n.to]; p != nil {
			p.events.put(n.event)
		}
	}
}

// beat looks at what changes by itself.
func (s *Session) beat() {
	now := lane.Now()
	tracks := s.Tracks()
	s.say(s.speaker.next(now, s.voices(now, tracks)))
	sizes := s.measure(tracks)
	for key, p := range s.parties {
		s.aim(p, s.roster.shares(key), sizes)
	}
	s.rest(now, tracks, sizes)
	if s.focus.config.Patience > 0 {
		for _, p := range s.parties {
			if p.lost(now, s.focus.config.Patience) {
				s.takeOut(p, "its connection is lost")
			}
		}
	}
}

// measure looks which layers of pictures there are, and tells those who can subscribe
// how large they are.
func (s *Session) measure(tracks []Track) map[Key][]lane.LayerState {
	sizes := make(map[Key][]lane.LayerState)
	for _, track := range tracks {
		if track.Kind != lane.Video {
			continue
		}
		layers := track.media.Layers()
		sizes[track.Key] = layers
		width, height := 0, 0
		for _, layer := range layers {
			width, height = max(width, int(layer.Width)), max(height, int(layer.Height))
		}
		s.apply(s.roster.size(track.Key, width, height))
	}
	return sizes
}

// say tells everybody who speaks, if that is another one.
func (s *Session) say(who string) {
	if who == s.Speaker() {
		return
	}
	s.speaks.Store(&who)
	for _, p := range s.parties {
		p.events.put(SpeakerChanged{who})
	}
}

// aim brings what a party gets in accord with what it wishes; shares are all it has. Sizes of tracks are
// looked up once for all.
func (s *Session) aim(p *Party, shares []*share, sizes map[Key][]lane.LayerState) {
	s.matter = priorities(s.matter[:0], shares, s.Speaker())
	for i, sh := range shares {
		sub := p.bundle.Subscription(sh.line)
		if sub == nil {
			continue
		}
		sub.Matter(s.matter[i])
		var layers []lane.LayerState
		if sh.of.Kind == lane.Video && !sh.wish.Paused && sh.wish != (Wish{}) {
			known, ok := sizes[sh.of.Key]
			if !ok {
				known = sh.of.media.Layers()
				sizes[sh.of.Key] = known
			}
			layers = known
		}
		sub.Aim(layerFor(sh.wish, layers))
	}
}
