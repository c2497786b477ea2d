package mesh

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"meshfocus/internal/mailbox"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// mesh is our part in one session: a peer for each device we connect to.
//
// Its loop owns the peers; the list of them is an immutable snapshot. It takes
// assignments, signals and leave from the registry, and news from its peers.
// It ends when its context ends, or when after leave the last peer has ended.
type mesh struct {
	// Set once.
	config  *Config
	session membership.Session // without members
	mailbox *mailbox.Tray[any]
	gone    chan struct{} // closed when the loop has ended

	list atomic.Pointer[[]*peer]

	// Owned by the loop.
	peers   map[message.Party]*peer
	streams message.StreamMetadata // ours
	running sync.WaitGroup
	leaving bool
}

// assignment is whom the mesh is to be connected to from now on.
type assignment struct {
	members []membership.Member
	// joined are the users who are in the room; over: the session has ended
	// beyond doubt. Others who are missing may come back.
	joined map[string]bool
	over   bool
	relay  bool
	// apart are the devices that a focus is between us and.
	apart map[message.Party]bool
}

// succeeded: another session has begun in the slot, and the calls of the one
// before are over.
type succeeded struct{}

// delivery is what one device sent, in order of arrival.
type delivery struct {
	from     message.Party
	received []Received
}

// leave ends all pairs of the mesh.
type leave struct{}

// peerAbsent and peerEnded are news from peers.
type (
	peerAbsent struct{ *peer }
	peerEnded  struct{ *peer }
)

func newMesh(config *Config, session membership.Session, streams message.StreamMetadata) *mesh {
	session.Members = nil
	m := &mesh{
		config: config, session: session, mailbox: mailbox.NewTray[any](),
		gone: make(chan struct{}), peers: map[message.Party]*peer{}, streams: streams,
	}
	m.list.Store(&[]*peer{})
	return m
}

// tell gives the mesh something to do; it never blocks.
func (m *mesh) tell(what any) { m.mailbox.Put(what) }

// run is the loop.
func (m *mesh) run(ctx context.Context) {
	defer close(m.gone)
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		m.running.Wait()
	}()
	for !m.leaving || len(m.peers) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-m.mailbox.Wake():
			for _, what := range m.mailbox.Take() {
				m.handle(ctx, what)
			}
		}
	}
}

func (m *mesh) handle(ctx context.Context, what any) {
	switch what := what.(type) {
	case assignment:
		m.assign(ctx, what)
	case succeeded:
		for _, p := range m.peers {
			p.tell(what)
		}
	case delivery:
		if p := m.peers[what.from]; p != nil {
			p.tell(what.received)
		}
	case distrust:
		if p := m.peers[what.party]; p != nil {
			p.tell(what)
		}
	case ownStreams:
		m.streams = what.StreamMetadata
		for _, p := range m.peers {
			p.tell(negotiate.Event{Kind: negotiate.OwnStreams, Metadata: m.streams})
		}
	case wish:
		for party, p := range m.peers {
			if len(what.parties) == 0 || slices.Contains(what.parties, party) {
				p.tell(negotiate.Event{Kind: what.kind})
			}
		}
	case leave:
		m.leaving = true
		for _, p := range m.peers {
			p.tell(negotiate.Event{Kind: negotiate.Leave})
		}
	case peerAbsent:
		// It may have been assigned again meanwhile; then it has been told,
		// and asks again when that is over.
		if !what.wanted && m.peers[what.party] == what.peer {
			what.end()
		}
	case peerEnded:
		if m.peers[what.party] == what.peer {
			delete(m.peers, what.party)
			m.publish()
		}
	}
}

// assign brings the peers in line with the assignment.
func (m *mesh) assign(ctx context.Context, a assignment) {
	if m.leaving {
		return
	}
	present := map[message.Party]bool{}
	for _, member := range a.members {
		present[member.Party] = true
		p := m.peers[member.Party]
		if p == nil || p.ended() {
			p = m.start(ctx, member)
		}
		p.wanted = true
		p.tell(forwards(member.Forwards))
		p.tell(relay(a.relay))
		p.tell(negotiate.Event{Kind: negotiate.MemberJoined, SessionID: member.SessionID})
	}
	for party, p := range m.peers {
		if present[party] {
			continue
		}
		p.wanted = false
		if a.apart[party] {
			m.partFrom(p)
			continue
		}
		kind := negotiate.MemberGone
		if a.over || !a.joined[party.UserID] {
			kind = negotiate.MemberEnded
		}
		p.tell(negotiate.Event{Kind: kind})
	}
}

// partFrom hangs up on a peer that we get by a focus from now on. It is let go of
// at once: should the pair be connected again, that is another peer's matter.
func (m *mesh) partFrom(p *peer) {
	p.tell(negotiate.Event{Kind: negotiate.Leave})
	delete(m.peers, p.party)
	m.publish()
}

// start makes a peer and runs it.
func (m *mesh) start(ctx context.Context, member membership.Member) *peer {
	p := newPeer(m.config, m.session, member, m.streams, func(p *peer) { m.tell(peerAbsent{p}) })
	ctx, p.end = context.WithCancel(ctx)
	p.stopped = ctx.Done()
	m.peers[member.Party] = p
	m.publish()
	m.running.Go(func() {
		p.run(ctx)
		p.end()
		m.tell(peerEnded{p})
	})
	return p
}

// publish makes the list of peers readable for everybody.
func (m *mesh) publish() {
	list := make([]*peer, 0, len(m.peers))
	for _, p := range m.peers {
		list = append(list, p)
	}
	m.list.Store(&list)
}

// link gives the present link to a device. Any goroutine may call it.
func (m *mesh) link(party message.Party) (Link, bool) {
	for _, p := range *m.list.Load() {
		if p.party == party {
			return *p.link.Load(), true
		}
	}
	return Link{}, false
}
