package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"

	"meshfocus/internal/mailbox"
)

// Peer is what the other side's description says.
type Peer struct {
	Credentials
	// Fingerprints name the certificate that it will show.
	Fingerprints []Fingerprint
	// Controlling is our role in ICE: true for who made the first offer.
	Controlling bool
	// Client is our role in DTLS: true for a=setup:active. The server chooses
	// how media is protected, so be the server where there is a choice.
	Client bool
	// Lite says that the peer checks nothing (a=ice-lite). Where one side is
	// lite the other controls, whatever Controlling says (RFC 8445 section
	// 6.1.1).
	Lite bool
}

// Link is the wire of one connection.
type Link struct {
	config Config                  // set once
	events *mailbox.Mailbox[Event] // set once
	dtls   *endpoint               // set once
	data   *dataWay                // set once
	reach  chan struct{}           // closed with the first path
	found  sync.Once               // closes reach
	shut   sync.Once
	gone   chan struct{} // closed when Close has ended

	life     context.Context    // set once: ends when Close begins
	letGo    context.CancelFunc // set once: ends it
	securing sync.WaitGroup     // the loop of DTLS
	wg       sync.WaitGroup     // the loop of events; what is retired

	current atomic.Pointer[generation] // what is written to; changes under mu

	mu       sync.Mutex // guards all below; no call leaves under it
	relays   []*stun.URI
	stun     []string
	internal []netip.Addr // asked in networks that only we are in, see mayAsk
	next     *generation
	peer     Peer
	started  bool
	secured  bool
	failure  error // DTLS has failed, for good
	state    State
	path     Path
	closed   bool
}

// New makes a Link. Nothing leaves the machine before Gather or Connect.
func New(config Config) (*Link, error) {
	if config.Port == nil || config.Certificate.of == nil {
		return nil, errors.New("link: want a Port and a Certificate")
	}
	l := &Link{
		config: config.usual(), events: mailbox.New[Event](), data: newDataWay(),
		reach: make(chan struct{}), gone: make(chan struct{}),
	}
	l.dtls = newEndpoint(l.send)
	l.SetSTUN(config.STUN)
	if err := l.SetRelays(config.Relays); err != nil {
		return nil, err
	}
	l.life, l.letGo = context.WithCancel(context.Background())
	if l.config.Outside == nil {
		l.config.Outside = &outside{port: config.Port, life: l.life}
	}
	first, err := l.newGeneration()
	if err != nil {
		l.letGo()
		return nil, fmt.Errorf("link: %w", err)
	}
	l.current.Store(first)
	return l, nil
}

// SetRelays sets the TURN servers that the next Gather uses. The error says
// which of them cannot be used; nothing is set then.
func (l *Link) SetRelays(relays []Relay) error {
	urls, err := relayURLs(relays)
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.relays = urls
	return nil
}

// Events delivers what the Link has to say, in order. It is closed by Close;
// what was not read by then is lost.
func (l *Link) Events() <-chan Event { return l.events.Out() }

// Credentials gives those for our description: of the newest generation.
func (l *Link) Credentials() Credentials { return l.newest().credentials }

// Fingerprint gives that for our description.
func (l *Link) Fingerprint() Fingerprint { return l.config.Certificate.Fingerprint() }

// Gather looks for candidates of the newest generation, which come as events.
// It is called once for each; ErrWrongState the second time.
func (l *Link) Gather() error {
	g := l.newest()
	if err := g.gather(); err != nil {
		return l.explain(err)
	}
	return nil
}

// Connect begins with what the other side's description says. Errors:
// ErrWrongState the second time, ErrClosed. After another, of credentials that
// are none, the Link is of no use.
func (l *Link) Connect(peer Peer) error {
	l.mu.Lock()
	if l.closed || l.started {
		defer l.mu.Unlock()
		return l.refusal()
	}
	l.started, l.peer = true, peer
	first := l.current.Load()
	first.begun = true
	l.securing.Go(l.secure)
	l.mu.Unlock()
	return l.begin(first, peer.Credentials)
}

// Restart makes a new ICE generation, whose credentials and candidates belong
// into our next description. The path of the present one stays in use until
// the new one has its own. A restart that is under way is given up for it.
func (l *Link) Restart() (Credentials, error) {
	fresh, err := l.newGeneration()
	if err != nil {
		return Credentials{}, fmt.Errorf("link: %w", err)
	}
	if err := l.prepare(fresh); err != nil {
		return Credentials{}, errors.Join(err, fresh.close())
	}
	return fresh.credentials, nil
}

// prepare makes a generation the next.
func (l *Link) prepare(fresh *generation) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.started {
		return l.refusal()
	}
	l.retire(l.next)
	l.next = fresh
	l.noteState()
	return nil
}

// Resume begins the restarted generation with the new credentials of the
// other side. Errors: ErrWrongState without a restart, ErrClosed.
func (l *Link) Resume(peer Credentials) error {
	l.mu.Lock()
	if l.closed || l.next == nil || l.next.begun {
		defer l.mu.Unlock()
		return l.refusal()
	}
	next := l.next
	next.begun = true
	l.mu.Unlock()
	return l.begin(next, peer)
}

func (l *Link) begin(g *generation, peer Credentials) error {
	controlling := l.peer.Controlling
	if l.config.Lite != l.peer.Lite {
		controlling = l.peer.Lite // who is not lite controls
	}
	if err := g.connect(peer, controlling); err != nil {
		return l.explain(err)
	}
	return nil
}

