package lane

import (
	"sync/atomic"
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/egress"
	"meshfocus/focus/history"
	"meshfocus/focus/pacer"
	"meshfocus/internal/unit"
)

// count is a number that one loop writes and anybody may read.
type count struct{ n atomic.Uint64 }

// add is for the loop that owns the count: cheaper than adding atomically.
func (c *count) add(n int) { c.n.Store(c.n.Load() + uint64(n)) }

func (c *count) get() uint64 { return c.n.Load() }

// subscriptionCounts is written by the send loop.
type subscriptionCounts struct {
	packets, bytes, frames, fills, resent count
	nacked, denied, keyFrames, unsent     count
	emptied                               count

	reports                    count
	lost, fraction             atomic.Int64 // fraction of 256
	jitterNanos, roundTripNano atomic.Int64
}

func (c *subscriptionCounts) stats() SubscriptionStats {
	return SubscriptionStats{
		Packets: c.packets.get(), Bytes: c.bytes.get(), Frames: c.frames.get(),
		Fills: c.fills.get(), Resent: c.resent.get(),
		Nacked: c.nacked.get(), Denied: c.denied.get(),
		KeyFrameRequests: c.keyFrames.get(), Unsent: c.unsent.get(),
		Emptied: c.emptied.get(),
		Reports: c.reports.get(), Lost: c.lost.Load(), FractionLost: float64(c.fraction.Load()) / 256,
		Jitter:    time.Duration(c.jitterNanos.Load()),
		RoundTrip: time.Duration(c.roundTripNano.Load()),
	}
}

// SendingStats counts what left on a connection. All counts go up only.
type SendingStats struct {
	Packets, Bytes uint64 // datagrams of media, with what was sent again, and their bytes
	Reports        uint64 // datagrams of RTCP
	// Acknowledged, Missing and Recovered are packets that feedback has spoken of:
	// that they came, that they did not, that they did after all.
	Acknowledged, Missing, Recovered uint64
	// Heard counts datagrams of RTCP that concerned what we send, Faults packets in
	// them that broke the rules.
	Heard, Faults uint64
	// Unsent counts packets that could not leave: no keys, no path, or the link
	// refused them.
	Unsent uint64
	// Available is what the peer says it can take (REMB), 0 if it did not.
	Available uint64 // bits in a second
	// Estimate is what the path is thought to carry, Confirmed what was proven of it,
	// Pace how fast packets leave, all of IP packets, in bits in a second; 0 while
	// nothing is estimated (EndConfig.Adaptive).
	Estimate, Confirmed, Pace uint64
	// Queued is how long packets wait in the path's queue, Held how many bytes of
	// pictures wait for their time here, Loss the share that is lost of late, in
	// thousandths.
	Queued time.Duration
	Held   uint64
	Loss   uint64
	// Padding is bytes that were sent to find out what the path carries.
	Padding uint64
	// Reason is why the estimate changed last, Changed when: unit.Never before there
	// is one.
	Reason  bwe.Reason
	Changed unit.Instant
}

// sendingCounts is written by the send loop.
type sendingCounts struct {
	packets, bytes, reports           count
	acknowledged, missing, recovered  count
	heard, faults, unsent, available  count
	estimate, confirmed, pace, queued count
	held, loss, padding               count
	reason, changed                   count
}

// judged publishes what feedback has said.
func (c *sendingCounts) judged(w *way) {
	fates := w.path.Stats().Fates
	c.acknowledged.add(int(fates[history.Received] - w.fates[history.Received]))
	c.missing.add(int(fates[history.Missing] - w.fates[history.Missing]))
	c.recovered.add(int(fates[history.Recovered] - w.fates[history.Recovered]))
	w.fates = fates
}

// estimated publishes what is known of the path, and counts on the lane what has changed.
func (c *sendingCounts) estimated(e bwe.Estimate, s egress.Stats, on *laneCounts) {
	if c.estimate.get() != uint64(e.Rate) {
		on.changes[e.Reason].add(1)
	}
	on.padding.add(int(uint64(s.Bytes[pacer.Padding]) - c.padding.get()))
	c.estimate.n.Store(uint64(e.Rate))
	c.confirmed.n.Store(uint64(e.Confirmed))
	c.pace.n.Store(uint64(s.Pace))
	c.queued.n.Store(uint64(max(e.Queue, 0)))
	c.loss.n.Store(uint64(max(e.Loss, 0) * 1000))
	c.padding.n.Store(uint64(s.Bytes[pacer.Padding]))
	c.reason.n.Store(uint64(e.Reason))
	c.changed.n.Store(uint64(e.Changed))
}

