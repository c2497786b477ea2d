package negotiate

import (
	"slices"
	"time"

	"meshfocus/signalling/message"
)

const (
	// holeWait: how long a message waits for one with a lower number (D20).
	holeWait = 2 * time.Second
	// inviteWait: how long messages wait for the invite of their call (D20).
	inviteWait = 30 * time.Second
	// maxHeld messages of one device wait; more push the oldest out.
	maxHeld = 64
	// tombstone: how long a dead call ID stays dead. Longer than a peer may
	// retry sending an invite.
	tombstone = 5 * time.Minute
	// maxTombstones and maxMessageIDs bound what is remembered of one device.
	maxTombstones = 128
	maxMessageIDs = 256
	// maxBehind: numbers further behind than this count as seen.
	maxBehind = 256
)

// inbox brings the messages of one device into the order of their numbers, a
// run of numbers for each call ID, and drops what came twice or belongs to a
// call that is over. Peers differ: js-sdk numbers each call from 0, Hydrogen
// goes on counting over calls, others send no numbers (D20).
//
// A gap is waited for and then passed over. A number that was passed over and
// arrives after all is delivered late, not dropped: a late answer is better
// than a call that starts again.
type inbox struct {
	calls      map[string]*numbering
	dead       map[string]time.Time // until when
	messageIDs []string             // a ring of the last ones seen
	nextID     int
	held       []heldSignal // in order of arrival
}

// numbering is how far the run of one call has come.
type numbering struct {
	next    uint64
	seen    map[uint64]bool
	opening message.Kind // the kind that may start the run anywhere; 0 once begun
}

type heldSignal struct {
	message.Signal
	at time.Time
}

func newInbox() inbox {
	return inbox{calls: map[string]*numbering{}, dead: map[string]time.Time{}}
}

// expect tells of a call of ours: its run starts with the peer's answer.
func (b *inbox) expect(callID string) {
	b.calls[callID] = &numbering{seen: map[uint64]bool{}, opening: message.Answer}
}

// bury makes a call ID dead: whatever comes for it is dropped.
func (b *inbox) bury(callID string, now time.Time) {
	delete(b.calls, callID)
	b.held = slices.DeleteFunc(b.held, func(h heldSignal) bool { return h.CallID == callID })
	for id, until := range b.dead {
		if !now.Before(until) {
			delete(b.dead, id)
		}
	}
	for len(b.dead) >= maxTombstones {
		delete(b.dead, b.oldestDead())
	}
	b.dead[callID] = now.Add(tombstone)
}

func (b *inbox) oldestDead() (oldest string) {
	var at time.Time
	for id, until := range b.dead {
		if oldest == "" || until.Before(at) || until.Equal(at) && id < oldest {
			oldest, at = id, until
		}
	}
	return oldest
}

// buried reports whether the call ID is dead.
func (b *inbox) buried(callID string, now time.Time) bool {
	until, ok := b.dead[callID]
	return ok && now.Before(until)
}

// accept takes the messages of one delivery and returns those whose turn it
// is. An invite that is answered or hung up within the same delivery is dead.
func (b *inbox) accept(batch []message.Signal, now time.Time) (ready []message.Signal) {
	settled := map[string]bool{}
	for _, s := range batch {
		if s.Kind == message.Answer || s.Kind == message.Hangup {
			settled[s.CallID] = true
		}
	}
	for _, s := range batch {
		_, known := b.calls[s.CallID]
		if s.Kind == message.Invite && settled[s.CallID] && !known {
			b.bury(s.CallID, now)
		}
	}
	for _, s := range batch {
		if b.twice(s.MessageID) || b.buried(s.CallID, now) {
			continue
		}
		ready = append(ready, b.place(s, now)...)
	}
	return ready
}

// twice remembers a message ID and reports whether it was seen before.
func (b *inbox) twice(id string) bool {
	if id == "" {
		return false
	}
	if slices.Contains(b.messageIDs, id) {
		return true
	}
	if len(b.messageIDs) < maxMessageIDs {
		b.messageIDs = append(b.messageIDs, id)
		return false
	}
	b.messageIDs[b.nextID] = id
	b.nextID = (b.nextID + 1) % maxMessageIDs
	return false
}

