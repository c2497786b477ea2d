// Package journal keeps what the homeserver has acknowledged: keyed values in
// one SQLite file, written by one loop for many callers.
//
// The homeserver holds its state in memory and only ever reads the file at
// start (Load). A request that changes something calls Append under the lock
// that orders the change, which queues and never touches the disk, then lets
// the lock go and calls Wait before it answers. The loop (Run) takes
// everything queued in the meantime and commits it as one transaction, so that
// a hundred callers share one flush and the slower the disk, the larger the
// share. It is not a database for queries and not a log of history: a later
// value of a key replaces the earlier one.
//
// What Wait has confirmed survives the process being killed and, because every
// commit flushes the write-ahead log (see synchronous in store.go), the power
// failing. After the first failed write nothing is confirmed any more: Run
// returns the error, every Wait gets it, and the file holds exactly the
// transactions before it.
//
// Append, Wait and Stats may be called from any goroutine; Open, Load, Run and
// Close belong to the owner, in that order. Positions count entries.
package journal

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
)

// Entry sets or deletes the value of one key.
type Entry struct {
	// Bucket is the kind of value, such as "device" or "event". Both names
	// are any UTF-8 without NUL.
	Bucket, Key string
	// Value belongs to the journal from Append on and must not be changed.
	// nil deletes the key; empty and not nil is a value.
	Value []byte
}

// Position is a place in the order of all entries appended since Open. A
// position is durable when everything up to it is.
type Position uint64

// Journal is one open file and the queue in front of it.
//
// Run owns the file. Append hands it entries through the queue and a wake-up
// that never blocks; Run answers by moving the durable position and closing
// the channel that waiters hold. It ends when its context does, when Close is
// called or when a write fails, and has by then told every waiter.
type Journal struct {
	log  *slog.Logger
	path string // set once

	// Owned by Load, then by Run, at last by Close.
	db    *sql.DB
	store *sql.Conn

	wake chan struct{} // capacity 1: something is queued
	quit chan struct{} // closed by Close
	done chan struct{} // closed when Run has returned

	mu sync.Mutex // a leaf; guards what follows
	// queue is what Run has not taken yet; appended the position behind it.
	queue    []Entry
	appended Position
	durable  Position
	// moved is closed and replaced whenever durable or failure change.
	moved chan struct{}
	// failure is why nothing after durable will be confirmed any more:
	// ErrClosed after an orderly end, else the error of the write.
	failure error
	phase   phase
	counts  counts
}

// phase is where the journal is in its life.
type phase uint8

const (
	phaseOpen phase = iota
	phaseRunning
	phaseEnded
	phaseClosed
)

// Open opens the file at path and creates it, and the folder it is in, when
// they are missing (0600 and 0700). It takes a lock that lasts until Close or
// the end of the process: ErrInUse says that another process, or another
// Journal of this one, has it. ErrNewerSchema and ErrNotJournal refuse files
// that this program would only damage. A nil log discards.
func Open(path string, log *slog.Logger) (*Journal, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	db, store, err := openStore(path)
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	return &Journal{
		log: log, path: path, db: db, store: store,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		moved: make(chan struct{}),
	}, nil
}

// Load calls each for every value in the file, ordered by bucket and then by
// key, both byte by byte, and stops at the first error. The value is each's to
// keep. Load belongs before Run and returns ErrRunning after it.
func (j *Journal) Load(each func(bucket, key string, value []byte) error) error {
	j.mu.Lock()
	phase := j.phase
	j.mu.Unlock()
	if phase != phaseOpen {
		return fmt.Errorf("journal %s: load: %w", j.path, ErrRunning)
	}
	if err := loadStore(j.store, each); err != nil {
		return fmt.Errorf("journal %s: load: %w", j.path, err)
	}
	return nil
}

// Append queues entries behind all earlier ones and returns the position to
// Wait for. The entries of one call are written in one transaction or not at
// all. It never blocks on the disk and may be called under a lock, which is
// how the caller makes the order of the journal that of its own state.
//
// Without entries it returns the position behind all that is queued: who
// answers from memory what another caller may still be waiting to see written
// (a repeated transaction id, say) waits for that.
func (j *Journal) Append(entries ...Entry) Position {
	j.mu.Lock()
	j.appended += Position(len(entries))
	position := j.appended
	if j.failure == nil {
		j.queue = append(j.queue, entries...)
	}
	j.mu.Unlock()
	if len(entries) > 0 {
		select {
		case j.wake <- struct{}{}:
		default: // already awake, and will take these too
		}
	}
	return position
}

// Wait returns nil once everything up to p is durable. It returns the write
// error if the journal broke before that, ErrClosed if it ended before that,
// and the context's error if ctx ended first: then the entries may still
// become durable, they are only not confirmed.
func (j *Journal) Wait(ctx context.Context, p Position) error {
	for {
		j.mu.Lock()
		durable, failure, moved := j.durable, j.failure, j.moved
		j.mu.Unlock()
		switch {
		case p <= durable:
			return nil
		case failure != nil:
			return failure
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close ends Run if it still runs, waits for it, lets SQLite fold its log into
// the file and gives up the lock. Entries that Run never took are lost, and
// their waiters get ErrClosed. A second Close does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	before := j.phase
	if before != phaseClosed {
		j.phase = phaseClosed
		close(j.quit)
	}
	j.mu.Unlock()
	switch before {
	case phaseClosed:
		return nil
	case phaseOpen:
		j.end(ErrClosed)
	case phaseRunning:
		<-j.done
	}
	j.store.Close() // its only error is that the connection is closed already
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("journal %s: close: %w", j.path, err)
	}
	return nil
}

// end makes failure the answer to every position that is not durable.
func (j *Journal) end(failure error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure == nil {
		j.failure = failure
	}
	j.queue = nil
	close(j.moved)
	j.moved = make(chan struct{})
}
