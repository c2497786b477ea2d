package homeserver

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// filter is the part of a filter (client-server API, "Filtering") that is
// honoured here. Lazy loading is accepted and ignored: rooms are small.
type filter struct {
	AccountData eventFilter `json:"account_data"`
	Room        roomFilter  `json:"room"`
}

type roomFilter struct {
	Rooms        *[]string   `json:"rooms"`
	NotRooms     []string    `json:"not_rooms"`
	IncludeLeave bool        `json:"include_leave"`
	Timeline     eventFilter `json:"timeline"`
	State        eventFilter `json:"state"`
	Ephemeral    eventFilter `json:"ephemeral"`
	AccountData  eventFilter `json:"account_data"`
}

type eventFilter struct {
	Limit       *int      `json:"limit"`
	Types       *[]string `json:"types"`
	NotTypes    []string  `json:"not_types"`
	Senders     *[]string `json:"senders"`
	NotSenders  []string  `json:"not_senders"`
	Rooms       *[]string `json:"rooms"`
	NotRooms    []string  `json:"not_rooms"`
	ContainsURL *bool     `json:"contains_url"`
}

// Timeline limits of /sync.
const (
	timelineDefault = 10
	timelineMost    = 1000
)

// limit of a timeline.
func (f *eventFilter) limit() int {
	if f.Limit == nil {
		return timelineDefault
	}
	return min(max(*f.Limit, 0), timelineMost)
}

// room says whether events of a room pass at all.
func (f *eventFilter) room(id string) bool {
	return (f.Rooms == nil || slices.Contains(*f.Rooms, id)) && !slices.Contains(f.NotRooms, id)
}

func (f *roomFilter) room(id string) bool {
	return (f.Rooms == nil || slices.Contains(*f.Rooms, id)) && !slices.Contains(f.NotRooms, id)
}

// kind says whether events of a type pass.
func (f *eventFilter) kind(name string) bool {
	matches := func(pattern string) bool { return wildcard(pattern, name) }
	return (f.Types == nil || slices.ContainsFunc(*f.Types, matches)) && !slices.ContainsFunc(f.NotTypes, matches)
}

// event says whether an event passes.
func (f *eventFilter) event(e *event) bool {
	if !f.kind(e.Type) || !f.room(e.room.id) {
		return false
	}
	if f.Senders != nil && !slices.Contains(*f.Senders, e.Sender) || slices.Contains(f.NotSenders, e.Sender) {
		return false
	}
	if f.ContainsURL != nil {
		return *f.ContainsURL == (contentString(e.Content, "url") != "")
	}
	return true
}

// wildcard matches a pattern in which * stands for anything.
func wildcard(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], more
	}
}

// filtersKept bounds how many filters a user may store.
const filtersKept = 1000

func (s *Server) postFilter(r *request) (any, error) {
	if err := r.self(); err != nil {
		return nil, err
	}
	content, err := r.object()
	if err != nil {
		return nil, err
	}
	if err := decodeJSON(content, new(filter)); err != nil {
		return nil, err
	}
	if len(content) > maxEvent {
		return nil, tooLarge("a filter may have %d bytes", maxEvent)
	}
	defer s.model.hold(r)()
	u := r.user
	for i, known := range u.filters {
		if sameJSON(known, content) {
			return map[string]string{"filter_id": strconv.Itoa(i)}, nil
		}
	}
	if len(u.filters) >= filtersKept {
		return nil, tooLarge("a user may have %d filters", filtersKept)
	}
	id := strconv.Itoa(len(u.filters))
	u.filters = append(u.filters, content)
	s.model.write(put(bucketFilter, key(u.id, id), content))
	return map[string]string{"filter_id": id}, nil
}

func (s *Server) getFilter(r *request) (any, error) {
	if err := r.self(); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	return r.user.filter(r.param("filter"))
}

// filter finds a stored filter.
func (u *user) filter(id string) (json.RawMessage, error) {
	i, err := strconv.Atoi(id)
	if err != nil || i < 0 || i >= len(u.filters) {
		return nil, notFound("there is no such filter")
	}
	return u.filters[i], nil
}

// readFilter takes a filter or a filter's ID, as query parameters have it.
func (s *Server) readFilter(r *request, text string) (*filter, error) {
	f := new(filter)
	switch {
	case text == "":
		return f, nil
	case strings.HasPrefix(text, "{"):
		if err := decodeJSON([]byte(text), f); err != nil {
			return nil, invalidParam("filter is no filter: %v", err)
		}
		return f, nil
	}
	s.model.mu.Lock()
	stored, err := r.user.filter(text)
	s.model.mu.Unlock()
	if err != nil {
		return nil, invalidParam("filter is %.40q, which is not the ID of one", text)
	}
	return f, decodeJSON(stored, f)
}
