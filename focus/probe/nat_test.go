package probe

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meshfocus/internal/freeport"

	"github.com/pion/stun/v4"
)

func TestNAT_FindsNoneBetweenUsAndCoturn(t *testing.T) {
	t.Parallel()
	server := coturn(t, "--listening-ip=127.0.0.1", "--listening-ip=127.0.0.2", "--relay-ip=127.0.0.1")
	wants(t, (&Prober{}).NAT(t.Context(), server), Fine, "127.0.0.1 is our own address, no NAT; everybody may send to an open port", "")
}

// natted is a STUN server with two addresses and two ports behind an imagined
// NAT: outside gives the port under which a destination is shown to see us,
// lets says whether an answer from a source gets in.
func natted(t *testing.T, outside func(server netip.AddrPort) uint16, lets func(asked, source netip.AddrPort) bool) string {
	t.Helper()
	var all [4]*fake
	conns := fourSockets(t)
	at := func(i int) netip.AddrPort { return clean(conns[i].LocalAddr()) }
	ready := make(chan struct{})
	defer close(ready)
	for i, conn := range conns {
		all[i] = serve(t, conn, func(f *fake, m *stun.Message, from netip.AddrPort) {
			<-ready
			source := i
			if change, err := m.Get(stun.AttrChangeRequest); err == nil {
				source ^= int(change[3] >> 1)
			}
			if !lets(at(i), at(source)) {
				return
			}
			mapped := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.7"), outside(at(i)))
			other := at(i ^ 3)
			all[source].reply(m, from, stun.ClassSuccessResponse, seen(mapped), &stun.OtherAddress{IP: other.Addr().AsSlice(), Port: int(other.Port())})
		}, nil)
	}
	return at(0).String()
}

// fourSockets are two ports on each of two addresses, by the bits of
// CHANGE-REQUEST: 1 for the port, 2 for the address.
func fourSockets(t *testing.T) (conns [4]*net.UDPConn) {
	t.Helper()
	for range 20 { // one of them may be taken
		base, err := freeport.Port(t), error(nil)
		for i := range conns {
			at := net.UDPAddr{IP: net.IPv4(127, 0, 0, byte(11+i>>1)), Port: base + i&1}
			if conns[i], err = net.ListenUDP("udp4", &at); err != nil {
				for _, conn := range conns[:i] {
					_ = conn.Close()
				}
				break
			}
		}
		if err == nil {
			return conns
		}
	}
	t.Fatal("no two ports are free on two addresses")
	return conns
}

func TestNAT_SaysWhichPairsNeedARelay(t *testing.T) {
	t.Parallel()
	same := func(netip.AddrPort) uint16 { return 40000 }
	byAddress := func(a netip.AddrPort) uint16 { return 40000 + uint16(a.Addr().As4()[3]) }
	byBoth := func(a netip.AddrPort) uint16 { return 40000 ^ a.Port() ^ uint16(a.Addr().As4()[3])<<8 }
	everybody := func(netip.AddrPort, netip.AddrPort) bool { return true }
	sameAddress := func(asked, source netip.AddrPort) bool { return asked.Addr() == source.Addr() }
	exactly := func(asked, source netip.AddrPort) bool { return asked == source }
	tests := []struct {
		name         string
		outside      func(netip.AddrPort) uint16
		lets         func(asked, source netip.AddrPort) bool
		level        Level
		found, cause string
	}{
		{"full cone", same, everybody, Fine, "the same port for every destination; everybody may send", ""},
		{"restricted cone", same, sameAddress, Fine, "the same port for every destination; only addresses that we sent to may send", ""},
		{"port restricted cone", same, exactly, Note, "the same port for every destination; only who was sent to may send", "pairs with a device behind a symmetric NAT"},
		{"by address", byAddress, sameAddress, Warning, "another port for each address; only addresses", "symmetric NAT"},
		{"symmetric", byBoth, exactly, Warning, "another port for each destination; only who was sent to", "pairs will need a relay unless"},
	}
	var scenes []scene
	for _, test := range tests {
		server := natted(t, test.outside, test.lets)
		scenes = append(scenes, scene{test.name, func() Finding { return (&Prober{}).NAT(t.Context(), server) }, test.level, test.found, test.cause})
	}
	atOnce(t, scenes)
}

