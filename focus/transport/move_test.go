package transport

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// roaming is a machine whose addresses a test sets: any of 127.0.0.0/8.
type roaming struct{ now atomic.Pointer[[]netip.Addr] }

func (r *roaming) moveTo(addresses ...string) {
	var addrs []netip.Addr
	for _, address := range addresses {
		addrs = append(addrs, netip.MustParseAddr(address))
	}
	r.now.Store(&addrs)
}

func (r *roaming) addresses(Config) ([]netip.Addr, error) {
	if addrs := *r.now.Load(); len(addrs) > 0 {
		return addrs, nil
	}
	return nil, errors.New("no network")
}

func (r *roaming) listen(t *testing.T) *Network {
	t.Helper()
	network, err := listenOn(Config{Loopback: true, Log: testLog(t)}, r.addresses)
	if err != nil {
		t.Fatal(err)
	}
	network.pace = time.Millisecond
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Errorf("Network.Close: %v", err)
		}
	})
	return network
}

func TestNetwork_ConnectionsMoveToANewAddress(t *testing.T) {
	t.Parallel() // waits most of the time
	for name, restarts := range map[string]func(moved, other *Conn) (*Conn, *Conn){
		"who moved restarts": func(moved, other *Conn) (*Conn, *Conn) { return moved, other },
		"the other restarts": func(moved, other *Conn) (*Conn, *Conn) { return other, moved },
	} {
		t.Run(name, func(t *testing.T) {
			var machine roaming
			machine.moveTo("127.0.0.1")
			network := machine.listen(t)
			moved, other := connectThrough(t, network, listen(t, Config{}), ConnConfig{}, unchanged)
			if local := moved.Stats().Pair.LocalAddress; !strings.HasPrefix(local, "127.0.0.1:") {
				t.Fatalf("goes from %s", local)
			}

			machine.moveTo() // between two networks
			if network.follow() {
				t.Error("no address at all is taken for a move")
			}
			machine.moveTo("127.0.0.2")
			if _, err := network.AwaitMove(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			if network.follow() {
				t.Error("the same move is told twice")
			}
			if addrs := network.Addrs(); len(addrs) != 1 || addrs[0].Addr().String() != "127.0.0.2" || int(addrs[0].Port()) != network.Port() {
				t.Errorf("listens on %v, want the same port on the new address only", addrs)
			}
			caller, callee := restarts(moved, other)
			negotiate(t, caller, callee, OfferOptions{Restart: true}, unchanged)
			await(t, "media from the new address", func() bool {
				return strings.HasPrefix(moved.Stats().Pair.LocalAddress, "127.0.0.2:")
			})
			for _, conn := range []*Conn{moved, other} {
				frames := conn.Stats().Received[0].Frames
				await(t, "media after the move", func() bool { return conn.Stats().Received[0].Frames > frames })
			}
		})
	}
}

func TestNetwork_GoesBackToAnAddressItHad(t *testing.T) {
	var machine roaming
	machine.moveTo("127.0.0.1")
	network := machine.listen(t)
	first := network.Addrs()
	for range 3 {
		machine.moveTo("127.0.0.1", "127.0.0.3")
		if !network.follow() || len(network.Addrs()) != 2 {
			t.Errorf("two addresses: listens on %v", network.Addrs())
		}
		machine.moveTo("127.0.0.1")
		if !network.follow() || len(network.Addrs()) != 1 || network.Addrs()[0] != first[0] {
			t.Errorf("back again: listens on %v, want %v", network.Addrs(), first)
		}
	}
	if got := network.first().udp.count(); got != 2 {
		t.Errorf("%d sockets for two addresses", got)
	}
}

func TestNetwork_WithFixedAddressesDoesNotMove(t *testing.T) {
	network := listen(t, Config{Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := network.AwaitMove(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err %v, want the context's", err)
	}
}
