package via

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/mailbox"
	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// glance is how often it is looked whether what was asked for comes.
const glance = 500 * time.Millisecond

// Config is what a Guide needs. Self and Say are required.
type Config struct {
	Self message.Party
	// Say has our membership say by whom we get everything; the zero Party: by
	// nobody. It returns when the homeserver has taken that, or ctx has ended.
	Say func(ctx context.Context, via message.Party) error
	// OnTrack is told of each track that comes by a focus, from the Guide's loop,
	// and must not block; nil: nobody is.
	OnTrack func(Track)
	// Streams are our own, until SetStreams says otherwise.
	Streams message.StreamMetadata
	// Size is that in which pictures are wanted.
	Size   Size
	Limits Limits
	Log    *slog.Logger // nil: nothing is logged
}

// Track is media that came by a focus.
type Track struct {
	Source
	Focus  message.Party
	Remote *transport.RemoteTrack
}

// Status is how a Guide does.
type Status struct {
	// Focus is the member that we mean to get everything by, or do; Via the one that
	// our membership says.
	Focus, Via message.Party
	// Words say how we get the others' media, and why so.
	Words string
}

// Guide gets everything in one call by way of one member, while there is one that
// forwards, and sees to it that the membership says so only for as long as it is
// true.
//
// Its loop owns the Director and what is known of connections; a second one says
// what has changed. It takes news from Clients, the mesh's sessions and links. Run
// ends with its context.
type Guide struct {
	config  Config
	mailbox *mailbox.Tray[any]
	status  atomic.Pointer[Status]

	mu      sync.Mutex
	clients map[*Client]bool // guarded by mu

	// Owned by the loop.
	director *Director
	sessions map[string][]membership.Session // by room
	focus    map[message.Party]*standing
	direct   map[message.Party]bool
	streams  message.StreamMetadata
	said     message.Party
}

// standing is a Connection with what it is judged by.
type standing struct {
	Connection
	client *Client // nil: none
	frames uint64
}

// What the loop is told, besides what Clients tell.
type (
	sessionNews struct {
		room     string
		sessions []membership.Session
	}
	linkNews struct {
		peer message.Party
		up   bool
	}
	connNews struct{ client *Client }
)

// New makes a guide; Run drives it.
func New(config Config) *Guide {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.OnTrack == nil {
		config.OnTrack = func(Track) {}
	}
	g := &Guide{
		config: config, mailbox: mailbox.NewTray[any](), clients: map[*Client]bool{}, director: NewDirector(config.Self, config.Limits),
		sessions: map[string][]membership.Session{}, focus: map[message.Party]*standing{}, direct: map[message.Party]bool{},
		streams: config.Streams,
	}
	g.status.Store(&Status{})
	return g
}

// Connect wraps a connection with a member that forwards. The caller closes it.
func (g *Guide) Connect(conn Conn, focus message.Party) *Client {
	c := newClient(conn, focus, NewTalk(g.config.Self, g.config.Size), g.config.Log, func(news any) { g.mailbox.Put(news) })
	g.mu.Lock()
	g.clients[c] = true
	g.mu.Unlock()
	g.mailbox.Put(connNews{c})
	return c
}

// Sessions is told of the sessions of a room: mesh.Config.OnSessions.
func (g *Guide) Sessions(roomID string, sessions []membership.Session) {
	g.mailbox.Put(sessionNews{roomID, sessions})
}

// Link is told of links: mesh.Config.OnLink.
func (g *Guide) Link(link mesh.Link) {
	g.mailbox.Put(linkNews{link.Peer, link.State == negotiate.Connected})
}

// SetStreams says what our own streams are for, and what of them is muted.
func (g *Guide) SetStreams(streams message.StreamMetadata) { g.mailbox.Put(own{streams}) }

// Status is how it does now.
func (g *Guide) Status() Status { return *g.status.Load() }

// Media gives what comes of somebody by way of a focus, and how; false if nothing
// is asked for.
func (g *Guide) Media(owner, focus message.Party) (message.StreamMetadata, transport.Stats, bool) {
	g.mu.Lock()
	clients := maps.Clone(g.clients)
	g.mu.Unlock()
	for c := range clients {
		if c.focus == focus {
			if streams, stats := c.media(owner); streams != nil {
				return streams, stats, true
			}
		}
	}
	return nil, transport.Stats{}, false
}

