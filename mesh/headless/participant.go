package headless

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"meshfocus/focus/lane"
	"meshfocus/focus/record"
	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/mesh/forward"
	"meshfocus/mesh/via"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
)

// goodbyeTime is how long leaving may take. leaveFirst of it is how long the
// hang-ups wait for a slow homeserver to take the membership back; they get two
// seconds of their own (mesh.Registry), and the last one is in reserve.
const (
	goodbyeTime = 8 * time.Second
	leaveFirst  = 5 * time.Second
)

// Participant is one device in the calls of one room, one after the other. See
// the package comment for how it is driven.
type Participant struct {
	// set once
	config   Config
	log      *slog.Logger
	account  *matrix.Account
	network  *transport.Network
	roomID   string
	media    *media
	turn     *turn
	recorder *recorder
	frames   *frames        // nil: frames are as the connections have them
	house    *forward.House // nil: nothing is forwarded
	// open ends when Run wants to: no call outlives it.
	open    context.Context
	closing context.CancelFunc

	seat    chan struct{}        // has one token, for the call
	present atomic.Pointer[call] // nil between calls

	state  atomic.Value // string
	status atomic.Pointer[Status]
	report atomic.Pointer[Report]
}

// Open reads the sources, logs in and joins the room. Every error is one line
// that says what would be right; see ErrSource and the errors of
// signalling/matrix. After an error nothing is left open.
func Open(ctx context.Context, config Config) (*Participant, error) {
	config = config.withDefaults()
	p := &Participant{config: config, log: config.Log, seat: make(chan struct{}, 1)}
	if err := p.acquire(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.log = config.Log.With("account", p.account.Party().String())
	p.turn = &turn{account: p.account, own: config.ICEServers, log: p.log}
	p.open, p.closing = context.WithCancel(context.Background())
	p.seat <- struct{}{}
	state := "joining"
	if config.OnDemand {
		state = "waiting"
	}
	p.state.Store(state)
	p.report.Store(&Report{Links: []ReportLink{}})
	p.status.Store(&Status{At: time.Now(), Party: p.account.Party(), RoomID: p.roomID, State: state})
	return p, nil
}

// acquire does what can be refused.
func (p *Participant) acquire(ctx context.Context) (err error) {
	if p.media, err = openMedia(p.config); err != nil {
		return err
	}
	if p.recorder, err = newRecorder(p.config.RecordDir, p.log); err != nil {
		return err
	}
	if err = p.listen(); err != nil {
		return err
	}
	if p.account, err = matrix.Open(ctx, p.config.Account); err != nil {
		return err
	}
	if p.roomID, err = p.account.JoinRoom(ctx, p.config.Room); err != nil {
		return err
	}
	if p.house != nil {
		return nil // frames pass as they are
	}
	encrypts, err := p.encryptsFrames(ctx)
	if err == nil && encrypts {
		p.frames = newFrames(p.log)
		p.frames.everywhere = p.config.EncryptFrames == mesh.FramesOn
		err = p.media.encrypt(p.frames)
	}
	return err
}

// listen opens the sockets, with a focus for one who forwards.
func (p *Participant) listen() (err error) {
	if !p.config.Forward {
		p.network, err = transport.Listen(p.config.Media)
		return err
	}
	if p.house = p.config.House; p.house == nil {
		leaving := forward.AsItFits
		if p.config.AsItComes {
			leaving = forward.AsItComes
		}
		p.house, err = forward.Open(p.config.Media, leaving)
	}
	if err == nil {
		p.network = p.house.Network
	}
	return err
}

// closeNetwork closes the sockets, unless they are another's.
func (p *Participant) closeNetwork() error {
	switch {
	case p.network == nil || p.house != nil && p.house == p.config.House:
		return nil
	case p.house != nil:
		return p.house.Close()
	}
	return p.network.Close()
}

// close closes what is open.
func (p *Participant) close() error {
	var errs []error
	if p.account != nil {
		errs = append(errs, p.account.Close())
	}
	errs = append(errs, p.closeNetwork())
	if p.recorder != nil {
		p.recorder.close()
	}
	if p.media != nil {
		errs = append(errs, p.media.close())
	}
	return errors.Join(errs...)
}

// meshConfig tells a registry who we are and what to use.
func (p *Participant) meshConfig(sessionID string, guide *via.Guide) mesh.Config {
	config := mesh.Config{
		Self:       p.account.Party(),
		SessionID:  sessionID,
		Signaller:  p.account,
		Connector:  connector{p, guide},
		MaxMembers: p.config.MaxMembers,
		ICEServers: p.turn.servers,
		RelayOnly:  p.relayOnly,
		Streams:    p.media.metadata(),
		OnTrack:    p.read,
		Log:        p.log,
	}
	if p.house != nil {
		config.OnLink = p.house.Describe
	}
	if guide != nil {
		config.OnSessions, config.OnLink = guide.Sessions, guide.Link
	}
	if p.frames != nil {
		config.Frames, config.Keys = p.frames, p.account
	}
	switch p.config.Account.Encrypt {
	case matrix.EncryptRequire:
		config.Encryption = mesh.EncryptRequire
	case matrix.EncryptPrefer, matrix.EncryptOff:
		config.Encryption = mesh.EncryptNotRequired
	}
	return config
}

// read begins to read a track, if anybody wants it.
func (p *Participant) read(track mesh.Track) {
	source := record.Track(track.Remote)
	sealed := p.frames != nil && p.frames.everywhere
	if sealed {
		source = p.frames.open(source, track.Link.Peer)
	}
	p.recorder.take(track, source, sealed)
}

// lookAtFrames adds what became of the frames of each peer.
func (p *Participant) lookAtFrames(status *Status) {
	for i := range status.Links {
		link := &status.Links[i]
		link.Frames, link.Unread = p.frames.look(link.Peer)
		if link.Unread != "" && status.Trouble == "" {
			status.Trouble = link.Peer.String() + ": " + link.Unread
		}
	}
}

// LaneStats is what our sockets did, lane by lane; nil if they are another's
// (Config.House).
func (p *Participant) LaneStats() []lane.Stats {
	if p.config.House != nil {
		return nil
	}
	return p.network.Stats()
}

// MediaPort is the UDP and TCP port of our media.
func (p *Participant) MediaPort() int { return p.network.Port() }

// Party is the device we are.
func (p *Participant) Party() message.Party { return p.account.Party() }

// Account is what the device talks to its homeserver with. Its Run is ours.
func (p *Participant) Account() *matrix.Account { return p.account }

// RoomID is the room of the call.
func (p *Participant) RoomID() string { return p.roomID }

// Status is the latest sample.
func (p *Participant) Status() Status { return *p.status.Load() }

// Report is what the participant sees on its links, for the pair matrix; a new
// one comes with each Status.
func (p *Participant) Report() Report { return *p.report.Load() }

// SetMuted mutes and unmutes what is sent, and tells the peers. Muted sound is
// silence, a muted picture is not sent at all.
func (p *Participant) SetMuted(muted Mute) {
	p.media.mute(muted)
	if c := p.present.Load(); c != nil {
		c.registry.SetStreams(p.media.metadata())
		if c.guide != nil {
			c.guide.SetStreams(p.media.metadata())
		}
	}
}

// Muted says what is muted; what there is no source of always is.
func (p *Participant) Muted() Mute { return p.media.muted() }

// RestartICE begins ICE anew with the peers named, or with all. It concerns the
// calls that we placed; see mesh.Registry.
func (p *Participant) RestartICE(peers ...message.Party) {
	if c := p.present.Load(); c != nil {
		c.registry.RestartICE(peers...)
	}
}

// Renegotiate exchanges descriptions anew with the peers named, or with all.
func (p *Participant) Renegotiate(peers ...message.Party) {
	if c := p.present.Load(); c != nil {
		c.registry.Renegotiate(peers...)
	}
}

// Run is the account's life, and one Call unless the configuration says
// OnDemand. It returns nil after its context has ended and the call was left;
// else why it cannot go on.
func (p *Participant) Run(ctx context.Context) error {
	// The loops outlive ctx by the time it takes to say goodbye.
	inner, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	loops := loops{ctx: inner, stop: stop}
	defer context.AfterFunc(ctx, p.closing)()
	defer context.AfterFunc(inner, p.closing)()
	loops.run("sync", p.account.Run)
	loops.run("sampler", p.sample)
	var err error
	if p.config.OnDemand {
		<-p.open.Done()
	} else {
		err = p.Call(ctx, nil)
	}
	p.closing()
	<-p.seat // for good, when the last call is over
	cause := context.Cause(inner)
	stop(nil)
	loops.wait()
	p.signOut(context.WithoutCancel(ctx)) // after sync, which would take it for an accident
	p.recorder.close()
	p.state.Store("left")
	p.publish(Status{At: time.Now(), Party: p.Party(), RoomID: p.roomID, State: "left", Recordings: p.recorder.files()})
	return errors.Join(err, cause, p.close())
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
	var past []Status // one a second, of the time that a report looks at
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		status := p.look(&s)
		past = append(past[max(0, len(past)-int(ReportSpan/time.Second)):], status)
		report := NewReport(past[0], status)
		p.report.Store(&report)
		if p.turn.ending(status.At) {
			if peers := relayed(status.Links); len(peers) > 0 {
				p.RestartICE(peers...)
			}
		}
		p.publish(status)
	}
}

