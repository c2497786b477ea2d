package mesh

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/internal/mailbox"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// handOver is how long connections stay open while our hang-ups are handed to
// the homeserver.
const handOver = 2 * time.Second

// peer is our part in one pair: it feeds the machine of the pair with what
// happens and does what the machine asks for.
//
// Its loop owns the machine, the lines, the peer's streams and all counts; the
// link is an immutable snapshot that anybody may read.
//
// It takes negotiate.Event values and what lines report. It ends when its
// context ends, or after a Leave once the hang-up is handed over or two
// seconds are gone; then all its lines are closed.
type peer struct {
	// Set once.
	config  *Config
	key     membership.Key
	party   message.Party
	seen    time.Time
	log     *slog.Logger
	mailbox *mailbox.Tray[any]
	absent  func(*peer) // told when the device is gone and nothing of it is left
	end     context.CancelFunc
	stopped <-chan struct{} // closed once end was called

	wanted bool // owned by the mesh's loop: it is assigned

	link atomic.Pointer[Link]
	line atomic.Pointer[line] // the one whose statistics count

	// Owned by the loop.
	machine     *negotiate.Machine
	lines       map[string]*line
	running     sync.WaitGroup // lines
	closing     <-chan struct{}
	streams     streams
	relayOnly   bool
	forwards    bool // the device passes on what it gets
	sent        int
	received    int
	provenCall  string // the call of the last message that came encrypted
	clearCall   string // the call of the last one that did not
	distrust    string // why the device is not listened or spoken to
	unsent      int    // messages the signaller has not answered for
	since       time.Time
	connectedAt time.Time // first
	calledAt    time.Time // last, by either side
	leaving     bool
	leftAt      time.Time
	closeLater  []string // calls whose connection waits for the hang-up
}

// relay tells the peer to use only relays for connections from now on, or not.
type relay bool

// forwards tells the peer whether its device passes on what it gets.
type forwards bool

// sendResult is the signaller's answer; words say why the device is not to be
// spoken to.
type sendResult struct {
	negotiate.Event
	words string
}

func newPeer(config *Config, session membership.Session, member membership.Member, streams message.StreamMetadata, absent func(*peer)) *peer {
	p := &peer{
		config: config, key: session.Key, party: member.Party, seen: time.Now(),
		mailbox: mailbox.NewTray[any](), absent: absent,
		lines: map[string]*line{}, since: time.Now(),
		log: config.Log.With("room", session.RoomID, "slot", session.ConfID, "party", member.Party.String()),
	}
	dialect, confID, slot := session.Words()
	p.machine = negotiate.New(negotiate.Config{
		Self: config.Self, Peer: member.Party, SelfSession: config.SessionID,
		RoomID: session.RoomID, Dialect: dialect, ConfID: confID, SlotID: slot,
		Streams: streams,
		Random:  rand.New(rand.NewChaCha8(config.Seed())),
	})
	p.publish()
	return p
}

// tell gives the peer something to do; it never blocks.
func (p *peer) tell(what any) { p.mailbox.Put(what) }

// ended reports whether the peer was told to end, and takes nothing any more.
func (p *peer) ended() bool {
	select {
	case <-p.stopped:
		return true
	default:
		return false
	}
}

// run is the loop.
func (p *peer) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if p.setTimer(timer); p.done() {
			break
		}
		select {
		case <-ctx.Done():
			p.hangUpAll()
			p.running.Wait()
			return
		case <-p.mailbox.Wake():
			for _, what := range p.mailbox.Take() {
				p.handle(ctx, what)
			}
		case <-timer.C:
			p.feed(ctx, negotiate.Event{Kind: negotiate.Tick})
		}
		p.finishLeaving()
		p.publish()
		if p.machine.State() == negotiate.Absent && len(p.lines) == 0 {
			p.absent(p)
		}
	}
	p.running.Wait()
}

// setTimer arms the timer for what comes first.
func (p *peer) setTimer(timer *time.Timer) {
	at := p.machine.Deadline()
	if limit := p.leftAt.Add(handOver); len(p.closeLater) > 0 && (at.IsZero() || limit.Before(at)) {
		at = limit
	}
	if at.IsZero() {
		timer.Stop()
		return
	}
	timer.Reset(time.Until(at))
}

// done reports whether we have left and nothing is open any more.
func (p *peer) done() bool { return p.leaving && len(p.lines) == 0 }

func (p *peer) handle(ctx context.Context, what any) {
	switch what := what.(type) {
	case []Received:
		p.hear(ctx, what)
	case negotiate.Event:
		if what.Kind == negotiate.Leave && !p.leaving {
			p.leaving, p.leftAt = true, time.Now()
		}
		p.feed(ctx, what)
	case sendResult:
		p.unsent--
		p.distrust = cmp.Or(what.words, p.distrust)
		p.feed(ctx, what.Event)
	case succeeded:
		// Others may have learnt of it before us. What they have called us
		// for since is the session that begins.
		if time.Since(p.calledAt) >= membership.SlotGrace {
			p.feed(ctx, negotiate.Event{Kind: negotiate.MemberEnded})
		}
	case distrust:
		p.distrust = what.words
	case newTrack:
		p.addTrack(what)
	case lineGone:
		delete(p.lines, what.callID)
	case relay:
		p.relayOnly = bool(what)
	case forwards:
		p.forwards = bool(what)
	}
}

