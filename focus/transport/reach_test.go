package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

// victim is a service of this machine that nobody should knock at.
type victim struct {
	udp *net.UDPConn
	tcp *net.TCPListener
}

func newVictim(t *testing.T, address string) *victim {
	t.Helper()
	for {
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 0)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = udp.Close() })
		port := udp.LocalAddr().(*net.UDPAddr).Port
		tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(address), Port: port})
		if errors.Is(err, syscall.EADDRINUSE) {
			continue // a number that is free in UDP may be taken in TCP
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tcp.Close() })
		return &victim{udp, tcp}
	}
}

// candidates names the victim in every protocol, under an address of choice.
func (v *victim) candidates(address string) []Candidate {
	port := v.udp.LocalAddr().(*net.UDPAddr).Port
	return []Candidate{
		{Candidate: fmt.Sprintf("candidate:1 1 udp 2130706431 %s %d typ host", address, port)},
		{Candidate: fmt.Sprintf("candidate:2 1 udp 1694498815 %s %d typ srflx raddr 0.0.0.0 rport 9", address, port)},
		{Candidate: fmt.Sprintf("candidate:3 1 udp 16777215 %s %d typ relay raddr 0.0.0.0 rport 9", address, port)},
		{Candidate: fmt.Sprintf("candidate:4 1 tcp 1518214911 %s %d typ host tcptype passive", address, port)},
	}
}

// heard reports whether anybody comes by UDP and by TCP, who is waited for if he
// is expected and else for no longer than knock.
func (v *victim) heard(t *testing.T, udp, tcp bool) (byUDP, byTCP bool) {
	t.Helper()
	now := time.Now()
	until := func(expected bool) time.Time {
		if expected {
			return now.Add(patience)
		}
		return now.Add(knock)
	}
	_ = v.udp.SetReadDeadline(until(udp))
	_, _, errUDP := v.udp.ReadFromUDP(make([]byte, 1500))
	_ = v.tcp.SetDeadline(until(tcp))
	conn, errTCP := v.tcp.Accept()
	if errTCP == nil {
		_ = conn.Close()
	}
	for _, err := range []error{errUDP, errTCP} {
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	return errUDP == nil, errTCP == nil
}

// knock is three rounds of checks.
const knock = 600 * time.Millisecond

func TestHostile_CandidatesThatPointInsideBringNoPacketThere(t *testing.T) {
	t.Parallel() // waits most of the time
	for _, c := range []struct {
		name, address string
		loopback      bool // the same is asked where parties of this machine meet
	}{
		{"loopback where it is wanted", "127.0.0.1", true},
		{"loopback", "127.0.0.1", false},
		{"IPv4 in IPv6", "::ffff:127.0.0.1", false},
		{"a name of the local network", "printer.local", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, "127.0.0.1")
			conn, _ := described(t, Config{TCP: true, MDNS: true})
			conn.network.resolve = func(context.Context, string) (netip.Addr, error) { return netip.MustParseAddr("127.0.0.1"), nil }
			conn.network.mu.Lock()
			conn.network.config.Loopback = c.loopback // for what peers name; our sockets are there
			conn.network.mu.Unlock()
			err := conn.AddCandidates(v.candidates(c.address))
			if errors.Is(err, ErrBadCandidate) == c.loopback {
				t.Errorf("AddCandidates says %v", err)
			}
			if udp, tcp := v.heard(t, c.loopback, c.loopback); udp != c.loopback || tcp != c.loopback {
				t.Errorf("heard by UDP %v, by TCP %v, want both %v", udp, tcp, c.loopback)
			}
		})
	}
}

func TestHostile_CandidatesInTheDescriptionAreJudgedToo(t *testing.T) {
	t.Parallel() // waits most of the time
	v := newVictim(t, "127.0.0.1")
	offer, err := newConn(t, listen(t, Config{}), ConnConfig{}).CreateOffer(t.Context(), OfferOptions{Gather: patience})
	if err != nil {
		t.Fatal(err)
	}
	ufrag := read(t, offer.SDP).Transport.Ufrag
	named := v.candidates("127.0.0.1")
	for i := range named {
		named[i].UsernameFragment = &ufrag
	}
	offer.SDP = withCandidates(stripCandidates(offer.SDP), named, true)
	n := listen(t, Config{TCP: true})
	n.mu.Lock()
	n.config.Loopback = false
	n.mu.Unlock()
	if _, err := newConn(t, n, ConnConfig{}).AcceptOffer(t.Context(), offer, 0); err != nil {
		t.Fatal(err)
	}
	if udp, tcp := v.heard(t, false, false); udp || tcp {
		t.Errorf("heard by UDP %v, by TCP %v", udp, tcp)
	}
}