// place delivers one message, or holds it until its turn.
func (b *inbox) place(s message.Signal, now time.Time) []message.Signal {
	run, known := b.calls[s.CallID]
	switch {
	case s.Kind == message.Hangup || s.Kind == message.Reject:
		return []message.Signal{s} // the end overtakes everything
	case s.Kind == message.Invite && !known:
		b.calls[s.CallID] = &numbering{seen: map[uint64]bool{}, opening: message.Invite}
		return b.begin(s)
	case s.Kind == message.Invite:
		return nil // a second invite of a known call says nothing new
	case !known:
		b.hold(s, now)
		return nil
	case s.Seq == nil:
		return []message.Signal{s}
	case run.opening == s.Kind:
		return b.begin(s)
	}
	return b.inTurn(run, s, now)
}

// begin starts the run of a call at whatever number its first message has,
// and releases what waited for it.
func (b *inbox) begin(s message.Signal) []message.Signal {
	run := b.calls[s.CallID]
	run.opening = 0
	if s.Seq != nil {
		seq := uint64(*s.Seq)
		run.seen[seq] = true
		run.next = max(run.next, seq+1)
	}
	return append([]message.Signal{s}, b.release(s.CallID)...)
}

func (b *inbox) inTurn(run *numbering, s message.Signal, now time.Time) []message.Signal {
	seq := uint64(*s.Seq)
	switch {
	case run.seen[seq] || seq+maxBehind < run.next:
		return nil
	case seq > run.next:
		b.hold(s, now)
		return nil
	}
	run.pass(seq)
	return append([]message.Signal{s}, b.release(s.CallID)...)
}

// pass marks a number as delivered and moves on if it was the next one.
func (n *numbering) pass(seq uint64) {
	n.seen[seq] = true
	if seq >= n.next {
		n.next = seq + 1
	}
	if len(n.seen) > 2*maxBehind {
		for old := range n.seen {
			if old+maxBehind < n.next {
				delete(n.seen, old)
			}
		}
	}
}

// release takes from the held messages of a call those whose turn has come.
func (b *inbox) release(callID string) (ready []message.Signal) {
	run := b.calls[callID]
	for {
		i := slices.IndexFunc(b.held, func(h heldSignal) bool {
			return h.CallID == callID && (h.Seq == nil || uint64(*h.Seq) <= run.next)
		})
		if i < 0 {
			return ready
		}
		h := b.held[i]
		b.held = slices.Delete(b.held, i, i+1)
		if h.Seq != nil {
			if run.seen[uint64(*h.Seq)] {
				continue
			}
			run.pass(uint64(*h.Seq))
		}
		ready = append(ready, h.Signal)
	}
}

func (b *inbox) hold(s message.Signal, now time.Time) {
	if len(b.held) >= maxHeld {
		b.held = slices.Delete(b.held, 0, 1)
	}
	b.held = append(b.held, heldSignal{s, now})
}

// patience is how long one held message waits.
func (b *inbox) patience(h heldSignal) time.Duration {
	if _, known := b.calls[h.CallID]; known {
		return holeWait
	}
	return inviteWait
}

// deadline tells when a held message has waited long enough; zero for never.
func (b *inbox) deadline() (at time.Time) {
	for _, h := range b.held {
		if due := h.at.Add(b.patience(h)); at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}

// due passes over the gaps that were waited for long enough, and forgets
// messages whose invite never came.
func (b *inbox) due(now time.Time) (ready []message.Signal) {
	for {
		i := slices.IndexFunc(b.held, func(h heldSignal) bool {
			return !now.Before(h.at.Add(b.patience(h)))
		})
		if i < 0 {
			return ready
		}
		callID := b.held[i].CallID
		run, known := b.calls[callID]
		if !known {
			b.held = slices.Delete(b.held, i, i+1)
			continue
		}
		run.next = b.lowestHeld(callID)
		ready = append(ready, b.release(callID)...)
	}
}

func (b *inbox) lowestHeld(callID string) (lowest uint64) {
	first := true
	for _, h := range b.held {
		if h.CallID != callID || h.Seq == nil {
			continue
		}
		if seq := uint64(*h.Seq); first || seq < lowest {
			lowest, first = seq, false
		}
	}
	return lowest
}
