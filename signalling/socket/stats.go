package socket

import "sync/atomic"

// counts are what Stats reads, each of which only grows.
type counts struct {
	accepted, refused, wrongOrigin  atomic.Uint64
	opened, replaced, givenUp       atomic.Uint64
	slow, silent, tooLarge, tooFast atomic.Uint64
	forged, signalsIn, signalsOut   atomic.Uint64
}

// Stats is a snapshot. Sockets to Calls are what there is now; all others
// count since New.
type Stats struct {
	// Sockets that are open; Seats that are held, of which Detached have no
	// socket; Calls with a seat.
	Sockets, Seats, Detached, Calls int
	// Accepted sockets, Refused ones (bounds), and those of WrongOrigin.
	Accepted, Refused, WrongOrigin uint64
	// Opened seats; sockets that were Replaced by another of the same seat;
	// seats GivenUp because too much waited for them.
	Opened, Replaced, GivenUp uint64
	// Sockets that were dropped because their browser read too slowly, was
	// silent, sent a frame that was too large, or too many.
	Slow, Silent, TooLarge, TooFast uint64
	// Forged signals were refused: they named another sender. SignalsIn went
	// to browsers, SignalsOut came from them.
	Forged, SignalsIn, SignalsOut uint64
}

// Stats gives a snapshot. Any goroutine may call it.
func (g *Gateway) Stats() Stats {
	g.mu.Lock()
	s := Stats{Sockets: len(g.sockets), Seats: len(g.holders), Calls: len(g.calls)}
	holders := make([]*holder, 0, len(g.holders))
	for h := range g.holders {
		holders = append(holders, h)
	}
	g.mu.Unlock()
	for _, h := range holders {
		if h.detached() {
			s.Detached++
		}
	}
	c := &g.counts
	s.Accepted, s.Refused, s.WrongOrigin = c.accepted.Load(), c.refused.Load(), c.wrongOrigin.Load()
	s.Opened, s.Replaced, s.GivenUp = c.opened.Load(), c.replaced.Load(), c.givenUp.Load()
	s.Slow, s.Silent, s.TooLarge, s.TooFast = c.slow.Load(), c.silent.Load(), c.tooLarge.Load(), c.tooFast.Load()
	s.Forged, s.SignalsIn, s.SignalsOut = c.forged.Load(), c.signalsIn.Load(), c.signalsOut.Load()
	return s
}

// detached reports whether no browser is connected to the seat.
func (h *holder) detached() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.socket == nil
}