func TestNAT_DoesNotTakeABusyServerForAFirewall(t *testing.T) {
	t.Parallel()
	breaths := make(chan struct{}, 1) // one long one, when first asked to answer from elsewhere
	breaths <- struct{}{}
	server := natted(t, func(netip.AddrPort) uint16 { return 40000 }, func(asked, source netip.AddrPort) bool {
		select {
		case <-breaths:
			if asked == source {
				breaths <- struct{}{}
				break
			}
			time.Sleep(2 * natPatience)
		default:
		}
		return true
	})
	wants(t, (&Prober{}).NAT(t.Context(), server), Fine, "everybody may send", "")
}

func TestNAT_ComparesServersThatHaveOneAddress(t *testing.T) {
	t.Parallel()
	server := func(outside string) string {
		return pretend(t, "127.0.0.1:0", func(f *fake, m *stun.Message, from netip.AddrPort) {
			f.reply(m, from, stun.ClassSuccessResponse, seen(netip.MustParseAddrPort(outside)))
		}).String()
	}
	one, two, three := server("203.0.113.7:1000"), server("203.0.113.7:1000"), server("203.0.113.7:2000")
	silent := pretend(t, "127.0.0.1:0", func(*fake, *stun.Message, netip.AddrPort) {}).String()
	wants(t, patient().NAT(t.Context(), one), Note, "for other destinations unknown", "has no second address")
	wants(t, patient().NAT(t.Context(), one, two), Fine, "the same port for every destination (by two servers)", "")
	wants(t, quick().NAT(t.Context(), silent, one, three), Warning, "another port for each destination (by two servers)", "symmetric")
	wants(t, quick().NAT(t.Context(), silent), Skipped, "nothing came back", "no server answers STUN over UDP")
	wants(t, patient().NAT(t.Context()), Skipped, "", "no server")
}

func TestSTUN_TellsOurAddress(t *testing.T) {
	t.Parallel()
	wants(t, patient().STUN(t.Context(), coturn(t)), Fine, "which is our own: no NAT", "")
	outside := pretend(t, "127.0.0.1:0", func(f *fake, m *stun.Message, from netip.AddrPort) {
		f.reply(m, from, stun.ClassSuccessResponse, seen(netip.MustParseAddrPort("203.0.113.7:1000")))
	})
	wants(t, patient().STUN(t.Context(), "stun:"+outside.String()), Fine, "203.0.113.7:1000, for our 127.0.0.1", "")
	wants(t, patient().STUN(t.Context(), coturn(t, "--secure-stun")), Broken, "401", "only to those with credentials")
	wants(t, patient().STUN(t.Context(), "stun:127.0.0.1:9"), Broken, "refused", "nothing listens")
	empty := pretend(t, "127.0.0.1:0", func(f *fake, m *stun.Message, from netip.AddrPort) { f.reply(m, from, stun.ClassSuccessResponse) })
	wants(t, patient().STUN(t.Context(), empty.String()), Broken, "no address", "lacks the address")
}

func TestExternal_ComparesTheSettingWithWhatIsSeen(t *testing.T) {
	t.Parallel()
	outside := pretend(t, "127.0.0.1:0", func(f *fake, m *stun.Message, from netip.AddrPort) {
		f.reply(m, from, stun.ClassSuccessResponse, seen(netip.MustParseAddrPort("203.0.113.7:1000")))
	}).String()
	inside := coturn(t)
	tests := []struct {
		name, server, external string
		level                  Level
		cause                  string
	}{
		{"right", outside, "203.0.113.7", Fine, ""},
		{"right, of several", outside, "203.0.113.9/10.0.0.2 203.0.113.7/127.0.0.1", Fine, ""},
		{"wrong", outside, "203.0.113.9", Broken, "announces 203.0.113.9, but the address from outside is 203.0.113.7"},
		{"of another interface", outside, "203.0.113.7/10.0.0.2", Note, "no external address is set"},
		{"none behind a NAT", outside, "", Note, "there is a NAT and no external address is set"},
		{"none without a NAT", inside, "", Fine, ""},
		{"server within", inside, "203.0.113.9", Note, "which this server does not see"},
		{"not an address", outside, "example.org", Broken, "want \"203.0.113.5\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wants(t, patient().External(t.Context(), test.server, strings.Fields(test.external)), test.level, "", test.cause)
		})
	}
}
