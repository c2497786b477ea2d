package journal

import "time"

// Stats is a snapshot of what the journal has done since Open.
type Stats struct {
	// Appended and Durable are positions, in entries; the difference is what
	// callers wait for. Queued is the part of it no transaction has taken.
	Appended, Durable Position
	Queued            int
	// Commits is the number of transactions, Bytes the size of all keys and
	// values in them, LargestCommit the entries of the largest.
	Commits, Bytes uint64
	LargestCommit  int
	// LastCommit and LongestCommit are how long transactions took, with the
	// flush to disk.
	LastCommit, LongestCommit time.Duration
	// Broken is true after a failed write.
	Broken bool
}

// counts is the part of Stats that commits move; guarded by Journal.mu.
type counts struct {
	commits, bytes uint64
	largest        int
	last, longest  time.Duration
}

func (c *counts) add(batch []Entry, took time.Duration) {
	c.commits++
	for i := range batch {
		c.bytes += uint64(len(batch[i].Bucket) + len(batch[i].Key) + len(batch[i].Value))
	}
	c.largest = max(c.largest, len(batch))
	c.last, c.longest = took, max(c.longest, took)
}

// Stats returns the present numbers.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Stats{
		Appended: j.appended, Durable: j.durable, Queued: len(j.queue),
		Commits: j.counts.commits, Bytes: j.counts.bytes, LargestCommit: j.counts.largest,
		LastCommit: j.counts.last, LongestCommit: j.counts.longest,
		Broken: j.failure != nil && j.failure != ErrClosed,
	}
}
