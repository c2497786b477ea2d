package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/pion/stun/v4"
)

// Retransmission over UDP: at once, after 250, 750 and 1750 ms. RFC 8489
// section 6.2.1 goes on for 39 s; somebody is watching here.
const firstInterval = 250 * time.Millisecond

// longest is what we read as one message; a relayed datagram may have the
// whole of UDP's 65535 bytes.
const longest = 1<<16 + 128

// link is a way to a server: a connected UDP socket, TCP or TLS. It is used
// by one goroutine.
type link struct {
	conn     net.Conn
	stream   *bufio.Reader // nil over UDP
	patience time.Duration // for one answer
	loss     time.Duration // until a datagram of an echo is taken for lost
	late     int           // answers to earlier requests that came after all
	buffer   []byte
}

// dial connects. Over UDP that tells nothing yet but that there is a route.
func (p *Prober) dial(ctx context.Context, s server) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, p.patience())
	defer cancel()
	network := "tcp"
	if s.way == UDP {
		network = "udp"
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, s.address())
	if err != nil {
		return nil, err
	}
	if s.way == TLS {
		secured := tls.Client(conn, &tls.Config{ServerName: s.host, RootCAs: p.Roots, MinVersion: tls.VersionTLS12})
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("%w: %w", errHandshake, err)
		}
		conn = secured
	}
	l := &link{conn: conn, patience: p.patience(), loss: p.lost(echoPatience), buffer: make([]byte, longest)}
	if s.way != UDP {
		l.stream = bufio.NewReaderSize(conn, longest)
	}
	return l, nil
}

func (l *link) close() { _ = l.conn.Close() }

// remote is the address we talk to, local the one we talk from.
func (l *link) remote() netip.AddrPort { return clean(l.conn.RemoteAddr()) }
func (l *link) local() netip.AddrPort  { return clean(l.conn.LocalAddr()) }

// exchange sends a request and waits for its answer, which may be an error
// response. Over UDP it asks again.
func (l *link) exchange(ctx context.Context, request *stun.Message) (*stun.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	for interval := firstInterval; ; interval *= 2 {
		if _, err := l.conn.Write(request.Raw); err != nil {
			return nil, err
		}
		until := time.Now().Add(interval)
		if l.stream != nil {
			until = time.Now().Add(l.patience)
		}
		for {
			answer, err := l.receive(ctx, until)
			if errors.Is(err, errSilent) && ctx.Err() == nil {
				break // ask again
			}
			if err != nil {
				return nil, err
			}
			if answer.Type.Class == stun.ClassIndication {
				continue
			}
			if answer.TransactionID == request.TransactionID {
				return answer, nil
			}
			l.late++
		}
	}
}

// receive gives the next STUN message, errSilent if there is none in time.
func (l *link) receive(ctx context.Context, until time.Time) (*stun.Message, error) {
	for {
		raw, err := l.read(ctx, until)
		if err != nil {
			return nil, err
		}
		if message, ok := decoded(raw); ok {
			return message, nil
		}
		if l.stream != nil {
			return nil, errNotSTUN
		}
	}
}

// decoded reads a STUN message, which keeps nothing of raw.
func decoded(raw []byte) (*stun.Message, bool) {
	message := &stun.Message{Raw: append([]byte(nil), raw...)}
	return message, stun.IsMessage(raw) && message.Decode() == nil
}

// read gives whatever comes next, valid until the next call; errSilent if
// nothing does in time. Whoever cancelled the context learns it as
// context.Canceled.
func (l *link) read(ctx context.Context, until time.Time) ([]byte, error) {
	raw, err := []byte(nil), error(nil)
	wait(ctx, l.conn, until, func() error {
		raw, err = l.next()
		return err
	})
	switch {
	case err == nil:
		return raw, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errSilent
	case errors.Is(err, io.EOF):
		return nil, errHungUp
	}
	return nil, err
}

// next reads one datagram, or one message from a stream, where its length is
// in its header (RFC 8489 section 6.2.2). What it gives is valid until the
// next call.
func (l *link) next() ([]byte, error) {
	if l.stream == nil {
		n, err := l.conn.Read(l.buffer)
		return l.buffer[:n], err
	}
	const header = 20
	head, err := l.stream.Peek(header)
	if err != nil {
		return nil, err
	}
	if !stun.IsMessage(head) {
		return nil, errNotSTUN
	}
	length := header + int(binary.BigEndian.Uint16(head[2:]))
	if _, err := l.stream.Peek(length); err != nil {
		return nil, err
	}
	return l.buffer[:length], second(io.ReadFull(l.stream, l.buffer[:length]))
}

func second(_ int, err error) error { return err }

// lastLook is for taking what is there already.
const lastLook = 5 * time.Millisecond

// wait bounds reading by an instant and a context. When the time is over it
// reads once more: a process that did not get the processor finds the instant
// past, and what came long before still in its socket.
func wait(ctx context.Context, conn net.Conn, until time.Time, read func() error) {
	_ = conn.SetReadDeadline(until)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	err := read()
	stop()
	if errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(ctx.Err(), context.Canceled) {
		_ = conn.SetReadDeadline(time.Now().Add(lastLook))
		_ = read()
	}
}
