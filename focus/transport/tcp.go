package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/ice/v4"
)

// tcpPorts is the TCP side of ports: an ICE-TCP mux for each address, found
// by the local address of a candidate (ice.TCPMux).
type tcpPorts struct {
	muxes map[netip.Addr]*ice.TCPMuxDefault
}

// GetConnByUfrag gives the packets for one ICE generation on one address.
func (t *tcpPorts) GetConnByUfrag(ufrag string, isIPv6 bool, local net.IP) (net.PacketConn, error) {
	addr, _ := netip.AddrFromSlice(local)
	mux, ok := t.muxes[addr.Unmap()]
	if !ok {
		return nil, fmt.Errorf("not listening on %s", local)
	}
	return mux.GetConnByUfrag(ufrag, isIPv6, local)
}

// RemoveConnByUfrag forgets an ICE generation.
func (t *tcpPorts) RemoveConnByUfrag(ufrag string) {
	for _, mux := range t.muxes {
		mux.RemoveConnByUfrag(ufrag)
	}
}

// Close stops listening, drops every TCP connection and waits for the
// readers.
func (t *tcpPorts) Close() error {
	var errs []error
	for _, mux := range t.muxes {
		errs = append(errs, mux.Close())
	}
	return errors.Join(errs...)
}

// listener closes what it accepted when it is closed. Pion's mux waits for
// connections that never said a word, for as long as they may stay silent.
type listener struct {
	net.Listener
	mu     sync.Mutex
	open   map[net.Conn]struct{} // guarded by mu
	closed bool                  // guarded by mu
}

// Accept notes the connection.
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	l.open[conn] = struct{}{}
	return &accepted{conn, l}, nil
}

// Close closes the listener and every connection that is still open.
func (l *listener) Close() error {
	l.mu.Lock()
	l.closed = true
	for conn := range l.open {
		_ = conn.Close()
	}
	l.open = nil
	l.mu.Unlock()
	return l.Listener.Close()
}

// accepted is a TCP connection that leaves the listener's list when closed.
type accepted struct {
	net.Conn
	listener *listener
}

func (a *accepted) Close() error {
	a.listener.mu.Lock()
	delete(a.listener.open, a.Conn)
	a.listener.mu.Unlock()
	return a.Conn.Close()
}
