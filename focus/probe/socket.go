package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/pion/stun/v4"
)

// socket is a UDP port that hears everybody: our own second end of a relayed
// path, and what NAT behaviour is measured with. It is used by one goroutine.
type socket struct {
	*net.UDPConn
	buffer []byte
}

// listen opens a socket for a family, or on an address.
func listen(at netip.AddrPort) (*socket, error) {
	network := "udp4"
	if at.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	return &socket{UDPConn: conn, buffer: make([]byte, longest)}, nil
}

// anywhere is any port of the family of an address.
func anywhere(like netip.Addr) netip.AddrPort {
	if like.Is4() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
}

func (s *socket) close()                { _ = s.Close() }
func (s *socket) local() netip.AddrPort { return clean(s.LocalAddr()) }

// hear gives the next datagram; it is valid until the next call.
func (s *socket) hear(ctx context.Context, until time.Time) ([]byte, netip.AddrPort, error) {
	var n int
	var from netip.AddrPort
	var err error
	wait(ctx, s, until, func() error {
		n, from, err = s.ReadFromUDPAddrPort(s.buffer)
		return err
	})
	switch {
	case err == nil:
		return s.buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, from, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, from, errSilent
	}
	return nil, from, err
}

// bind asks a server where it sees the socket. The answer may come from any
// of its addresses, which is what CHANGE-REQUEST is for.
func (s *socket) bind(ctx context.Context, to netip.AddrPort, patience time.Duration, setters ...stun.Setter) (*stun.Message, netip.AddrPort, error) {
	request, err := binding(setters...)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for interval := firstInterval; ; interval *= 2 {
		if _, err := s.WriteToUDPAddrPort(request.Raw, to); err != nil {
			return nil, netip.AddrPort{}, err
		}
		for until := time.Now().Add(interval); ; {
			answer, from, err := s.message(ctx, until)
			if errors.Is(err, errSilent) && ctx.Err() == nil {
				break // ask again
			}
			if err != nil {
				return nil, from, err
			}
			if answer.TransactionID == request.TransactionID {
				return answer, from, refusal(answer)
			}
		}
	}
}

// message gives the next STUN message.
func (s *socket) message(ctx context.Context, until time.Time) (*stun.Message, netip.AddrPort, error) {
	for {
		raw, from, err := s.hear(ctx, until)
		if err != nil {
			return nil, from, err
		}
		if answer, ok := decoded(raw); ok {
			return answer, from, nil
		}
	}
}

// binding makes a request.
func binding(setters ...stun.Setter) (*stun.Message, error) {
	all := append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, setters...)
	return stun.Build(append(all, stun.Fingerprint)...)
}