// Run is the loop. It returns ctx's error.
func (g *Guide) Run(ctx context.Context) error {
	orders := make(chan message.Party, 1)
	var saying sync.WaitGroup
	saying.Go(func() { g.say(ctx, orders) })
	defer saying.Wait()
	defer close(orders)
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.mailbox.Wake():
			for _, what := range g.mailbox.Take() {
				g.handle(what, time.Now())
			}
		case <-tick.C:
		}
		g.decide(orders, time.Now())
	}
}

// say has the membership say what was decided last.
func (g *Guide) say(ctx context.Context, orders <-chan message.Party) {
	for via := range orders {
		if err := g.config.Say(ctx, via); err != nil && !errors.Is(err, context.Canceled) {
			g.config.Log.Warn("the membership does not say by whom we get everything", "via", via.String(), "err", err)
		}
	}
}

// order leaves the latest order, in place of one that was not begun.
func order(orders chan message.Party, via message.Party) {
	select {
	case <-orders:
	default:
	}
	orders <- via // there is room: nobody else puts any in
}

func (g *Guide) handle(what any, now time.Time) {
	switch what := what.(type) {
	case sessionNews:
		g.sessions[what.room] = what.sessions
	case linkNews:
		g.direct[what.peer] = what.up
	case connNews:
		s := g.standing(what.client.focus)
		s.client, s.frames = what.client, 0
		what.client.inbox.Put(own{g.streams})
	case goneNews:
		g.mu.Lock()
		delete(g.clients, what.client)
		g.mu.Unlock()
		if s := g.standing(what.client.focus); s.client == what.client {
			s.client, s.Open = nil, false
			s.set(false, now)
		}
	case stateNews:
		if s := g.standing(what.client.focus); s.client == what.client {
			s.set(what.up, now)
		}
	case channelNews:
		if s := g.standing(what.client.focus); s.client == what.client {
			s.Open, s.Flows = what.open, now
		}
	case trackNews:
		g.config.OnTrack(Track{Source: what.source, Focus: what.focus, Remote: what.track})
	case own:
		g.streams = what.StreamMetadata
		for _, s := range g.focus {
			if s.client != nil {
				s.client.inbox.Put(what)
			}
		}
	}
}

func (g *Guide) standing(focus message.Party) *standing {
	s := g.focus[focus]
	if s == nil {
		s = &standing{}
		g.focus[focus] = s
	}
	return s
}

// set notes whether the connection is up.
func (s *standing) set(up bool, now time.Time) {
	if s.Up != up {
		s.Up, s.Since, s.Flows = up, now, now
	}
}

// look notes whether what was asked for comes.
func (s *standing) look(now time.Time) {
	if s.client == nil || !s.Open {
		return
	}
	expected, frames := s.client.flow()
	if expected == 0 || frames != s.frames || !s.Up {
		s.Flows, s.frames = now, frames
	}
}

// decide has done what the Director decides.
func (g *Guide) decide(orders chan message.Party, now time.Time) {
	facts := Facts{Focus: map[message.Party]Connection{}, Direct: g.direct}
	for _, sessions := range g.sessions {
		facts.Sessions = append(facts.Sessions, sessions...)
	}
	for party, s := range g.focus {
		s.look(now)
		facts.Focus[party] = s.Connection
	}
	d := g.director.Decide(facts, now)
	if s := g.focus[d.Focus]; s != nil && s.client != nil {
		s.client.want(d.Want)
	}
	if d.Via != g.said {
		g.said = d.Via
		order(orders, d.Via)
	}
	if before := g.status.Load(); before.Words != d.Words {
		g.config.Log.Info(d.Words, "via", d.Via.String())
	}
	g.status.Store(&Status{Focus: d.Focus, Via: d.Via, Words: d.Words})
}

// want tells a client whose tracks are wanted, if that is another list than before.
func (c *Client) want(owners map[message.Party]bool) {
	c.mu.Lock()
	same := c.wanted != nil && maps.Equal(c.wanted, owners)
	c.mu.Unlock()
	if !same {
		want := map[message.Party]bool{}
		maps.Copy(want, owners)
		c.inbox.Put(use{want})
	}
}
