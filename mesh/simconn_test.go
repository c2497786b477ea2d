package mesh_test

import (
	"context"
	"regexp"
	"slices"
	"sync"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/simnet"
	"meshfocus/mesh"
)

// NewConn makes a connection on the fabric.
func (d *device) NewConn(r mesh.ConnRequest) (mesh.Conn, error) {
	c := &conn{request: r, device: d, queue: make(chan transport.Event, 64)}
	d.mu.Lock()
	c.stuck = d.stuck == name(r.Peer)
	d.conns = append(d.conns, c)
	d.mu.Unlock()
	c.plug = d.fabric.Plug(d.name, name(r.Peer), c.tell)
	return c, nil
}

// conn is a connection that behaves, without media.
type conn struct {
	device  *device
	request mesh.ConnRequest
	plug    *simnet.Plug
	stuck   bool

	mu         sync.Mutex
	closed     bool
	queue      chan transport.Event
	offering   bool
	candidates []transport.Candidate
}

func (c *conn) tell(state simnet.PlugState) {
	c.say(transport.StateChanged{State: map[simnet.PlugState]transport.State{
		simnet.PlugConnected: transport.StateConnected, simnet.PlugDisconnected: transport.StateDisconnected,
		simnet.PlugFailed: transport.StateFailed,
	}[state]})
}

func (c *conn) say(event transport.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.queue <- event
	}
}

// step takes the time a real connection would, or for ever.
func (c *conn) step(ctx context.Context) error {
	if c.stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	time.Sleep(3 * time.Millisecond) // virtual
	return ctx.Err()
}

func (c *conn) CreateOffer(ctx context.Context, o transport.OfferOptions) (transport.Description, error) {
	if err := c.step(ctx); err != nil {
		return transport.Description{}, err
	}
	if c.offering {
		return transport.Description{}, transport.ErrWrongState
	}
	c.offering = true
	credentials := c.plug.Local()
	if o.Restart || credentials == "" {
		credentials = c.plug.Credentials()
	}
	offer := describe("offer", credentials)
	offer.SDP += c.device.padding
	return offer, nil
}

func (c *conn) AcceptOffer(ctx context.Context, d transport.Description, _ time.Duration) (transport.Description, error) {
	if err := c.step(ctx); err != nil {
		return transport.Description{}, err
	}
	theirs, ok := credentials(d)
	switch {
	case c.offering:
		return transport.Description{}, transport.ErrWrongState
	case !ok:
		return transport.Description{}, transport.ErrBadDescription
	}
	own := c.plug.Local()
	if own == "" || c.plug.Remote() != theirs {
		own = c.plug.Credentials()
	}
	c.plug.SetRemote(theirs)
	return describe("answer", own), nil
}

func (c *conn) AcceptAnswer(ctx context.Context, d transport.Description) error {
	if err := c.step(ctx); err != nil {
		return err
	}
	theirs, ok := credentials(d)
	switch {
	case !c.offering:
		return transport.ErrWrongState
	case !ok:
		return transport.ErrBadDescription
	}
	c.offering = false
	c.plug.SetRemote(theirs)
	return nil
}

func (c *conn) AddCandidates(list []transport.Candidate) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.candidates = append(c.candidates, list...)
	return nil
}

func (c *conn) SetICEServers([]transport.ICEServer) error {
	c.device.mu.Lock()
	defer c.device.mu.Unlock()
	c.device.servers++
	return nil
}

func (c *conn) Events() <-chan transport.Event { return c.queue }
func (c *conn) Stats() transport.Stats         { return transport.Stats{} }

func (c *conn) Close() error {
	time.Sleep(c.device.closing) // virtual
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.queue)
		c.plug.Close()
	}
	return nil
}

func describe(kind, credentials string) transport.Description {
	return transport.Description{Type: kind, SDP: "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
		"a=sendrecv\r\na=msid:stream track\r\na=ice-ufrag:" + credentials + "\r\n" +
		"a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"}
}

var ufragLine = regexp.MustCompile(`a=ice-ufrag:(\w+)`)

func credentials(d transport.Description) (string, bool) {
	found := ufragLine.FindStringSubmatch(d.SDP)
	if found == nil {
		return "", false
	}
	return found[1], true
}

// lastConn is the latest connection towards a party.
func (d *device) lastConn(to string) *conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range slices.Backward(d.conns) {
		if c.request.Peer == party(to) {
			return c
		}
	}
	return nil
}

// connsTo counts the connections ever made towards a party.
func (d *device) connsTo(to string) (count int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		if c.request.Peer == party(to) {
			count++
		}
	}
	return count
}
