package link

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// dialTimeout is how long a TURN server may take to accept a TCP connection,
// and a name server to know where it is.
const dialTimeout = 5 * time.Second

// errOnePort: Pion wants a socket of its own where we have a port already.
var errOnePort = errors.New("no sockets but the media port and those of relays")

// outside is what one Link opens beside its Port: sockets to TURN servers
// (transport.Net). Pion gives no way to stop waiting for a server that does not
// answer, 8 s for each request; when the Link closes, outside lets go of those
// that never did, and of the others after closePatience, in which their
// allocations are given back.
type outside struct {
	stdnet.Net                 // for what is left; its list of interfaces is empty
	port       *Port           // set once: where the addresses are known
	life       context.Context // set once: ends when the Link closes
}

// Interfaces gives the addresses of the Port, as those of one interface: what
// else the machine has is of no interest to ICE.
func (o *outside) Interfaces() ([]*transport.Interface, error) {
	all := transport.NewInterface(net.Interface{Index: 1, MTU: receiveBuffer, Name: "port", Flags: net.FlagUp | net.FlagMulticast})
	for _, local := range o.port.Locals() {
		addr := local.Addr()
		all.AddAddress(&net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(addr.BitLen(), addr.BitLen())})
	}
	return []*transport.Interface{all}, nil
}

// ListenPacket opens a socket for a TURN client.
func (o *outside) ListenPacket(network, address string) (net.PacketConn, error) {
	conn, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	return &waiting{conn, newLetting(o.life, conn)}, nil
}

// ListenUDP is what Pion asks of STUN servers with. We do it on the Port.
func (o *outside) ListenUDP(string, *net.UDPAddr) (transport.UDPConn, error) {
	return nil, errOnePort
}

// DialTCP connects to a TURN server.
func (o *outside) DialTCP(network string, local, remote *net.TCPAddr) (transport.TCPConn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	if local != nil {
		dialer.LocalAddr = local
	}
	conn, err := dialer.DialContext(o.life, network, remote.String())
	if err != nil {
		return nil, err
	}
	return &dialled{conn.(*net.TCPConn), newLetting(o.life, conn)}, nil // the networks are tcp, tcp4 and tcp6
}

// ResolveUDPAddr looks a TURN server up.
func (o *outside) ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	addr, err := resolve(o.life, network, address)
	return net.UDPAddrFromAddrPort(addr), err
}

// ResolveTCPAddr looks a TURN server up.
func (o *outside) ResolveTCPAddr(network, address string) (*net.TCPAddr, error) {
	addr, err := resolve(o.life, network, address)
	return net.TCPAddrFromAddrPort(addr), err
}

// resolve takes the first address a name has in the family of a network.
func resolve(ctx context.Context, network, address string) (netip.AddrPort, error) {
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
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, family, host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(port)), nil
}

// letting lets go of a socket when the Link closes.
type letting struct {
	heard atomic.Bool // anything ever came
	end   func()      // it was closed: there is nothing to let go of
}

func newLetting(life context.Context, conn io.Closer) *letting {
	l := &letting{}
	closed := make(chan struct{})
	stop := context.AfterFunc(life, func() {
		if l.heard.Load() {
			farewell := time.NewTimer(closePatience)
			defer farewell.Stop()
			select {
			case <-closed:
				return
			case <-farewell.C:
			}
		}
		_ = conn.Close()
	})
	l.end = sync.OnceFunc(func() {
		stop()
		close(closed)
	})
	return l
}

// waiting is a socket that the Link lets go of.
type waiting struct {
	net.PacketConn
	*letting
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
	w.end()
	return w.PacketConn.Close()
}

// dialled is a TCP connection that the Link lets go of.
type dialled struct {
	*net.TCPConn
	*letting
}

// Read is called by TLS, or the TURN client's read loop.
func (d *dialled) Read(b []byte) (int, error) {
	n, err := d.TCPConn.Read(b)
	if err == nil {
		d.heard.Store(true)
	}
	return n, err
}

// Close closes the connection.
func (d *dialled) Close() error {
	d.end()
	return d.TCPConn.Close()
}
