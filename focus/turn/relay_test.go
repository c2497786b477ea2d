package turn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	pion "github.com/pion/turn/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret Secret = "north"

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// running is a relay at 127.0.0.1, or where it is to listen, until the test ends.
func running(t *testing.T, c Config) *Relay {
	t.Helper()
	c.Secret = secret
	if !c.Listen.IsValid() {
		c.Listen = netip.AddrPortFrom(loopback, 0)
	}
	r, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if s := r.Stats(); len(r.ports) != 0 {
			t.Errorf("ports are left: %+v", s)
		}
	})
	return r
}

// guest is a client with the credentials of a user.
func guest(t *testing.T, r *Relay, with [2]string) *pion.Client {
	t.Helper()
	return guestBy(t, r, with, func(socket net.PacketConn) net.PacketConn { return socket })
}

// guestBy is one by a socket that somebody else looks at.
func guestBy(t *testing.T, r *Relay, with [2]string, by func(net.PacketConn) net.PacketConn) *pion.Client {
	t.Helper()
	socket, err := net.ListenPacket("udp", netip.AddrPortFrom(addressOf(r.entrance.local).Addr(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := pion.NewClient(&pion.ClientConfig{
		STUNServerAddr: r.entrance.local.String(), TURNServerAddr: r.entrance.local.String(), Conn: by(socket),
		Username: with[0], Password: with[1], Realm: "meshfocus", LoggerFactory: &logging.DefaultLoggerFactory{},
	})
	if err == nil {
		err = c.Listen()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); _ = socket.Close() })
	return c
}

// allocation is a relayed address of a user.
func allocation(t *testing.T, r *Relay, user string) net.PacketConn {
	t.Helper()
	return allocated(t, guest(t, r, r.credentials(user)))
}

// allocated is what a client gets.
func allocated(t *testing.T, by *pion.Client) net.PacketConn {
	t.Helper()
	relayed, err := by.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relayed.Close() })
	return relayed
}

// credentials are good for an hour.
func (r *Relay) credentials(user string) [2]string {
	name, password := r.Credentials(user, time.Hour)
	return [2]string{name, password}
}

