package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"
)

// door is a port of ours at which a vantage knocks. It is used by one
// goroutine.
type door interface {
	local() netip.AddrPort
	// hear waits for a text and says who sent it; errSilent if nobody does.
	hear(ctx context.Context, text string, until time.Time) (netip.AddrPort, error)
	close()
}

type udpDoor struct{ *socket }

func openUDP(at netip.AddrPort) (door, error) {
	own, err := listen(at)
	if err != nil {
		return nil, err
	}
	return udpDoor{own}, nil
}

func (d udpDoor) hear(ctx context.Context, text string, until time.Time) (netip.AddrPort, error) {
	for {
		got, from, err := d.socket.hear(ctx, until)
		if err != nil || string(got) == text {
			return from, err
		}
	}
}

type tcpDoor struct{ *net.TCPListener }

func openTCP(at netip.AddrPort) (door, error) {
	network := "tcp4"
	if at.Addr().Is6() {
		network = "tcp6"
	}
	listener, err := net.ListenTCP(network, net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	return tcpDoor{listener}, nil
}

func (d tcpDoor) local() netip.AddrPort { return clean(d.Addr()) }
func (d tcpDoor) close()                { _ = d.Close() }

func (d tcpDoor) hear(ctx context.Context, text string, until time.Time) (netip.AddrPort, error) {
	stop := context.AfterFunc(ctx, func() { _ = d.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = d.SetDeadline(until)
	for {
		conn, err := d.AcceptTCP()
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return netip.AddrPort{}, context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return netip.AddrPort{}, errSilent
		case err != nil:
			return netip.AddrPort{}, err
		}
		said := listenTo(conn, len(text), until)
		if said == text {
			return clean(conn.RemoteAddr()), nil
		}
	}
}

// listenTo reads the first words of a caller and hangs up.
func listenTo(conn net.Conn, length int, until time.Time) string {
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(until)
	words := make([]byte, length)
	n, _ := io.ReadFull(conn, words)
	return string(words[:n])
}
