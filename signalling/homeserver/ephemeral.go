package homeserver

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"meshfocus/signalling/agenda"
)

const (
	typeTyping  = "m.typing"
	typeReceipt = "m.receipt"

	receiptRead    = "m.read"
	receiptPrivate = "m.read.private"

	// typingMost bounds how long one request says that somebody is typing.
	typingMost = 2 * time.Minute
)

// receiptKey: a user has one receipt of a type in a thread.
type receiptKey struct{ user, kind, thread string }

// receipt is one journal value.
type receipt struct {
	Event string `json:"event"`
	SetAt int64  `json:"ts"`
	At    int64  `json:"at"`
}

// ephemeralEvent is an event of the ephemeral section.
type ephemeralEvent struct {
	Type    string `json:"type"`
	Content any    `json:"content"`
}

func (s *Server) putTyping(r *request) (any, error) {
	var body struct {
		Typing  bool  `json:"typing"`
		Timeout int64 `json:"timeout"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := r.self(); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	room, err := s.memberOf(r)
	if err != nil {
		return nil, err
	}
	if !body.Typing {
		room.setTyping(r.user.id, time.Time{})
		return nothing{}, nil
	}
	lasts := 30 * time.Second
	if body.Timeout > 0 {
		lasts = min(time.Duration(min(body.Timeout, typingMost.Milliseconds()))*time.Millisecond, typingMost)
	}
	room.setTyping(r.user.id, r.now.Add(lasts))
	end := &agenda.Appointment[task]{What: func(now time.Time, _ *change) {
		if until, ok := room.typing[r.user.id]; ok && !now.Before(until) {
			room.setTyping(r.user.id, time.Time{})
		}
	}}
	s.model.appoint(end, r.now.Add(lasts))
	return nothing{}, nil
}

// setTyping says until when somebody types; zero ends it.
func (r *room) setTyping(userID string, until time.Time) {
	_, was := r.typing[userID]
	if until.IsZero() {
		delete(r.typing, userID)
	} else {
		r.typing[userID] = until
	}
	if was != until.IsZero() {
		return // no change for others
	}
	r.typingAt = r.model.next()
	r.wake()
}

func (s *Server) postReceipt(r *request) (any, error) {
	var body struct {
		Thread string `json:"thread_id"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	kind := r.param("type")
	if kind != receiptRead && kind != receiptPrivate && kind != typeFullyRead {
		return nil, invalidParam("the receipt type is %.40q; it must be m.read, m.read.private or m.fully_read", kind)
	}
	defer s.model.hold(r)()
	room, err := s.memberOf(r)
	if err != nil {
		return nil, err
	}
	c := s.model.begin()
	if refused := c.mark(r.user, room, kind, r.param("event"), body.Thread, r.now); refused != nil {
		return nil, refused
	}
	c.commit()
	return nothing{}, nil
}

func (s *Server) postReadMarkers(r *request) (any, error) {
	var body struct {
		Full    string `json:"m.fully_read"`
		Read    string `json:"m.read"`
		Private string `json:"m.read.private"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	room, err := s.memberOf(r)
	if err != nil {
		return nil, err
	}
	c := s.model.begin()
	defer c.commit() // also of what comes before a marker that is refused
	for _, marker := range []struct{ kind, event string }{
		{typeFullyRead, body.Full}, {receiptRead, body.Read}, {receiptPrivate, body.Private},
	} {
		if marker.event == "" {
			continue
		}
		if refused := c.mark(r.user, room, marker.kind, marker.event, "", r.now); refused != nil {
			return nil, refused
		}
	}
	return nothing{}, nil
}

// mark sets a receipt, or the read marker, which is account data.
func (c *change) mark(u *user, r *room, kind, eventID, thread string, now time.Time) *refusal {
	e := c.model.events[eventID]
	if e == nil || e.room != r {
		return notFound("the event is not in this room")
	}
	if kind == typeFullyRead {
		content, _ := json.Marshal(map[string]string{"event_id": eventID})
		c.setData(u, r.id, typeFullyRead, content)
		return nil
	}
	if len(thread) > maxField {
		return tooLarge("thread_id may have %d bytes", maxField)
	}
	at := receiptKey{u.id, kind, thread}
	if old := r.receipts[at]; old != nil {
		if before := c.model.events[old.Event]; before != nil && before.At > e.At {
			return nil // receipts move forward only
		}
	}
	set := &receipt{eventID, millis(now), c.model.next()}
	r.receipts[at] = set
	r.changedAt = set.At
	c.put(bucketReceipt, key(r.id, u.id, kind, thread), set)
	c.rooms[r] = true
	return nil
}

// readUpTo is the position of the newest event the user has read, in any
// thread, or has written.
func (r *room) readUpTo(userID string) int64 {
	read := int64(0)
	for at, set := range r.receipts {
		if e := r.model.events[set.Event]; e != nil && at.user == userID {
			read = max(read, e.At)
		}
	}
	if spans := r.spans[userID]; len(spans) > 0 {
		read = max(read, spans[len(spans)-1].from)
	}
	return read
}

// ephemeral fills in typing and receipts.
func (b *syncBuilder) ephemeral(j *joinedRoom, r *room, whole bool) {
	list, f := new(eventList), &b.filter.Room.Ephemeral
	if f.kind(typeTyping) && (r.typingAt > b.since.stream || whole && len(r.typing) > 0) {
		ids := slices.Sorted(maps.Keys(r.typing))
		if ids == nil {
			ids = []string{}
		}
		list.add(ephemeralEvent{typeTyping, map[string][]string{"user_ids": ids}})
	}
	if f.kind(typeReceipt) {
		byThread := b.receipts(r, whole)
		for _, thread := range slices.Sorted(maps.Keys(byThread)) {
			list.add(ephemeralEvent{typeReceipt, byThread[thread]})
		}
	}
	j.Ephemeral = list.orNil()
}

// receiptInfo is a receipt as /sync shows it.
type receiptInfo struct {
	SetAt  int64  `json:"ts"`
	Thread string `json:"thread_id,omitempty"`
}

// receiptContent is the content of m.receipt: receipts by event, type and
// user. As a user may have receipts of two threads on one event, each thread
// has a content of its own.
type receiptContent map[string]map[string]map[string]receiptInfo

func (c receiptContent) add(at receiptKey, set *receipt) {
	if c[set.Event] == nil {
		c[set.Event] = make(map[string]map[string]receiptInfo)
	}
	if c[set.Event][at.kind] == nil {
		c[set.Event][at.kind] = make(map[string]receiptInfo)
	}
	c[set.Event][at.kind][at.user] = receiptInfo{set.SetAt, at.thread}
}

// receipts are the room's, by thread; "" is that of receipts without one.
func (b *syncBuilder) receipts(r *room, whole bool) map[string]receiptContent {
	byThread := make(map[string]receiptContent)
	for at, set := range r.receipts {
		if !whole && set.At <= b.since.stream || at.kind == receiptPrivate && at.user != b.user.id {
			continue
		}
		if byThread[at.thread] == nil {
			byThread[at.thread] = make(receiptContent)
		}
		byThread[at.thread].add(at, set)
	}
	return byThread
}

// roomData fills in the account data of a room.
func (b *syncBuilder) roomData(j *joinedRoom, r *room, whole bool) {
	if b.user.dataAt <= b.since.stream && !whole {
		return
	}
	list := new(eventList)
	for at, d := range b.user.data {
		if at.room == r.id && (whole || d.At > b.since.stream) && b.filter.Room.AccountData.kind(at.kind) {
			list.add(dataEvent{at.kind, d.Content})
			b.shows(b.user.written)
		}
	}
	j.AccountData = list.orNil()
}

// Presence is accepted and not kept: in a mesh call, who is there shows.
func (s *Server) putPresence(r *request) (any, error) {
	if err := r.self(); err != nil {
		return nil, err
	}
	var body struct {
		Presence string `json:"presence"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"online", "offline", "unavailable"}, body.Presence) {
		return nil, invalidParam("presence is %.40q; it must be online, offline or unavailable", body.Presence)
	}
	return nothing{}, nil
}

func (s *Server) getPresence(r *request) (any, error) {
	defer s.model.hold(r)()
	u := s.model.users[r.param("user")]
	if u == nil || !u.knows(r.user) {
		return nil, notFound("the presence of this user is not known")
	}
	return map[string]string{"presence": "offline"}, nil
}
