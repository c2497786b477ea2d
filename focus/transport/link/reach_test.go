package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
)

// addrs reads addresses.
func addrs(list ...string) (all []netip.Addr) {
	for _, one := range list {
		all = append(all, netip.MustParseAddr(one))
	}
	return all
}

func TestReach_AsksFirstOnlyWhereWeMayBelong(t *testing.T) {
	home := Reach{Own: addrs("192.168.1.5", "fd12::5")}
	dual := Reach{Own: addrs("192.168.1.5", "2001:db8::5")}
	cloud := Reach{Own: addrs("10.0.1.5"), External: addrs("203.0.113.5")}
	server := Reach{Own: addrs("203.0.113.5", "10.0.1.5")}
	alone := Reach{Own: addrs("127.0.0.1", "::1"), Loopback: true}
	onLink := Reach{Own: addrs("169.254.7.7")}
	for _, c := range []struct {
		name   string
		from   Reach
		target string
		want   bool
	}{
		{"a public address", home, "203.0.113.9:50000", true},
		{"a public web port", home, "203.0.113.9:443", true},
		{"a public address, from a server", server, "198.51.100.9:50000", true},
		{"a public address, from nowhere", Reach{}, "198.51.100.9:50000", true},
		{"nobody's address", home, "0.0.0.0:50000", false},
		{"another of this host", home, "0.0.0.1:50000", false},
		{"nobody's port", home, "203.0.113.9:0", false},
		{"everybody's address", home, "255.255.255.255:50000", false},
		{"a group's address", home, "224.0.0.251:5353", false},
		{"nobody's IPv6 address", home, "[::]:50000", false},
		{"a group's IPv6 address", home, "[ff02::fb]:5353", false},

		{"our loopback", home, "127.0.0.1:50000", false},
		{"our whole loopback", home, "127.8.8.8:50000", false},
		{"our IPv6 loopback", home, "[::1]:50000", false},
		{"our loopback in IPv6", home, "[::ffff:127.0.0.1]:50000", false},
		{"our loopback, translated", home, "[64:ff9b::7f00:1]:50000", false},
		{"our loopback where parties of this machine meet", alone, "127.0.0.1:50000", true},
		{"but not its system ports", alone, "127.0.0.1:53", false},
		{"and nobody else inside", alone, "192.168.1.9:50000", false},

		{"a metadata service", home, "169.254.169.254:50000", false},
		{"a metadata service's own port", home, "169.254.169.254:80", false},
		{"a link-local IPv6 address", home, "[fe80::1]:50000", false},
		{"a link-local address with a zone", home, "[fe80::1%eth0]:50000", false},
		{"a link-local address where we use one", onLink, "169.254.9.9:50000", true},

		{"another machine of our home", home, "192.168.1.9:50000", true},
		{"another network of our home", home, "10.9.8.7:50000", true},
		{"our VPN", home, "100.100.1.1:50000", true},
		{"our home in IPv6", home, "[fd12::9]:50000", true},
		{"our router's door", home, "192.168.1.1:80", false},
		{"our home beside public IPv6", dual, "192.168.1.9:50000", true},
		{"private IPv6 beside public IPv6", dual, "[fd12::9]:50000", false},
		{"a cloud's network, known by another address", cloud, "10.0.1.9:50000", false},
		{"a server's private network", server, "10.0.1.9:50000", false},
		{"the same in IPv6", server, "[::ffff:10.0.1.9]:50000", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := c.from.Asks(netip.MustParseAddrPort(c.target)); got != c.want {
				t.Errorf("asks %s: %v, want %v", c.target, got, c.want)
			}
		})
	}
}

// hosts is candidates of one machine in every protocol and kind.
func hosts(address string) []string {
	return []string{
		fmt.Sprintf("candidate:1 1 udp 2130706431 %s 50000 typ host", address),
		fmt.Sprintf("candidate:2 1 udp 1694498815 %s 50000 typ srflx raddr 0.0.0.0 rport 9", address),
		fmt.Sprintf("candidate:3 1 udp 16777215 %s 50000 typ relay raddr 0.0.0.0 rport 9", address),
		fmt.Sprintf("candidate:4 1 tcp 1518214911 %s 50000 typ host tcptype passive", address),
	}
}

func TestAddCandidate_RefusesWhatPointsInside(t *testing.T) {
	inside := func(context.Context, string) (netip.Addr, error) { return netip.MustParseAddr("127.0.0.1"), nil }
	for _, address := range []string{"127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"} {
		t.Run(address, func(t *testing.T) {
			e := newEnd(t, Config{Port: newLane(t).port, Reach: func() Reach { return Reach{} }, Resolve: inside})
			for _, candidate := range hosts(address) {
				if err := e.AddCandidate(candidate); !errors.Is(err, ErrBadCandidate) {
					t.Errorf("%s gives %v, want %v", candidate, err, ErrBadCandidate)
				}
			}
			if remote, err := e.current.Load().agent.GetRemoteCandidates(); err != nil || len(remote) != 0 {
				t.Errorf("ICE knows %v, %v", remote, err)
			}
		})
	}
}

func TestAddCandidate_DoesNotScanANetwork(t *testing.T) {
	e := newEnd(t, Config{Port: newLane(t).port, Reach: func() Reach { return Reach{Loopback: true} }})
	asked := 0
	for i := range 50 {
		for range 2 {
			if err := e.AddCandidate(fmt.Sprintf("candidate:1 1 udp 2130706431 127.0.1.%d 50000 typ host", i+1)); err == nil {
				asked++
			}
		}
	}
	if asked != 2*maxInternal {
		t.Errorf("%d candidates were taken, want two of each of %d addresses", asked, maxInternal)
	}
	if err := e.AddCandidate(hosts("198.51.100.9")[0]); err != nil {
		t.Errorf("a public address after that: %v", err)
	}
}

// A peer that is really inside is answered where it comes from, though we do
// not ask it first.
func TestLink_WhoIsInsideReachesUsByItself(t *testing.T) {
	t.Parallel() // waits most of the time
	a := newEnd(t, Config{Port: newLane(t).port, Reach: func() Reach { return Reach{} }})
	b := newEnd(t, Config{Port: newLane(t).port})
	toA, toB := b.describe(), a.describe()
	toA.Controlling, toB.Client = true, true
	b.add(a.candidates())
	for _, candidate := range b.candidates() {
		if err := a.AddCandidate(candidate); !errors.Is(err, ErrBadCandidate) {
			t.Errorf("AddCandidate gives %v, want %v", err, ErrBadCandidate)
		}
	}
	for _, err := range []error{a.Connect(toA), b.Connect(toB)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a.awaitState(StateConnected)
	if path, _ := a.Path(); path.RemoteType != "prflx" {
		t.Errorf("the path is %+v, want the remote side learnt from its check", path)
	}
}