// explain puts an error of Pion into our words.
func (l *Link) explain(err error) error {
	if l.life.Err() != nil {
		return ErrClosed
	}
	if errors.Is(err, ErrWrongState) {
		return ErrWrongState
	}
	return fmt.Errorf("link: %w", err)
}

// refusal says why something cannot be done. l.mu is held.
func (l *Link) refusal() error {
	if l.closed {
		return ErrClosed
	}
	return ErrWrongState
}

// Write sends a datagram of media by whatever path there is. On a direct path
// it is slower than what the caller can do itself. It fails with ErrNoPath.
func (l *Link) Write(datagram []byte) (int, error) {
	conn := l.current.Load().conn.Load()
	if conn == nil {
		return 0, ErrNoPath
	}
	n, err := conn.Write(datagram)
	if err != nil {
		return n, fmt.Errorf("%w: %w", ErrNoPath, err)
	}
	return n, nil
}

// send is Write for DTLS, to which a path that is not there is but loss.
func (l *Link) send(record []byte) (int, error) {
	_, err := l.Write(record)
	if err != nil && l.life.Err() != nil {
		return 0, ErrClosed
	}
	return len(record), nil
}

// incoming sorts what ICE let through (RFC 7983 section 7).
func (l *Link) incoming(datagram []byte) {
	if len(datagram) == 0 {
		return
	}
	switch first := datagram[0]; {
	case isDTLS(first):
		l.dtls.deliver(datagram)
	case first >= 128 && first <= 191:
		l.config.Media(datagram)
	}
}

// State says where the Link is.
func (l *Link) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Path gives the way that packets take, false before there is one. It stays
// what it was when the Link is disconnected or has failed: whether to send all
// the same, State says (RFC 7675 section 5.1: not without consent, so not when
// it has failed).
func (l *Link) Path() (Path, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.path, l.path != Path{}
}

// RoundTrip gives how long the last check of the path took, 0 if there was
// none.
func (l *Link) RoundTrip() time.Duration {
	pair, _ := l.current.Load().agent.GetSelectedCandidatePairStats()
	return time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
}

// newest gives the generation that is negotiated.
func (l *Link) newest() *generation {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next != nil {
		return l.next
	}
	return l.current.Load()
}

// stateChanged is called by an agent.
func (l *Link) stateChanged(g *generation, state ice.ConnectionState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.state = state
	l.noteState()
}

// pathChanged is called by an agent. The first path of a restarted generation
// puts it in the place of the present one.
func (l *Link) pathChanged(g *generation, path Path) {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := l.current.Load()
	if l.closed || g != current && g != l.next {
		return
	}
	g.reached = true
	renewed := g == l.next
	if renewed {
		l.next = nil
		l.current.Store(g)
		l.retire(current)
	}
	if renewed || l.path != path {
		l.path = path
		l.events.Put(PathChanged{path})
	}
	l.found.Do(func() { close(l.reach) })
	l.noteState()
}

// retire ends a generation that is no longer used. l.mu is held.
func (l *Link) retire(g *generation) {
	if g != nil {
		l.wg.Go(func() { _ = g.close() })
	}
}

// noteState tells where the Link is, if that is news. l.mu is held.
func (l *Link) noteState() {
	state := l.present()
	if state == l.state {
		return
	}
	l.state = state
	l.events.Put(StateChanged{state, l.failure})
}

// present works out the state. l.mu is held.
func (l *Link) present() State {
	switch {
	case l.closed:
		return StateClosed
	case l.failure != nil:
		return StateFailed
	}
	state := l.current.Load().stands(l.secured)
	if l.next == nil || state == StateConnected {
		return state
	}
	if state = l.next.stands(l.secured); state == StateConnected {
		return StateConnecting // until it has told its path
	}
	return state
}

// stands says where a generation is. link.mu is held.
func (g *generation) stands(secured bool) State {
	state := g.state
	if g.reached && (state == ice.ConnectionStateNew || state == ice.ConnectionStateChecking) {
		state = ice.ConnectionStateConnected // Pion tells of paths and states by two roads
	}
	switch state {
	case ice.ConnectionStateConnected, ice.ConnectionStateCompleted:
		if secured {
			return StateConnected
		}
		return StateConnecting
	case ice.ConnectionStateDisconnected:
		return StateDisconnected
	case ice.ConnectionStateFailed:
		return StateFailed
	}
	if g.begun {
		return StateConnecting
	}
	return StateNew
}

// Close ends the Link, with a farewell to the peer. It returns when nothing of
// it runs any more, for every caller.
func (l *Link) Close() error {
	var err error
	l.shut.Do(func() {
		defer close(l.gone)
		l.mu.Lock()
		l.closed, l.state = true, StateClosed
		current, next := l.current.Load(), l.next
		l.mu.Unlock()
		err = l.end(current, next)
	})
	<-l.gone
	return err
}

// end is Close after the state is noted: DTLS says goodbye while there is a
// path, then ICE ends, and with it all that waits.
func (l *Link) end(current, next *generation) error {
	force := time.AfterFunc(closePatience, func() { _ = current.agent.Close() })
	defer force.Stop()
	l.letGo()
	l.data.want() // frees the context
	l.securing.Wait()
	err := current.close()
	if next != nil {
		err = errors.Join(err, next.close())
	}
	l.wg.Wait()
	l.events.Close()
	return errors.Join(err, l.dtls.Close())
}
