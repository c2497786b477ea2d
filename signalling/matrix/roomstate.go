package matrix

import (
	"encoding/json"
	"maps"
	"slices"

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
	joined    map[string]bool
	calls     map[stateKey]membership.Event
	// plain remembers the event ID of every other state event, which a
	// redaction may name.
	plain map[stateKey]string
}

func newRoomState(id string) *roomState {
	return &roomState{
		id:     id,
		joined: map[string]bool{},
		calls:  map[stateKey]membership.Event{},
		plain:  map[stateKey]string{},
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
	if known, ok := r.calls[at]; ok && known.EventID == event.EventID && event.EventID != "" {
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
		is := event.field("membership") == "join"
		if r.joined[at.key] == is {
			return changeNone
		}
		if is {
			r.joined[at.key] = true
		} else {
			delete(r.joined, at.key)
		}
		return changeFacts
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
		return assign(&r.encrypted, true)
	}
	return changeNone
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
	}
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
