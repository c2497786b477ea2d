package forward

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/focus/transport/jsep"
	"meshfocus/mesh/via"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

const (
	// posted is how long a message takes from device to device, onWire one that takes
	// the way of the media.
	posted = 300 * time.Millisecond
	onWire = 20 * time.Millisecond
)

// end is one end of a connection that is made of words alone.
type end struct {
	name   string
	events chan transport.Event
	wakes  chan struct{} // Renegotiate

	mutex sync.Mutex
	jsep.Session
	wish    jsep.Wish
	renewed string // counts ICE generations, as letters
}

func newEnd(name string, id uint64) *end {
	lines := []jsep.Line{{Name: "sound", Kind: jsep.Audio}, {Name: "camera", Kind: jsep.Video}}
	return &end{
		name: name, events: make(chan transport.Event), wakes: make(chan struct{}, 1),
		Session: jsep.New(jsep.Config{ID: id, CName: name}), wish: jsep.Wish{Data: true, Lines: lines},
	}
}

func (e *end) transport() jsep.Transport {
	return jsep.Transport{
		Ufrag: "frag" + e.renewed, Password: strings.Repeat("0123456789", 3), Trickle: true,
		Fingerprints: []jsep.Fingerprint{{Algorithm: "sha-256", Value: strings.TrimSuffix(strings.Repeat("AB:", 32), ":")}},
	}
}

// sends has the end want to send something more.
func (e *end) sends(what string, kind jsep.Kind) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.wish.Lines = append(e.wish.Lines, jsep.Line{Name: what, Kind: kind, SendOnly: true, Track: &jsep.Track{
		Stream: what, ID: what, Sources: []jsep.Source{{SSRC: uint32(len(e.wish.Lines)) + 1}},
	}})
}

// offer is CreateOffer of both kinds.
func (e *end) offer(restart bool) (d transport.Description, err error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if restart {
		e.renewed += "x"
	}
	d.Type = transport.TypeOffer
	e.Session, d.SDP, err = e.Offer(e.transport(), e.wish)
	return d, err
}

func (e *end) AcceptOffer(_ context.Context, offer transport.Description, _ time.Duration) (d transport.Description, err error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	read, err := jsep.Read(offer.SDP)
	switch {
	case err != nil:
		return d, err
	case e.Open():
		return d, transport.ErrWrongState
	case e.Stale(read):
		return d, transport.ErrStale
	case e.Restarts(read):
		e.renewed += "y"
	}
	d.Type = transport.TypeAnswer
	e.Session, d.SDP, err = e.Answer(read, e.transport(), e.wish)
	return d, err
}

func (e *end) AcceptAnswer(_ context.Context, answer transport.Description) error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	read, err := jsep.Read(answer.SDP)
	switch {
	case err != nil:
		return err
	case !e.Open():
		return transport.ErrWrongState
	case e.Stale(read):
		return transport.ErrStale
	}
	e.Session, err = e.Accept(read)
	return err
}

func (e *end) Withdraw(context.Context) error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if !e.Open() {
		return transport.ErrWrongState
	}
	e.Session = e.Session.Withdraw()
	return nil
}

func (e *end) Renegotiate() {
	select {
	case e.wakes <- struct{}{}:
	default:
	}
}

func (e *end) AddCandidates([]transport.Candidate) error { return nil }
func (e *end) SetICEServers([]transport.ICEServer) error { return nil }
func (e *end) Events() <-chan transport.Event            { return e.events }
func (e *end) Stats() transport.Stats                    { return transport.Stats{} }
func (e *end) Close() error                              { close(e.events); return nil }
func (e *end) agreed(what string) (there bool, sections int) { // what is sent, or received
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, s := range e.Agreed().Sections {
		there = there || s.Local.Stream == what || s.Remote.Stream == what
	}
	return there && !e.Open(), len(e.Agreed().Sections)
}

// asFocus and asPeer are an end as the two sides of the channel use it.
type (
	asFocus struct{ *end }
	asPeer  struct{ *end }
)

