package homeserver

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// The fields a profile can have here.
const (
	fieldName   = "displayname"
	fieldAvatar = "avatar_url"
)

// profile of a user, without what is not set.
func (u *user) profile() map[string]string {
	p := make(map[string]string)
	if u.DisplayName != "" {
		p[fieldName] = u.DisplayName
	}
	if u.AvatarURL != "" {
		p[fieldAvatar] = u.AvatarURL
	}
	return p
}

func (s *Server) getProfile(r *request) (any, error) {
	defer s.model.hold(r)()
	u := s.model.users[r.param("user")]
	if u == nil {
		return nil, notFound("there is no such user")
	}
	return u.profile(), nil
}

func (s *Server) getProfileField(r *request) (any, error) {
	defer s.model.hold(r)()
	u := s.model.users[r.param("user")]
	if u == nil {
		return nil, notFound("there is no such user")
	}
	field := r.param("field")
	value, ok := u.profile()[field]
	if !ok {
		return nil, notFound("the profile has no %.64s", field)
	}
	return map[string]string{field: value}, nil
}

func (s *Server) putProfileField(r *request) (any, error) {
	field := r.param("field")
	var body map[string]json.RawMessage
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	var value *string
	if raw, ok := body[field]; ok {
		if err := decodeJSON(raw, &value); err != nil {
			return nil, err
		}
	} else if field == fieldName || field == fieldAvatar {
		return nil, missingParam(field)
	}
	if value == nil {
		value = new(string)
	}
	return s.setProfile(r, field, *value)
}

func (s *Server) deleteProfileField(r *request) (any, error) {
	return s.setProfile(r, r.param("field"), "")
}

// setProfile changes one field and the member events that repeat it.
func (s *Server) setProfile(r *request, field, value string) (any, error) {
	if err := r.self(); err != nil {
		return nil, err
	}
	if len(value) > 1000 {
		return nil, tooLarge("%s may have 1000 bytes", field)
	}
	defer s.model.hold(r)()
	switch field {
	case fieldName:
		r.user.DisplayName = value
	case fieldAvatar:
		r.user.AvatarURL = value
	default:
		return nil, refuse(http.StatusBadRequest, codeInvalidParam, "profiles have %s and %s here", fieldName, fieldAvatar)
	}
	s.model.saveUser(r.user)
	s.model.repeatProfile(r.user)
	return nothing{}, nil
}

// searchUsers finds those one shares a room with, and those in public rooms,
// by parts of name or ID.
func (s *Server) searchUsers(r *request) (any, error) {
	body := struct {
		Term  string `json:"search_term"`
		Limit int    `json:"limit"`
	}{Limit: 10}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	limit := min(max(body.Limit, 1), 50)
	type found struct {
		UserID      string `json:"user_id"`
		DisplayName string `json:"display_name,omitempty"`
		AvatarURL   string `json:"avatar_url,omitempty"`
	}
	results, term := []found{}, strings.ToLower(body.Term)
	defer s.model.hold(r)()
	for id, u := range s.model.users {
		matches := strings.Contains(strings.ToLower(u.DisplayName), term) || strings.Contains(id, term)
		if matches && !u.Deactivated && s.mayFind(r.user, u) {
			results = append(results, found{id, u.DisplayName, u.AvatarURL})
		}
	}
	slices.SortFunc(results, func(a, b found) int { return cmp.Compare(a.UserID, b.UserID) })
	cut := min(limit, len(results))
	return map[string]any{"results": results[:cut], "limited": cut < len(results)}, nil
}

func (s *Server) mayFind(who, other *user) bool {
	if who == other || who.knows(other) {
		return who != other
	}
	for _, room := range other.rooms {
		if room.joined[other.id] != nil && room.text(typeJoinRules, "join_rule") == "public" {
			return true
		}
	}
	return false
}