// until waits for something that comes about.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// exchange sends from one to the other until it is there.
func exchange(t *testing.T, from, to net.PacketConn, text string) {
	t.Helper()
	buffer := make([]byte, 1500)
	if _, err := to.WriteTo([]byte("I let you in"), from.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := from.WriteTo([]byte(text), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		_ = to.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if n, at, err := to.ReadFrom(buffer); err == nil && string(buffer[:n]) == text {
			if at.String() != from.LocalAddr().String() {
				t.Fatalf("%q came from %v, want %v", text, at, from.LocalAddr())
			}
			return
		}
	}
	t.Fatalf("%q does not arrive", text)
}

// TestRelay_TwoBehindItMeet although its address is one that nobody else may be at.
func TestRelay_TwoBehindItMeet(t *testing.T) {
	six := netip.AddrPortFrom(netip.IPv6Loopback(), 0)
	for _, c := range []Config{{}, {Datagrams: 1}, {External: netip.MustParseAddr("203.0.113.7")}, {Listen: six}} {
		r := running(t, c)
		alice, bob := allocation(t, r, "alice"), allocation(t, r, "bob")
		if want := r.Address().Addr(); addressOf(alice.LocalAddr()).Addr() != want {
			t.Errorf("relayed at %v, want %v", alice.LocalAddr(), want)
		}
		exchange(t, bob, alice, "first")
		exchange(t, alice, bob, "back")
		exchange(t, bob, alice, "again")
		s := r.Stats()
		if s.Allocations != 2 || s.Allocated != 2 || s.ToPeers.Packets < 3 || s.ToClients.Bytes < uint64(len("firstbackagain")) || s.Refused != (Refused{}) {
			t.Errorf("%+v: %+v", c, s)
		}
	}
}

// TestRelay_SendsToPeersThatAreAllowed both ways, in order, and to nobody else.
func TestRelay_SendsToPeersThatAreAllowed(t *testing.T) {
	r := running(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	alice := allocation(t, r, "alice")
	exchange(t, alice, peer, "out")
	exchange(t, peer, alice, "in")
	burst(t, alice, peer)
	burst(t, peer, alice)
}

// burst sends many at once, which arrive in order.
func burst(t *testing.T, from, to net.PacketConn) {
	t.Helper()
	const many = 40
	for i := range many {
		if _, err := from.WriteTo(fmt.Appendf(nil, "%03d", i), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	buffer := make([]byte, 1500)
	_ = to.SetReadDeadline(time.Now().Add(30 * time.Second))
	for i := range many {
		n, _, err := to.ReadFrom(buffer)
		for ; err == nil && (n != 3 || string(buffer[:n]) == "out"); n, _, err = to.ReadFrom(buffer) { // of the exchange
		}
		if text := string(buffer[:n]); err != nil || text != fmt.Sprintf("%03d", i) {
			t.Fatalf("%q came as %d: %v", text, i, err)
		}
	}
}

// TestRelay_SendsAllToAClientThatCameBack under the address that it had, whether its
// allocation is known to have ended or not.
func TestRelay_SendsAllToAClientThatCameBack(t *testing.T) {
	r := running(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	client := guest(t, r, r.credentials("alice"))
	for round := range 5 {
		relayed, err := client.Allocate()
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, relayed, peer, fmt.Sprint("out ", round))
		exchange(t, peer, relayed, fmt.Sprint("back ", round))
		if err := relayed.Close(); err != nil {
			t.Fatal(err)
		}
		until(t, "it has ended", func() bool { return r.Stats().Allocations == 0 })
	}
	r.entrance.mu.RLock()
	defer r.entrance.mu.RUnlock()
	if known := len(r.entrance.clients); known != 0 {
		t.Errorf("%d clients are kept", known)
	}
}

// TestRelay_RefusesPeersInside but for relayed ports, and programs that sent there first.
func TestRelay_RefusesPeersInside(t *testing.T) {
	inside, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	asking, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer asking.Close()
	r := running(t, Config{})
	alice := allocation(t, r, "alice")
	for _, peer := range []string{"127.0.0.2:9", "10.1.2.3:9", "169.254.169.254:80"} {
		at, _ := net.ResolveUDPAddr("udp4", peer)
		if _, err := alice.WriteTo([]byte("hello"), at); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("%s: %v", peer, err)
		}
	}
	if s := r.Stats(); s.Refused.Peers < 3 {
		t.Errorf("%+v", s)
	}
	until(t, "a packet to a port of ours is dropped", func() bool {
		if _, err := alice.WriteTo([]byte("hello"), inside.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		return r.Stats().Refused.Ports > 0
	})
	exchange(t, alice, asking, "to one that asked") // and so all before it would have come
	_ = inside.SetReadDeadline(time.Now())
	if n, _, err := inside.ReadFrom(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes came in", n)
	}
}

// TestRelay_RefusesWhoHasNoCredentials and counts them.
func TestRelay_RefusesWhoHasNoCredentials(t *testing.T) {
	r := running(t, Config{})
	fresh := r.credentials("alice")
	old, formerly := r.Credentials("alice", -time.Minute)
	for _, c := range [][2]string{{fresh[0], "wrong"}, {"alice", fresh[1]}, {old, formerly}, {"-5:alice", secret.password("-5:alice")}} {
		before := r.Stats().Refused.Credentials
		if _, err := guest(t, r, c).Allocate(); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("%q: %v", c, err)
		}
		if after := r.Stats().Refused.Credentials; after != before+1 {
			t.Errorf("%q: %d are counted", c, after-before)
		}
	}
	if s := r.Stats(); s.Allocated != 0 {
		t.Errorf("%+v", s)
	}
}

// TestRelay_GoesOnWithWhatHasExpired for who has an allocation already.
func TestRelay_GoesOnWithWhatHasExpired(t *testing.T) {
	r := running(t, Config{})
	name, password := r.Credentials("alice", -time.Minute)
	for method, want := range map[stun.Method]bool{
		stun.MethodAllocate: false, stun.MethodRefresh: true, stun.MethodCreatePermission: true, stun.MethodChannelBind: true,
	} {
		user, key, ok := r.admit(&pion.RequestAttributes{Username: name, Realm: "meshfocus", Method: method})
		if ok != want || want && (user != "alice" || !bytes.Equal(key, pion.GenerateAuthKey(name, "meshfocus", password))) {
			t.Errorf("%v: %v, %q", method, ok, user)
		}
	}
}

// TestSecret_IsCheckedAsOthersDo with what pion/turn makes of the same name.
func TestSecret_IsCheckedAsOthersDo(t *testing.T) {
	check := pion.LongTermTURNRESTAuthHandler(string(secret), nil)
	const name = "@alice:example.org"
	var username, password string
	for hour := range 20 { // some passwords have + and / in them
		username, password = secret.Credentials(name, time.Now().Add(time.Duration(1+hour)*time.Hour))
		_, key, ok := check(&pion.RequestAttributes{Username: username, Realm: "r"})
		if !ok || !bytes.Equal(key, pion.GenerateAuthKey(username, "r", password)) {
			t.Errorf("%q with %q is refused", username, password)
		}
	}
	if user, _, ok := parse(username); !ok || user != name {
		t.Errorf("%q is the user", user)
	}
}

// TestRelay_BoundsAllocations of a user and of all, and gives back what ended.
func TestRelay_BoundsAllocations(t *testing.T) {
	r := running(t, Config{PerUser: 2, InAll: 3})
	first := allocation(t, r, "alice")
	allocation(t, r, "alice")
	refused := func(user string) {
		t.Helper()
		if _, err := guest(t, r, r.credentials(user)).Allocate(); err == nil || !strings.Contains(err.Error(), "486") {
			t.Errorf("%s: %v", user, err)
		}
	}
	refused("alice")
	allocation(t, r, "bob")
	refused("carol")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "an allocation is given back", func() bool { return r.Stats().Allocations == 2 })
	allocation(t, r, "carol")
	if s := r.Stats(); s.Refused.Quota != 2 || s.Allocated != 4 {
		t.Errorf("%+v", s)
	}
}

// TestRelay_OutlivesNonsense from anybody: noise, and requests that somebody bent.
func TestRelay_OutlivesNonsense(t *testing.T) {
	r := running(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	conn, err := net.Dial("udp4", r.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	alice := allocation(t, r, "alice")
	relayed, err := net.Dial("udp4", alice.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer relayed.Close()
	request := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.NewUsername("1:a"),
		stun.NewRealm("meshfocus"), stun.NewNonce("nonce"), stun.NewLongTermIntegrity("1:a", "meshfocus", "x"), stun.Fingerprint).Raw
	random := rand.New(rand.NewPCG(7, 11))
	for i := range 20000 {
		datagram := bytes.Clone(request)
		if i%4 == 0 {
			datagram = make([]byte, random.IntN(1700))
		}
		for range random.IntN(6) {
			if len(datagram) > 0 {
				datagram[random.IntN(len(datagram))] = byte(random.Uint32())
			}
		}
		datagram = datagram[:random.IntN(len(datagram)+1)]
		if i%5 == 0 {
			datagram = append([]byte{0x40 | byte(i)&0x3f, byte(i), byte(i >> 8), byte(i >> 3)}, datagram...) // ChannelData
		}
		_, _ = conn.Write(datagram)
		_, _ = relayed.Write(datagram)
	}
	exchange(t, alice, allocation(t, r, "bob"), "still here")
}

// TestOpen_SaysWhatIsMissing and what cannot be.
func TestOpen_SaysWhatIsMissing(t *testing.T) {
	at := netip.AddrPortFrom(loopback, 0)
	for want, c := range map[string]Config{
		"a secret is missing": {Listen: at},
		"address is missing":  {Listen: netip.AddrPortFrom(netip.IPv4Unspecified(), 0), Secret: secret},
		"another family":      {Listen: at, External: netip.IPv6Loopback(), Secret: secret},
		"are none":            {Listen: at, FirstPort: 9, LastPort: 8, Secret: secret},
		"may be negative":     {Listen: at, PerUser: -1, Secret: secret},
	} {
		if _, err := Open(c); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	taken, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := Open(Config{Listen: addressOf(taken.LocalAddr()), Secret: secret}); err == nil || errors.Is(err, ErrConfig) {
		t.Errorf("a port that is taken: %v", err)
	}
}

func TestPeers_AreOutside(t *testing.T) {
	p := peers{
		external: netip.MustParseAddr("198.51.100.1"), own: []netip.Addr{netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("2a00::2")},
		allow: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")},
	}
	for text, want := range map[string]bool{
		"8.8.8.8": true, "2a00::1": true, "::ffff:8.8.8.8": true, "198.51.100.1": true, "192.168.7.9": true, "::ffff:192.168.7.9": true,
		"198.51.100.2": false, "::ffff:198.51.100.2": false, "2a00::2": false, "192.168.8.9": false, "10.0.0.1": false, "172.16.3.4": false,
		"127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "::": false, "::7f00:1": false,
		"169.254.169.254": false, "fe80::1": false, "fd00::1": false, "fec0::1": false, "224.0.0.1": false, "ff02::1": false,
		"255.255.255.255": false, "100.64.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::1": false, "192.0.0.8": false,
	} {
		if got := p.takes(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
