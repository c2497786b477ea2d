package vector

import (
	"encoding/json"
	"time"

	"meshfocus/signalling/membership"
)

// Room is a room as a homeserver tells it, and an instant: recorded from
// published clients, or made up for one rule.
type Room struct {
	About     string   `json:"about"` // a sentence for people
	Now       int64    `json:"now"`
	RoomID    string   `json:"room_id"`
	Version   string   `json:"room_version"`
	Encrypted bool     `json:"encrypted"`
	Joined    []string `json:"joined"`
	State     []Event  `json:"state"`
	Sticky    []Sticky `json:"sticky"`
	Held      []Held   `json:"held"`
}

// Event is an event of the room's state.
type Event struct {
	Type     string          `json:"type"`
	StateKey string          `json:"state_key"`
	Sender   string          `json:"sender"`
	EventID  string          `json:"event_id"`
	SentAt   int64           `json:"origin_server_ts"`
	Content  json.RawMessage `json:"content"`
}

// Sticky is a sticky event, decrypted.
type Sticky struct {
	Event
	Until     int64  `json:"until"`
	Duration  int64  `json:"duration"`
	Encrypted bool   `json:"encrypted"`
	Device    string `json:"device"`
}

// Held is a slot that says that its session is over and may count as before.
type Held struct {
	SlotID string `json:"slot_id"`
	// Status is how it counted before, "open" or "missing".
	Status string `json:"status"`
	CallID string `json:"call_id"`
	Since  int64  `json:"since"`
}

// Facts gives the facts of the room and the reader's clock.
func (r Room) Facts() (membership.Facts, time.Time) {
	facts := membership.Facts{RoomID: r.RoomID, RoomVersion: r.Version, Encrypted: r.Encrypted, Joined: map[string]bool{}}
	for _, user := range r.Joined {
		facts.Joined[user] = true
	}
	for _, e := range r.State {
		facts.State = append(facts.State, e.event())
	}
	for _, s := range r.Sticky {
		facts.Sticky = append(facts.Sticky, membership.Sticky{
			Event: s.event(), Until: instant(s.Until), Duration: time.Duration(s.Duration) * time.Millisecond,
			Encrypted: s.Encrypted, Device: s.Device,
		})
	}
	for _, h := range r.Held {
		facts.Held = append(facts.Held, h.slot())
	}
	return facts, instant(r.Now)
}

func (e Event) event() membership.Event {
	return membership.Event{
		Type: e.Type, StateKey: e.StateKey, Sender: e.Sender, EventID: e.EventID,
		SentAt: instant(e.SentAt), Content: e.Content,
	}
}

func (h Held) slot() membership.HeldSlot {
	held := membership.HeldSlot{ID: h.SlotID, Slot: membership.Slot{CallID: h.CallID}, Since: instant(h.Since)}
	if h.Status == membership.SlotOpen.String() {
		held.Status = membership.SlotOpen
	}
	return held
}

func instant(millis int64) time.Time { return time.UnixMilli(millis).UTC() }
