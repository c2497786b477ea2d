package headless

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// goodbyeTime is how long leaving may take: the hang-ups get two seconds of
// their own, the membership what a slow homeserver needs.
const goodbyeTime = 8 * time.Second

// Participant is one device in one call. See the package comment for how it
// is driven.
type Participant struct {
	config     Config
	log        *slog.Logger
	account    *matrix.Account
	network    *transport.Network
	roomID     string
	media      *media
	registry   *mesh.Registry
	membership *matrix.Membership
	turn       *turn
	recorder   *recorder
	sink       *sink

	state  atomic.Value // string
	status atomic.Pointer[Status]
}

// Open reads the sources, logs in and joins the room. Every error is one line
// that says what would be right; see ErrSource and the errors of
// signalling/matrix. After an error nothing is left open.
func Open(ctx context.Context, config Config) (*Participant, error) {
	config = config.withDefaults()
	p := &Participant{config: config, log: config.Log}
	if err := p.open(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.log = config.Log.With("account", p.account.Party().String())
	p.turn = &turn{account: p.account, own: config.ICEServers, log: p.log}
	p.membership = p.account.NewMembership(matrix.MembershipConfig{
		RoomID: p.roomID, SessionID: rand.Text()[:16], Slot: true, CallID: config.CallID,
		LeaveDelay: config.LeaveDelay, Feeds: []message.Feed{{Purpose: message.PurposeUserMedia}},
	})
	p.registry = mesh.NewRegistry(p.meshConfig())
	p.sink = &sink{registry: p.registry, fresh: make(chan struct{})}
	p.state.Store("joining")
	p.status.Store(&Status{At: time.Now(), Party: p.account.Party(), RoomID: p.roomID, State: "joining"})
	return p, nil
}

// open does what can be refused.
func (p *Participant) open(ctx context.Context) (err error) {
	if p.media, err = openMedia(p.config); err != nil {
		return err
	}
	if p.recorder, err = newRecorder(p.config.RecordDir, p.log); err != nil {
		return err
	}
	if p.network, err = transport.Listen(p.config.Media); err != nil {
		return err
	}
	if p.account, err = matrix.Open(ctx, p.config.Account); err != nil {
		return err
	}
	p.roomID, err = p.account.JoinRoom(ctx, p.config.Room)
	return err
}

// close closes what is open.
func (p *Participant) close() error {
	var errs []error
	if p.account != nil {
		errs = append(errs, p.account.Close())
	}
	if p.network != nil {
		errs = append(errs, p.network.Close())
	}
	if p.recorder != nil {
		p.recorder.close()
	}
	if p.media != nil {
		errs = append(errs, p.media.close())
	}
	return errors.Join(errs...)
}

// meshConfig tells the registry who we are and what to use.
func (p *Participant) meshConfig() mesh.Config {
	config := mesh.Config{
		Self:       p.account.Party(),
		SessionID:  p.membership.SessionID(),
		Signaller:  p.account,
		Connector:  connector{p},
		MaxMembers: p.config.MaxMembers,
		ICEServers: p.turn.servers,
		RelayOnly:  p.relayOnly,
		Streams:    p.media.metadata(),
		OnTrack:    p.recorder.take,
		Log:        p.log,
	}
	switch p.config.Account.Encrypt {
	case matrix.EncryptRequire:
		config.Encryption = mesh.EncryptRequire
	case matrix.EncryptPrefer, matrix.EncryptOff:
		config.Encryption = mesh.EncryptNotRequired
	}
	return config
}

// MediaPort is the UDP and TCP port of our media.
func (p *Participant) MediaPort() int { return p.network.Port() }

// Party is the device we are.
func (p *Participant) Party() message.Party { return p.account.Party() }

// Status is the latest sample.
func (p *Participant) Status() Status { return *p.status.Load() }

// Run is the call. It returns nil after its context has ended and the call was
// left; else why the call cannot go on.
func (p *Participant) Run(ctx context.Context) error {
	// The loops outlive ctx by the time it takes to say goodbye.
	inner, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	run := func(name string, loop func(context.Context) error) {
		loops.Go(func() {
			if err := loop(inner); err != nil && !errors.Is(err, context.Canceled) {
				stop(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	p.account.Subscribe(p.roomID, p.sink)
	run("sync", p.account.Run)
	run("mesh", p.registry.Run)
	run("sampler", p.sample)
	err := p.enter(ctx, inner, run)
	if err == nil {
		select {
		case <-ctx.Done():
		case <-inner.Done():
		}
	} else if ctx.Err() != nil {
		err = nil // asked to stop while joining
	}
	p.state.Store("leaving")
	p.goodbye(context.WithoutCancel(ctx))
	cause := context.Cause(inner)
	stop(nil)
	loops.Wait()
	p.signOut(context.WithoutCancel(ctx)) // after sync, which would take it for an accident
	p.recorder.close()
	p.state.Store("left")
	p.publish(Status{At: time.Now(), Party: p.Party(), RoomID: p.roomID, State: "left", Recordings: p.recorder.files()})
	return errors.Join(err, cause, p.close())
}

// enter checks that the call can be joined and becomes a member.
func (p *Participant) enter(ctx, inner context.Context, run func(string, func(context.Context) error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(inner, cancel)()
	select {
	case <-p.sink.fresh:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, key := range p.membership.Keys() {
		if err := p.registry.Check(ctx, key); err != nil {
			return fmt.Errorf("cannot join the call: %w", err)
		}
	}
	p.turn.now() // before the first call asks whether there is a relay
	run("source", p.media.play)
	if err := p.membership.Join(ctx); err != nil {
		return err
	}
	p.registry.Enter(p.membership.Keys()...)
	run("membership", p.membership.Run)
	p.state.Store("joined")
	return nil
}

// goodbye leaves the call: hang-ups and membership at the same time, because
// peers cannot tell the order anyway.
func (p *Participant) goodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTime)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		if err := p.registry.Leave(ctx); err != nil {
			p.log.Warn("not every peer was told that we leave", "err", err)
		}
	})
	both.Go(func() {
		if err := p.membership.Leave(ctx); err != nil {
			p.log.Warn("the homeserver did not take our leave; the delayed leave will do", "err", err)
		}
	})
	both.Wait()
}

// signOut ends a device that was made for this run.
func (p *Participant) signOut(ctx context.Context) {
	if p.config.Account.Token != "" || p.config.Account.StateDir != "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, goodbyeTime)
	defer cancel()
	if err := p.account.Logout(ctx); err != nil {
		p.log.Warn("the device stays signed in", "err", err)
	}
}

// sample takes statistics once a second until ctx ends.
func (p *Participant) sample(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var s sampler
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		snapshot := p.registry.Snapshot()
		p.publish(Status{
			At: snapshot.At, Party: p.Party(), RoomID: p.roomID, State: p.state.Load().(string),
			Trouble: trouble(snapshot, p.roomID), Links: s.links(snapshot, p.roomID), Recordings: p.recorder.files(),
		})
	}
}

func (p *Participant) publish(status Status) {
	p.status.Store(&status)
	p.config.OnStatus(status)
}

// sink passes what the sync loop finds on to the registry and tells when the
// first facts came.
type sink struct {
	registry *mesh.Registry
	once     sync.Once
	fresh    chan struct{} // closed with the first facts
}

func (s *sink) SetFacts(facts membership.Facts) {
	s.registry.SetFacts(facts)
	s.once.Do(func() { close(s.fresh) })
}

func (s *sink) Receive(batch []matrix.Received) {
	received := make([]mesh.Received, len(batch))
	for i, r := range batch {
		received[i] = mesh.Received{From: r.From, Encrypted: r.Encrypted, Signal: r.Signal}
	}
	s.registry.Receive(received)
}

// connector makes connections that carry our media.
type connector struct{ p *Participant }

func (c connector) NewConn(request mesh.ConnRequest) (mesh.Conn, error) {
	return c.p.network.NewConn(transport.ConnConfig{
		Name: request.Peer.String(), Peer: request.Peer.String(), ICEServers: c.p.turn.now(),
		RelayOnly: request.RelayOnly, Audio: c.p.media.audio, Video: c.p.media.video, Log: c.p.log,
	})
}
