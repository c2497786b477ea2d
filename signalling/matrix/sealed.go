package matrix

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"meshfocus/signalling/message"
)

const (
	// sealedMost bounds, for each room, how many encrypted events wait for
	// their keys.
	sealedMost = 256
	// sealedWait is how long one waits that is not sticky: nobody rings for
	// longer.
	sealedWait = message.RingCap
)

// heardEvent is an event of a room with its sticky mark, opened if it came
// encrypted.
type heardEvent struct {
	roomEvent
	mark stickyMark
	// sealed: it came encrypted; device is the one that did it, "" when that is
	// not proven (decision D7).
	sealed bool
	device string
}

// sealedEvent is one whose key has not come, and until when that is of use.
type sealedEvent struct {
	eventID string
	raw     json.RawMessage
	until   time.Time
}

// hear reads events of a room in their order. Encrypted ones are opened before
// anybody looks at type or sticky key, which are inside; those whose key is not
// there are kept back for openWaiting. What cannot be read is left out.
func (a *Account) hear(ctx context.Context, known *room, events []json.RawMessage) (heard []heardEvent) {
	for _, raw := range events {
		event, ok := readHeardEvent(raw)
		if ok && event.Type == message.TypeEncrypted && event.StateKey == nil {
			ok = a.unseal(ctx, known, raw, &event)
		}
		if ok {
			heard = append(heard, event)
		}
	}
	return heard
}

// readHeardEvent gives false for what is no event. A spoilt mark is none.
func readHeardEvent(raw json.RawMessage) (heardEvent, bool) {
	inner, ok := readRoomEvent(raw)
	event := heardEvent{roomEvent: inner}
	if json.Unmarshal(raw, &event.mark) != nil {
		event.mark = stickyMark{}
	}
	return event, ok
}

// unseal puts what an encrypted event says in its place; false when it has to
// wait for its key.
func (a *Account) unseal(loop context.Context, known *room, raw json.RawMessage, event *heardEvent) bool {
	if a.crypto == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(loop, requestTimeout)
	defer cancel()
	eventType, content, device, err := a.crypto.openRoomEvent(ctx, known.id, raw)
	if err != nil {
		a.log.Debug("cannot open an event yet", "room", known.id, "party", event.Sender, "err", err)
		until := time.Now().Add(sealedWait)
		if sticky, ok := event.sticky(time.Now(), a.clock.ahead()); ok {
			until = sticky.Until
		}
		known.state.sealed.keep(sealedEvent{event.EventID, raw, until})
		return false
	}
	event.Type, event.Content, event.sealed, event.device = eventType, content, true, device
	return true
}

// openWaiting tries again what could not be opened; keys may have come. What it
// says is told at once.
func (a *Account) openWaiting(ctx context.Context) {
	for _, known := range a.rooms.take(func(r *room) bool { return len(r.state.sealed) > 0 }) {
		known.state.sealed.expire(time.Now())
		var waiting []json.RawMessage
		for _, event := range known.state.sealed {
			waiting = append(waiting, event.raw)
		}
		heard := a.hear(ctx, known, waiting)
		for _, event := range heard {
			known.state.sealed.remove(event.EventID)
		}
		if a.applySticky(known, heard) {
			a.tell(known)
		}
		a.tellRings(known, heard)
	}
}

// sealedEvents wait for their keys, in the order in which they came. Owned by
// the sync loop.
type sealedEvents []sealedEvent

// keep takes an event unless it is there already; when there are too many, the
// one that would have ended first goes.
func (s *sealedEvents) keep(event sealedEvent) {
	if slices.ContainsFunc(*s, func(other sealedEvent) bool { return other.eventID == event.eventID }) {
		return
	}
	if *s = append(*s, event); len(*s) > sealedMost {
		first := slices.MinFunc(*s, func(a, b sealedEvent) int { return a.until.Compare(b.until) })
		s.remove(first.eventID)
	}
}

func (s *sealedEvents) remove(eventID string) {
	*s = slices.DeleteFunc(*s, func(event sealedEvent) bool { return event.eventID == eventID })
}

func (s *sealedEvents) expire(now time.Time) {
	*s = slices.DeleteFunc(*s, func(event sealedEvent) bool { return event.until.Before(now) })
}
