package mesh

import (
	"slices"
	"time"

	"meshfocus/signalling/message"
)

// Limits of what waits for a membership: to-device messages overtake member
// events, but not by more than a slow sync.
const (
	holdFor       = 30 * time.Second
	maxPerDevice  = 64
	maxHeldBytes  = 1 << 20
	bytesOverhead = 512 // of an envelope
)

// inbox keeps messages whose sender is no member yet, in order of arrival. It
// is a value without a clock.
type inbox struct {
	held  []held
	bytes int
}

type held struct {
	Received
	until time.Time
}

// hold keeps a message. What does not fit is not kept: the oldest message of
// the device goes first, and nothing is kept beyond the limit of all.
func (b *inbox) hold(r Received, now time.Time) bool {
	cost := bytesOverhead + size(r.Signal)
	var first, count int
	for i, h := range slices.Backward(b.held) {
		if h.From == r.From {
			first, count = i, count+1
		}
	}
	if count >= maxPerDevice {
		b.drop(first)
	}
	if b.bytes+cost > maxHeldBytes {
		return false
	}
	b.held = append(b.held, held{r, now.Add(holdFor)})
	b.bytes += cost
	return true
}

// holds reports whether messages of a call are kept.
func (b *inbox) holds(from message.Party, callID string) bool {
	return slices.ContainsFunc(b.held, func(h held) bool { return h.From == from && h.Signal.CallID == callID })
}

func (b *inbox) drop(i int) held {
	h := b.held[i]
	b.bytes -= bytesOverhead + size(h.Signal)
	b.held = slices.Delete(b.held, i, i+1)
	return h
}

// release takes out all that wait no longer, in order.
func (b *inbox) release(wait func(Received) bool) (free []Received) {
	for i := 0; i < len(b.held); {
		if wait(b.held[i].Received) {
			i++
			continue
		}
		free = append(free, b.drop(i).Received)
	}
	return free
}

// expire takes out what has waited for too long.
func (b *inbox) expire(now time.Time) (late []Received) {
	for len(b.held) > 0 && !now.Before(b.held[0].until) {
		late = append(late, b.drop(0).Received)
	}
	return late
}

// deadline tells when the next message has waited for too long; zero for never.
func (b *inbox) deadline() time.Time {
	if len(b.held) == 0 {
		return time.Time{}
	}
	return b.held[0].until
}
