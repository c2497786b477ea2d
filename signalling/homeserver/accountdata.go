package homeserver

import (
	"encoding/json"
)

// typePushRules is kept as account data and shown through pushrules too.
const (
	typePushRules = "m.push_rules"
	typeFullyRead = "m.fully_read"
	typeTag       = "m.tag"
)

// setData stores account data; an empty room is the global scope.
func (c *change) setData(u *user, room, kind string, content json.RawMessage) {
	at := c.model.next()
	u.data[dataKey{room, kind}] = &datum{content, at}
	u.dataAt = at
	c.put(bucketData, key(u.id, room, kind), datum{content, at})
	c.tell(u)
}

func (s *Server) getAccountData(r *request) (any, error) {
	if err := r.self(); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	if r.param("room") == "" && r.param("type") == typePushRules {
		return r.user.pushRules(), nil
	}
	found := r.user.data[dataKey{r.param("room"), r.param("type")}]
	if found == nil {
		return nil, notFound("there is no such account data")
	}
	return found.Content, nil
}

func (s *Server) putAccountData(r *request) (any, error) {
	if err := r.self(); err != nil {
		return nil, err
	}
	kind, room := r.param("type"), r.param("room")
	if kind == typePushRules || kind == typeFullyRead {
		return nil, refuse(405, codeBadJSON, "%s is set by its own endpoint", kind)
	}
	content, err := r.object()
	if err != nil {
		return nil, err
	}
	switch {
	case len(kind) > maxField:
		return nil, tooLarge("the type may have %d bytes", maxField)
	case len(content) > maxEvent:
		return nil, tooLarge("account data may have %d bytes", maxEvent)
	}
	defer s.model.hold(r)()
	if room != "" && s.model.rooms[room] == nil {
		return nil, notFound("there is no such room")
	}
	c := s.model.begin()
	c.setData(r.user, room, kind, content)
	c.commit()
	return nothing{}, nil
}

// tags of a room, by name; the content of m.tag.
type tags struct {
	Tags map[string]json.RawMessage `json:"tags"`
}

func (u *user) tags(room string) tags {
	t := tags{make(map[string]json.RawMessage)}
	if found := u.data[dataKey{room, typeTag}]; found != nil {
		var stored tags
		if json.Unmarshal(found.Content, &stored) == nil && stored.Tags != nil {
			t = stored
		}
	}
	return t
}

func (s *Server) getTags(r *request) (any, error) {
	if err := r.self(); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	return r.user.tags(r.param("room")), nil
}

func (s *Server) putTag(r *request) (any, error) {
	content, err := r.object()
	if err != nil {
		return nil, err
	}
	if len(content)+len(r.param("tag")) > maxField*4 {
		return nil, tooLarge("the tag is too long")
	}
	return s.changeTags(r, func(t tags) { t.Tags[r.param("tag")] = content })
}

func (s *Server) deleteTag(r *request) (any, error) {
	return s.changeTags(r, func(t tags) { delete(t.Tags, r.param("tag")) })
}

func (s *Server) changeTags(r *request, edit func(tags)) (any, error) {
	if err := r.self(); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	room := r.param("room")
	if s.model.rooms[room] == nil {
		return nil, notFound("there is no such room")
	}
	t := r.user.tags(room)
	edit(t)
	content, err := json.Marshal(t)
	if err != nil {
		return nil, badJSON("the tag is no JSON")
	}
	c := s.model.begin()
	c.setData(r.user, room, typeTag, content)
	c.commit()
	return nothing{}, nil
}
