package link

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/turn/v5"
)

// turnServer runs a TURN server in this process.
func turnServer(t *testing.T) Relay {
	t.Helper()
	relay, _ := mortalTURN(t)
	return relay
}

// mortalTURN is turnServer with a way to end it.
func mortalTURN(t *testing.T) (relay Relay, die func()) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := turn.NewServer(turn.ServerConfig{
		Realm: "example.org",
		AuthHandler: func(request *turn.RequestAttributes) (string, []byte, bool) {
			return request.Username, turn.GenerateAuthKey(request.Username, "example.org", "secret"), request.Username == "alice"
		},
		PacketConnConfigs: []turn.PacketConnConfig{{
			PacketConn:            conn,
			RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	die = sync.OnceFunc(func() { _ = server.Close() })
	t.Cleanup(die)
	return Relay{URL: "turn:" + conn.LocalAddr().String() + "?transport=udp", Username: "alice", Credential: "secret"}, die
}

// tcpMux accepts ICE-TCP on the address of a lane.
func tcpMux(t *testing.T, at netip.AddrPort) ice.TCPMux {
	t.Helper()
	listener, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at.Addr(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	silent := &logging.DefaultLoggerFactory{}
	m := ice.NewTCPMuxDefault(ice.TCPMuxParams{Listener: listener, Logger: silent.NewLogger("ice"), ReadBufferSize: 20})
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// indirect is an end whose media goes through the Link.
func indirect(t *testing.T, config Config) (*end, chan []byte) {
	t.Helper()
	media := make(chan []byte, 10)
	config.Media = func(datagram []byte) { media <- slices.Clone(datagram) }
	return newEnd(t, config), media
}

// converse sends a packet of media each way through the Links.
func converse(t *testing.T, a, b *end, toA, toB chan []byte) {
	t.Helper()
	keysA, keysB := await(t, "keys", a.keys), await(t, "keys", b.keys)
	if _, err := a.Write(sealed(t, keysA, 96, 1, "there")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write(sealed(t, keysB, 96, 1, "and back")); err != nil {
		t.Fatal(err)
	}
	if got := opened(t, keysB, await(t, "media at b", toB)); got != "there" {
		t.Errorf("b got %q", got)
	}
	if got := opened(t, keysA, await(t, "media at a", toA)); got != "and back" {
		t.Errorf("a got %q", got)
	}
}

func TestPath_ThroughARelayTellsNoAddress(t *testing.T) {
	relay := turnServer(t)
	a, toA := indirect(t, Config{Port: newLane(t).port, Relays: []Relay{relay}, RelayOnly: true, Bound: true})
	b, toB := indirect(t, Config{Port: newLane(t).port, Relays: []Relay{relay}, RelayOnly: true})
	connect(t, a, b)
	converse(t, a, b, toA, toB)
	path, _ := a.Path()
	if path.Direct || path.LocalType != "relay" || path.TCP {
		t.Errorf("path is %+v, want it relayed", path)
	}
	for _, candidate := range append(a.told, b.told...) {
		if !strings.Contains(candidate, " typ relay raddr 0.0.0.0 rport 9 ") {
			t.Errorf("tells an address: %s", candidate)
		}
	}
}

func TestPath_OverTCP(t *testing.T) {
	la, lb := newLane(t), newLane(t)
	a, toA := indirect(t, Config{Port: la.port, TCP: tcpMux(t, la.port.Locals()[0])})
	b, toB := indirect(t, Config{Port: lb.port, TCP: tcpMux(t, lb.port.Locals()[0])})
	a.only, b.only = " tcp ", " tcp "
	connect(t, a, b)
	converse(t, a, b, toA, toB)
	for _, e := range []*end{a, b} {
		if path, _ := e.Path(); path.Direct || !path.TCP {
			t.Errorf("path is %+v, want TCP", path)
		}
	}
}

func TestCandidates_OfTheOutsideStandBesideTheLocalOnes(t *testing.T) {
	l := newLane(t)
	outside := netip.MustParseAddr("203.0.113.5")
	e := newEnd(t, Config{Port: l.port, External: func(netip.Addr) []netip.Addr { return []netip.Addr{outside} }})
	candidates := e.candidates()
	if len(candidates) != 2 {
		t.Fatalf("candidates are %q, want two", candidates)
	}
	for i, addr := range []netip.Addr{l.port.Locals()[0].Addr(), outside} {
		fields := strings.Fields(candidates[i])
		want := netip.AddrPortFrom(addr, l.port.Locals()[0].Port())
		if got := fields[4] + ":" + fields[5]; got != want.String() || fields[7] != "host" {
			t.Errorf("candidate is %q, want one for %s", candidates[i], want)
		}
		if !strings.HasSuffix(candidates[i], " ufrag "+e.Credentials().Ufrag) {
			t.Errorf("candidate %q does not name its generation", candidates[i])
		}
	}
}
