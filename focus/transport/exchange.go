package transport

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"meshfocus/focus/lane"
	"meshfocus/internal/mailbox"
)

// exchange is the negotiation of one connection: whose turn it is to speak,
// candidates in both directions, which ICE generation they belong to, and what
// there is to tell. What is negotiated is its strand's matter.
//
// It owns whatever was spawned, which ends with Close.
type exchange struct {
	network *Network
	berth   *berth  // set once, by the network
	strand  *strand // set once
	name    string
	peer    string
	log     *slog.Logger
	events  *mailbox.Mailbox[Event]

	// turn holds one token: whoever has it negotiates.
	turn chan struct{}
	done chan struct{}  // closed when Close begins
	wg   sync.WaitGroup // every goroutine of ours
	shut sync.Once
	gone chan struct{} // closed when Close has ended

	life  context.Context    // set once: ends when Close begins
	letGo context.CancelFunc // set once: ends it

	mu          sync.Mutex // guards all below; no call leaves under it
	closed      bool
	state       State
	generations generations
	held        []Candidate // for a description that has not come
	gathering   *gathering
}

// exchangeConfig is what a Conn and a Bundle say of their exchange.
type exchangeConfig struct {
	name, peer string
	servers    []ICEServer
	relayOnly  bool
	lane       *lane.Lane // nil: any
	fixed      bool       // see strand
	data       bool       // data channels are offered
	adaptive   bool       // see lane.EndConfig
	uplink     *lane.Uplink
	log        *slog.Logger
}

// user is what an exchange is for: a Conn, or a Bundle.
type user interface {
	// hear takes in LineReceived, LineEnded and ChannelOpened. It must not wait.
	hear(Event)
	// agreed says that an answer was made or taken. It is called by whoever has
	// the turn.
	agreed()
	// over says that nothing is sent any more.
	over()
}

// newExchange makes the exchange of a connection, on a berth of the network or of
// the lane that is named. The caller begins it.
func (n *Network) newExchange(config exchangeConfig, of user) (*exchange, error) {
	if config.log == nil {
		config.log = n.log
	}
	x := &exchange{
		network: n, name: config.name, peer: config.peer, log: config.log.With("conn", config.name), events: mailbox.New[Event](),
		turn: make(chan struct{}, 1), done: make(chan struct{}), gone: make(chan struct{}),
	}
	if err := n.enter(x, config.lane); err != nil {
		return nil, fmt.Errorf("connection %s: %w", x.name, err)
	}
	x.life, x.letGo = context.WithCancel(context.Background())
	if err := newStrand(x, config, of); err != nil {
		n.leave(x)
		x.letGo()
		n.making.Done()
		return nil, fmt.Errorf("connection %s: %w", x.name, err)
	}
	x.gathering = x.newGathering()
	return x, nil
}

// begin starts the exchange. The network waits for making until then.
func (x *exchange) begin() {
	x.wg.Go(x.strand.listen)
	x.network.making.Done()
}

// Name is what the connection is called in logs.
func (x *exchange) Name() string { return x.name }

// Events delivers what happens to the connection, in order. It is closed by
// Close; what was not read by then is lost.
func (x *exchange) Events() <-chan Event { return x.events.Out() }

// SetICEServers sets what is used at the next ICE restart, and at the first
// gathering if that has not begun. Unusable servers are left out.
func (x *exchange) SetICEServers(servers []ICEServer) error {
	return x.strand.use(usableServers(servers, x.log))
}

// Close ends the connection. It returns when nothing of it runs any more, for
// every caller. Not to be called by the goroutine that writes a track of it.
func (x *exchange) Close() error {
	var err error
	x.shut.Do(func() {
		defer close(x.gone)
		x.mu.Lock()
		x.closed = true
		gathering := x.gathering
		x.mu.Unlock()
		close(x.done)
		gathering.finish()
		x.letGo()
		x.turn <- struct{}{} // whoever negotiates has seen done; keep the turn
		err = x.strand.close()
		x.wg.Wait()
		x.events.Close()
		x.network.leave(x)
	})
	<-x.gone
	if err != nil {
		return fmt.Errorf("connection %s: %w", x.name, err)
	}
	return nil
}

// spawn runs a loop of the connection; it reports false when that is closing.
func (x *exchange) spawn(run func()) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return false
	}
	x.wg.Go(run)
	return true
}

// take waits for the turn to negotiate.
func (x *exchange) take(ctx context.Context) error {
	select {
	case <-x.done:
		return ErrClosed
	default:
	}
	select {
	case x.turn <- struct{}{}:
		return nil
	case <-x.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *exchange) give() { <-x.turn }

// noteState tells where the connection is, if that is news; again: also if it
// is not, because there was a restart in between.
func (x *exchange) noteState(state State, again bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed || state == x.state && !again || state == StateNew {
		return
	}
	x.state = state
	x.events.Put(StateChanged{state})
}

// State says where the connection is.
func (x *exchange) State() State {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return StateClosed
	}
	return x.state
}

// current gives the gathering of the present ICE generation.
func (x *exchange) current() *gathering {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.gathering
}

// renewGathering begins with the candidates of another ICE generation of ours.
func (x *exchange) renewGathering() {
	fresh := x.newGathering()
	x.mu.Lock()
	former := x.gathering
	x.gathering = fresh
	x.mu.Unlock()
	former.finish()
}

// newGathering is for the newest generation of the link.
func (x *exchange) newGathering() *gathering {
	return newGathering(x.strand.link.Credentials().Ufrag, func(batch []Candidate) { x.events.Put(CandidatesFound{batch}) })
}
