package homeserver

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"meshfocus/signalling/agenda"
	"meshfocus/signalling/message"
)

// delayedEvent is an event that waits to be sent (MSC4140). It may be sent,
// restarted or cancelled by who knows its ID, which is 144 random bits: a
// service that watches a call can be given it. Guarded by the model's lock.
type delayedEvent struct {
	delayedRecord
	id   string
	when agenda.Appointment[task]
}

// delayedRecord is a delayed event as a journal value. Due is an instant, so
// that a restart of the server does not prolong it.
type delayedRecord struct {
	Room      string          `json:"room"`
	Sender    string          `json:"sender"`
	Device    string          `json:"device"`
	Type      string          `json:"type"`
	StateKey  *string         `json:"state_key,omitempty"`
	Content   json.RawMessage `json:"content"`
	StickyFor int64           `json:"sticky_for,omitempty"`
	Delay     time.Duration   `json:"delay"`
	Since     time.Time       `json:"since"` // when it was scheduled or restarted
}

func (d *delayedRecord) due() time.Time { return d.Since.Add(d.Delay) }

// schedule keeps the draft for later. The rules are asked now, so that the
// client hears of what can never be sent, and again when it is due.
func (s *Server) schedule(r *request, room *room, d *draft, delay time.Duration, txn string) (any, error) {
	if s.config.MaxDelay < 0 {
		return nil, forbidden("this server sends no delayed events")
	}
	if delay > s.config.MaxDelay {
		e := refuse(http.StatusBadRequest, codeUnknown, "the delay may be %d ms", s.config.MaxDelay.Milliseconds())
		e.extra = map[string]any{
			message.FeatureDelayedEvents + ".errcode":   codeMaxDelayExceeded,
			message.FeatureDelayedEvents + ".max_delay": s.config.MaxDelay.Milliseconds(),
		}
		return nil, e
	}
	if e := checkFields(d); e != nil {
		return nil, e
	}
	if e := room.authorise(d); e != nil {
		return nil, e
	}
	if e := room.event(d).checkSize(); e != nil {
		return nil, e
	}
	m := s.model
	if m.scheduledBy(r.user.id) >= s.config.MaxDelayedPerUser {
		return nil, refuse(http.StatusTooManyRequests, codeLimitExceeded,
			"%s has %d delayed events scheduled, which is the most", r.user.id, s.config.MaxDelayedPerUser)
	}
	c := m.begin()
	waiting := &delayedEvent{id: "mfd_" + randomID(18), delayedRecord: delayedRecord{
		Room: room.id, Sender: d.sender.id, Device: d.device, Type: d.kind, StateKey: d.stateKey,
		Content: d.content, StickyFor: d.sticky, Delay: delay, Since: r.now,
	}}
	m.await(waiting)
	c.put(bucketDelayed, key(waiting.id), waiting.delayedRecord)
	answer, _ := json.Marshal(map[string]string{"delay_id": waiting.id})
	c.remember(r.device, txn, answer)
	c.commit()
	return json.RawMessage(answer), nil
}

func (m *model) scheduledBy(userID string) (n int) {
	for _, d := range m.delayed {
		if d.Sender == userID {
			n++
		}
	}
	return n
}

// together is how long a delayed event waits for the next one of its sender
// for the same state, so that nobody sees the state in between: a client that
// cannot restart its leave schedules its return right behind that, as well as
// it knows our clock.
const together = 500 * time.Millisecond

// await puts a delayed event on the agenda.
func (m *model) await(d *delayedEvent) {
	m.delayed[d.id] = d
	d.when.What = func(now time.Time, c *change) {
		next := m.follower(d, now)
		if next == nil {
			c.fire(d)
			return
		}
		m.appoint(&d.when, next.due())
		m.appoint(&next.when, next.due()) // after d, as before
	}
	m.appoint(&d.when, d.due())
}

// follower is the last event that d waits for; nil when there is none.
func (m *model) follower(d *delayedEvent, now time.Time) (last *delayedEvent) {
	if d.StateKey == nil {
		return nil
	}
	for _, e := range m.delayed {
		same := e.StateKey != nil && *e.StateKey == *d.StateKey && e.Type == d.Type && e.Room == d.Room && e.Sender == d.Sender
		soon := e.due().After(now) && !e.due().After(d.due().Add(together))
		if same && soon && (last == nil || e.due().After(last.due())) {
			last = e
		}
	}
	return last
}

// cancel forgets a delayed event.
func (c *change) cancel(d *delayedEvent) {
	c.model.agenda.Strike(&d.when)
	delete(c.model.delayed, d.id)
	c.drop(bucketDelayed, key(d.id))
}

