package trace

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Config is where traces are kept, and how much of them.
type Config struct {
	// Folder is where they are kept, while it exists.
	Folder string
	// Most is how many bytes all files may take together, those aside that are being
	// written: 0 is 256 MiB, thirteen hours of one path of 1 Mbit/s.
	Most int64
	// Paths is how many have one at a time: 0 is 64. Others have none until one ends.
	Paths int
	// Log is told of failures. nil: nothing is logged.
	Log *slog.Logger
}

const (
	usualMost  = 256 << 20
	usualPaths = 64
	// part is how long a file grows, before it is packed, and full how long it is written
	// to: five minutes of 1 Mbit/s, so that little goes when the oldest does, and that is
	// no longer written to.
	part = 8 << 20
	full = 10 * time.Minute
	// mostWaiting bounds what has not been written yet, of all paths: some seconds.
	mostWaiting = 16 << 20
	// beat is how often it is written, look how often the folder is looked for, and
	// settle how long at the most what was written is not on disk.
	beat   = 250 * time.Millisecond
	look   = time.Second
	settle = 5 * time.Second
	// patience is how long nothing is kept after a failure.
	patience = 10 * time.Second
)

// Store keeps traces. The loop that Run is owns the files; it ends with its context.
type Store struct {
	config Config // set once
	log    *slog.Logger

	on      atomic.Bool
	number  atomic.Uint64 // of the last path
	waiting atomic.Int64  // bytes of all tapes
	stats   struct{ bytes, cut, failed atomic.Uint64 }

	mutex sync.Mutex
	tapes []*Tape // guarded by mutex

	// owned by the loop
	looked, failed time.Time
	folder         folder
}

// Stats is what a Store does.
type Stats struct {
	// Paths is how many are being traced.
	Paths int
	// Bytes were written since the start, before packing. Cut is how often a trace
	// ended because it could not be written as fast, Failed because it could not be
	// written.
	Bytes, Cut, Failed uint64
}

// New makes a store; nothing is kept before Run runs.
func New(c Config) *Store {
	if c.Most <= 0 {
		c.Most = usualMost
	}
	if c.Paths <= 0 {
		c.Paths = usualPaths
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{config: c, log: c.Log, folder: folder{path: c.Folder, most: c.Most}}
}

// Stats gives the figures of now; those of a nil Store are 0.
func (s *Store) Stats() Stats {
	if s == nil {
		return Stats{}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return Stats{Paths: len(s.tapes), Bytes: s.stats.bytes.Load(), Cut: s.stats.cut.Load(), Failed: s.stats.failed.Load()}
}

// Begin begins the trace of a path; nil: none is wanted now, or there are enough. A
// path's number is that of its tape before, 0 if it has none yet. Also nil for a nil
// Store. It costs a read of memory while nothing is wanted.
func (s *Store) Begin(path uint64) *Tape {
	if s == nil || !s.on.Load() {
		return nil
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.on.Load() || len(s.tapes) >= s.config.Paths { // what comes behind the loop's end would stay
		return nil
	}
	if path == 0 {
		path = s.number.Add(1)
	}
	t := &Tape{store: s, Path: path, began: time.Now()}
	s.tapes = append(s.tapes, t)
	return t
}

// Run writes until the context ends, and then what is left.
func (s *Store) Run(ctx context.Context) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		s.turn(time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.on.Store(false)
			s.turn(time.Time{})
			return nil
		}
	}
}

// turn looks whether traces are wanted, and writes what waits.
func (s *Store) turn(now time.Time) {
	if now.Sub(s.looked) >= look {
		s.looked = now
		info, err := os.Stat(s.config.Folder)
		s.on.Store(err == nil && info.IsDir() && now.Sub(s.failed) >= patience)
	}
	wanted := s.on.Load()
	s.mutex.Lock()
	tapes := append([]*Tape(nil), s.tapes...)
	s.mutex.Unlock()
	for _, t := range tapes {
		if ended := s.write(t, wanted, now); ended {
			s.forget(t)
		}
	}
}

// write writes what waits of a tape, and says whether that was all. Without an instant
// the loop ends.
func (s *Store) write(t *Tape, wanted bool, now time.Time) (ended bool) {
	lines, ended := t.take(wanted)
	if t.file == nil && len(lines) > 0 && (wanted || now.IsZero()) {
		if t.file = s.open(t, now); t.file == nil {
			ended = true
		}
	}
	if t.file != nil {
		s.stats.bytes.Add(uint64(len(lines)))
		if err := t.file.write(lines, now); err != nil {
			s.fail(err, now)
			ended = true
		}
		ended = ended || t.file.length >= part || now.Sub(t.began) >= full
	}
	s.waiting.Add(-int64(len(lines)))
	if ended {
		s.waiting.Add(-t.end())
		if t.file != nil {
			if err := t.file.close(); err != nil {
				s.fail(err, now)
			}
		}
	}
	return ended
}

// open makes the file of a tape, nil if it cannot be made, and room for it.
func (s *Store) open(t *Tape, now time.Time) *file {
	f, err := s.folder.create(t.Name())
	if err != nil {
		s.fail(err, now)
		return nil
	}
	return f
}

// fail says that nothing can be written, and has it rest a while.
func (s *Store) fail(err error, now time.Time) {
	s.stats.failed.Add(1)
	s.failed = now
	if s.on.Swap(false) {
		s.log.Warn("traces of paths cannot be written; they are tried again", "err", err, "after", patience)
	}
}

func (s *Store) forget(t *Tape) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i := range s.tapes {
		if s.tapes[i] == t {
			s.tapes = append(s.tapes[:i], s.tapes[i+1:]...)
			return
		}
	}
}
