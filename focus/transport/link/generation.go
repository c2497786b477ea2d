package link

import (
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

// maxCandidates is how many candidates of the peer one generation takes. A
// browser with ten interfaces and four servers stays below it.
const maxCandidates = 200

// Credentials are the ice-ufrag and ice-pwd of a description (RFC 8839 section
// 5.4).
type Credentials struct{ Ufrag, Password string }

// generation is ICE from one restart to the next. It makes candidates and a
// path, and reads what arrives.
type generation struct {
	link        *Link
	agent       *ice.Agent
	credentials Credentials // set once
	conn        atomic.Pointer[ice.Conn]
	reading     sync.WaitGroup

	// Guarded by link.mu.
	begun      bool // knows the peer's credentials
	searching  int  // how many look for candidates: the agent, and who asks STUN servers
	searched   bool // they have no more
	reflexive  []netip.AddrPort
	over       bool // is being closed
	reached    bool // has had a path
	candidates int
	state      ice.ConnectionState
}

func (l *Link) newGeneration() (*generation, error) {
	agent, err := l.config.agent()
	if err != nil {
		return nil, err
	}
	g := &generation{link: l, agent: agent, state: ice.ConnectionStateNew}
	g.credentials.Ufrag, g.credentials.Password, err = agent.GetLocalUserCredentials()
	if err != nil {
		return nil, errors.Join(err, agent.Close())
	}
	// None of the three fails, nor is called before something has begun.
	_ = agent.OnCandidate(g.found)
	_ = agent.OnConnectionStateChange(func(s ice.ConnectionState) { l.stateChanged(g, s) })
	_ = agent.OnSelectedCandidatePairChange(func(local, remote ice.Candidate) { l.pathChanged(g, pathOf(local, remote)) })
	return g, nil
}

// gather begins to look for candidates.
func (g *generation) gather() error {
	relays, err := g.link.search(g)
	if err != nil {
		return err
	}
	if err := g.agent.UpdateOptions(ice.WithUrls(relays)); err != nil {
		return err
	}
	return g.agent.GatherCandidates()
}

// search begins to ask STUN servers, and gives the relays.
func (l *Link) search(g *generation) ([]*stun.URI, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if g.searching != 0 || g.searched {
		return nil, ErrWrongState
	}
	g.searching = 1
	if servers := l.stun; len(servers) > 0 && !l.config.RelayOnly && !l.config.Lite {
		g.searching++
		l.wg.Go(func() { g.askReflexive(servers) })
	}
	return l.relays, nil
}

// finishOne says that one of those who look for candidates has no more.
func (g *generation) finishOne() {
	g.link.mu.Lock()
	defer g.link.mu.Unlock()
	if g.searching--; g.searching == 0 {
		g.searched = true
		g.link.events.Put(GatheringDone{g.credentials.Ufrag})
	}
}

// connect begins the checks.
func (g *generation) connect(peer Credentials, controlling bool) error {
	if err := g.agent.SetRemoteICELite(g.link.peer.Lite); err != nil {
		return err
	}
	start := g.agent.StartAccept
	if controlling {
		start = g.agent.StartDial
	}
	conn, err := start(peer.Ufrag, peer.Password)
	if err != nil {
		return err
	}
	g.link.mu.Lock()
	defer g.link.mu.Unlock()
	if g.over {
		return ErrClosed
	}
	g.conn.Store(conn)
	g.reading.Go(func() { g.read(conn) })
	return nil
}

// read is the loop that takes what ICE lets through.
func (g *generation) read(conn *ice.Conn) {
	buffer := make([]byte, receiveBuffer)
	for {
		n, err := conn.Read(buffer)
		switch {
		case err == nil:
			g.link.incoming(buffer[:n])
		case !errors.Is(err, io.ErrShortBuffer): // which is a datagram that nobody sends in earnest
			return
		}
	}
}

// close ends the generation. It must not be called by one of its callbacks.
func (g *generation) close() error {
	g.link.mu.Lock()
	g.over = true
	g.link.mu.Unlock()
	err := g.agent.GracefulClose()
	g.reading.Wait()
	return err
}

// found tells of a candidate, and of those that stand beside it.
func (g *generation) found(candidate ice.Candidate) {
	ufrag := g.credentials.Ufrag
	if candidate == nil {
		g.finishOne()
		return
	}
	// An active candidate only says that we may connect, which the peer sees
	// when we do (RFC 6544 section 5.1).
	if candidate.TCPType() == ice.TCPTypeActive {
		return
	}
	for _, each := range append([]ice.Candidate{candidate}, g.link.config.beside(candidate)...) {
		g.link.events.Put(CandidateFound{ufrag, g.link.config.attribute(each, ufrag)})
	}
}

// beside gives the candidates that the world sees in place of a local one. The
// agent need not know them: its checks leave from the local one.
func (c Config) beside(candidate ice.Candidate) (more []ice.Candidate) {
	local, err := netip.ParseAddr(candidate.Address())
	if c.External == nil || err != nil || candidate.Type() != ice.CandidateTypeHost {
		return nil
	}
	for _, external := range c.External(local) {
		other, err := ice.NewCandidateHost(&ice.CandidateHostConfig{
			Network: candidate.NetworkType().NetworkShort(), Address: external.Unmap().String(),
			Port: candidate.Port(), Component: candidate.Component(), TCPType: candidate.TCPType(),
		})
		if err == nil && external.Unmap() != local {
			more = append(more, other)
		}
	}
	return more
}

// attribute writes a candidate. Who uses relays only says nothing of the
// address behind (RFC 8839 section 5.1).
func (c Config) attribute(candidate ice.Candidate, ufrag string) string {
	_ = candidate.AddExtension(ice.CandidateExtension{Key: "ufrag", Value: ufrag}) // fails for keys that are not
	text := candidate.Marshal()
	if related := candidate.RelatedAddress(); c.RelayOnly && related != nil {
		text = hideRelated(text)
	}
	return "candidate:" + text
}

// pathOf is a candidate pair in our words.
func pathOf(local, remote ice.Candidate) Path {
	tcp := local.NetworkType().IsTCP()
	return Path{
		Local: addressOf(local), Remote: addressOf(remote),
		Direct: !tcp && local.Type() != ice.CandidateTypeRelay, TCP: tcp,
		LocalType: local.Type().String(), RemoteType: remote.Type().String(),
	}
}

func addressOf(candidate ice.Candidate) netip.AddrPort {
	addr, _ := netip.ParseAddr(candidate.Address()) // names are never taken
	return netip.AddrPortFrom(addr.Unmap(), uint16(candidate.Port()))
}
