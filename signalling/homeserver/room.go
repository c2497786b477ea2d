package homeserver

import (
	"cmp"
	"slices"
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// Event types the server itself reads or writes.
const (
	typeCreate         = "m.room.create"
	typeMember         = "m.room.member"
	typePowerLevels    = "m.room.power_levels"
	typeJoinRules      = "m.room.join_rules"
	typeVisibility     = "m.room.history_visibility"
	typeGuestAccess    = "m.room.guest_access"
	typeName           = "m.room.name"
	typeTopic          = "m.room.topic"
	typeAvatar         = "m.room.avatar"
	typeEncryption     = "m.room.encryption"
	typeCanonicalAlias = "m.room.canonical_alias"
	typeTombstone      = "m.room.tombstone"
	typeRedaction      = "m.room.redaction"
	typeMessage        = "m.room.message"
	typeEncrypted      = "m.room.encrypted"
)

// Memberships, as in the content of m.room.member. A user without an event
// has none of them, written as "".
const (
	memberJoin   = "join"
	memberInvite = "invite"
	memberLeave  = "leave"
	memberBan    = "ban"
	memberKnock  = "knock"
)

// Room versions this server makes. Their rules are followed as far as they
// show on one server: no signatures, no state resolution.
const (
	roomVersion10      = "10"
	roomVersion11      = "11"
	roomVersionDefault = roomVersion10
)

// room is one room. Guarded by the model's lock.
type room struct {
	roomRecord
	id    string
	model *model

	timeline []*event // by position
	state    map[stateSlot]*event
	power    powerLevels
	joined   map[string]*user
	// spans are the memberships a user has had, oldest first; access is the
	// same for the room's history visibility.
	spans  map[string][]span
	access []span

	receipts map[receiptKey]*receipt
	typing   map[string]time.Time // user ID → until when
	sticky   []*event             // by position, some may have run out

	// Positions of the newest change: of anything, of members, of typing.
	changedAt, membersAt, typingAt int64
	// written is where the newest change stands in the journal.
	written journal.Position
}

// roomRecord is the part of a room that is one journal value; the rest is
// made of its events.
type roomRecord struct {
	Version string `json:"version"`
	Creator string `json:"creator"`
	Listed  bool   `json:"listed,omitempty"` // in the public room list
}

type stateSlot struct{ kind, key string }

// span is a value that holds from a position on.
type span struct {
	from  int64
	value string
}

// at finds the value that holds at a position.
func at(spans []span, position int64) string {
	for i := len(spans) - 1; i >= 0; i-- {
		if spans[i].from <= position {
			return spans[i].value
		}
	}
	return ""
}

func (m *model) newRoom(id string, record roomRecord) *room {
	r := &room{
		roomRecord: record, id: id, model: m,
		state: make(map[stateSlot]*event), joined: make(map[string]*user),
		spans: make(map[string][]span), receipts: make(map[receiptKey]*receipt),
		typing: make(map[string]time.Time),
	}
	r.power = defaultPower(record.Creator)
	m.rooms[id] = r
	return r
}

func (m *model) saveRoom(r *room) { r.written = m.write(put(bucketRoom, key(r.id), r.roomRecord)) }

// membership is what the user is to the room now.
func (r *room) membership(userID string) string {
	if e := r.state[stateSlot{typeMember, userID}]; e != nil {
		return e.member
	}
	return ""
}

// membershipAt is what the user was to the room at a position.
func (r *room) membershipAt(userID string, position int64) string {
	if value := at(r.spans[userID], position); value != "" {
		return value
	}
	return memberLeave
}

// text reads one string of a state event with an empty key.
func (r *room) text(kind, name string) string {
	if e := r.state[stateSlot{kind, ""}]; e != nil {
		return contentString(e.Content, name)
	}
	return ""
}

// place puts an event, new or loaded, where it belongs. Events must come in
// the order of their positions.
func (r *room) place(e *event) {
	e.room = r
	r.timeline = append(r.timeline, e)
	r.changedAt = e.At
	r.model.events[e.ID] = e
	if e.StickyFor > 0 {
		r.sticky = append(r.sticky, e)
	}
	if !e.isState() {
		return
	}
	e.replaces = r.state[e.slot()]
	r.state[e.slot()] = e
	switch e.Type {
	case typeMember:
		r.placeMember(e)
	case typePowerLevels:
		r.power = parsePower(e.Content)
	case typeVisibility:
		r.access = append(r.access, span{e.At, contentString(e.Content, "history_visibility")})
	}
}

func (r *room) placeMember(e *event) {
	id, membership := *e.StateKey, contentString(e.Content, "membership")
	e.member = membership
	r.membersAt = e.At
	r.spans[id] = append(r.spans[id], span{e.At, membership})
	delete(r.joined, id)
	u := r.model.users[id]
	if u == nil {
		return
	}
	u.rooms[r.id] = r
	if membership == memberJoin {
		r.joined[id] = u
	} else {
		delete(r.typing, id)
	}
}

// after returns the part of the timeline behind a position.
func (r *room) after(position int64) []*event {
	i, _ := slices.BinarySearchFunc(r.timeline, position+1, func(e *event, p int64) int { return cmp.Compare(e.At, p) })
	return r.timeline[i:]
}

// stateAt is the room's state as it was just after a position.
func (r *room) stateAt(position int64) map[stateSlot]*event {
	state := make(map[stateSlot]*event, len(r.state))
	for slot, e := range r.state {
		state[slot] = e
	}
	later := r.after(position)
	for i := len(later) - 1; i >= 0; i-- {
		e := later[i]
		switch {
		case !e.isState():
		case e.replaces == nil:
			delete(state, e.slot())
		default:
			state[e.slot()] = e.replaces
		}
	}
	return state
}

// inOrder lists state by position.
func inOrder(state map[stateSlot]*event) []*event {
	events := make([]*event, 0, len(state))
	for _, e := range state {
		events = append(events, e)
	}
	slices.SortFunc(events, func(a, b *event) int { return cmp.Compare(a.At, b.At) })
	return events
}

// visible says whether the user may see an event (client-server API, "Room
// history visibility").
func (r *room) visible(userID string, e *event) bool {
	if e.Type == typeMember && e.isState() && *e.StateKey == userID {
		return true
	}
	was := at(r.spans[userID], e.At)
	if was == memberJoin {
		return true
	}
	access := at(r.access, e.At)
	switch access {
	case "world_readable":
		return true
	case "invited":
		return was == memberInvite && r.joinedAfter(userID, e.At)
	case "joined":
		return false
	default: // shared
		return r.joinedAfter(userID, e.At)
	}
}

// joinedAfter says whether the user was joined at any time after a position.
func (r *room) joinedAfter(userID string, position int64) bool {
	spans := r.spans[userID]
	for i, s := range spans {
		ended := i+1 < len(spans) && spans[i+1].from <= position
		if s.value == memberJoin && !ended {
			return true
		}
	}
	return false
}

// readable says up to which position the user may read the room: -1 for not
// at all, the newest for members and in rooms the world may read, the moment
// of leaving for former members.
func (r *room) readable(userID string) int64 {
	if r.joined[userID] != nil || at(r.access, r.model.position) == "world_readable" {
		return r.model.position
	}
	spans := r.spans[userID]
	for i := len(spans) - 1; i > 0; i-- {
		if spans[i-1].value == memberJoin {
			return spans[i].from
		}
	}
	return -1
}

// wake wakes everybody who is joined to the room.
func (r *room) wake() {
	for _, u := range r.joined {
		u.wakeAll()
	}
}

// heroes are up to five other members, for clients that name rooms by them.
func (r *room) heroes(userID string) []string {
	var ids []string
	for slot, e := range r.state {
		if slot.kind != typeMember || slot.key == userID {
			continue
		}
		if is := e.member; is == memberJoin || is == memberInvite {
			ids = append(ids, slot.key)
		}
	}
	slices.Sort(ids)
	return ids[:min(len(ids), 5)]
}

func (r *room) count(membership string) int {
	if membership == memberJoin {
		return len(r.joined)
	}
	n := 0
	for slot, e := range r.state {
		if slot.kind == typeMember && e.member == membership {
			n++
		}
	}
	return n
}
