package homeserver

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// alias is one entry of the room directory, and one journal value.
type alias struct {
	Room    string `json:"room"`
	Creator string `json:"creator"`
}

func (c *change) setAlias(full string, a *alias) {
	c.model.aliases[full] = a
	c.put(bucketAlias, key(full), a)
}

func (s *Server) getAlias(r *request) (any, error) {
	defer s.model.hold(r)()
	a := s.model.aliases[r.param("alias")]
	if a == nil {
		return nil, notFound("there is no room with this alias")
	}
	return map[string]any{"room_id": a.Room, "servers": []string{s.model.name}}, nil
}

func (s *Server) putAlias(r *request) (any, error) {
	var body struct {
		Room string `json:"room_id"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	full := r.param("alias")
	local, server, found := strings.Cut(full, ":")
	switch {
	case body.Room == "":
		return nil, missingParam("room_id")
	case !found || !strings.HasPrefix(local, "#") || len(local) < 2 || len(full) > maxField:
		return nil, invalidParam("%.255q is no alias; one looks like #name:%s", full, s.model.name)
	case server != s.model.name:
		return nil, invalidParam("aliases here end in :%s", s.model.name)
	}
	defer s.model.hold(r)()
	if s.model.aliases[full] != nil {
		return nil, refuse(http.StatusConflict, codeUnknown, "the alias %s is taken", full)
	}
	room := s.model.rooms[body.Room]
	if room == nil || room.joined[r.user.id] == nil {
		return nil, forbidden("only members may give a room an alias")
	}
	c := s.model.begin()
	c.setAlias(full, &alias{room.id, r.user.id})
	c.commit()
	return nothing{}, nil
}

// deleteAlias is for who made the alias and for who may change the canonical
// one.
func (s *Server) deleteAlias(r *request) (any, error) {
	full := r.param("alias")
	defer s.model.hold(r)()
	a := s.model.aliases[full]
	if a == nil {
		return nil, notFound("there is no room with this alias")
	}
	room := s.model.rooms[a.Room]
	may := a.Creator == r.user.id || room != nil && room.joined[r.user.id] != nil &&
		room.power.user(r.user.id) >= room.power.event(typeCanonicalAlias, true)
	if !may {
		return nil, forbidden("the alias was made by %s", a.Creator)
	}
	c := s.model.begin()
	delete(s.model.aliases, full)
	c.drop(bucketAlias, key(full))
	c.commit()
	return nothing{}, nil
}

func (s *Server) getAliases(r *request) (any, error) {
	defer s.model.hold(r)()
	room, err := s.memberOf(r)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for full, a := range s.model.aliases {
		if a.Room == room.id {
			names = append(names, full)
		}
	}
	slices.Sort(names)
	return map[string]any{"aliases": names}, nil
}

func (s *Server) getListed(r *request) (any, error) {
	defer s.model.hold(r)()
	room := s.model.rooms[r.param("room")]
	if room == nil {
		return nil, notFound("there is no such room")
	}
	visibility := "private"
	if room.Listed {
		visibility = "public"
	}
	return map[string]string{"visibility": visibility}, nil
}

func (s *Server) putListed(r *request) (any, error) {
	body := struct {
		Visibility string `json:"visibility"`
	}{"public"}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.Visibility != "public" && body.Visibility != "private" {
		return nil, invalidParam("visibility is %.40q; it must be public or private", body.Visibility)
	}
	defer s.model.hold(r)()
	room, err := s.memberOf(r)
	if err != nil {
		return nil, err
	}
	if room.power.user(r.user.id) < room.power.event(typeCanonicalAlias, true) {
		return nil, forbidden("listing the room needs the power to send %s", typeCanonicalAlias)
	}
	room.Listed = body.Visibility == "public"
	s.model.saveRoom(room)
	return nothing{}, nil
}

// listedRoom is one entry of publicRooms.
type listedRoom struct {
	ID            string `json:"room_id"`
	Name          string `json:"name,omitempty"`
	Topic         string `json:"topic,omitempty"`
	Alias         string `json:"canonical_alias,omitempty"`
	AvatarURL     string `json:"avatar_url,omitempty"`
	Members       int    `json:"num_joined_members"`
	WorldReadable bool   `json:"world_readable"`
	GuestCanJoin  bool   `json:"guest_can_join"`
	JoinRule      string `json:"join_rule,omitempty"`
}

func (r *room) listing() listedRoom {
	return listedRoom{
		ID: r.id, Name: r.text(typeName, "name"), Topic: r.text(typeTopic, "topic"),
		Alias: r.text(typeCanonicalAlias, "alias"), AvatarURL: r.text(typeAvatar, "url"),
		Members: len(r.joined), WorldReadable: at(r.access, r.changedAt) == "world_readable",
		GuestCanJoin: r.text(typeGuestAccess, "guest_access") == "can_join",
		JoinRule:     r.text(typeJoinRules, "join_rule"),
	}
}

type publicRoomsRequest struct {
	Limit  json.Number `json:"limit"`
	Since  string      `json:"since"`
	Filter struct {
		Term string `json:"generic_search_term"`
	} `json:"filter"`
}

func (s *Server) publicRooms(r *request) (any, error) {
	var body publicRoomsRequest
	if r.Method == http.MethodPost {
		if err := r.decode(&body); err != nil {
			return nil, err
		}
	} else {
		body.Limit, body.Since = json.Number(r.URL.Query().Get("limit")), r.URL.Query().Get("since")
	}
	from, limit, err := body.page()
	if err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	list, term := []listedRoom{}, strings.ToLower(body.Filter.Term)
	for _, room := range s.model.rooms {
		entry := room.listing()
		if room.Listed && strings.Contains(strings.ToLower(entry.Name+" "+entry.Topic+" "+entry.Alias), term) {
			list = append(list, entry)
		}
	}
	slices.SortFunc(list, func(a, b listedRoom) int {
		return cmp.Or(cmp.Compare(b.Members, a.Members), cmp.Compare(a.ID, b.ID))
	})
	total := len(list)
	from = min(from, total)
	to := min(from+limit, total)
	answer := map[string]any{"chunk": list[from:to], "total_room_count_estimate": total}
	if to < total {
		answer["next_batch"] = strconv.Itoa(to)
	}
	if from > 0 {
		answer["prev_batch"] = strconv.Itoa(max(from-limit, 0))
	}
	return answer, nil
}

// page reads where the list begins and how long it may be.
func (p *publicRoomsRequest) page() (from, limit int, err error) {
	limit = 100
	if p.Limit != "" {
		n, err := p.Limit.Int64()
		if err != nil || n < 0 {
			return 0, 0, invalidParam("limit must be a positive integer")
		}
		limit = int(min(max(n, 1), 500))
	}
	if p.Since != "" {
		if from, err = strconv.Atoi(p.Since); err != nil || from < 0 {
			return 0, 0, invalidParam("since is no token of this list")
		}
	}
	return from, limit, nil
}
