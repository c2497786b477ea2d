package upstream

import (
	"encoding/json"
	"time"
)

// fate is what became of a delayed event. Neither sent nor failed is
// cancelled.
type fate struct {
	sent    bool
	asked   bool            // by a client, before its time
	eventID string          // of an event that was sent, as the homeserver named it
	failure json.RawMessage // the standard error because of which it was not sent
}

// ending is a delayed event that is over ("finalised" in MSC4140).
type ending struct {
	record
	fate
	user string
	at   time.Time
}

// agrees says whether an action has been done already, so that who repeats a
// request hears the same again.
func (e *ending) agrees(action string) bool {
	return action == "send" && e.sent || action == "cancel" && !e.sent
}

const (
	// endedFor and endedMost are how long, and how many bytes of, what is over
	// is remembered: in memory, for clients that lost an answer. MSC4140
	// leaves both to the server; a delayed leave takes about 300 bytes.
	endedFor  = 24 * time.Hour
	endedMost = 4 << 20
)

// endings are what is over, oldest first. Guarded by the book.
type endings struct {
	list []*ending
	byID map[string]*ending
	size int // bytes of content
}

// add remembers one, and forgets what is too old or too much.
func (l *endings) add(e *ending) {
	if l.byID == nil {
		l.byID = map[string]*ending{}
	}
	l.list, l.byID[e.ID] = append(l.list, e), e
	l.size += e.bytes()
	for l.size > endedMost || e.at.Sub(l.list[0].at) > endedFor {
		oldest := l.list[0]
		l.list[0], l.list = nil, l.list[1:]
		l.size -= oldest.bytes()
		delete(l.byID, oldest.ID)
	}
}

// bytes is about what an ending costs.
func (e *ending) bytes() int {
	return 256 + len(e.Content) + len(e.failure) + len(e.Path) + len(e.Asked)
}

// finalised is a fate as the sender sees it.
type finalised struct {
	At      int64           `json:"finalised_ts"`
	EventID string          `json:"event_id,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

func (e *ending) about() about {
	a := e.record.about()
	a.Finalised = &finalised{At: e.at.UnixMilli(), EventID: e.eventID, Error: e.failure}
	return a
}

// summary is an ending in the list, as drafts of MSC4140 had it and js-sdk
// reads it.
type summary struct {
	Event   about           `json:"delayed_event"`
	Outcome string          `json:"outcome"` // send or cancel
	Reason  string          `json:"reason"`  // error, action or delay
	EventID string          `json:"event_id,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
}

func (e *ending) summary() summary {
	s := summary{Event: e.record.about(), Outcome: "cancel", Reason: "action", EventID: e.eventID, Error: e.failure}
	if e.sent {
		s.Outcome = "send"
	}
	switch {
	case e.failure != nil:
		s.Reason = "error"
	case e.sent && !e.asked:
		s.Reason = "delay"
	}
	return s
}
