package history

import (
	"slices"
	"time"

	"meshfocus/signalling/message"
)

const (
	// reach is how far before a point of the timeline something may begin that
	// still matters at it.
	reach = Horizon + createdSlack
	// recentMost is how many times are looked at to tell where in time the
	// timeline is, so that one false clock does not.
	recentMost = 32
	// sweepEvery is after how many events what is done is taken out.
	sweepEvery = 512
)

// Reader turns a timeline, newest event first, into sessions. It is not safe
// for concurrent use.
type Reader struct {
	options Options
	// users holds, for each user, the places in which they said something and
	// when they next left the room.
	users    map[string]*user
	clusters map[string][]*cluster // by slot or conference
	rings    []*rung
	declines map[string]*refusal // by the notification's event ID
	recent   [recentMost]time.Time
	events   int
	every    int // sweepEvery; a test's own

	// Unreadable counts encrypted events: what they say is not in any session.
	Unreadable int
}

// user is what is known of one user later than the point of reading.
type user struct {
	places map[placeKey]*place
	gone   time.Time // when they next left the room or were banned; zero: never
}

type placeKey struct{ eventType, key string }

// place is one state key or sticky key of a user.
type place struct {
	// successor is when the place is next overwritten; zero: never.
	successor time.Time
	// open are the stays whose beginning has not been read.
	open []*stay
	// last is the event read last, which may tell about one that is missing.
	last Event
}

// stay is one device in one session, from its end towards its beginning.
type stay struct {
	claim
	user       string
	start, end time.Time
	running    bool
	kept       bool // the event that is being read continues it
}

// NewReader begins at the newest event.
func NewReader(options Options) *Reader {
	return &Reader{options: options, users: map[string]*user{}, clusters: map[string][]*cluster{}, declines: map[string]*refusal{}, every: sweepEvery}
}

// Events is how many events have been read.
func (r *Reader) Events() int { return r.events }

// Add takes the next older event and gives sessions that are complete.
func (r *Reader) Add(e Event) []Session {
	r.recent[r.events%recentMost] = e.SentAt
	r.events++
	switch {
	case e.Type == message.TypeEncrypted:
		r.Unreadable++
	case e.Type == typeRoomMember && e.State:
		r.readRoomMember(&e)
	case isMember(e.Type):
		r.readMember(&e)
	case message.IsNotification(e.Type) && !e.State:
		r.readNotification(&e)
	case message.IsDecline(e.Type) && !e.State:
		r.readDecline(&e)
	}
	if r.events%r.every == 0 {
		return r.sweep(r.position().Add(reach))
	}
	return nil
}

// Finish gives what is left. Where the timeline begins in the midst of things,
// prev_content tells what was before.
func (r *Reader) Finish() []Session {
	for name, user := range r.users {
		for _, place := range user.places {
			r.readMissing(name, user, place)
			for _, open := range place.open {
				r.close(open)
			}
		}
	}
	clear(r.users)
	return r.sweep(time.Time{})
}

// position is where in time the timeline is being read.
func (r *Reader) position() time.Time {
	latest := r.recent[0]
	for _, at := range r.recent[1:] {
		if at.After(latest) {
			latest = at
		}
	}
	return latest
}

func (r *Reader) user(name string) *user {
	known := r.users[name]
	if known == nil {
		known = &user{places: map[placeKey]*place{}}
		r.users[name] = known
	}
	return known
}

// readRoomMember ends all that a user said before they left the room.
func (r *Reader) readRoomMember(e *Event) {
	if is := roomMembership(e.Content); is != "leave" && is != "ban" {
		return
	}
	user := r.user(e.StateKey)
	user.gone = e.SentAt
	for _, place := range user.places {
		for _, open := range place.open {
			r.close(open)
		}
		place.open, place.successor, place.last = nil, e.SentAt, Event{}
	}
}

func (r *Reader) readMember(e *Event) {
	user := r.user(e.Sender)
	key := placeKey{e.Type, keyOf(e)}
	at := user.places[key]
	if at == nil {
		at = &place{successor: user.gone}
		user.places[key] = at
	}
	if e.EventID != "" && at.last.EventID == e.EventID {
		return // told twice
	}
	if at.last.Replaces != "" && at.last.Replaces != e.EventID {
		r.readMissing(e.Sender, user, at)
	}
	r.read(e.Sender, at, e)
	at.last = Event{Event: e.Event, State: e.State, Previous: e.Previous, Replaces: e.Replaces}
	at.last.Content = nil
}

// readMissing reads, in the place of an event that the timeline lacks, what
// the event after it says about it. When that was sent nobody knows; a writer
// who gives created_ts tells when the stay began.
func (r *Reader) readMissing(name string, user *user, at *place) {
	if at.last.Previous == nil {
		return
	}
	missing := at.last
	missing.Content, missing.Previous, missing.EventID = missing.Previous, nil, missing.Replaces
	at.last = Event{}
	for _, c := range r.claimsOf(&missing) {
		if c.created.IsZero() || !c.created.Before(missing.SentAt) || missing.SentAt.Sub(c.created) > Horizon {
			return
		}
		missing.SentAt = c.created
	}
	r.read(name, at, &missing)
}

// read takes one event of a place: stays that it continues go on towards their
// beginning, all others began after it.
func (r *Reader) read(name string, at *place, e *Event) {
	for _, c := range r.claimsOf(e) {
		if open := at.continued(c, r.options.Rule); open != nil {
			open.kept, open.start = true, c.begins(e.SentAt)
			open.merge(c)
			continue
		}
		stay := &stay{claim: c, user: name, start: c.begins(e.SentAt), kept: true}
		stay.end, stay.running = at.end(c.ends, r.options.Now)
		at.open = append(at.open, stay)
	}
	at.open = slices.DeleteFunc(at.open, func(open *stay) bool {
		if !open.kept {
			r.close(open)
			return true
		}
		open.kept = false
		return false
	})
	at.successor = e.SentAt
}

// begins is when the stay began whose first event was sent at an instant.
func (c claim) begins(sent time.Time) time.Time {
	if c.created.IsZero() || c.created.After(sent) || sent.Sub(c.created) > createdSlack {
		return sent
	}
	return c.created
}

// end is when a stay ended whose last event would have it end at an instant.
func (p *place) end(ends, now time.Time) (end time.Time, running bool) {
	switch {
	case !p.successor.IsZero() && p.successor.Before(ends):
		return p.successor, false
	case ends.After(now):
		return now, p.successor.IsZero()
	}
	return ends, false
}

// continued gives the open stay whose event before is this claim. What had run
// out before it was renewed began anew.
func (p *place) continued(c claim, rule Rule) *stay {
	for _, open := range p.open {
		if open.kept || open.device != c.device || c.ends.Before(p.successor) {
			continue
		}
		if open.id == c.id || rule == RuleSeed && open.perDevice && c.perDevice && !(open.application != c.application && open.call != c.call) {
			return open
		}
	}
	return nil
}

// merge takes over what an earlier event of the same stay says.
func (s *stay) merge(c claim) {
	s.id, s.application, s.call = c.id, c.application, c.call
	if s.intent == "" {
		s.intent = c.intent
	}
}
