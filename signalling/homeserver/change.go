package homeserver

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// change collects what one request does to the model: the journal gets it as
// one unit, and whoever should look at it is woken once, at the end. It lives
// under the model's lock, from begin to commit.
type change struct {
	model   *model
	entries []journal.Entry
	rooms   map[*room]bool
	users   map[*user]bool
	events  []*event
}

func (m *model) begin() *change {
	return &change{model: m, rooms: make(map[*room]bool), users: make(map[*user]bool)}
}

// put and drop add entries.
func (c *change) put(bucket, key string, value any) {
	c.entries = append(c.entries, put(bucket, key, value))
}

func (c *change) drop(bucket, key string) { c.entries = append(c.entries, drop(bucket, key)) }

// tell marks a user whose /sync has something new outside of rooms.
func (c *change) tell(u *user) { c.users[u] = true }

// commit writes the entries and wakes the concerned.
func (c *change) commit() journal.Position {
	position := c.model.written
	if len(c.entries) > 0 {
		position = c.model.write(c.entries...)
	}
	for _, e := range c.events {
		e.written = position
	}
	for r := range c.rooms {
		r.written = position
		for _, u := range r.joined {
			u.wakeAll()
		}
	}
	for u := range c.users {
		u.written = position
		u.wakeAll()
	}
	return position
}

// post turns a draft into an event if the rules allow it. Sending state that
// is already there gives the event that is there, as other homeservers do.
func (c *change) post(r *room, d *draft) (*event, *refusal) {
	if e := checkFields(d); e != nil {
		return nil, e
	}
	if e := r.authorise(d); e != nil {
		return nil, e
	}
	if same := r.unchanged(d); same != nil {
		return same, nil
	}
	e := r.event(d)
	if err := e.checkSize(); err != nil {
		return nil, err
	}
	c.add(r, e)
	return e, nil
}

// event makes an event of a draft, with a random ID: without federation there
// is nobody to prove a hash to.
func (r *room) event(d *draft) *event {
	return &event{room: r, eventRecord: eventRecord{
		ID: "$" + randomID(32), Type: d.kind, Sender: d.sender.id, StateKey: d.stateKey,
		Content: d.content, SentAt: millis(time.Now()), Redacts: d.redacts,
		StickyFor: d.sticky, Device: d.device, Txn: d.txn, DelayID: d.delayID,
	}}
}

// add places a new event and does what follows from it.
func (c *change) add(r *room, e *event) {
	e.At = c.model.next()
	r.place(e)
	c.events = append(c.events, e)
	c.rooms[r] = true
	c.put(bucketEvent, key(r.id, positionPart(e.At)), &e.eventRecord)
	if e.Type == typeRedaction {
		c.redact(r, e)
	}
	if e.isState() {
		c.supersede(e)
	}
	if e.isState() && e.Type == typeMember {
		c.memberChanged(r, e)
	}
}

// memberChanged tells the one concerned, and everybody whose device lists
// change because somebody came or went.
func (c *change) memberChanged(r *room, e *event) {
	target := c.model.users[*e.StateKey]
	if target == nil {
		return
	}
	c.tell(target)
	was := e.replaces != nil && e.replaces.member == memberJoin
	if was == (e.member == memberJoin) {
		return
	}
	target.listsAt = e.At
	for _, u := range r.joined {
		u.listsAt = e.At
		c.tell(u)
	}
}

// redact strips the event a redaction points at.
func (c *change) redact(r *room, by *event) {
	target := c.model.events[by.Redacts]
	if target == nil || target.room != r || target.RedactedBy != "" {
		return
	}
	target.redact(by.ID)
	c.put(bucketEvent, key(r.id, positionPart(target.At)), &target.eventRecord)
	if target.isState() && r.state[target.slot()] == target && target.Type == typePowerLevels {
		r.power = parsePower(target.Content)
	}
}

// unchanged finds the current state event that the draft would only repeat:
// same sender, same content.
func (r *room) unchanged(d *draft) *event {
	if d.stateKey == nil {
		return nil
	}
	e := r.state[stateSlot{d.kind, *d.stateKey}]
	if e == nil || e.Sender != d.sender.id || e.RedactedBy != "" || !sameJSON(e.Content, d.content) {
		return nil
	}
	return e
}

// sameJSON compares two documents without regard to order and spacing.
func sameJSON(a, b json.RawMessage) bool {
	return bytes.Equal(a, b) || bytes.Equal(canonical(a), canonical(b))
}

func checkFields(d *draft) *refusal {
	if d.kind == "" {
		return invalidParam("the event type is empty")
	}
	if len(d.kind) > maxField {
		return tooLarge("the event type has %d bytes; it may have %d", len(d.kind), maxField)
	}
	if d.stateKey != nil && len(*d.stateKey) > maxField {
		return tooLarge("the state key has %d bytes; it may have %d", len(*d.stateKey), maxField)
	}
	return nil
}

// checkSize measures the event as it would be federated, without signatures.
func (e *event) checkSize() *refusal {
	whole, err := encode(clientEvent{
		Type: e.Type, RoomID: e.room.id, ID: e.ID, Sender: e.Sender, SentAt: e.SentAt,
		StateKey: e.StateKey, Content: e.Content, Redacts: e.Redacts,
	})
	if err != nil {
		return badJSON("the content is no JSON")
	}
	if len(whole) > maxEvent {
		return tooLarge("the event has %s bytes; it may have %d", strconv.Itoa(len(whole)), maxEvent)
	}
	return nil
}
