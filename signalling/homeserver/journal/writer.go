package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// keepQueue is the largest queue, in entries, whose memory is used again; a
// burst beyond it gives its memory back.
const keepQueue = 4096

// Run is the writer loop. It blocks until ctx ends or Close is called, writes
// what is still queued then, and returns nil; entries appended later are
// answered with ErrClosed. When a write fails it returns that error at once.
// Callers that should still be confirmed must have stopped before ctx ends.
// Run can be called once; ErrRunning says that it was not the first time.
func (j *Journal) Run(ctx context.Context) error {
	j.mu.Lock()
	if j.phase != phaseOpen {
		j.mu.Unlock()
		return fmt.Errorf("journal %s: run: %w", j.path, ErrRunning)
	}
	j.phase = phaseRunning
	j.mu.Unlock()

	err := j.loop(ctx)
	j.mu.Lock()
	if j.phase == phaseRunning {
		j.phase = phaseEnded
	}
	j.mu.Unlock()
	close(j.done)
	return err
}

func (j *Journal) loop(ctx context.Context) error {
	// A commit is never interrupted half way: whether it happened would then
	// be unknown.
	background := context.WithoutCancel(ctx)
	writer, err := prepareWriter(background, j.store)
	if err != nil {
		return j.fail(err)
	}
	defer writer.close()

	var spare []Entry
	for stopping := false; !stopping; {
		select {
		case <-j.wake:
		case <-ctx.Done():
			stopping = true
		case <-j.quit:
			stopping = true
		}
		batch := j.take(spare)
		if len(batch) == 0 {
			spare = batch // the one given is the queue now
			continue
		}
		began := time.Now()
		if err := writer.commit(background, batch); err != nil {
			return j.fail(err)
		}
		j.confirm(batch, time.Since(began))
		spare = recycle(batch)
	}
	// What came since the last batch is dropped, not written: callers who
	// never stop must not keep the loop from ending.
	j.end(ErrClosed)
	return nil
}

// take swaps the queue for spare, an empty slice.
func (j *Journal) take(spare []Entry) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	batch := j.queue
	j.queue = spare
	return batch
}

// confirm moves the durable position past batch and wakes the waiters.
func (j *Journal) confirm(batch []Entry, took time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.durable += Position(len(batch))
	j.counts.add(batch, took)
	close(j.moved)
	j.moved = make(chan struct{})
}

// fail breaks the journal for good.
func (j *Journal) fail(err error) error {
	err = fmt.Errorf("journal %s: write: %w", j.path, err)
	j.end(err)
	return err
}

// recycle empties batch for use as the next queue and lets its values go.
func recycle(batch []Entry) []Entry {
	if cap(batch) > keepQueue {
		return nil
	}
	clear(batch)
	return batch[:0]
}

// writer holds the prepared statements. It is owned by Run.
type writer struct {
	begin, put, remove, commitAll *sql.Stmt
}

func prepareWriter(ctx context.Context, store *sql.Conn) (*writer, error) {
	w := &writer{}
	for _, each := range []struct {
		statement **sql.Stmt
		query     string
	}{
		{&w.begin, `BEGIN IMMEDIATE`},
		{&w.put, `INSERT INTO entry (bucket, key, value) VALUES (?, ?, ?)
			ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value`},
		{&w.remove, `DELETE FROM entry WHERE bucket = ? AND key = ?`},
		{&w.commitAll, `COMMIT`},
	} {
		statement, err := store.PrepareContext(ctx, each.query)
		if err != nil {
			w.close()
			return nil, err
		}
		*each.statement = statement
	}
	return w, nil
}

// commit writes batch as one transaction. After an error the transaction is
// left open: SQLite drops it when the file is closed or opened again.
func (w *writer) commit(ctx context.Context, batch []Entry) error {
	if _, err := w.begin.ExecContext(ctx); err != nil {
		return err
	}
	for i := range batch {
		if err := w.write(ctx, &batch[i]); err != nil {
			return fmt.Errorf("%s %q: %w", batch[i].Bucket, batch[i].Key, err)
		}
	}
	_, err := w.commitAll.ExecContext(ctx)
	return err
}

func (w *writer) write(ctx context.Context, entry *Entry) error {
	var err error
	if entry.Value == nil {
		_, err = w.remove.ExecContext(ctx, entry.Bucket, entry.Key)
	} else {
		_, err = w.put.ExecContext(ctx, entry.Bucket, entry.Key, entry.Value)
	}
	return err
}

func (w *writer) close() error {
	var errs []error
	for _, statement := range []*sql.Stmt{w.begin, w.put, w.remove, w.commitAll} {
		if statement != nil {
			errs = append(errs, statement.Close())
		}
	}
	return errors.Join(errs...)
}
