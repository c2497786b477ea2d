package udp

import (
	"errors"
	"net"
)

// portable is the engine of systems without calls for batches: net.UDPConn, a
// datagram a call.
type portable struct {
	conn  *net.UDPConn
	count *counters
	errs  *troubles
}

// stubborn is how many calls may fail one after the other before a socket is
// believed to be done: those of a lost network interface end, one ICMP message
// is one error.
const stubborn = 64

func (p *portable) read(in *Inbox) error {
	for failed := 0; ; {
		n, from, err := p.conn.ReadFromUDPAddrPort(in.buffers[0])
		switch {
		case errors.Is(err, net.ErrClosed):
			return net.ErrClosed
		case err != nil: // Windows says here what ICMP said, and that a datagram was cut
			p.count.read.errors.Add(1)
			if failed++; failed == stubborn {
				return err
			}
			continue
		}
		failed = 0
		p.count.read.calls.Add(1)
		if n == 0 {
			continue // says nothing
		}
		if in.take(0, n, n, Datagram{From: clean(from)}) == 0 {
			p.count.read.cut.Add(1)
			continue
		}
		p.count.read.datagrams.Add(1)
		p.count.read.bytes.Add(uint64(n))
		return nil
	}
}

// write waits for room as long as the system lets it: net would take a deadline
// that passed while we were off the processor for a buffer that is full.
func (p *portable) write(out *Outbox) error {
	for i := range out.messages {
		for m, at := &out.messages[i], 0; at < len(m.data); at += m.size {
			if err := p.send(m.path, m.data[at:min(at+m.size, len(m.data))]); err != nil {
				return err
			}
		}
	}
	return nil
}

// send sends one datagram; an error is the end of the socket.
func (p *portable) send(path *Path, datagram []byte) error {
	n, err := p.conn.WriteToUDPAddrPort(datagram, path.to)
	p.count.sent.calls.Add(1)
	switch {
	case err == nil:
		p.count.sent.datagrams.Add(1)
		p.count.sent.bytes.Add(uint64(n))
	case errors.Is(err, net.ErrClosed):
		return net.ErrClosed
	default:
		p.count.sent.failed.Add(1)
		p.errs.note(path, 1, err)
	}
	return nil
}

func (p *portable) segmenting() (bool, string) { return false, "the portable engine does not" }
