package udp

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// Stats is what a socket is and did. All counts go up only.
type Stats struct {
	Engine Engine
	// ReceiveBuffer and SendBuffer are what the kernel gave, in the measure of
	// Config; 0 if it does not tell.
	ReceiveBuffer, SendBuffer int
	// Segmenting says that the kernel cuts messages up for us, and Refusal why it
	// does not; Coalescing that it puts together.
	Segmenting, Coalescing bool
	Refusal                string

	Read    ReadStats
	Written WriteStats
	// Troubled are destinations that refused datagrams, the latest trouble last;
	// no more than 16 of them.
	Troubled []Trouble
}

// ReadStats is the receiving side.
type ReadStats struct {
	Datagrams, Bytes uint64 // handed over
	Calls            uint64 // system calls that brought something
	Cut              uint64 // datagrams that were too long for their buffer, left out
	Overflowed       uint64 // dropped by the kernel for want of receive buffer; Linux
	Errors           uint64 // calls that failed and were tried again
}

// WriteStats is the sending side; WriteTo's datagrams are among them.
type WriteStats struct {
	Datagrams, Bytes uint64 // handed to the kernel
	Calls            uint64 // system calls
	Failed           uint64 // datagrams that the kernel refused to send
	Full             uint64 // datagrams that found no room in time, dropped
	Resent           uint64 // messages that were refused as such and went in pieces
}

// Trouble is a destination that refused datagrams.
type Trouble struct {
	To       netip.AddrPort
	Failures uint64
	Last     error
}

// counters are the same, counted by the two sides and read by anybody.
type counters struct {
	read struct{ datagrams, bytes, calls, cut, errors atomic.Uint64 }
	_    [64]byte // the two sides run on two cores
	sent struct{ datagrams, bytes, calls, failed, full, resent atomic.Uint64 }
}

func (c *counters) stats() (ReadStats, WriteStats) {
	return ReadStats{
			Datagrams: c.read.datagrams.Load(), Bytes: c.read.bytes.Load(), Calls: c.read.calls.Load(),
			Cut: c.read.cut.Load(), Errors: c.read.errors.Load(),
		}, WriteStats{
			Datagrams: c.sent.datagrams.Load(), Bytes: c.sent.bytes.Load(), Calls: c.sent.calls.Load(),
			Failed: c.sent.failed.Load(), Full: c.sent.full.Load(), Resent: c.sent.resent.Load(),
		}
}

// troubles remembers the last destinations that refused. It is asked only when
// something fails.
type troubles struct {
	mu    sync.Mutex
	paths []*Path // guarded by mu; the latest last
}

const troubled = 16

// note counts a failure and puts its path last.
func (t *troubles) note(p *Path, datagrams int, err error) {
	p.fail(datagrams, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := slices.Index(t.paths, p); at >= 0 {
		t.paths = slices.Delete(t.paths, at, at+1)
	} else if len(t.paths) == troubled {
		t.paths = slices.Delete(t.paths, 0, 1)
	}
	t.paths = append(t.paths, p)
}

func (t *troubles) list() []Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Trouble
	for _, p := range t.paths {
		failures, last := p.Failures()
		all = append(all, Trouble{To: p.to, Failures: failures, Last: last})
	}
	return all
}