// look takes one sample.
func (p *Participant) look(s *sampler) Status {
	status := Status{
		At: time.Now(), Party: p.Party(), RoomID: p.roomID, State: p.state.Load().(string), Muted: p.Muted(),
		Recordings: p.recorder.files(),
	}
	var snapshot mesh.Snapshot
	var guide *via.Guide
	if c := p.present.Load(); c != nil {
		snapshot, guide = c.registry.Snapshot(), c.guide
		status.At = snapshot.At
		status.Trouble = cmp.Or(trouble(snapshot, p.roomID), c.membership.Trouble())
	}
	if guide != nil {
		status.Way = guide.Status().Words
	}
	status.Links = s.links(snapshot, p.roomID, p.behind(guide))
	if p.frames != nil {
		p.lookAtFrames(&status)
	}
	return status
}

func (p *Participant) publish(status Status) {
	p.status.Store(&status)
	p.config.OnStatus(status)
}

// connector makes connections that carry our media.
type connector struct {
	p     *Participant
	guide *via.Guide // nil: everybody is connected directly
}

func (c connector) NewConn(request mesh.ConnRequest) (mesh.Conn, error) {
	if c.p.house != nil {
		return c.p.house.Connect(request, c.p.turn.now())
	}
	config := transport.ConnConfig{
		Name: request.Peer.String(), Peer: request.Peer.String(), ICEServers: c.p.turn.now(),
		RelayOnly: request.RelayOnly, Audio: c.p.media.audio, Video: c.p.media.video,
		Simulcast: true, Adaptive: !c.p.config.AsItComes, Log: c.p.log,
	}
	if c.guide == nil || !request.Forwards {
		return c.p.network.NewConn(config)
	}
	config.Audio, config.Video = c.p.media.forwarded()
	config.Data = true
	conn, err := c.p.network.NewConn(config)
	if err != nil {
		return nil, err
	}
	return c.guide.Connect(via.On(conn), request.Peer), nil
}
