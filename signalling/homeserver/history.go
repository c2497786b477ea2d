package homeserver

import (
	"encoding/json"
)

// Page sizes of /messages and the like.
const (
	pageDefault = 10
	pageMost    = 1000
)

// page walks over a room's history in one direction, showing what the user
// may see and the filter lets pass.
type page struct {
	room   *room
	user   *user
	device *device
	filter *eventFilter
	match  func(*event) bool // nil takes all
	limit  int
}

// back lists events up to a position, newest first; next is the position
// before the last one listed and more says that there is something before it.
func (p *page) back(from int64) (events []*event, next int64, more bool) {
	timeline := p.room.timeline
	i := len(timeline) - len(p.room.after(from))
	for i--; i >= 0; i-- {
		if len(events) == p.limit {
			return events, events[len(events)-1].At - 1, true
		}
		if e := timeline[i]; p.shows(e) {
			events = append(events, e)
		}
	}
	return events, 0, false
}

// forth lists events behind a position, oldest first.
func (p *page) forth(from int64) (events []*event, next int64, more bool) {
	next = from
	for _, e := range p.room.after(from) {
		if len(events) == p.limit {
			return events, next, true
		}
		if p.shows(e) {
			events = append(events, e)
			next = e.At
		}
	}
	return events, next, false
}

func (p *page) shows(e *event) bool {
	return (p.filter == nil || p.filter.event(e)) && (p.match == nil || p.match(e)) && p.room.visible(p.user.id, e)
}

// newPage reads limit and filter of a request for a room the user may read.
// The model must be locked.
func (s *Server) newPage(r *request, f *eventFilter) (*page, error) {
	limit, err := r.integer("limit", pageDefault)
	if err != nil {
		return nil, err
	}
	if limit < 0 {
		return nil, invalidParam("limit is %d; it must not be negative", limit)
	}
	room := s.model.rooms[r.param("room")]
	if room == nil || room.readable(r.user.id) < 0 {
		return nil, forbidden("%s is not in the room", r.user.id)
	}
	return &page{room: room, user: r.user, device: r.device, filter: f, limit: int(min(max(limit, 1), pageMost))}, nil
}

// readEventFilter takes the JSON of a RoomEventFilter.
func readEventFilter(text string) (*eventFilter, error) {
	f := new(eventFilter)
	if text == "" {
		return f, nil
	}
	return f, decodeJSON([]byte(text), f)
}

// views renders events with their room.
func (p *page) views(events []*event, r *request) []clientEvent {
	list := make([]clientEvent, len(events))
	for i, e := range events {
		list[i] = e.full(p.device, r.now)
	}
	return list
}

// start reads where a page begins; without a token, at the end of the room
// that lies in the direction of travel.
func (s *Server) start(r *request, direction string) (int64, error) {
	text := r.URL.Query().Get("from")
	if text == "" {
		if direction == "f" {
			return 0, nil
		}
		return s.model.position, nil
	}
	token, refused := parseToken(text)
	if refused != nil {
		return 0, refused
	}
	return token.stream, nil
}

func (s *Server) getMessages(r *request) (any, error) {
	f, err := readEventFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	direction := r.URL.Query().Get("dir")
	if direction != "b" && direction != "f" {
		return nil, invalidParam("dir is %.10q; it must be b or f", direction)
	}
	defer s.model.hold(r)()
	p, err := s.newPage(r, f)
	if err != nil {
		return nil, err
	}
	from, err := s.start(r, direction)
	if err != nil {
		return nil, err
	}
	walk := p.back
	if direction == "f" {
		walk = p.forth
	}
	events, next, more := walk(from)
	answer := map[string]any{"chunk": p.views(events, r), "start": pageToken(from)}
	if more {
		answer["end"] = pageToken(next)
	}
	return answer, nil
}

// visibleEvent finds the event of a request, which must be one that the user
// may see.
func (s *Server) visibleEvent(r *request) (*event, error) {
	e := s.model.events[r.param("event")]
	if e == nil || e.room.id != r.param("room") || !e.room.visible(r.user.id, e) {
		return nil, notFound("the event is not there, or not for %s", r.user.id)
	}
	return e, nil
}

func (s *Server) getEvent(r *request) (any, error) {
	defer s.model.hold(r)()
	e, err := s.visibleEvent(r)
	if err != nil {
		return nil, err
	}
	return e.full(r.device, r.now), nil
}

