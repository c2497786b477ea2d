package via

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/mailbox"
	"meshfocus/mesh"
	"meshfocus/signalling/message"
)

// label is the data channel that a focus listens on (MSC3898).
const label = "datachannel"

// Channel is what is used of a *transport.Channel.
type Channel interface {
	Read(message []byte) (n int, text bool, err error)
	Write(message []byte, text bool) error
	Close() error
}

// Conn is a connection with a focus, and how a data channel is opened on it.
type Conn struct {
	mesh.Conn
	Open func(ctx context.Context, label string) (Channel, error)
}

// On is a Conn of our own engine.
func On(conn *transport.Conn) Conn {
	return Conn{conn, func(ctx context.Context, label string) (Channel, error) { return conn.OpenChannel(ctx, label) }}
}

// Client is one connection with a member that forwards: a mesh.Conn that keeps what
// comes of others to itself.
//
// Its loop hears the connection, the channel and the Guide, and owns the Talk. A
// reader reads the channel, and what is offered there is answered by a goroutine of
// its own, since it may have to wait: whoever negotiates has the turn, from the
// offer to the answer, the mesh by messages between devices or the focus over the
// channel. All end with Close.
type Client struct {
	conn   Conn          // set once
	focus  message.Party // set once
	log    *slog.Logger  // set once
	report func(any)     // into the Guide's mailbox
	inbox  *mailbox.Tray[any]
	out    chan transport.Event
	turn   chan struct{}      // holds one token: who has it negotiates
	life   context.Context    // ends with Close
	end    context.CancelFunc //
	runs   sync.WaitGroup
	ended  chan struct{} // closed when the loop has ended

	// Owned by the loop.
	talk      *Talk
	channel   Channel
	opening   bool // a channel is, or is being opened
	answering bool
	offer     transport.Description    // heard on the channel and not begun with; empty: none
	waiting   []*transport.RemoteTrack // whose owner has not been told

	mu     sync.Mutex
	tracks map[*transport.RemoteTrack]Source        // guarded by mu
	others map[string]bool                          // guarded by mu: streams that are not the focus' own
	told   map[message.Party]message.StreamMetadata // guarded by mu: of those that are wanted
	expect int                                      // guarded by mu: tracks that should come
	wanted map[message.Party]bool                   // guarded by mu
}

// What the loop is told.
type (
	// use has it open a channel and get the tracks of some.
	use struct{ want map[message.Party]bool }
	own struct{ message.StreamMetadata }
	// opened and silenced are news of the channel, heard what came over it.
	opened   struct{ channel Channel }
	silenced struct{ err error }
	heard    struct{ text []byte }
	// answered is what became of an offer.
	answered struct {
		answer transport.Description
		err    error
	}
)

// What the Guide is told.
type (
	stateNews struct {
		client *Client
		up     bool
	}
	channelNews struct {
		client *Client
		open   bool
	}
	trackNews struct {
		focus  message.Party
		source Source
		track  *transport.RemoteTrack
	}
	goneNews struct{ client *Client }
)

func newClient(conn Conn, focus message.Party, talk *Talk, log *slog.Logger, report func(any)) *Client {
	c := &Client{
		conn: conn, focus: focus, log: log.With("focus", focus.String()), report: report, inbox: mailbox.NewTray[any](),
		out: make(chan transport.Event), turn: make(chan struct{}, 1), ended: make(chan struct{}), talk: talk,
		tracks: map[*transport.RemoteTrack]Source{}, others: map[string]bool{}, told: map[message.Party]message.StreamMetadata{},
	}
	c.turn <- struct{}{}
	c.life, c.end = context.WithCancel(context.Background())
	go c.run()
	return c
}

