package link

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"meshfocus/focus/transport/srtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 40 * time.Second

// lane is a socket and its read loop, as small as it can be: what is neither
// STUN nor DTLS is media.
type lane struct {
	port  *Port
	conn  *net.UDPConn
	media chan parcel
	// A test may have another socket carry on, for another Port.
	send    atomic.Pointer[net.UDPConn]
	forward atomic.Pointer[Port]
}

func newLane(t testing.TB) *lane {
	t.Helper()
	return newLaneOn(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}

func newLaneOn(t testing.TB, addr netip.Addr) *lane {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		t.Fatal(err)
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	l := &lane{conn: conn, media: make(chan parcel, 1000)}
	l.send.Store(conn)
	l.port = NewPort(func(datagram []byte, _, remote netip.AddrPort) error {
		_, err := l.send.Load().WriteToUDPAddrPort(datagram, remote)
		return err
	}, local)
	l.forward.Store(l.port)
	var reading sync.WaitGroup
	reading.Go(func() { l.read(local) })
	t.Cleanup(func() {
		_ = l.port.Close()
		_ = conn.Close()
		reading.Wait()
	})
	return l
}

func (l *lane) read(local netip.AddrPort) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := l.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if !l.forward.Load().Receive(buffer[:n], local, from) && n > 0 && buffer[0] >= 128 {
			select {
			case l.media <- parcel{append([]byte(nil), buffer[:n]...), from}:
			default: // nobody looks any more
			}
		}
	}
}

// certificate makes one for a test.
func certificate(t testing.TB) Certificate {
	t.Helper()
	c, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// end is a Link under test and what it says.
type end struct {
	*Link
	t      testing.TB
	found  chan CandidateFound
	done   chan GatheringDone
	state  chan StateChanged
	path   chan Path
	keys   chan Secured
	left   chan PeerLeft
	opens  chan *Channel
	ended  sync.WaitGroup
	told   []string // candidates
	client bool     // our role in DTLS, where a description is written
	only   string   // of which those that hold this are told
}

func newEnd(t testing.TB, config Config) *end {
	t.Helper()
	if config.Certificate.of == nil {
		config.Certificate = certificate(t)
	}
	link, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	e := &end{
		Link: link, t: t,
		found: make(chan CandidateFound, 100), done: make(chan GatheringDone, 100), state: make(chan StateChanged, 100),
		path: make(chan Path, 100), keys: make(chan Secured, 1), left: make(chan PeerLeft, 1),
		opens: make(chan *Channel, 100),
	}
	e.ended.Go(e.listen)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		e.ended.Wait()
	})
	return e
}

func (e *end) listen() {
	for event := range e.Events() {
		switch event := event.(type) {
		case CandidateFound:
			e.found <- event
		case GatheringDone:
			e.done <- event
		case StateChanged:
			e.state <- event
		case PathChanged:
			e.path <- event.Path
		case Secured:
			e.keys <- event
		case PeerLeft:
			e.left <- event
		case ChannelOpened:
			e.opens <- event.Channel
		}
	}
}

// await takes what comes next.
func await[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("%s: not within %s", what, patience)
		panic("unreachable")
	}
}

func (e *end) awaitState(want State) StateChanged {
	e.t.Helper()
	for {
		if change := await(e.t, "state "+want.String(), e.state); change.State == want {
			return change
		}
	}
}

// candidates gathers all of the newest generation.
func (e *end) candidates() []string {
	e.t.Helper()
	if err := e.Gather(); err != nil {
		e.t.Fatal(err)
	}
	await(e.t, "end of gathering", e.done)
	e.told = nil
	for {
		select {
		case found := <-e.found:
			if strings.Contains(found.Candidate, e.only) {
				e.told = append(e.told, found.Candidate)
			}
		default:
			return e.told
		}
	}
}

func (e *end) add(candidates []string) {
	e.t.Helper()
	for _, candidate := range candidates {
		if err := e.AddCandidate(candidate); err != nil {
			e.t.Fatal(err)
		}
	}
}

// describe says what the other side has to know.
func (e *end) describe() Peer {
	return Peer{Credentials: e.Credentials(), Fingerprints: []Fingerprint{e.Fingerprint()}}
}

// connect brings two ends together; a controls and b is the DTLS client.
func connect(t testing.TB, a, b *end) {
	t.Helper()
	begin(t, a, b)
	a.awaitState(StateConnected)
	b.awaitState(StateConnected)
}

// begin tells two ends of each other.
func begin(t testing.TB, a, b *end) {
	t.Helper()
	ofA, ofB := a.candidates(), b.candidates()
	toA, toB := b.describe(), a.describe()
	toA.Controlling, toB.Client = true, true
	for _, err := range []error{a.Connect(toA), b.Connect(toB)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a.add(ofB)
	b.add(ofA)
}

// sealed protects a packet of media.
func sealed(t testing.TB, keys Secured, payloadType, ssrc byte, payload string) []byte {
	t.Helper()
	sealer, err := srtp.NewSealer(keys.Seal)
	if err != nil {
		t.Fatal(err)
	}
	header := []byte{0x80, payloadType, 0, 1, 0, 0, 0, 0, 0, 0, 0, ssrc}
	packet, err := sealer.SealRTP(nil, header, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return packet
}

// opened gives the payload of a protected packet.
func opened(t testing.TB, keys Secured, packet []byte) string {
	t.Helper()
	opener, err := srtp.NewOpener(keys.Open)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := opener.OpenRTP(packet)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain[12:])
}

func isLoopback(ip net.IP) bool { return ip.IsLoopback() && ip.To4() != nil }
