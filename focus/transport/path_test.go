package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// only keeps the candidates of a description that pass.
func only(keep func(line string) bool) filter {
	return func(d Description) Description {
		var kept strings.Builder
		for line := range strings.Lines(d.SDP) {
			if !strings.HasPrefix(line, "a=candidate:") || keep(line) {
				kept.WriteString(line)
			}
		}
		d.SDP = kept.String()
		return d
	}
}

// connectThrough connects two new connections through a filter and gives them
// with what watches them, once pictures came both ways.
func connectThrough(t *testing.T, a, b *Network, config ConnConfig, change filter) (caller, callee *Conn) {
	t.Helper()
	config.Video = camera(t, "alice")
	caller = newConn(t, a, config)
	config.Video = camera(t, "bob")
	callee = newConn(t, b, config)
	seenByCaller, seenByCallee := observe(t, caller), observe(t, callee)
	negotiate(t, caller, callee, OfferOptions{}, change)
	readSamples(t, seenByCaller.awaitTrack(t, Video), 30)
	readSamples(t, seenByCallee.awaitTrack(t, Video), 30)
	return caller, callee
}

func TestPath_GoesOverTCPWhereNothingElseDoes(t *testing.T) {
	t.Parallel() // waits most of the time
	a, b := listen(t, Config{TCP: true}), listen(t, Config{TCP: true})
	if a.Port() != tcpPort(t, a) {
		t.Errorf("UDP port %d, TCP port %d: want one number", a.Port(), tcpPort(t, a))
	}
	caller, callee := connectThrough(t, a, b, ConnConfig{}, only(func(line string) bool { return strings.Contains(line, " tcp ") }))
	for _, conn := range []*Conn{caller, callee} {
		if pair := conn.Stats().Pair; pair.Protocol != "tcp" {
			t.Errorf("pair is %+v, want tcp", pair)
		}
	}
}

func tcpPort(t *testing.T, n *Network) int {
	t.Helper()
	return n.first().listeners[0].Addr().(*net.TCPAddr).Port
}

func TestPath_GoesOverIPv6(t *testing.T) {
	t.Parallel() // waits most of the time
	loopback := Config{Addresses: []netip.Addr{netip.IPv6Loopback()}}
	a, b := listen(t, loopback), listen(t, loopback)
	caller, _ := connectThrough(t, a, b, ConnConfig{}, unchanged)
	if local := caller.Stats().Pair.LocalAddress; local != fmt.Sprintf("[::1]:%d", a.Port()) {
		t.Errorf("goes from %s, want from [::1]:%d", local, a.Port())
	}
}

func TestPath_UsesOnePortForEightConnections(t *testing.T) {
	t.Parallel() // waits most of the time
	hub := listen(t, Config{})
	picture := camera(t, "hub")
	var observers []*observer
	for i := range 8 {
		name := fmt.Sprintf("peer %d", i)
		caller := newConn(t, hub, ConnConfig{Name: name, Peer: name, Video: picture})
		callee := newConn(t, listen(t, Config{}), ConnConfig{Name: name})
		observe(t, caller)
		observers = append(observers, observe(t, callee))
		negotiate(t, caller, callee, OfferOptions{}, func(d Description) Description {
			if d.Type == TypeOffer {
				for line := range strings.Lines(d.SDP) {
					if strings.HasPrefix(line, "a=candidate:") && strings.Fields(line)[5] != fmt.Sprint(hub.Port()) {
						t.Errorf("candidate of another port: %s", line)
					}
				}
			}
			return d
		})
	}
	for _, o := range observers {
		readSamples(t, o.awaitTrack(t, Video), 30)
	}
	if picture.Bindings() != 8 {
		t.Errorf("the picture goes to %d connections, want 8", picture.Bindings())
	}
}

func TestNetwork_OffersExternalAddresses(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	tests := []struct {
		name, external, want string
	}{
		{"for every address", "203.0.113.5", "203.0.113.5"},
		{"for one address", "203.0.113.6/127.0.0.1", "203.0.113.6"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := listen(t, Config{External: []string{test.external}, Addresses: []netip.Addr{local}, TCP: true})
			conn := newConn(t, n, ConnConfig{})
			offer, err := conn.CreateOffer(t.Context(), OfferOptions{Gather: patience})
			if err != nil {
				t.Fatal(err)
			}
			for _, protocol := range []string{"udp", "tcp"} {
				for _, address := range []string{test.want, "127.0.0.1"} {
					if want := fmt.Sprintf(" %s %d typ host", address, n.Port()); !hasCandidate(offer.SDP, protocol, want) {
						t.Errorf("no %s candidate with %q in\n%s", protocol, want, offer.SDP)
					}
				}
			}
		})
	}
}

func hasCandidate(sdp, protocol, words string) bool {
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "a=candidate:") && strings.Contains(line, " "+protocol+" ") && strings.Contains(line, words) {
			return true
		}
	}
	return false
}

func TestListen_SaysWhichSettingIsWrong(t *testing.T) {
	occupied, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = occupied.Close() }()
	tests := []struct {
		name   string
		config Config
		want   string
	}{
		{"port too high", Config{Port: 70000}, "70000"},
		{"port taken", Config{Port: occupied.LocalAddr().(*net.UDPAddr).Port, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}, "in use"},
		{"address of another machine", Config{Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.77")}}, "this machine"},
		{"external is no address", Config{External: []string{"example.org"}}, "example.org"},
		{"local part is no address", Config{External: []string{"203.0.113.5/eth0"}}, "eth0"},
		{"families differ", Config{External: []string{"203.0.113.5/::1"}}, "both"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.config.Loopback = true
			n, err := Listen(test.config)
			if err == nil {
				_ = n.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q: want one line with %q", err, test.want)
			}
		})
	}
}

func TestNetwork_CloseEndsSilentTCPConnections(t *testing.T) {
	n := listen(t, Config{TCP: true})
	var dialer net.Dialer
	idle, err := dialer.DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", n.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	await(t, "accept", func() bool {
		l := n.first().listeners[0]
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.open) > 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), tcpFirstMessage/2)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- n.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Error("Close waits for a connection that says nothing")
		<-closed
	}
	_ = idle.SetReadDeadline(time.Now().Add(patience))
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}
