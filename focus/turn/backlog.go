package turn

import (
	"encoding/binary"
	"sync"

	"meshfocus/focus/udp"
)

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

// keep takes what came from the peer of a channel, and says whether it did. Over UDP there
// is no padding (RFC 8656 section 12.5).
func (b *backlog) keep(number uint16, data []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.path == nil || b.room-b.used < headed+len(data) {
		return false
	}
	if b.arena == nil {
		b.arena = make([]byte, b.room)
	}
	kept := b.arena[b.used : b.used+headed+len(data) : b.room]
	binary.BigEndian.PutUint16(kept, number)
	binary.BigEndian.PutUint16(kept[2:], uint16(len(data)))
	copy(kept[headed:], data)
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