// take waits for the turn.
func (c *Client) take(ctx context.Context) error {
	select {
	case <-c.turn:
		return nil
	case <-c.life.Done():
		return transport.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) give() { c.turn <- struct{}{} }

// CreateOffer is that of mesh.Conn. The turn is kept until the answer has come.
func (c *Client) CreateOffer(ctx context.Context, options transport.OfferOptions) (transport.Description, error) {
	if err := c.take(ctx); err != nil {
		return transport.Description{}, err
	}
	offer, err := c.conn.CreateOffer(ctx, options)
	if err != nil {
		c.give()
	}
	return offer, err
}

// AcceptAnswer is that of mesh.Conn.
func (c *Client) AcceptAnswer(ctx context.Context, answer transport.Description) error {
	err := c.conn.AcceptAnswer(ctx, answer)
	if !errors.Is(err, transport.ErrWrongState) && !errors.Is(err, transport.ErrStale) {
		c.give()
	}
	return err
}

// AcceptOffer is that of mesh.Conn.
func (c *Client) AcceptOffer(ctx context.Context, offer transport.Description, gather time.Duration) (transport.Description, error) {
	if err := c.take(ctx); err != nil {
		return transport.Description{}, err
	}
	defer c.give()
	return c.conn.AcceptOffer(ctx, offer, gather)
}

// AddCandidates is that of mesh.Conn.
func (c *Client) AddCandidates(batch []transport.Candidate) error {
	return c.conn.AddCandidates(batch)
}

// SetICEServers is that of mesh.Conn.
func (c *Client) SetICEServers(servers []transport.ICEServer) error {
	return c.conn.SetICEServers(servers)
}

// Events is that of mesh.Conn, without the tracks of others.
func (c *Client) Events() <-chan transport.Event { return c.out }

// Stats is that of mesh.Conn, without the tracks of others.
func (c *Client) Stats() transport.Stats {
	stats := c.conn.Stats()
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := stats.Received[:0:0]
	for _, received := range stats.Received {
		if !c.others[received.StreamID] {
			kept = append(kept, received)
		}
	}
	stats.Received = kept
	return stats
}

// Close is that of mesh.Conn.
func (c *Client) Close() error {
	c.end()
	err := c.conn.Close()
	<-c.ended
	return err
}

// tell passes an event on to the mesh.
func (c *Client) tell(event transport.Event) {
	select {
	case c.out <- event:
	case <-c.life.Done():
	}
}

// run is the loop.
func (c *Client) run() {
	defer close(c.ended)
	defer close(c.out)
	defer c.report(goneNews{c})
	defer c.runs.Wait()
	events := c.conn.Events()
	for {
		select {
		case event, more := <-events:
			if !more {
				return
			}
			c.handle(event)
		case <-c.inbox.Wake():
			for _, what := range c.inbox.Take() {
				c.do(what)
			}
		}
		c.publish()
	}
}

func (c *Client) handle(event transport.Event) {
	switch e := event.(type) {
	case transport.TrackAdded:
		if e.Track.StreamID() != transport.SilentStreamID {
			c.waiting = append(c.waiting, e.Track)
			c.place()
			return
		}
	case transport.StateChanged:
		c.report(stateNews{c, e.State == transport.StateConnected})
	}
	c.tell(event)
}

func (c *Client) do(what any) {
	switch what := what.(type) {
	case use:
		if !c.opening {
			c.opening = true
			c.runs.Go(c.read)
		}
		c.mu.Lock()
		c.wanted = what.want
		c.mu.Unlock()
		c.say(c.talk.Want(what.want))
	case own:
		c.say(c.talk.SetStreams(what.StreamMetadata))
	case opened:
		c.channel = what.channel
		c.say(c.talk.Open())
		c.report(channelNews{c, true})
	case silenced:
		c.log.Debug("the channel has ended", "err", what.err)
		c.channel, c.opening = nil, false
		c.talk.Close()
		c.mu.Lock()
		c.wanted = nil // so that the Guide asks for it again
		c.mu.Unlock()
		c.report(channelNews{c, false})
	case heard:
		c.hear(what.text)
	case answered:
		c.answered(what)
	}
}

// say writes on the channel. One that takes nothing any more ends the reader, which
// tells.
func (c *Client) say(messages []message.FocusMessage) {
	for _, m := range messages {
		if c.channel == nil {
			return
		}
		if err := c.channel.Write(m.Encode(), true); err != nil {
			c.log.Debug("not said on the channel", "kind", string(m.Kind), "err", err)
		}
	}
}
