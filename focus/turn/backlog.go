package turn

import (
	"sync"

	"meshfocus/focus/udp"
)

// isChannelData tells it from STUN by its first two bits (RFC 8656 section 12.4).
func isChannelData(datagram []byte) bool { return len(datagram) > 0 && datagram[0]>>6 == 1 }

// backlog is what goes to one client when its allocation has read what came together.
// There may be two goroutines for a moment: that of an allocation which just ended, and
// that of the next one of the same client.
type backlog struct {
	mu sync.Mutex
	// guarded by mu
	path  *udp.Path // nil: the client is not known yet
	out   *udp.Outbox
	arena []byte
	room  int // of the arena that is to be
	used  int
}

// begin says who the client is.
func (b *backlog) begin(path *udp.Path) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.path = path
}

// keep takes a datagram, and says whether it did.
func (b *backlog) keep(datagram []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.path == nil || b.room-b.used < len(datagram) {
		return false
	}
	if b.arena == nil {
		b.arena = make([]byte, b.room)
	}
	kept := b.arena[b.used : b.used+copy(b.arena[b.used:], datagram) : b.room]
	b.used += len(kept)
	b.out.Append(b.path, kept)
	return true
}

// flush sends what was kept.
func (b *backlog) flush(e *entrance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used == 0 {
		return
	}
	b.used = 0
	e.sending.Lock()
	defer e.sending.Unlock()
	_ = e.Write(b.out) // the entrance's end: Run says so
}
