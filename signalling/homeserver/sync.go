package homeserver

import (
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// maxPoll is the longest a /sync waits; clients ask for 30 s.
const maxPoll = 5 * time.Minute

// syncRequest is what a /sync asks for.
type syncRequest struct {
	since      syncToken
	initial    bool // no since
	fullState  bool
	stateAfter bool // MSC4222
	filter     *filter
	timeout    time.Duration
}

// eventList is the usual envelope of events. Sections without events are left
// out of the answer.
type eventList struct {
	Events []any `json:"events"`
}

func (l *eventList) add(event any) { l.Events = append(l.Events, event) }

// orNil leaves an empty list out of the answer.
func (l *eventList) orNil() *eventList {
	if len(l.Events) == 0 {
		return nil
	}
	return l
}

// syncAnswer is the answer of /sync.
type syncAnswer struct {
	NextBatch   string         `json:"next_batch"`
	AccountData *eventList     `json:"account_data,omitempty"`
	ToDevice    *eventList     `json:"to_device,omitempty"`
	DeviceLists *deviceLists   `json:"device_lists,omitempty"`
	KeyCounts   map[string]int `json:"device_one_time_keys_count"`
	Fallbacks   []string       `json:"device_unused_fallback_key_types"`
	OldUnused   []string       `json:"org.matrix.msc2732.device_unused_fallback_key_types"`
	Rooms       *syncRooms     `json:"rooms,omitempty"`

	// news says that there is something to answer with, seen what must be
	// durable before.
	news bool
	seen journal.Position
}

type syncRooms struct {
	Join   map[string]*joinedRoom  `json:"join,omitempty"`
	Invite map[string]*invitedRoom `json:"invite,omitempty"`
	Leave  map[string]*joinedRoom  `json:"leave,omitempty"`
}

// sync answers with what happened since a token, or waits for something to
// happen. The wake-up belongs to the device, so that a to-device message wakes
// one request and no other.
func (s *Server) sync(r *request) (any, error) {
	q, err := s.readSync(r)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(q.timeout)
	defer timer.Stop()
	for {
		answer, woken, err := s.syncNow(r, q)
		if err != nil {
			return nil, err
		}
		if answer.news || q.initial || q.fullState || q.timeout == 0 {
			r.seen = answer.seen
			return answer, nil
		}
		if err := s.pause(r, q, woken, timer.C); err != nil {
			return nil, err
		}
	}
}

// pause waits until it is worth looking again, for the last time if the time
// is up.
func (s *Server) pause(r *request, q *syncRequest, woken <-chan struct{}, up <-chan time.Time) error {
	s.syncing.Add(1)
	defer s.syncing.Add(-1)
	select {
	case <-woken:
	case <-up:
		q.timeout = 0
	case <-s.closing:
		q.timeout = 0
	case <-r.Context().Done():
		return r.Context().Err()
	}
	return nil
}

func (s *Server) readSync(r *request) (*syncRequest, error) {
	query := r.URL.Query()
	timeout, err := r.duration("timeout")
	if err != nil {
		return nil, err
	}
	q := &syncRequest{
		initial: query.Get("since") == "", timeout: min(timeout, maxPoll),
		fullState:  query.Get("full_state") == "true",
		stateAfter: query.Get("org.matrix.msc4222.use_state_after") == "true" || query.Get("use_state_after") == "true",
	}
	if q.filter, err = s.readFilter(r, query.Get("filter")); err != nil {
		return nil, err
	}
	if !q.initial {
		var refused *refusal
		if q.since, refused = parseToken(query.Get("since")); refused != nil {
			return nil, refused
		}
	}
	return q, nil
}

// syncNow looks once, and returns what to wait for if there was nothing.
func (s *Server) syncNow(r *request, q *syncRequest) (*syncAnswer, <-chan struct{}, error) {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tokens[r.device.Token] != r.device {
		return nil, nil, refuse(401, codeUnknownToken, "the device has been signed out")
	}
	if q.since.stream > m.position {
		return nil, nil, invalidParam("since is not a token that this server gave")
	}
	r.device.seen(r)
	if !q.initial {
		r.device.acknowledge(m, q.since.inbox)
	}
	b := &syncBuilder{
		model: m, device: r.device, user: r.device.user, syncRequest: q, now: time.Now(),
		next: syncToken{m.position, m.position, m.position},
	}
	answer := b.build()
	if answer.news {
		return answer, nil, nil
	}
	return answer, r.device.awaken(), nil
}

// syncBuilder makes one answer, under the model's lock.
type syncBuilder struct {
	*syncRequest
	model  *model
	device *device
	user   *user
	now    time.Time
	next   syncToken
	answer syncAnswer
}

func (b *syncBuilder) build() *syncAnswer {
	b.toDevice()
	b.accountData()
	b.deviceLists()
	b.rooms()
	a := &b.answer
	a.KeyCounts, a.Fallbacks = b.device.counts(), b.device.unusedFallbacks()
	a.OldUnused = a.Fallbacks
	if b.initial || b.device.keysAt > b.since.stream {
		b.shows(b.user.written)
	}
	a.NextBatch = b.next.String()
	a.seen = max(a.seen, b.model.reserved)
	return a
}

// shows notes that the answer has something in it that was written at p.
func (b *syncBuilder) shows(p journal.Position) {
	b.answer.news = true
	b.answer.seen = max(b.answer.seen, p)
}

func (b *syncBuilder) toDevice() {
	batch := b.device.waiting(b.since.inbox)
	if len(batch) == 0 {
		return
	}
	list := new(eventList)
	for _, msg := range batch {
		list.add(msg.event)
	}
	b.answer.ToDevice = list
	if last := batch[len(batch)-1].at; len(batch) == inboxBatch {
		b.next.inbox = last
	}
	b.shows(b.device.written)
}

func (b *syncBuilder) accountData() {
	if b.user.dataAt <= b.since.stream && !b.initial {
		return
	}
	list := new(eventList)
	if rulesSet := b.user.data[dataKey{"", typePushRules}]; rulesSet == nil && b.initial {
		list.add(dataEvent{typePushRules, b.user.pushRules()})
	}
	for at, d := range b.user.data {
		if at.room == "" && (b.initial || d.At > b.since.stream) && b.filter.AccountData.kind(at.kind) {
			list.add(dataEvent{at.kind, d.Content})
		}
	}
	if b.answer.AccountData = list.orNil(); b.answer.AccountData != nil {
		b.shows(b.user.written)
	}
}

// dataEvent is account data as /sync shows it.
type dataEvent struct {
	Type    string `json:"type"`
	Content any    `json:"content"`
}

// deviceLists says whose keys to fetch anew, and whose to forget.
type deviceLists struct {
	Changed []string `json:"changed"`
	Left    []string `json:"left"`
}

func (b *syncBuilder) deviceLists() {
	if b.initial || b.user.listsAt <= b.since.stream {
		return
	}
	lists := b.model.deviceLists(b.user, b.since.stream)
	if len(lists.Changed)+len(lists.Left) == 0 {
		return
	}
	b.answer.DeviceLists = lists
	b.shows(b.user.written)
}
