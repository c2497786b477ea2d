//go:build interop

package link

import (
	"net/netip"
	"testing"
	"time"

	"meshfocus/focus/udp"
	"meshfocus/internal/browser"
)

// TestInterop_Link_IsCarriedFromOneNetworkToAnother has two ends in networks of their
// own, IPv6 between them, and takes the network away from both.
func TestInterop_Link_IsCarriedFromOneNetworkToAnother(t *testing.T) {
	n := browser.NewNamespace(t)
	from, to := newStation(t, udp.Best), newStation(t, udp.Best)
	from.loss.Store(true)
	to.loss.Store(true)
	move := func() {
		outside, within := n.Move6(t)
		from.port.SetLocals([]netip.AddrPort{from.open(netip.MustParseAddr(outside))})
		if err := n.Do(func() error {
			to.port.SetLocals([]netip.AddrPort{to.open(netip.MustParseAddr(within))})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	move()
	// Their networks are private ones, which each may ask as it has one.
	here := func(s *station) func() Reach {
		return func() Reach {
			var own []netip.Addr
			for _, local := range s.port.Locals() {
				own = append(own, local.Addr())
			}
			return Reach{Own: own}
		}
	}
	lost := Timeouts{Disconnected: 500 * time.Millisecond, Failed: patience, Keepalive: 100 * time.Millisecond}
	a := newEnd(t, Config{Port: from.port, Reach: here(from), Timeouts: lost})
	b := newEnd(t, Config{Port: to.port, Reach: here(to), Timeouts: lost})
	talk(t, a, b, from, to)
	first, _ := a.Path()

	move()
	a.awaitState(StateDisconnected)
	b.awaitState(StateDisconnected)
	restart(t, a, b)
	a.awaitState(StateConnected)
	to.flows("media in the other network", 50)
	path, _ := a.Path()
	if path == first || !path.Local.Addr().Is6() || !path.Direct || path.Local.Addr() == first.Local.Addr() {
		t.Errorf("path is %+v, after %+v", path, first)
	}
}