// hear passes messages on and notes how their calls were authenticated.
func (p *peer) hear(ctx context.Context, received []Received) {
	p.received += len(received)
	p.distrust = ""
	signals := make([]message.Signal, len(received))
	for i, r := range received {
		signals[i] = r.Signal
		if r.Encrypted {
			p.provenCall = r.Signal.CallID
		} else {
			p.clearCall = r.Signal.CallID
		}
	}
	p.feed(ctx, negotiate.Event{Kind: negotiate.Received, Signals: signals})
}

// feed gives the machine an event and does what it asks for.
func (p *peer) feed(ctx context.Context, event negotiate.Event) {
	for _, action := range p.machine.Handle(event, time.Now()) {
		p.do(ctx, action)
	}
}

func (p *peer) do(ctx context.Context, action negotiate.Action) {
	switch action.Kind {
	case negotiate.OpenConn:
		p.open(ctx, action)
	case negotiate.CreateOffer, negotiate.AcceptOffer, negotiate.AcceptAnswer, negotiate.AddCandidates:
		if l := p.lines[action.CallID]; l != nil {
			l.jobs.Put(action)
		}
	case negotiate.CloseConn:
		p.close(action.CallID)
	case negotiate.Send:
		p.send(action.Signal)
	case negotiate.Streams:
		for _, track := range p.streams.describe(action.Metadata) {
			p.deliver(track)
		}
	case negotiate.Report:
		p.report(action)
	}
}

// open starts the line of a call. It waits for the former line to be gone, so
// that a pair never has two connections.
func (p *peer) open(ctx context.Context, action negotiate.Action) {
	ctx, cancel := context.WithCancel(ctx)
	l := &line{
		callID: action.CallID, config: p.config, log: p.log.With("conn", action.CallID),
		jobs: mailbox.NewTray[negotiate.Action](), report: p.tell,
		former: p.closing, cancel: cancel, gone: make(chan struct{}),
	}
	if l.former == nil {
		none := make(chan struct{})
		close(none)
		l.former = none
	}
	p.closing, p.calledAt = l.gone, time.Now()
	p.streams = streams{}
	p.lines[action.CallID] = l
	p.line.Store(l)
	request := ConnRequest{
		Key: p.key, Peer: p.party, CallID: action.CallID,
		Outgoing: action.Outgoing, RelayOnly: p.relayOnly, Forwards: p.forwards,
	}
	p.running.Go(func() { l.run(ctx, request) })
}

// close ends the line of a call; while we leave, only after the hang-up.
func (p *peer) close(callID string) {
	if p.leaving && p.unsent > 0 {
		p.closeLater = append(p.closeLater, callID)
		return
	}
	if l := p.lines[callID]; l != nil {
		l.hangUp()
	}
}

func (p *peer) hangUpAll() {
	for _, l := range p.lines {
		l.hangUp()
	}
}

// finishLeaving closes what waited for the hang-up.
func (p *peer) finishLeaving() {
	if !p.leaving || p.unsent > 0 && time.Since(p.leftAt) < handOver {
		return
	}
	for _, callID := range p.closeLater {
		if l := p.lines[callID]; l != nil {
			l.hangUp()
		}
	}
	p.closeLater = nil
}

func (p *peer) send(s message.Signal) {
	p.sent++
	p.unsent++
	p.config.Signaller.Send(p.party, s, func(err error) {
		result := negotiate.Event{Kind: negotiate.SendTaken, Signal: s}
		if err != nil {
			result.Kind, result.Detail = negotiate.SendFailed, err.Error()
		}
		p.tell(sendResult{result, spoken(err)})
	})
}

func (p *peer) addTrack(t newTrack) {
	if t.callID != p.machine.CallID() {
		return
	}
	if p.streams.add(t.remoteTrack) {
		p.deliver(t.remoteTrack)
	}
}

func (p *peer) deliver(t remoteTrack) {
	stream, _ := p.streams.purpose(t.streamID)
	p.config.OnTrack(Track{Link: *p.publish(), Remote: t.track, Stream: stream})
}

// report tells of a new state of the pair.
func (p *peer) report(action negotiate.Action) {
	p.since = time.Now()
	if action.State == negotiate.Connected && p.connectedAt.IsZero() {
		p.connectedAt = p.since
	}
	link := *p.publish()
	link.State, link.CallID = action.State, action.CallID // the machine may be further
	p.log.Info("link "+action.State.String(),
		"session", link.Session, "conn", action.CallID, "reason", string(link.Reason), "detail", link.Detail)
	p.config.OnLink(link)
}

// publish makes the link as it is now readable for everybody.
func (p *peer) publish() *Link {
	m := p.machine
	reason, detail := m.LastReason()
	link := &Link{
		Key: p.key, Peer: p.party, Session: m.Session(), State: m.State(), Since: p.since,
		SeenAt: p.seen, ConnectedAt: p.connectedAt, CallID: m.CallID(), Caller: m.Caller(),
		Attempts: m.Attempts(), Reason: reason, Detail: detail,
		Sent: p.sent, Received: p.received, Streams: p.streams.metadata, Distrust: p.distrust,
	}
	link.Encrypted = link.CallID != "" && p.provenCall == link.CallID && p.clearCall != link.CallID
	if reason != "" {
		link.Words = negotiate.Words(reason)
	}
	p.link.Store(link)
	return link
}

// status is the link with the statistics of its connection.
func (p *peer) status() Link {
	link := *p.link.Load()
	if l := p.line.Load(); l != nil && l.callID == link.CallID {
		if stats, ok := l.stats(); ok {
			link.Stats = &stats
		}
	}
	return link
}
