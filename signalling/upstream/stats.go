package upstream

import "time"

// Stats is a snapshot for status pages and metrics.
type Stats struct {
	// Delayed are events that wait, Devices those whose tokens are kept to
	// send them with.
	Delayed int
	Devices int
	Counts
	// Looked says that the homeserver was looked at, which the first client
	// brings about, and Answers that it answered the last time; AddsDelayed and
	// AddsTransports what it lacked when it last did, and we add.
	Looked         bool
	Answers        bool
	AddsDelayed    bool
	AddsTransports bool
}

// Counts is what became of delayed events since the start. Those that were
// cancelled are not counted.
type Counts struct {
	Sent   uint64 // on time or at a client's word
	Failed uint64 // the homeserver refused, or the token no longer worked
	// MostLate is how long after its time an event was sent at worst.
	MostLate time.Duration
}

// add counts one event, which ended this long after its time.
func (c *Counts) add(f fate, late time.Duration) {
	switch {
	case f.sent:
		c.Sent++
		c.MostLate = max(c.MostLate, late)
	case f.failure != nil:
		c.Failed++
	}
}

// Stats may be called from any goroutine.
func (s *Server) Stats() Stats {
	stats := s.book.stats()
	has, known, missed := s.homeserver.seen()
	stats.Looked, stats.Answers = known || missed, known && !missed
	stats.AddsDelayed, stats.AddsTransports = known && !has.delayed, known && !has.transports
	return stats
}

func (b *book) stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Stats{Delayed: len(b.events), Devices: len(b.sessions), Counts: b.counts}
}

// seen is what the last look showed that was answered; known that there was
// one, missed that a later one was not.
func (h *homeserver) seen() (has abilities, known, missed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.has, !h.hasThen.IsZero(), h.missed.After(h.hasThen)
}
