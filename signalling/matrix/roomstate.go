package matrix

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"meshfocus/signalling/membership"
)

// stateKey is where a state event stands in its room.
type stateKey struct{ eventType, key string }

// roomState is what we know of one room: pure bookkeeping from events to
// facts. Owned by the sync loop.
type roomState struct {
	id        string
	version   string
	joinRule  string
	encrypted bool
	rules     json.RawMessage // content of m.room.encryption
	joined    map[string]bool
	names     map[string]string // display names of the joined, where they have one
	calls     map[stateKey]membership.Event
	// plain remembers the event ID of every other state event, which a
	// redaction may name.
	plain  map[stateKey]string
	sticky stickyMap
	sealed sealedEvents
}

func newRoomState(id string) *roomState {
	return &roomState{
		id:     id,
		joined: map[string]bool{},
		names:  map[string]string{},
		calls:  map[stateKey]membership.Event{},
		plain:  map[stateKey]string{},
		sticky: newStickyMap(),
	}
}

// change says what applying an event did.
type change uint8

const (
	changeNone change = iota
	// changeFacts: facts are different now.
	changeFacts
	// changeUnknown: the event redacted state whose remains we cannot
	// compute; the room's state has to be fetched.
	changeUnknown
)

// apply takes one event of a state section or timeline. Later events override
// earlier ones. The room version 1 to 12 rules about redacted state are the
// server's: of a call event nothing is left.
func (r *roomState) apply(event roomEvent) change {
	if event.Type == typeRedaction && event.StateKey == nil {
		return r.redact(event.redacts())
	}
	if event.StateKey == nil {
		return changeNone
	}
	at := stateKey{event.Type, *event.StateKey}
	if slices.Contains(callTypes, event.Type) {
		return r.applyCall(at, event)
	}
	r.plain[at] = event.EventID
	return r.applyPlain(at, event)
}

func (r *roomState) applyCall(at stateKey, event roomEvent) change {
	known, ok := r.calls[at]
	if ok && known.EventID == event.EventID && event.EventID != "" {
		return changeNone
	}
	r.calls[at] = membership.Event{
		Type: event.Type, StateKey: at.key, Sender: event.Sender,
		EventID: event.EventID, SentAt: event.sentAt(), Content: event.Content,
	}
	return changeFacts
}

func (r *roomState) applyPlain(at stateKey, event roomEvent) change {
	switch at.eventType {
	case typeRoomMember:
		return r.applyMember(at.key, event)
	case typeJoinRules:
		return assign(&r.joinRule, event.field("join_rule"))
	case typeCreate:
		version := event.field("room_version")
		if version == "" {
			version = "1"
		}
		return assign(&r.version, version)
	case typeEncryption:
		// Encryption cannot be switched off again.
		r.rules = event.Content
		return assign(&r.encrypted, true)
	}
	return changeNone
}

func (r *roomState) applyMember(user string, event roomEvent) change {
	is, name := event.field("membership") == "join", event.field("displayname")
	if !is {
		name = ""
	}
	if r.joined[user] == is && r.names[user] == name {
		return changeNone
	}
	delete(r.joined, user)
	delete(r.names, user)
	if is {
		r.joined[user] = true
	}
	if name != "" {
		r.names[user] = name
	}
	return changeFacts
}

func assign[T comparable](field *T, value T) change {
	if *field == value {
		return changeNone
	}
	*field = value
	return changeFacts
}

func (r *roomState) redact(eventID string) change {
	if eventID == "" {
		return changeNone
	}
	r.sealed.remove(eventID)
	if r.sticky.remove(eventID) {
		return changeFacts
	}
	for at, known := range r.calls {
		if known.EventID == eventID {
			known.Content = json.RawMessage("{}")
			r.calls[at] = known
			return changeFacts
		}
	}
	for _, known := range r.plain {
		if known == eventID {
			return changeUnknown
		}
	}
	return changeNone
}

// follow takes over from an earlier state of the same room what the homeserver
// does not say again: sticky events.
func (r *roomState) follow(earlier *roomState) { r.sticky, r.sealed = earlier.sticky, earlier.sealed }

// call gives the content of one call event, nil when there is none.
func (r *roomState) call(eventType, key string) (membership.Event, bool) {
	event, ok := r.calls[stateKey{eventType, key}]
	return event, ok
}

// facts gives a copy that the receiver may keep.
func (r *roomState) facts() membership.Facts {
	return membership.Facts{
		RoomID:      r.id,
		RoomVersion: r.version,
		JoinRule:    r.joinRule,
		Encrypted:   r.encrypted,
		Joined:      maps.Clone(r.joined),
		State:       slices.Collect(maps.Values(r.calls)),
		Sticky:      r.sticky.list(time.Now()),
	}
}

// crowd is whom an event of ours in a room has to be readable for, and only
// for them.
type crowd struct {
	room string
	// rules is the content of m.room.encryption; nil in a room without it.
	rules json.RawMessage
	// users are the joined ones, in order; nil in a room without encryption.
	users []string
}

func (r *roomState) crowd() *crowd {
	if !r.encrypted {
		return &crowd{room: r.id}
	}
	rules := r.rules
	if rules == nil {
		rules = json.RawMessage(`{}`)
	}
	return &crowd{room: r.id, rules: rules, users: slices.Sorted(maps.Keys(r.joined))}
}

func (c *crowd) same(other *crowd) bool {
	return bytes.Equal(c.rules, other.rules) && slices.Equal(c.users, other.users)
}

// holds reports whether one of the users is in the crowd.
func (c *crowd) holds(users []string) bool {
	return slices.ContainsFunc(users, func(user string) bool {
		_, there := slices.BinarySearch(c.users, user)
		return there
	})
}

// hasMember reports whether the user has written a call membership here.
func (r *roomState) hasMember(userID string) bool {
	for _, event := range r.calls {
		if event.Sender == userID {
			return true
		}
	}
	return false
}
