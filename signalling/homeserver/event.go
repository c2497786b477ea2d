package homeserver

import (
	"encoding/json"
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// maxEvent is the largest event as canonical JSON, and maxField the largest
// type, state key, sender or ID, in bytes (client-server API, "Size limits").
const (
	maxEvent = 65_536
	maxField = 255
)

// event is one event of a room. It does not change after it was appended,
// except by redaction. Guarded by the model's lock.
type event struct {
	eventRecord
	room *room
	// replaces is the state event that was current before this one.
	replaces *event
	// member is the membership of an m.room.member event, read once.
	member  string
	written journal.Position
}

// eventRecord is the part of an event that is one journal value.
type eventRecord struct {
	At       int64           `json:"at"` // stream position
	ID       string          `json:"event_id"`
	Type     string          `json:"type"`
	Sender   string          `json:"sender"`
	StateKey *string         `json:"state_key,omitempty"`
	Content  json.RawMessage `json:"content"`
	SentAt   int64           `json:"origin_server_ts"`
	Redacts  string          `json:"redacts,omitempty"`
	// StickyFor is the MSC4354 duration in milliseconds; 0 = not sticky.
	StickyFor int64 `json:"sticky_for,omitempty"`
	// Device and Txn say who sent it under which transaction ID, DelayID
	// which delayed event it was: each is shown to its sender only.
	Device  string `json:"device,omitempty"`
	Txn     string `json:"txn,omitempty"`
	DelayID string `json:"delay_id,omitempty"`
	// RedactedBy is the ID of the redaction.
	RedactedBy string `json:"redacted_by,omitempty"`
}

func (e *event) isState() bool { return e.StateKey != nil }

// slot is the place in the room's state a state event takes.
func (e *event) slot() stateSlot { return stateSlot{e.Type, *e.StateKey} }

// contentString reads one string of a content, "" if it is not there.
func contentString(content json.RawMessage, name string) string {
	var fields map[string]json.RawMessage
	var value string
	if json.Unmarshal(content, &fields) != nil || json.Unmarshal(fields[name], &value) != nil {
		return ""
	}
	return value
}

// clientEvent is an event as a client gets it.
type clientEvent struct {
	Type     string          `json:"type"`
	RoomID   string          `json:"room_id,omitempty"`
	ID       string          `json:"event_id"`
	Sender   string          `json:"sender"`
	SentAt   int64           `json:"origin_server_ts"`
	StateKey *string         `json:"state_key,omitempty"`
	Content  json.RawMessage `json:"content"`
	Redacts  string          `json:"redacts,omitempty"`
	Sticky   *stickyMark     `json:"msc4354_sticky,omitempty"`
	Unsigned *unsigned       `json:"unsigned,omitempty"`
}

type unsigned struct {
	Age           int64           `json:"age"`
	Txn           string          `json:"transaction_id,omitempty"`
	PrevContent   json.RawMessage `json:"prev_content,omitempty"`
	PrevSender    string          `json:"prev_sender,omitempty"`
	ReplacesState string          `json:"replaces_state,omitempty"`
	RedactedBy    *clientEvent    `json:"redacted_because,omitempty"`
	Membership    string          `json:"membership,omitempty"`
	DelayID       string          `json:"org.matrix.msc4140.delay_id,omitempty"`
	StickyFor     *int64          `json:"msc4354_sticky_duration_ttl_ms,omitempty"`
}

// view renders the event for one device. The room ID is left out in /sync,
// where the event stands under its room.
func (e *event) view(d *device, now time.Time) clientEvent {
	v := clientEvent{
		Type: e.Type, ID: e.ID, Sender: e.Sender, SentAt: e.SentAt,
		StateKey: e.StateKey, Content: e.Content, Redacts: e.Redacts,
	}
	u := &unsigned{Age: max(millis(now)-e.SentAt, 0)}
	v.Unsigned = u
	if d != nil && d.user.id == e.Sender {
		u.DelayID = e.DelayID
		if d.id == e.Device {
			u.Txn = e.Txn
		}
	}
	if e.replaces != nil {
		u.PrevContent, u.PrevSender, u.ReplacesState = e.replaces.Content, e.replaces.Sender, e.replaces.ID
	}
	if e.StickyFor > 0 {
		v.Sticky = &stickyMark{e.StickyFor}
		left := e.stickyLeft(now).Milliseconds()
		u.StickyFor = &left
	}
	if e.RedactedBy != "" {
		if by := e.room.model.events[e.RedactedBy]; by != nil {
			because := by.view(d, now)
			because.RoomID = e.room.id
			u.RedactedBy = &because
		}
	}
	return v
}

// full is view with the room ID.
func (e *event) full(d *device, now time.Time) clientEvent {
	v := e.view(d, now)
	v.RoomID = e.room.id
	if d != nil {
		v.Unsigned.Membership = e.room.membershipAt(d.user.id, e.At)
	}
	return v
}

// strippedEvent is what an invited user may see of a state event.
type strippedEvent struct {
	Type     string          `json:"type"`
	StateKey string          `json:"state_key"`
	Sender   string          `json:"sender"`
	Content  json.RawMessage `json:"content"`
}

func (e *event) stripped() strippedEvent {
	return strippedEvent{e.Type, *e.StateKey, e.Sender, e.Content}
}

// kept lists, by event type, the content that a redaction leaves (room
// version 10, "Redactions").
var kept = map[string][]string{
	typeMember:      {"membership", "join_authorised_via_users_server"},
	typeCreate:      {"creator"},
	typeJoinRules:   {"join_rule", "allow"},
	typePowerLevels: {"ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"},
	typeVisibility:  {"history_visibility"},
}

// redact strips the content; by is the redaction's ID.
func (e *event) redact(by string) {
	var old map[string]json.RawMessage
	left := make(map[string]json.RawMessage)
	if json.Unmarshal(e.Content, &old) == nil {
		for _, name := range kept[e.Type] {
			if value, ok := old[name]; ok {
				left[name] = value
			}
		}
	}
	if e.Type == typeCreate && e.room.Version != roomVersion10 {
		left = old // version 11 keeps all of it
	}
	e.Content, _ = json.Marshal(left)
	e.RedactedBy = by
	e.StickyFor = 0
}