// fire sends a delayed event. If the rules forbid it now it is dropped, not
// tried again. Sending and forgetting are one unit of the journal, so that it
// is sent once.
func (c *change) fire(d *delayedEvent) *refusal {
	c.cancel(d)
	r, sender := c.model.rooms[d.Room], c.model.users[d.Sender]
	if r == nil || sender == nil {
		return notFound("the room or the sender of the delayed event is gone")
	}
	_, refused := c.post(r, &draft{
		kind: d.Type, stateKey: d.StateKey, sender: sender, content: d.Content,
		sticky: d.StickyFor, device: d.Device, delayID: d.id,
	})
	return refused
}

// supersede cancels what others had scheduled for the state that e has set;
// the sender's own stay (as Synapse does since PR 17810).
func (c *change) supersede(e *event) {
	for _, d := range c.model.delayed {
		if d.StateKey != nil && d.Room == e.room.id && d.Type == e.Type && *d.StateKey == *e.StateKey && d.Sender != e.Sender {
			c.cancel(d)
		}
	}
}

// manageDelayed restarts, cancels or sends; the action stands in the path or,
// in the older form, in the body. The ID is enough; a token is only looked at
// if there is one, and then it must be the sender's.
func (s *Server) manageDelayed(r *request) (any, error) {
	action := r.param("action")
	if action == "" {
		var body struct {
			Action string `json:"action"`
		}
		if err := r.decode(&body); err != nil {
			return nil, err
		}
		if action = body.Action; action == "" {
			return nil, missingParam("action")
		}
	}
	defer s.model.hold(r)()
	d := s.model.delayed[r.param("delay")]
	if d == nil || r.user != nil && r.user.id != d.Sender {
		if !slices.Contains([]string{"restart", "cancel", "send"}, action) {
			return nil, unknownAction(r, action)
		}
		return nil, notFound("there is no delayed event with this ID; it may have been sent")
	}
	c := s.model.begin()
	defer c.commit()
	switch action {
	case "restart":
		d.Since = r.now
		s.model.appoint(&d.when, d.due())
		c.put(bucketDelayed, key(d.id), d.delayedRecord)
	case "cancel":
		c.cancel(d)
	case "send":
		if refused := c.fire(d); refused != nil {
			return nil, refused
		}
	default:
		return nil, unknownAction(r, action)
	}
	return nothing{}, nil
}

// unknownAction is an unknown path, or a wrong value in the body.
func unknownAction(r *request, action string) *refusal {
	if r.param("action") != "" {
		return unrecognized(http.StatusNotFound)
	}
	return invalidParam("action is %.40q; it must be restart, cancel or send", action)
}

// delayedInfo is a delayed event as its sender sees it. Both spellings are
// read by clients.
type delayedInfo struct {
	ID       string          `json:"delay_id"`
	Room     string          `json:"room_id"`
	Type     string          `json:"type"`
	StateKey *string         `json:"state_key,omitempty"`
	Delay    int64           `json:"delay"`
	DelayMs  int64           `json:"delay_ms"`
	Since    int64           `json:"running_since"`
	SinceTS  int64           `json:"delayed_since_ts"`
	Content  json.RawMessage `json:"content"`
}

func (d *delayedEvent) info() delayedInfo {
	return delayedInfo{
		ID: d.id, Room: d.Room, Type: d.Type, StateKey: d.StateKey, Content: d.Content,
		Delay: d.Delay.Milliseconds(), DelayMs: d.Delay.Milliseconds(),
		Since: millis(d.Since), SinceTS: millis(d.Since),
	}
}

// listDelayed shows what the user has scheduled, soonest first. Nothing is
// remembered of what was sent or cancelled.
func (s *Server) listDelayed(r *request) (any, error) {
	query := r.URL.Query()
	list := []delayedInfo{}
	defer s.model.hold(r)()
	var own []*delayedEvent
	for _, d := range s.model.delayed {
		wanted := !query.Has("delay_id") || slices.Contains(query["delay_id"], d.id)
		if d.Sender == r.user.id && wanted && query.Get("status") != "finalised" {
			own = append(own, d)
		}
	}
	slices.SortFunc(own, func(a, b *delayedEvent) int { return cmp.Or(a.due().Compare(b.due()), cmp.Compare(a.id, b.id)) })
	for _, d := range own {
		list = append(list, d.info())
	}
	return map[string]any{"delayed_events": list}, nil
}

func (s *Server) getDelayed(r *request) (any, error) {
	defer s.model.hold(r)()
	d := s.model.delayed[r.param("delay")]
	if d == nil || d.Sender != r.user.id {
		return nil, notFound("there is no delayed event with this ID; it may have been sent")
	}
	return d.info(), nil
}
