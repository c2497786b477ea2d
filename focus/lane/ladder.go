package lane

import (
	"sync"
	"sync/atomic"

	"meshfocus/focus/allocate"
)

// ladder is what the layers of a track cost, for the send loops of all who get it. Its
// mutex is a leaf, taken four times in a second and by those who find another version.
type ladder struct {
	version atomic.Uint32 // 0: there is none yet
	mutex   sync.Mutex
	rungs   allocate.Ladder // guarded by mutex
}

func (l *ladder) build(offers *allocate.Offers) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.rungs.Build(offers)
	l.version.Add(1)
}

// copied is a send loop's own copy of a ladder.
type copied struct {
	of      *ladder
	version uint32
	rungs   allocate.Ladder
}

// follow brings the copy up to date, and gives it; nil if nothing is known yet.
func (c *copied) follow(l *ladder) *allocate.Ladder {
	switch version := l.version.Load(); {
	case version == 0:
		return nil
	case c.of != l || version != c.version:
		l.mutex.Lock()
		defer l.mutex.Unlock()
		c.of, c.version, c.rungs = l, l.version.Load(), l.rungs
	}
	return &c.rungs
}
