package membership

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// SlotGrace is how long a slot counts as before when it says that the session
// in it is over: state resolution can take that back (decision D12).
const SlotGrace = 5 * time.Second

// Slot is how a slot counts. CallID is the m.call.id of an open one, which
// names the session in it; "" when it has none.
type Slot struct {
	Status SlotStatus
	CallID string
}

// ends reports whether a session is over when its slot becomes another: one
// that is closed, or names another session. A slot that is opened under the
// members of a session, or gives it its first name, ends nothing.
func (s Slot) ends(in Slot) bool {
	return s.Status != SlotClosed && (in.Status == SlotClosed || s.CallID != "" && s.CallID != in.CallID)
}

// HeldSlot is a slot that says that its session is over and counts as before,
// until SlotGrace has passed since the reader first heard it.
type HeldSlot struct {
	ID string // in the spelling of message.SlotID
	Slot
	Since time.Time
}

func (h HeldSlot) until() time.Time { return h.Since.Add(SlotGrace) }

// After gives the facts as they follow on earlier ones of the same room, heard
// at an instant by the reader's clock: Held is what then has to be remembered.
// Facts that follow on none count as they are.
func (f Facts) After(earlier Facts, now time.Time) Facts {
	f.Held = nil
	was, is := slotsOf(earlier, now), slotsOf(f, now)
	for id := range is {
		if _, ok := was[id]; !ok {
			was[id] = slot{}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		if slot := was[id]; slot.ends(is[id].Slot) {
			f.Held = append(f.Held, HeldSlot{ID: id, Slot: slot.Slot, Since: cmp.Or(slot.since, now)})
		}
	}
	return f
}

// Slot says how a slot counts at an instant, in any of its spellings; "" is the
// slot of the room.
func (f Facts) Slot(id string, now time.Time) Slot {
	return slotsOf(f, now)[canonicalSlot(cmp.Or(id, message.SlotRoom))].Slot
}

func slotsOf(facts Facts, now time.Time) map[string]slot {
	r := &room{facts: facts, now: now, slots: map[string]slot{}}
	r.readSlots()
	return r.slots
}

// slot is what the slot events of the room say about one slot and, while that
// is held back, how it counts and since when.
type slot struct {
	Slot
	event *Event
	since time.Time
}

// readSlots takes up all slots of the room, then what is held back of them.
func (r *room) readSlots() {
	for i := range r.facts.State {
		if e := &r.facts.State[i]; e.Type == message.TypeSlot || e.Type == message.TypeSlotStable {
			r.readSlot(e)
		}
	}
	for _, held := range r.facts.Held {
		if is := r.slots[held.ID]; held.until().After(r.now) && held.ends(is.Slot) {
			r.slots[held.ID] = slot{Slot: held.Slot, event: is.event, since: held.Since}
		}
	}
}

// readSlot takes up a slot event of either generation. Of several spellings of
// one slot the last edited counts. What cannot be read is closed.
func (r *room) readSlot(e *Event) {
	content, err := message.ParseSlot(e.Content)
	application, _, named := strings.Cut(e.StateKey, "#")
	is := slot{event: e, Slot: Slot{Status: SlotClosed}}
	switch {
	case err != nil:
		r.refuse(e, "", RuleSlotReadable, err.Error())
	case content.Open && (!named || content.Application != application):
		r.refuse(e, "", RuleSlotReadable, "application "+content.Application+" in the slot "+e.StateKey)
	case content.Open:
		is.Slot = Slot{Status: SlotOpen, CallID: content.CallID}
	}
	id := canonicalSlot(e.StateKey)
	if was, ok := r.slots[id]; !ok || newerEvent(e, was.event) {
		r.slots[id] = is
	}
}

// canonicalSlot makes the spellings of one slot equal (decision D3).
func canonicalSlot(id string) string {
	application, callID, ok := strings.Cut(id, "#")
	if !ok {
		return id
	}
	return message.SlotID(application, callID)
}

// newerEvent orders state events by when they were sent.
func newerEvent(a, b *Event) bool {
	if !a.SentAt.Equal(b.SentAt) {
		return a.SentAt.After(b.SentAt)
	}
	if a.EventID != b.EventID {
		return a.EventID > b.EventID
	}
	if a.StateKey != b.StateKey {
		return a.StateKey > b.StateKey
	}
	return a.Type > b.Type
}