func (e asFocus) CreateOffer(_ context.Context, _ time.Duration, restart bool) (transport.Description, error) {
	return e.offer(restart)
}

func (e asPeer) CreateOffer(_ context.Context, o transport.OfferOptions) (transport.Description, error) {
	return e.offer(o.Restart)
}

// pipe is one direction of a data channel: what is said while it is blocked comes when
// it is not any more, in order.
type pipe struct {
	life context.Context
	said chan []byte
	free chan struct{} // holds one token unless it is blocked
}

func newPipe(life context.Context) *pipe {
	p := &pipe{life, make(chan []byte, 100), make(chan struct{}, 1)}
	p.release()
	return p
}

func (p *pipe) block()   { <-p.free }
func (p *pipe) release() { p.free <- struct{}{} }

func (p *pipe) Write(text []byte, _ bool) error {
	p.said <- append([]byte(nil), text...)
	return nil
}

func (p *pipe) Read(text []byte) (int, bool, error) {
	select {
	case said := <-p.said:
		time.Sleep(onWire)
		p.block()
		defer p.release()
		return copy(text, said), true, nil
	case <-p.life.Done():
		return 0, false, io.EOF
	}
}

// crossed is a focus and a peer of its, who is our own client, with a channel.
type crossed struct {
	t           *testing.T
	focus, peer *end
	exchanges   *exchanges
	client      *via.Client
	there, back *pipe // to the peer, and from it
	running     sync.WaitGroup
	proposed    int // offers that were made on the channel
}

func newCrossed(t *testing.T, life context.Context) *crossed {
	c := &crossed{t: t, focus: newEnd("focus", 1), peer: newEnd("peer", 2), there: newPipe(life), back: newPipe(life)}
	c.exchanges = newExchanges(life, asFocus{c.focus})
	self, forwarder := party("peer"), party("focus")
	guide := via.New(via.Config{Self: self, Say: func(context.Context, message.Party) error { return nil }})
	c.running.Go(func() { _ = guide.Run(life) })
	c.client = guide.Connect(via.Conn{Conn: asPeer{c.peer}, Open: func(context.Context, string) (via.Channel, error) {
		return struct {
			io.Closer
			reads
			writes
		}{io.NopCloser(nil), c.there, c.back}, nil
	}}, forwarder)
	c.running.Go(func() {
		for range c.client.Events() {
		}
	})
	c.running.Go(func() { c.loop(life) })
	guide.Sessions("!r", []membership.Session{{Members: []membership.Member{
		{Party: self, Mesh: true}, {Party: forwarder, Mesh: true, Route: message.Route{Forwards: true}},
	}}})
	c.peer.events <- transport.StateChanged{State: transport.StateConnected}
	c.restart(c.fromFocus, false)
	time.Sleep(time.Second) // the channel is opened
	return c
}

type (
	reads interface {
		Read([]byte) (int, bool, error)
	}
	writes interface{ Write([]byte, bool) error }
)

// loop is a seat's, as far as offers go.
func (c *crossed) loop(life context.Context) {
	heard := make(chan message.FocusMessage)
	c.running.Go(func() {
		text := make([]byte, message.MaxContent)
		for {
			n, _, err := c.back.Read(text)
			if err != nil {
				return
			}
			if m, err := message.ParseFocusMessage(text[:n]); err == nil && m.Kind == message.FocusNegotiate {
				heard <- m
			}
		}
	})
	for {
		select {
		case m := <-heard:
			if err := c.exchanges.hear(transport.Description(m.Description)); err != nil {
				c.t.Error("an answer on the channel:", err)
			}
		case <-c.focus.wakes:
		case <-life.Done():
			return
		}
		offer, made, err := c.exchanges.propose()
		if err != nil {
			c.t.Error("an offer on the channel:", err)
		}
		if made {
			c.proposed++
			_ = c.there.Write(message.FocusMessage{Kind: message.FocusNegotiate, Description: message.Description(offer)}.Encode(), true)
		}
	}
}

