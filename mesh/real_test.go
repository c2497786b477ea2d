package mesh_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/simnet"
	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// real is three registries with real connections over the loopback, in real
// time; only the homeserver is simulated.
type real struct {
	t     *testing.T
	road  *simnet.Road[message.Signal]
	mu    sync.Mutex
	news  *sync.Cond
	nodes map[string]*node
}

type node struct {
	*real
	name     string
	session  string
	network  *transport.Network
	registry *mesh.Registry
	states   map[message.Party][]negotiate.State // guarded by real.mu
	conns    map[message.Party]*meddled          // guarded by real.mu
}

// meddled is a real connection whose state the test can lie about.
type meddled struct {
	*transport.Conn
	events chan transport.Event
	lies   chan transport.Event
}

func (m *meddled) Events() <-chan transport.Event { return m.events }

func (m *meddled) relay() {
	defer close(m.events)
	for {
		select {
		case event, ok := <-m.Conn.Events():
			if !ok {
				return
			}
			m.events <- event
		case lie := <-m.lies:
			m.events <- lie
		}
	}
}

func (n *node) NewConn(r mesh.ConnRequest) (mesh.Conn, error) {
	conn, err := n.network.NewConn(transport.ConnConfig{Name: r.CallID})
	if err != nil {
		return nil, err
	}
	m := &meddled{Conn: conn, events: make(chan transport.Event), lies: make(chan transport.Event)}
	go m.relay()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[r.Peer] = m
	return m, nil
}

func (n *node) Send(to message.Party, s message.Signal, done func(error)) {
	n.road.Send(n.name, name(to), s)
	done(nil) // at once, on the caller's goroutine: allowed
}

// until waits for a condition, checked at each change of a link.
func (r *real) until(what string, condition func() bool) {
	r.t.Helper()
	late := time.AfterFunc(30*time.Second, r.news.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(30 * time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	for !condition() {
		if time.Now().After(deadline) {
			r.t.Fatalf("not within 30 s: %s", what)
		}
		r.news.Wait()
	}
}

func (r *real) allAre(state negotiate.State) func() bool {
	return func() bool {
		for _, n := range r.nodes {
			for other := range r.nodes {
				states := n.states[party(other)]
				if other != n.name && (len(states) == 0 || states[len(states)-1] != state) {
					return false
				}
			}
		}
		return true
	}
}

func newReal(t *testing.T, names ...string) *real {
	r := &real{t: t, nodes: map[string]*node{}}
	r.news = sync.NewCond(&r.mu)
	r.road = simnet.NewRoad(1, func(from, to string, s message.Signal) {
		r.nodes[to].registry.Receive([]mesh.Received{{From: party(from), Encrypted: true, Signal: s}})
	})
	t.Cleanup(r.road.Close)
	facts := membership.Facts{RoomID: roomID, RoomVersion: "10", Joined: map[string]bool{}}
	for i, name := range names {
		facts.Joined[party(name).UserID] = true
		session := fmt.Sprintf("session-%s", name)
		d := &device{name: name, party: party(name), session: session, world: &world{t: t}}
		event := d.sessionEvent(message.FocusFullMesh)
		event.EventID, event.SentAt = fmt.Sprint("$", i), time.Now()
		facts.State = append(facts.State, event)
		network, err := transport.Listen(transport.Config{Loopback: true})
		if err != nil {
			t.Fatal(err)
		}
		r.nodes[name] = &node{
			real: r, name: name, session: session, network: network,
			states: map[message.Party][]negotiate.State{}, conns: map[message.Party]*meddled{},
		}
	}
	for _, n := range r.nodes {
		n.registry = n.newRegistry()
	}
	for _, name := range names {
		r.nodes[name].start(facts)
	}
	return r
}

func (n *node) newRegistry() *mesh.Registry {
	return mesh.NewRegistry(mesh.Config{
		Self: party(n.name), SessionID: n.session, Signaller: n, Connector: n,
		OnLink: func(l mesh.Link) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.states[l.Peer] = append(n.states[l.Peer], l.State)
			n.news.Broadcast()
		},
	})
}

// start lets the node into the call. All registries have to be there, for it
// sends at once.
func (n *node) start(facts membership.Facts) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := n.registry.Run(ctx); !errors.Is(err, context.Canceled) {
			n.t.Error(err)
		}
	}()
	n.t.Cleanup(func() {
		cancel()
		<-ended
		if err := n.network.Close(); err != nil {
			n.t.Error(err)
		}
	})
	n.registry.SetFacts(facts)
	n.registry.Enter(slot)
}

func TestRealConnections_TakeThreeMessagesAPairAndSurviveARestart(t *testing.T) {
	r := newReal(t, "alice", "bob", "carol")
	r.until("all are connected", r.allAre(negotiate.Connected))
	if got := len(r.road.Sent()); got > 9 {
		t.Errorf("%d messages for three pairs, want at most 9", got)
	}
	for _, n := range r.nodes {
		for _, l := range n.registry.Snapshot().Rooms[0].Sessions[0].Links {
			if l.Stats == nil {
				t.Errorf("%s has no statistics of %v", n.name, l.Peer)
			}
		}
	}
	// ICE claims to have failed at the caller: it restarts, and both come back.
	alice, bob := r.nodes["alice"], r.nodes["bob"]
	r.mu.Lock()
	conn := alice.conns[party("bob")]
	r.mu.Unlock()
	conn.lies <- transport.StateChanged{State: transport.StateFailed}
	r.until("alice has repaired the link", func() bool {
		states := alice.states[party("bob")]
		n := len(states)
		return n > 1 && states[n-2] == negotiate.Broken && states[n-1] == negotiate.Connected
	})
	r.until("bob is connected", func() bool {
		states := bob.states[party("alice")]
		return states[len(states)-1] == negotiate.Connected
	})
	if got := len(r.road.Sent()); got > 11 {
		t.Errorf("%d messages, want two more for the restart", got)
	}
}
