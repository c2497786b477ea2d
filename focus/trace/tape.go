package trace

import (
	"fmt"
	"sync"
	"time"
)

// Tape takes the lines of one path, for one file.
type Tape struct {
	// Path is the number of the path, for Begin of the tape after it.
	Path  uint64
	store *Store
	began time.Time

	mutex sync.Mutex
	// guarded by mutex
	lines  []byte
	spare  []byte // what lines were before, to be filled again
	closed bool   // the path has no more
	over   bool   // nobody takes more

	file *file // owned by the store's loop; nil before there is something in it
}

// Name is that of the file, without its folder.
func (t *Tape) Name() string {
	return fmt.Sprintf("%s-path%d%s", t.began.UTC().Format("20060102T150405.000Z"), t.Path, suffix)
}

// Write takes whole lines, which stay the caller's. false: they were not taken, nor
// will others be; the path may begin another tape, now or later.
func (t *Tape) Write(lines []byte) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.over || t.closed {
		return false
	}
	if t.store.waiting.Add(int64(len(lines))) > mostWaiting {
		t.store.waiting.Add(-int64(len(lines)))
		t.store.stats.cut.Add(1)
		t.closed = true
		return false
	}
	t.lines = append(t.lines, lines...)
	return true
}

// Close says that there are no more lines. What was taken is written.
func (t *Tape) Close() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.closed = true
}

// take gives what waits, until the next call, and whether it is the last. The loop
// calls it.
func (t *Tape) take(wanted bool) (lines []byte, last bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	lines = t.lines
	t.lines, t.spare = t.spare[:0], lines
	t.over = t.over || !wanted
	return lines, t.over || t.closed
}

// end has nothing more taken, and gives how many bytes waited.
func (t *Tape) end() int64 {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	waited := int64(len(t.lines))
	t.over, t.lines, t.spare = true, nil, nil
	return waited
}
