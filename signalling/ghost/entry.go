package ghost

import (
	"cmp"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Entry is one device that a room's events say to be in a call, or an event
// of which nothing better can be said.
type Entry struct {
	message.Party // DeviceID is "" when the event does not tell
	// ConfID is the slot or conference; "" when the event does not tell.
	ConfID    string
	SessionID string
	Form      message.Form
	// Type, StateKey, Sender, EventID and SentAt are of the event that holds
	// the entry. Sticky events have no state key.
	Type, StateKey, Sender, EventID string
	Sticky                          bool
	SentAt                          time.Time
	// CreatedAt and ExpiresAt are as membership.Member has them; zero when the
	// event cannot be read so far.
	CreatedAt, ExpiresAt time.Time
	// Transport is the type the member uses, Mesh whether it can be met
	// directly.
	Transport string
	Mesh      bool
	// Route is whether it forwards, and by whom it gets everything.
	Route message.Route
	// Counts is true for members of a session.
	Counts bool
	// Refusals say by which rules the entry does not count, or is not met.
	Refusals []membership.Refusal
	// Suspicions speak against somebody being there, strongest first.
	Suspicions []Suspicion
}

// Verdict says in a word what the suspicions come to.
func (e *Entry) Verdict() Verdict {
	verdict := Alive
	for _, s := range e.Suspicions {
		if s.Kind.Sure() {
			return Ghost
		}
		verdict = Doubtful
	}
	return verdict
}

// List gives every entry of a room at an instant, ordered by conference, user,
// device and event.
//
// Compute is asked twice: once generously, before any time was over and with
// all senders taken for joined, to learn what stands there; and once as it is,
// to learn what counts.
func List(facts membership.Facts, know Knowledge, now time.Time) []Entry {
	generous := facts
	generous.Joined = map[string]bool{}
	events := eventsOf(facts)
	for _, e := range events {
		generous.Joined[e.Sender] = true
	}
	is := membership.Compute(facts, now)
	b := book{events: events, at: map[place]int{}}
	for _, session := range membership.Compute(generous, time.Time{}).Sessions {
		b.members(session)
	}
	for _, session := range is.Sessions {
		b.members(session)
		for i := range session.Members {
			m := &session.Members[i]
			entry := &b.entries[b.at[place{m.EventID, m.DeviceID, session.ConfID}]]
			entry.Counts = true
		}
	}
	for _, refusal := range is.Refusals {
		b.refuse(refusal)
	}
	for i := range b.entries {
		b.entries[i].Suspicions = suspicions(&b.entries[i], facts, know, now)
	}
	slices.SortFunc(b.entries, compare)
	return b.entries
}

func compare(a, b Entry) int {
	return cmp.Or(
		cmp.Compare(a.ConfID, b.ConfID), cmp.Compare(a.UserID, b.UserID),
		cmp.Compare(a.DeviceID, b.DeviceID), cmp.Compare(a.EventID, b.EventID),
	)
}

// source is an event that may hold entries.
type source struct {
	membership.Event
	sticky bool
}

func eventsOf(facts membership.Facts) map[string]source {
	events := map[string]source{}
	for _, e := range facts.State {
		events[e.EventID] = source{e, false}
	}
	for _, s := range facts.Sticky {
		events[s.EventID] = source{s.Event, true}
	}
	return events
}

// place is where an entry stands.
type place struct{ eventID, deviceID, confID string }

// book collects entries.
type book struct {
	events  map[string]source
	entries []Entry
	at      map[place]int
}

// members takes up those of a session that are not there yet.
func (b *book) members(session membership.Session) {
	for i := range session.Members {
		m := &session.Members[i]
		where := place{m.EventID, m.DeviceID, session.ConfID}
		if _, known := b.at[where]; known {
			continue
		}
		b.at[where] = len(b.entries)
		entry := b.entry(m.EventID)
		entry.Party, entry.ConfID, entry.SessionID = m.Party, session.ConfID, m.SessionID
		entry.CreatedAt, entry.ExpiresAt = m.CreatedAt, m.ExpiresAt
		entry.Transport, entry.Mesh, entry.Route = m.Focus, m.Mesh, m.Route
		if m.Form != message.FormLeft {
			entry.Form = m.Form
		} else if !entry.Sticky {
			entry.Form = session.Form
		}
		b.entries = append(b.entries, entry)
	}
}

// entry begins one with what its event tells.
func (b *book) entry(eventID string) Entry {
	event := b.events[eventID]
	entry := Entry{
		Party: message.Party{UserID: event.Sender}, Type: event.Type, StateKey: event.StateKey, Sender: event.Sender,
		EventID: eventID, Sticky: event.sticky, SentAt: event.SentAt,
	}
	if event.sticky {
		entry.Form = message.FormSticky
	} else if content, err := message.ParseMember(event.Content); err == nil || content.Form != message.FormLeft {
		entry.Form = content.Form
	}
	return entry
}

// refuse puts a refusal to the entries it is about: those of one device, or
// all of an event. If there are none the event itself becomes one.
func (b *book) refuse(refusal membership.Refusal) {
	if isNoMember(b.events[refusal.EventID].Type) {
		return // a call object or a slot is nobody's membership
	}
	found := false
	for i := range b.entries {
		e := &b.entries[i]
		if e.EventID != refusal.EventID || (refusal.DeviceID != "" && e.DeviceID != refusal.DeviceID) {
			continue
		}
		// A device may be in two conferences by one event: a refusal that is
		// not about focus is about the one that does not count.
		if e.Counts && refusal.DeviceID != "" && refusal.Rule != membership.RuleFocus {
			continue
		}
		e.Refusals = append(e.Refusals, refusal)
		found = true
	}
	if found {
		return
	}
	entry := b.entry(refusal.EventID)
	entry.DeviceID = refusal.DeviceID
	entry.Refusals = []membership.Refusal{refusal}
	b.entries = append(b.entries, entry)
}

func isNoMember(eventType string) bool {
	switch eventType {
	case message.TypeCall, message.TypeCallStable, message.TypeSlot, message.TypeSlotStable:
		return true
	}
	return false
}
