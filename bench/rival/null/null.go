// Package null is the least that can stand where a server does: it passes each
// datagram of a publisher on to its subscribers as it came. There is no ICE, no DTLS
// and nothing to open or seal, as all parties have one key (party.End.Direct). What is
// measured of it is the generator's, the kernel's, and that of one process that
// wakes: none of it is to be laid at the door of a server.
//
// It stands behind package door, but an offer is the address of a party, and the
// answer that of the reflector. One goroutine passes on.
package null

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// Reflector passes datagrams on.
type Reflector struct {
	socket *net.UDPConn
	loop   sync.WaitGroup
	// fanOut is who gets what comes from an address; replaced as a whole.
	fanOut atomic.Pointer[map[netip.AddrPort][]netip.AddrPort]

	mu         sync.Mutex // guards what follows, and replacing fanOut
	publishers map[string]netip.AddrPort
}

// New begins to listen at a port of an IPv4 address.
func New(address netip.Addr) (*Reflector, error) {
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, 0)))
	if err != nil {
		return nil, err
	}
	r := &Reflector{socket: socket, publishers: make(map[string]netip.AddrPort)}
	r.fanOut.Store(&map[netip.AddrPort][]netip.AddrPort{})
	r.loop.Go(r.run)
	return r, nil
}

// Publish takes the address of a publisher and gives ours.
func (r *Reflector) Publish(_ context.Context, room, party, offer string) (string, error) {
	address, err := netip.ParseAddrPort(offer)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.publishers[room+"/"+party] = address
	return r.socket.LocalAddr().String(), nil
}

// Subscribe takes the address of a subscriber and gives ours. There are no layers.
func (r *Reflector) Subscribe(_ context.Context, room, _ string, from []string, _ int, offer string) (string, error) {
	address, err := netip.ParseAddrPort(offer)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := maps.Clone(*r.fanOut.Load())
	for _, name := range from {
		publisher, ok := r.publishers[room+"/"+name]
		if !ok {
			return "", fmt.Errorf("%s is not there", name)
		}
		next[publisher] = append(slices.Clone(next[publisher]), address)
	}
	r.fanOut.Store(&next)
	return r.socket.LocalAddr().String(), nil
}

// run passes on until the socket is closed. Who has gone is no reason to stop for
// the others.
func (r *Reflector) run() {
	buffer := make([]byte, 1600)
	for {
		n, from, err := r.socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		for _, to := range (*r.fanOut.Load())[from] {
			_, _ = r.socket.WriteToUDPAddrPort(buffer[:n], to)
		}
	}
}

// Close ends it.
func (r *Reflector) Close() error {
	err := r.socket.Close()
	r.loop.Wait()
	return err
}
