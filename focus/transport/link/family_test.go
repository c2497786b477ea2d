package link

import (
	"net/netip"
	"strings"
	"testing"

	"meshfocus/focus/udp"
)

func TestLink_ConnectsOverIPv6(t *testing.T) {
	onEach(t, func(t *testing.T, engine udp.Engine) {
		from, to := newStation(t, engine, "::1"), newStation(t, engine, "::1")
		a, b := newEnd(t, Config{Port: from.port, Reach: func() Reach { return Reach{Loopback: true} }}), newEnd(t, Config{Port: to.port})
		stop := talk(t, a, b, from, to)
		path, _ := a.Path()
		if want := (Path{Local: from.locals[0], Remote: to.locals[0], Direct: true, LocalType: "host", RemoteType: "host"}); path != want {
			t.Errorf("path is %+v, want %+v", path, want)
		}
		to.whole(stop())
	})
}

func TestLink_TakesTheFamilyThatBothHave(t *testing.T) {
	onEach(t, func(t *testing.T, engine udp.Engine) {
		from, to := newStation(t, engine, "::1", "127.0.0.1"), newStation(t, engine, "127.0.0.1")
		a, b := newEnd(t, Config{Port: from.port}), newEnd(t, Config{Port: to.port})
		stop := talk(t, a, b, from, to)
		if path, _ := a.Path(); path.Local != from.locals[1] {
			t.Errorf("path is %+v, want it over IPv4", path)
		}
		if len(a.told) != 2 || !strings.Contains(strings.Join(a.told, ""), " ::1 ") {
			t.Errorf("candidates are %q, want one of each family", a.told)
		}
		to.whole(stop())
	})
}

func TestLink_TakesIPv4AsIPv6HasIt(t *testing.T) {
	l := newLane(t)
	wide := l.port.Locals()[0]
	wide = netip.AddrPortFrom(netip.AddrFrom16(wide.Addr().As16()), wide.Port())
	l.port.SetLocals([]netip.AddrPort{wide})
	a, b := newEnd(t, Config{Port: l.port}), newEnd(t, Config{Port: newLane(t).port})
	connect(t, a, b)
	if path, _ := a.Path(); !path.Local.Addr().Is4() {
		t.Errorf("path is %+v, want IPv4 as such", path)
	}
}
