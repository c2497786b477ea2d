package lane

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/focus/trace"
	"meshfocus/focus/udp"
	"meshfocus/internal/unit"
)

// defaultPackets is a second of 2000 packets each of four publishers, 12 MB.
const defaultPackets = 8192

// Config is how a Lane is to be. The zero Config works.
type Config struct {
	// Control takes STUN and DTLS: link.Port.Receive. It is called by the read
	// loops, holds them up, and must not keep the datagram. nil drops them.
	Control func(datagram []byte, local, from netip.AddrPort) bool
	// Tick is how long packets are gathered at most for each subscriber before they
	// leave together, so that the kernel can cut up one message: 0 is 3 ms, below 0 all
	// leave at once. A lane gathers only while its send loop is busy, from a thirty-second
	// part of a core on; what comes to one that is not leaves at once. RTCP of ours and what is
	// sent again waits, too. It is where pacing will have its place.
	Tick time.Duration
	// Packets bounds how many packets each read loop holds, of 1500 bytes, with
	// what is kept to be sent again: 0 is 8192.
	Packets int
	// ECN marks packets of media to those whose reports are of RFC 8888, which carry back
	// what became of the marks: ECT(1), low latency (RFC 9330, RFC 9331). For sockets that
	// mark each datagram for itself, and read marks (udp.Config.ReadECN). See marking.
	ECN bool
	// Epoch is the process's, for sender reports; zero takes the present.
	Epoch feedback.Epoch
	// Now reads the clock, once for a batch; nil is the package's Now. All lanes
	// that share Tracks have the same.
	Now func() unit.Instant
	// Traces keeps what is decided about each path that is estimated, while somebody wants
	// that; nil: nothing is kept.
	Traces *trace.Store
	// Log gets what happens to a Lane as a whole, never to a packet. nil: nothing.
	Log *slog.Logger
}

// Lane is the sockets of one party on one core: a read loop for each socket, one
// send loop, one clock. What is due to Ends of this lane leaves by its send loop,
// whichever lane it arrived at.
//
// Ends and local Tracks may be made before and while Run runs, from any goroutine.
// It ends when Run's context does; then it has closed its sockets, sends nothing
// more, and what was posted to it is forgotten. Ends are still to be closed, so that
// others' tracks do not keep them.
type Lane struct {
	// set once
	config Config
	epoch  feedback.Epoch
	log    *slog.Logger
	mail   mailbox
	clock  chan struct{}    // pokes the clock loop
	added  chan *udp.Socket // those that Run is to read, too
	ledger ledger

	// sockets is a snapshot; Add replaces it.
	sockets atomic.Pointer[[]*udp.Socket]

	// ends is by which remote address which End is known: a snapshot that is
	// replaced, never changed.
	ends atomic.Pointer[map[netip.AddrPort]*End]

	mutex  sync.Mutex // guards ended, and replacing the snapshots
	ended  bool       // sockets are closed
	living atomic.Pointer[living]

	counts laneCounts
}

// living is what the clock loop calls: a snapshot.
type living struct {
	ends   []*End
	tracks []*Track // local ones
}

// New makes a lane of the sockets, which are its own from then on: Run closes them.
// All of them send and receive for every End.
func New(c Config, sockets ...*udp.Socket) *Lane {
	if c.Packets <= 0 {
		c.Packets = defaultPackets
	}
	if c.Now == nil {
		c.Now = Now
	}
	if c.Epoch == 0 {
		c.Epoch = feedback.EpochOf(time.Now(), c.Now())
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	l := &Lane{
		config: c, epoch: c.Epoch, log: c.Log,
		clock: make(chan struct{}, 1), added: make(chan *udp.Socket, mostSockets),
	}
	l.sockets.Store(&sockets)
	l.mail.prepare()
	l.ends.Store(&map[netip.AddrPort]*End{})
	l.living.Store(&living{})
	return l
}

// Run runs all loops of the lane until the context ends or reading fails for good,
// closes the sockets, and returns when every loop has ended: nil after the context,
// otherwise why. It is called once.
func (l *Lane) Run(ctx context.Context) error { return l.run(ctx) }

// mostSockets is how many sockets can be added before Run begins.
const mostSockets = 64

// Add gives the lane one more socket, before or while Run runs: an address has
// appeared. When one goes, its socket is closed, by whoever notices. It fails with
// ErrClosed after Run has ended, or if more were added than Run has begun to read; the
// socket is the caller's then.
func (l *Lane) Add(s *udp.Socket) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.ended {
		return ErrClosed
	}
	select {
	case l.added <- s:
	default:
		return ErrClosed
	}
	sockets := append(slices.Clone(*l.sockets.Load()), s)
	l.sockets.Store(&sockets)
	return nil
}

func (l *Lane) now() unit.Instant { return l.config.Now() }

// poke has the clock loop look at what is due. Any goroutine may.
func (l *Lane) poke(*End) {
	select {
	case l.clock <- struct{}{}:
	default: // it is going to look anyway
	}
}