func (o *outlet) statsInto(s *SendingStats) {
	c := &o.stats
	*s = SendingStats{
		Packets: c.packets.get(), Bytes: c.bytes.get(), Reports: c.reports.get(),
		Acknowledged: c.acknowledged.get(), Missing: c.missing.get(), Recovered: c.recovered.get(),
		Heard: c.heard.get(), Faults: c.faults.get(), Unsent: c.unsent.get(),
		Available: c.available.get(),
		Estimate:  c.estimate.get(), Confirmed: c.confirmed.get(), Pace: c.pace.get(),
		Queued: time.Duration(c.queued.get()), Held: c.held.get(), Loss: c.loss.get(), Padding: c.padding.get(),
		Reason: bwe.Reason(c.reason.get()), Changed: unit.Instant(c.changed.get()),
	}
}

// Stats is what a Lane is and did. All counts go up only, but for Waiting.
type Stats struct {
	Ends    int    // connections at present
	Waiting int    // parcels that were handed over and not sent yet
	Flushes uint64 // times that the send loop sent what it had
	Packets uint64 // that it sent
	Lost    uint64 // RTCP that found no room in the mailbox
	// Strangers counts datagrams of media from addresses that no End has.
	Strangers uint64
	// Received counts datagrams of media that sockets of the lane brought.
	Received uint64
	// Overflowed counts packets that were meant for a subscriber and found no room,
	// Shed the times that a subscription got no pictures for a while because the lane
	// was nearly full, Starved packets that came when none was free to hold them.
	Overflowed, Shed, Starved uint64
	// Unsent counts packets and reports that could not leave: no format, keys or path.
	Unsent uint64
	// Repair is what was lost and made good.
	Repair RepairStats
	// Paths is how what is thought of the paths to peers has changed.
	Paths PathStats
	// Stages is what the parts of the way cost, as far as they were timed, Sides what
	// its two halves did as a whole.
	Stages [Stages]StageStats
	Sides  [Sides]StageStats
}

// RepairStats counts what was asked for again, on a lane.
type RepairStats struct {
	// Asked are numbers that publishers were asked for again (NACK), Restored packets
	// that came as a retransmission and were missing.
	Asked, Restored uint64
	// Nacked are numbers that subscribers asked for again, Resent packets that were
	// sent again, Denied those that were not.
	Nacked, Resent, Denied uint64
	// KeyFramesAsked are requests for key frames (PLI, FIR) to publishers,
	// KeyFramesWanted those of subscribers.
	KeyFramesAsked, KeyFramesWanted uint64
}

// PathStats counts what became of estimates, on a lane (EndConfig.Adaptive).
type PathStats struct {
	// Changes counts looks at an estimate that had changed since the one before, by why
	// it changed last.
	Changes [bwe.Reasons]uint64
	// Padding is bytes that were sent to find out what paths carry, Emptied counts how
	// often what waited of a subscription was left out, as it was too much.
	Padding, Emptied uint64
	// Marked is packets that left with ECT(1), Congested those that reports say came with
	// CE, and Unmarkable counts paths that went on without marks, because those that had
	// one did not come, or came without (Config.ECN).
	Marked, Congested, Unmarkable uint64
}

// laneCounts: the first are written by the send loop, those behind by any.
type laneCounts struct {
	flushes, packets, unsent                count
	nacked, resent, denied, keyFramesWanted count
	changes                                 [bwe.Reasons]count
	padding, emptied                        count
	marked, congested, unmarkable           count

	_ [64]byte // the loops do not write to each other's line of the cache

	strangers, received, overflowed, shed, starved atomic.Uint64
	asked, restored, keyFramesAsked                atomic.Uint64
}

// Stats gives what the lane is and did. Any goroutine may.
func (l *Lane) Stats() Stats {
	l.mail.mutex.Lock()
	lost := l.mail.lost
	l.mail.mutex.Unlock()
	stats := Stats{
		Ends: len(l.living.Load().ends), Waiting: int(l.mail.parcels.Load()),
		Flushes: l.counts.flushes.get(), Packets: l.counts.packets.get(), Lost: lost,
		Strangers: l.counts.strangers.Load(), Received: l.counts.received.Load(),
		Overflowed: l.counts.overflowed.Load(), Shed: l.counts.shed.Load(), Starved: l.counts.starved.Load(),
		Unsent: l.counts.unsent.get(),
		Repair: RepairStats{
			Asked: l.counts.asked.Load(), Restored: l.counts.restored.Load(),
			Nacked: l.counts.nacked.get(), Resent: l.counts.resent.get(), Denied: l.counts.denied.get(),
			KeyFramesAsked: l.counts.keyFramesAsked.Load(), KeyFramesWanted: l.counts.keyFramesWanted.get(),
		},
	}
	l.counts.pathsInto(&stats.Paths)
	l.ledger.statsInto(&stats)
	return stats
}

func (c *laneCounts) pathsInto(s *PathStats) {
	s.Padding, s.Emptied = c.padding.get(), c.emptied.get()
	s.Marked, s.Congested, s.Unmarkable = c.marked.get(), c.congested.get(), c.unmarkable.get()
	for reason := range c.changes {
		s.Changes[reason] = c.changes[reason].get()
	}
}