// want has the focus offer something on the channel.
func (c *crossed) want(what string, kind jsep.Kind) {
	c.focus.sends(what, kind)
	c.exchanges.wanted.Store(true)
	c.focus.Renegotiate()
}

// from is who offers by messages between devices.
type from struct {
	offer  func(context.Context, transport.OfferOptions) (transport.Description, error)
	answer func(context.Context, transport.Description, time.Duration) (transport.Description, error)
	settle func(context.Context, transport.Description) error
}

func (c *crossed) fromFocus() from {
	return from{c.exchanges.offer, c.client.AcceptOffer, c.exchanges.settle}
}

func (c *crossed) fromPeer() from {
	return from{c.client.CreateOffer, c.exchanges.answer, c.client.AcceptAnswer}
}

// restart exchanges descriptions as the mesh does.
func (c *crossed) restart(side func() from, ice bool) {
	c.t.Helper()
	by, ctx := side(), context.Background()
	offer, err := by.offer(ctx, transport.OfferOptions{Restart: ice})
	if err != nil {
		c.t.Fatal("offer:", err)
	}
	time.Sleep(posted)
	answer, err := by.answer(ctx, offer, 0)
	if err != nil {
		c.t.Fatal("answer:", err)
	}
	time.Sleep(posted)
	if err := by.settle(ctx, answer); err != nil {
		c.t.Fatal("settle:", err)
	}
}

// An ICE restart that crosses an offer on the channel costs no more than its own way,
// whoever makes it, wherever the offer or its answer is stuck meanwhile; and what was
// offered is agreed on soon after.
func TestExchanges_ARestartDoesNotWaitForTheChannel(t *testing.T) {
	type blocked int
	const (
		nothing blocked = iota // the offer and the restart are under way at once
		there                  // the offer does not come to the peer
		back                   // its answer does not come to the focus
	)
	for _, c := range []struct {
		name  string
		side  func(*crossed) func() from
		stuck blocked
	}{
		{"the focus restarts, the offer is under way", func(c *crossed) func() from { return c.fromFocus }, nothing},
		{"the focus restarts, the offer is stuck", func(c *crossed) func() from { return c.fromFocus }, there},
		{"the focus restarts, the answer is stuck", func(c *crossed) func() from { return c.fromFocus }, back},
		{"the peer restarts, the offer is under way", func(c *crossed) func() from { return c.fromPeer }, nothing},
		{"the peer restarts, the offer is stuck", func(c *crossed) func() from { return c.fromPeer }, there},
		{"the peer restarts, the answer is stuck", func(c *crossed) func() from { return c.fromPeer }, back},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				life, stop := context.WithCancel(t.Context())
				w := newCrossed(t, life)
				defer w.running.Wait()
				defer w.client.Close()
				defer stop()
				way := map[blocked]*pipe{there: w.there, back: w.back}[c.stuck]
				if way != nil {
					way.block()
				}
				w.want("anna", jsep.Video)
				if way != nil {
					time.Sleep(time.Second)
					w.focus.sends("bert", jsep.Audio) // in another offer in the place of that one
				}
				began := time.Now()
				w.restart(c.side(w), true)
				if took := time.Since(began); took > 3*posted {
					t.Errorf("the restart takes %v", took)
				}
				if way != nil {
					way.release()
				}
				time.Sleep(time.Second)
				for _, e := range []*end{w.focus, w.peer} {
					for _, what := range []string{"anna", "bert"} {
						if there, sections := e.agreed(what); !there && (what == "anna" || way != nil) {
							t.Errorf("%s: %s is not agreed on, of %d sections", e.name, what, sections)
						}
					}
				}
				if w.proposed == 0 || w.proposed > 2 {
					t.Errorf("there were %d offers on the channel", w.proposed)
				}
				w.want("carol", jsep.Video)
				time.Sleep(time.Second)
				if there, _ := w.peer.agreed("carol"); !there {
					t.Error("nothing more can be offered on the channel")
				}
			})
		})
	}
}
