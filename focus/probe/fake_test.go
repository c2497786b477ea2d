package probe

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/pion/stun/v4"
)

// fake is a STUN and TURN server that behaves as a test wants, for what coturn
// cannot be made to do.
type fake struct {
	conn    *net.UDPConn
	answer  func(f *fake, request *stun.Message, from netip.AddrPort)
	channel func(payload []byte) // what comes in a channel; nil for none
	serving sync.WaitGroup
}

// pretend serves on an address of loopback until the test ends.
func pretend(t *testing.T, at string, answer func(f *fake, request *stun.Message, from netip.AddrPort)) *fake {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, conn, answer, nil)
}

// serve is pretend on a socket that is there already, perhaps with a channel.
func serve(t *testing.T, conn *net.UDPConn, answer func(f *fake, request *stun.Message, from netip.AddrPort), channel func([]byte)) *fake {
	f := &fake{conn: conn, answer: answer, channel: channel}
	f.serving.Go(f.serve)
	t.Cleanup(func() {
		_ = conn.Close()
		f.serving.Wait()
	})
	return f
}

func (f *fake) serve() {
	buffer := make([]byte, longest)
	for {
		n, from, err := f.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if payload, ok := fromChannel(buffer[:n]); ok && f.channel != nil {
			f.channel(payload)
			continue
		}
		request := &stun.Message{Raw: append([]byte(nil), buffer[:n]...)}
		if request.Decode() == nil {
			f.answer(f, request, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		}
	}
}

func (f *fake) address() netip.AddrPort { return clean(f.conn.LocalAddr()) }
func (f *fake) String() string          { return f.address().String() }

// reply answers a request with a class and attributes.
func (f *fake) reply(request *stun.Message, to netip.AddrPort, class stun.MessageClass, setters ...stun.Setter) {
	all := append([]stun.Setter{stun.NewTransactionIDSetter(request.TransactionID), stun.NewType(request.Type.Method, class)}, setters...)
	if m, err := stun.Build(all...); err == nil {
		_, _ = f.conn.WriteToUDPAddrPort(m.Raw, to)
	}
}

func (f *fake) refuse(request *stun.Message, to netip.AddrPort, code stun.ErrorCode, setters ...stun.Setter) {
	f.reply(request, to, stun.ClassErrorResponse, append([]stun.Setter{stun.ErrorCodeAttribute{Code: code, Reason: []byte("as you like")}}, setters...)...)
}

// seen is XOR-MAPPED-ADDRESS.
func seen(at netip.AddrPort) stun.Setter { return xorAddress{stun.AttrXORMappedAddress, at} }

// relayServer is a whole TURN server for one client, with faults: every
// datagram that it should relay is shown to drop first.
type relayServer struct {
	*fake
	relay  *net.UDPConn
	mu     sync.Mutex
	client netip.AddrPort
	bound  netip.AddrPort // peer with a channel
	count  int
	drop   func(count int, payload []byte) bool
}

var fakeIntegrity = stun.NewLongTermIntegrity("alice", "example.org", "secret")

// alice has an account at fakes.
func alice() Credentials { return Credentials{"alice", "secret"} }

func relayingFake(t *testing.T, drop func(count int, payload []byte) bool) *relayServer {
	t.Helper()
	relay, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &relayServer{relay: relay, drop: drop}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r.fake = serve(t, conn, r.handle, r.outward)
	var relaying sync.WaitGroup
	relaying.Go(r.inward)
	t.Cleanup(func() {
		_ = relay.Close()
		relaying.Wait()
	})
	return r
}

func (r *relayServer) dropped(payload []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	return r.drop(r.count, payload)
}

func (r *relayServer) handle(f *fake, request *stun.Message, from netip.AddrPort) {
	switch request.Type.Method {
	case stun.MethodBinding:
		f.reply(request, from, stun.ClassSuccessResponse, seen(from))
	case stun.MethodSend:
		peer, _ := addressIn(request, stun.AttrXORPeerAddress)
		if payload, err := request.Get(stun.AttrData); err == nil && !r.dropped(payload) {
			_, _ = r.relay.WriteToUDPAddrPort(payload, peer)
		}
	case stun.MethodAllocate:
		if !request.Contains(stun.AttrMessageIntegrity) {
			f.refuse(request, from, stun.CodeUnauthorized, stun.NewRealm("example.org"), stun.NewNonce("nonce"))
			return
		}
		r.mu.Lock()
		r.client = from
		r.mu.Unlock()
		f.reply(request, from, stun.ClassSuccessResponse, xorAddress{stun.AttrXORRelayedAddress, clean(r.relay.LocalAddr())}, seen(from), fakeIntegrity)
	case stun.MethodChannelBind:
		r.mu.Lock()
		r.bound, _ = addressIn(request, stun.AttrXORPeerAddress)
		r.mu.Unlock()
		f.reply(request, from, stun.ClassSuccessResponse, fakeIntegrity)
	default:
		f.reply(request, from, stun.ClassSuccessResponse, fakeIntegrity)
	}
}

// outward carries what comes in the channel.
func (r *relayServer) outward(payload []byte) {
	r.mu.Lock()
	peer := r.bound
	r.mu.Unlock()
	if peer.IsValid() && !r.dropped(payload) {
		_, _ = r.relay.WriteToUDPAddrPort(payload, peer)
	}
}

// inward carries what peers send to the relay.
func (r *relayServer) inward() {
	buffer := make([]byte, longest)
	for {
		n, from, err := r.relay.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if r.dropped(buffer[:n]) {
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		r.mu.Lock()
		client, bound := r.client, r.bound
		r.mu.Unlock()
		if from == bound {
			_, _ = r.conn.WriteToUDPAddrPort(inChannel(buffer[:n]), client)
			continue
		}
		m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodData, stun.ClassIndication),
			xorAddress{stun.AttrXORPeerAddress, from}, attribute(stun.AttrData, buffer[:n]...))
		if err != nil {
			continue
		}
		_, _ = r.conn.WriteToUDPAddrPort(m.Raw, client)
	}
}
