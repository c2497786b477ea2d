package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/mdns/v2"
	"golang.org/x/net/ipv4"
)

// hide puts a name in place of the address of candidates.
func hide(candidates []string, name string) (hidden []string) {
	for _, candidate := range candidates {
		hidden = append(hidden, strings.Replace(candidate, " 127.0.0.1 ", " "+name+" ", 1))
	}
	return hidden
}

func TestAddCandidate_LooksUpNames(t *testing.T) {
	lookup := func(_ context.Context, name string) (netip.Addr, error) {
		if name != "b.local" {
			return netip.Addr{}, errors.New("nobody has that name")
		}
		return netip.MustParseAddr("127.0.0.1"), nil
	}
	a := newEnd(t, Config{Port: newLane(t).port, Resolve: lookup})
	b := newEnd(t, Config{Port: newLane(t).port})
	ofB := b.candidates()
	a.candidates()
	toA, toB := b.describe(), a.describe()
	toA.Controlling, toB.Client = true, true
	for _, err := range []error{a.Connect(toA), b.Connect(toB)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a.add(hide(ofB, "nobody.local"))
	a.add(hide(ofB, "b.local")) // b learns of a by its checks
	a.awaitState(StateConnected)
	b.awaitState(StateConnected)
	if path, _ := a.Path(); path.RemoteType != "host" {
		t.Errorf("path is %+v, want the candidate that was looked up", path)
	}
	if err := a.AddCandidate(hide(ofB, "b.example.org")[0]); !errors.Is(err, ErrBadCandidate) {
		t.Errorf("a name of the whole internet gives %v", err)
	}
}

func TestAddCandidate_LookedUpIsJudgedByWhatItStandsFor(t *testing.T) {
	asked := make(chan struct{})
	e := newEnd(t, Config{
		Port: newLane(t).port, Reach: func() Reach { return Reach{} },
		Resolve: func(context.Context, string) (netip.Addr, error) {
			defer close(asked)
			return netip.MustParseAddr("127.0.0.1"), nil
		},
	})
	if err := e.AddCandidate(hosts("printer.local")[0]); err != nil {
		t.Fatal(err)
	}
	await(t, "lookup", asked)
	if err := e.Close(); err != nil { // which waits for the lookup
		t.Fatal(err)
	}
	if len(e.internal) != 0 {
		t.Error("the address was taken")
	}
}

func TestLink_CloseDoesNotWaitForANameServer(t *testing.T) {
	begun := make(chan struct{})
	e := newEnd(t, Config{Port: newLane(t).port, Resolve: func(ctx context.Context, _ string) (netip.Addr, error) {
		close(begun)
		<-ctx.Done()
		return netip.Addr{}, ctx.Err()
	}})
	e.add(hosts("slow.local")[:1])
	await(t, "lookup", begun)
	closed := make(chan error, 1)
	go func() { closed <- e.Close() }()
	if err := await(t, "Close", closed); err != nil {
		t.Error(err)
	}
}

// Somebody of this machine answers, as a browser does.
func TestNames_FindsWhoAnswers(t *testing.T) {
	const name = "3f6c1bd2-8f4e-4c58-9a40-0d9d0a1f7c11.local"
	conn, err := listenName("udp4", mdns.DefaultAddressIPv4)
	if err != nil {
		t.Fatal(err)
	}
	server, err := mdns.NewServer(ipv4.NewPacketConn(conn), nil, mdns.WithLoggerFactory(silence{}), mdns.WithLocalNames(name),
		mdns.WithLocalAddress(net.IPv4(192, 0, 2, 7)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	var n Names
	defer func() { _ = n.Close() }()
	await(t, "the name", awaitTrue(func() bool { // a busy machine may need more than one lookup
		addr, err := n.Lookup(t.Context(), name)
		return err == nil && addr.Unmap() == netip.MustParseAddr("192.0.2.7")
	}))
}

func TestNames_FailsForNamesThatNobodyHas(t *testing.T) {
	var n Names
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if addr, err := n.Lookup(ctx, "0c0ffee0-nobody.local"); err == nil {
		t.Errorf("found %s", addr)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if _, err := n.Lookup(t.Context(), "0c0ffee0-nobody.local"); err == nil {
		t.Error("a closed one looks up")
	}
}
