package homeserver

import (
	"cmp"
	"slices"
)

// joinedRoom is a room in the answer of /sync, joined or left.
type joinedRoom struct {
	Summary     *summary        `json:"summary,omitempty"`
	State       *eventList      `json:"state,omitempty"`
	StateAfter  *eventList      `json:"org.matrix.msc4222.state_after,omitempty"`
	Timeline    *timeline       `json:"timeline,omitempty"`
	Ephemeral   *eventList      `json:"ephemeral,omitempty"`
	AccountData *eventList      `json:"account_data,omitempty"`
	Sticky      *eventList      `json:"msc4354_sticky,omitempty"`
	Unread      *unreadCounts   `json:"unread_notifications,omitempty"`
	shown       map[string]bool // IDs of the events in the timeline
}

// empty says that there is nothing in it to tell.
func (j *joinedRoom) empty() bool {
	return len(j.Timeline.Events) == 0 && !j.Timeline.Limited && j.State == nil &&
		(j.StateAfter == nil || len(j.StateAfter.Events) == 0) && j.Ephemeral == nil && j.AccountData == nil
}

type summary struct {
	Heroes  []string `json:"m.heroes,omitempty"`
	Joined  int      `json:"m.joined_member_count"`
	Invited int      `json:"m.invited_member_count"`
}

type timeline struct {
	Events    []any  `json:"events"`
	Limited   bool   `json:"limited"`
	PrevBatch string `json:"prev_batch"`
}

type unreadCounts struct {
	Highlights    int `json:"highlight_count"`
	Notifications int `json:"notification_count"`
}

type invitedRoom struct {
	State eventList `json:"invite_state"`
}

func (b *syncBuilder) rooms() {
	rooms := &syncRooms{
		Join: make(map[string]*joinedRoom), Invite: make(map[string]*invitedRoom), Leave: make(map[string]*joinedRoom),
	}
	for id, r := range b.user.rooms {
		if b.filter.Room.room(id) {
			b.room(rooms, r)
		}
	}
	b.sticky(rooms)
	if len(rooms.Join)+len(rooms.Invite)+len(rooms.Leave) > 0 {
		b.answer.Rooms = rooms
	}
}

func (b *syncBuilder) room(rooms *syncRooms, r *room) {
	spans := r.spans[b.user.id]
	if len(spans) == 0 {
		return
	}
	last := spans[len(spans)-1]
	fresh := b.initial || last.from > b.since.stream
	switch last.value {
	case memberJoin:
		if joined := b.joined(r); joined != nil {
			rooms.Join[r.id] = joined
			b.shows(r.written)
		}
	case memberInvite:
		if fresh || b.fullState {
			rooms.Invite[r.id] = b.invited(r)
			b.shows(r.written)
		}
	default:
		if b.initial && !b.filter.Room.IncludeLeave || !fresh {
			return
		}
		rooms.Leave[r.id] = b.left(r, last.from)
		b.shows(r.written)
	}
}

// joined is the part of a room the user is in; nil when nothing happened.
func (b *syncBuilder) joined(r *room) *joinedRoom {
	since := b.since.stream
	whole := b.initial || at(r.spans[b.user.id], since) != memberJoin
	if !whole && !b.fullState && r.changedAt <= since && r.typingAt <= since && b.user.dataAt <= since {
		return nil
	}
	j := &joinedRoom{shown: make(map[string]bool)}
	b.timeline(j, r, whole, b.model.position)
	b.ephemeral(j, r, whole)
	b.roomData(j, r, whole)
	if whole || b.fullState || r.membersAt > since {
		j.Summary = &summary{r.heroes(b.user.id), r.count(memberJoin), r.count(memberInvite)}
	}
	if !whole && !b.fullState && j.empty() {
		return nil
	}
	j.Unread = b.unread(r)
	return j
}

// timeline fills in the newest events up to a position, and the state that
// makes them understood.
func (b *syncBuilder) timeline(j *joinedRoom, r *room, whole bool, until int64) {
	from := b.since.stream
	if whole {
		from = 0
	}
	f := &b.filter.Room.Timeline
	limit, limited := f.limit(), false
	var events []*event
	all := r.after(from)
	for i := len(all) - 1; i >= 0; i-- {
		e := all[i]
		if e.At > until || !f.event(e) || !r.visible(b.user.id, e) {
			continue
		}
		if len(events) == limit {
			limited = true
			break
		}
		events = append(events, e)
	}
	slices.Reverse(events)
	begin := until // the position before the first event shown
	if len(events) > 0 {
		begin = events[0].At - 1
	}
	j.Timeline = &timeline{Events: []any{}, Limited: limited, PrevBatch: pageToken(begin)}
	for _, e := range events {
		j.shown[e.ID] = true
		j.Timeline.Events = append(j.Timeline.Events, e.view(b.device, b.now))
	}
	b.state(j, r, whole || b.fullState, begin, until)
}