func (s *Server) getContext(r *request) (any, error) {
	f, err := readEventFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	e, err := s.visibleEvent(r)
	if err != nil {
		return nil, err
	}
	p, err := s.newPage(r, f)
	if err != nil {
		return nil, err
	}
	p.limit = max(p.limit/2, 1)
	before, start, _ := p.back(e.At - 1)
	after, end, _ := p.forth(e.At)
	state := []clientEvent{}
	for _, at := range inOrder(e.room.stateAt(end)) {
		state = append(state, at.full(r.device, r.now))
	}
	return map[string]any{
		"event": e.full(r.device, r.now), "events_before": p.views(before, r), "events_after": p.views(after, r),
		"start": pageToken(start), "end": pageToken(end), "state": state,
	}, nil
}

func (s *Server) getMembers(r *request) (any, error) {
	query := r.URL.Query()
	defer s.model.hold(r)()
	room, state, err := s.readableState(r)
	if err != nil {
		return nil, err
	}
	if text := query.Get("at"); text != "" {
		token, refused := parseToken(text)
		if refused != nil {
			return nil, refused
		}
		state = room.stateAt(min(token.stream, room.readable(r.user.id)))
	}
	chunk := []clientEvent{}
	for _, e := range inOrder(state) {
		if e.Type != typeMember {
			continue
		}
		is := e.member
		if want := query.Get("membership"); want != "" && is != want || is == query.Get("not_membership") {
			continue
		}
		chunk = append(chunk, e.full(r.device, r.now))
	}
	return map[string]any{"chunk": chunk}, nil
}

func (s *Server) joinedMembers(r *request) (any, error) {
	type profile struct {
		DisplayName *string `json:"display_name"`
		AvatarURL   *string `json:"avatar_url"`
	}
	orNil := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	defer s.model.hold(r)()
	room, err := s.memberOf(r)
	if err != nil {
		return nil, err
	}
	joined := make(map[string]profile)
	for id := range room.joined {
		content := room.state[stateSlot{typeMember, id}].Content
		joined[id] = profile{orNil(contentString(content, "displayname")), orNil(contentString(content, "avatar_url"))}
	}
	return map[string]any{"joined": joined}, nil
}

// relation is the m.relates_to of a content.
type relation struct {
	Type  string `json:"rel_type"`
	Event string `json:"event_id"`
}

func (e *event) relation() relation {
	var content struct {
		Relation relation `json:"m.relates_to"`
	}
	if json.Unmarshal(e.Content, &content) != nil {
		return relation{}
	}
	return content.Relation
}

// getRelations lists the events that refer to one.
func (s *Server) getRelations(r *request) (any, error) {
	kind, name := r.param("rel"), r.param("type")
	direction := r.URL.Query().Get("dir")
	defer s.model.hold(r)()
	target, err := s.visibleEvent(r)
	if err != nil {
		return nil, err
	}
	p, err := s.newPage(r, nil)
	if err != nil {
		return nil, err
	}
	p.match = func(e *event) bool {
		to := e.relation()
		return to.Event == target.ID && (kind == "" || to.Type == kind) && (name == "" || e.Type == name)
	}
	from, err := s.start(r, direction)
	if err != nil {
		return nil, err
	}
	walk := p.back
	if direction == "f" {
		walk = p.forth
	}
	events, next, more := walk(from)
	answer := map[string]any{"chunk": p.views(events, r)}
	if more {
		answer["next_batch"] = pageToken(next)
	}
	return answer, nil
}

// getThreads lists the events that threads begin with, newest thread first.
func (s *Server) getThreads(r *request) (any, error) {
	defer s.model.hold(r)()
	p, err := s.newPage(r, nil)
	if err != nil {
		return nil, err
	}
	roots := make(map[string]bool)
	for _, e := range p.room.timeline {
		if to := e.relation(); to.Type == "m.thread" {
			roots[to.Event] = true
		}
	}
	p.match = func(e *event) bool { return roots[e.ID] }
	from, err := s.start(r, "b")
	if err != nil {
		return nil, err
	}
	events, next, more := p.back(from)
	answer := map[string]any{"chunk": p.views(events, r)}
	if more {
		answer["next_batch"] = pageToken(next)
	}
	return answer, nil
}
