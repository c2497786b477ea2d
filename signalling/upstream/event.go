package upstream

import (
	"cmp"
	"encoding/json"
	"time"

	"meshfocus/signalling/agenda"
)

// event is a delayed event (MSC4140). It may be restarted, cancelled or sent
// by who knows its ID, 144 random bits. Guarded by the book.
type event struct {
	record
	owner *session

	when     agenda.Appointment[*event]
	failures int           // attempts in a row that may be repeated
	sending  chan struct{} // while it is being sent; closed after that
}

func newEvent(r record) *event {
	e := &event{record: r}
	e.when.What = e
	return e
}

// record is an event as a journal value: the request as the client made it,
// and when to make it. Since is an instant, so that a restart of ours does not
// prolong anything.
type record struct {
	ID      string          `json:"id"`
	Session string          `json:"session"`         // key of the owner
	Path    string          `json:"path"`            // escaped; where it is sent
	Asked   string          `json:"asked,omitempty"` // escaped; where it was scheduled, if elsewhere
	Query   string          `json:"query,omitempty"`
	Room    string          `json:"room"`
	Type    string          `json:"type"`
	Key     *string         `json:"state_key,omitempty"`
	Txn     string          `json:"txn,omitempty"`
	Content json.RawMessage `json:"content"`
	Delay   time.Duration   `json:"delay"`
	Since   time.Time       `json:"since"` // scheduled or restarted
}

func (r *record) due() time.Time { return r.Since.Add(r.Delay) }

// sameRequest says whether two were scheduled by one request that came twice
// (client-server API, "Transaction identifiers").
func (r *record) sameRequest(other *record) bool {
	return r.Txn != "" && r.Session == other.Session && cmp.Or(r.Asked, r.Path) == cmp.Or(other.Asked, other.Path)
}

// about is a delayed event as its sender sees it; clients read both spellings
// of the times.
type about struct {
	ID      string          `json:"delay_id"`
	Room    string          `json:"room_id"`
	Type    string          `json:"type"`
	Key     *string         `json:"state_key,omitempty"`
	Delay   int64           `json:"delay"`
	DelayMs int64           `json:"delay_ms"`
	Since   int64           `json:"running_since"`
	SinceTS int64           `json:"delayed_since_ts"`
	Content json.RawMessage `json:"content"`
	// Finalised is what became of it; absent while it waits.
	Finalised *finalised `json:"finalised,omitempty"`
}

func (r *record) about() about {
	return about{
		ID: r.ID, Room: r.Room, Type: r.Type, Key: r.Key, Content: r.Content,
		Delay: r.Delay.Milliseconds(), DelayMs: r.Delay.Milliseconds(),
		Since: r.Since.UnixMilli(), SinceTS: r.Since.UnixMilli(),
	}
}

// session is a device with events that wait, and the token to send them with:
// the newest that the device has shown us, "" once it stopped working. It is
// forgotten with the last event.
type session struct {
	sessionRecord
	key    string
	events int
	busy   bool     // one event at a time, so that they stay in order
	held   []*event // due while busy
}

// sessionRecord is a session as a journal value.
type sessionRecord struct {
	User   string `json:"user"`
	Device string `json:"device,omitempty"`
	Assert string `json:"assert,omitempty"` // see caller
	Token  string `json:"token"`
}
