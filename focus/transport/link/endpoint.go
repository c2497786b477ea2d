package link

import (
	"net"
	"time"

	"github.com/pion/transport/v4/packetio"
)

const (
	// receiveBuffer holds the longest datagram that is taken from ICE: those
	// of media have 1200 bytes, of DTLS and SCTP a little more, all fit into a
	// frame of Ethernet. Each ICE generation has one of its own.
	receiveBuffer = 2048
	// dtlsBacklog is how many records wait to be read.
	dtlsBacklog = 256
)

// endpoint is DTLS's end of the path (net.PacketConn).
type endpoint struct {
	inbox *packetio.Buffer
	write func(record []byte) (int, error)
}

func newEndpoint(write func([]byte) (int, error)) *endpoint {
	e := &endpoint{inbox: packetio.NewBuffer(), write: write}
	e.inbox.SetLimitCount(dtlsBacklog)
	return e
}

// deliver hands a record in; without room it is lost.
func (e *endpoint) deliver(record []byte) { _, _ = e.inbox.Write(record) }

func (e *endpoint) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := e.inbox.Read(b)
	return n, peerAddr{}, err
}

func (e *endpoint) WriteTo(b []byte, _ net.Addr) (int, error) { return e.write(b) }
func (e *endpoint) Close() error                              { return e.inbox.Close() }
func (e *endpoint) LocalAddr() net.Addr                       { return peerAddr{} }
func (e *endpoint) SetDeadline(t time.Time) error             { return e.inbox.SetReadDeadline(t) }
func (e *endpoint) SetReadDeadline(t time.Time) error         { return e.inbox.SetReadDeadline(t) }
func (e *endpoint) SetWriteDeadline(time.Time) error          { return nil }

// peerAddr stands for whatever address the peer has at the moment.
type peerAddr struct{}

func (peerAddr) Network() string { return "ice" }
func (peerAddr) String() string  { return "peer" }
