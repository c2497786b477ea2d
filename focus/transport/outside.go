package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// dialTimeout is how long a TURN server may take to accept a TCP connection.
const dialTimeout = 5 * time.Second

// errOnePort: Pion wants a socket of its own where we have a port already.
var errOnePort = errors.New("no sockets but the media port and those of relays")

// outside is what one connection opens beside the media port: sockets to TURN
// servers (transport.Net). Pion gives no way to stop waiting for a server that
// does not answer; when the connection closes, outside lets go of those that
// never did. The others stay, to give their allocations back.
type outside struct {
	*stdnet.Net
	ctx context.Context // ends when the connection closes
}

// ListenPacket opens a socket for a TURN client.
func (o *outside) ListenPacket(network, address string) (net.PacketConn, error) {
	conn, err := o.Net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	w := &waiting{PacketConn: conn}
	w.forget = context.AfterFunc(o.ctx, func() {
		if !w.heard.Load() {
			_ = conn.Close()
		}
	})
	return w, nil
}

// ListenUDP is what Pion asks of STUN servers with. We do it on the media port.
func (o *outside) ListenUDP(string, *net.UDPAddr) (transport.UDPConn, error) {
	return nil, errOnePort
}

// DialTCP connects to a TURN server.
func (o *outside) DialTCP(network string, local, remote *net.TCPAddr) (transport.TCPConn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	if local != nil {
		dialer.LocalAddr = local
	}
	conn, err := dialer.DialContext(o.ctx, network, remote.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil // the networks are tcp, tcp4 and tcp6
}

// ResolveUDPAddr looks a TURN server up.
func (o *outside) ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	addr, err := o.resolve(network, address)
	return net.UDPAddrFromAddrPort(addr), err
}

// ResolveTCPAddr looks a TURN server up.
func (o *outside) ResolveTCPAddr(network, address string) (*net.TCPAddr, error) {
	addr, err := o.resolve(network, address)
	return net.TCPAddrFromAddrPort(addr), err
}

// resolve takes the first address a name has.
func (o *outside) resolve(network, address string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	family := "ip"
	if last := network[len(network)-1]; last == '4' || last == '6' {
		family += string(last)
	}
	ctx, cancel := context.WithTimeout(o.ctx, dialTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, family, host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(port)), nil
}

// waiting is a socket that knows whether anything ever came.
type waiting struct {
	net.PacketConn
	heard  atomic.Bool
	forget func() bool
}

// ReadFrom is called by the TURN client's read loop.
func (w *waiting) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := w.PacketConn.ReadFrom(b)
	if err == nil {
		w.heard.Store(true)
	}
	return n, from, err
}

// Close closes the socket.
func (w *waiting) Close() error {
	w.forget()
	return w.PacketConn.Close()
}