// state fills in the state before the timeline or, with MSC4222, after it: all
// of it, or what changed since the token.
func (b *syncBuilder) state(j *joinedRoom, r *room, whole bool, begin, until int64) {
	upTo := begin
	if b.stateAfter {
		upTo = until
	}
	var events []*event
	switch {
	case whole && upTo >= r.changedAt:
		events = inOrder(r.state)
	case whole:
		events = inOrder(r.stateAt(upTo))
	default:
		events = r.stateBetween(b.since.stream, upTo)
	}
	list := new(eventList)
	for _, e := range events {
		if b.filter.Room.State.event(e) {
			list.add(e.view(b.device, b.now))
		}
	}
	if !b.stateAfter {
		j.State = list.orNil()
		return
	}
	if list.Events == nil {
		list.Events = []any{}
	}
	j.StateAfter = list
}

// stateBetween is the newest event of each state slot that changed after one
// position and up to another.
func (r *room) stateBetween(since, until int64) []*event {
	newest := make(map[stateSlot]*event)
	for _, e := range r.after(since) {
		if e.At > until {
			break
		}
		if e.isState() {
			newest[e.slot()] = e
		}
	}
	return inOrder(newest)
}

// left is what the user sees of a room for the last time.
func (b *syncBuilder) left(r *room, until int64) *joinedRoom {
	j := &joinedRoom{shown: make(map[string]bool)}
	whole := b.initial || at(r.spans[b.user.id], b.since.stream) != memberJoin
	b.timeline(j, r, whole, until)
	if r.readable(b.user.id) < 0 {
		// Never in it (a declined invitation, a ban): only that it is over.
		j.State, j.StateAfter = nil, nil
		j.Timeline.Limited = false
	}
	return j
}

// invited shows what an invitation is about.
func (b *syncBuilder) invited(r *room) *invitedRoom {
	i := &invitedRoom{State: eventList{Events: []any{}}}
	for _, kind := range []string{
		typeCreate, typeJoinRules, typeName, typeTopic, typeAvatar, typeCanonicalAlias, typeEncryption,
	} {
		if e := r.state[stateSlot{kind, ""}]; e != nil {
			i.State.add(e.stripped())
		}
	}
	own := r.state[stateSlot{typeMember, b.user.id}]
	if inviter := r.state[stateSlot{typeMember, own.Sender}]; inviter != nil && inviter != own {
		i.State.add(inviter.stripped())
	}
	i.State.add(own.stripped())
	return i
}

// unread counts messages of others behind the user's newest receipt, as far
// as clients show "many".
func (b *syncBuilder) unread(r *room) *unreadCounts {
	const many = 100
	read := r.readUpTo(b.user.id)
	counts := new(unreadCounts)
	for i := len(r.timeline) - 1; i >= 0 && counts.Notifications < many; i-- {
		e := r.timeline[i]
		if e.At <= read {
			break
		}
		if e.Sender != b.user.id && (e.Type == typeMessage || e.Type == typeEncrypted) && r.visible(b.user.id, e) {
			counts.Notifications++
		}
	}
	return counts
}

// sticky fills in the sticky events that a gap, a join or the start of a
// client would hide: at most stickyBatch in one answer, each once.
func (b *syncBuilder) sticky(rooms *syncRooms) {
	var events []*event
	for _, r := range b.user.rooms {
		if r.joined[b.user.id] == nil || !b.filter.Room.room(r.id) {
			continue
		}
		from := b.since.sticky
		if b.initial || at(r.spans[b.user.id], b.since.stream) != memberJoin {
			from = 0
		}
		shown := rooms.Join[r.id]
		for _, e := range r.stickyAfter(from, b.now) {
			if shown == nil || !shown.shown[e.ID] {
				events = append(events, e)
			}
		}
	}
	slices.SortFunc(events, func(a, b *event) int { return cmp.Compare(a.At, b.At) })
	if len(events) > stickyBatch {
		events = events[:stickyBatch]
		b.next.sticky = events[stickyBatch-1].At
	}
	for _, e := range events {
		j := rooms.Join[e.room.id]
		if j == nil {
			j = new(joinedRoom)
			rooms.Join[e.room.id] = j
		}
		if j.Sticky == nil {
			j.Sticky = new(eventList)
		}
		j.Sticky.add(e.view(b.device, b.now))
		b.shows(e.written)
	}
}
