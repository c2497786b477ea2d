package homeserver

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// memberDraft is the m.room.member event by which sender makes target a
// member of some kind. Joins and invites carry the target's profile.
func (m *model) memberDraft(sender *user, target, membership, reason string) *draft {
	content := struct {
		Membership  string `json:"membership"`
		DisplayName string `json:"displayname,omitempty"`
		AvatarURL   string `json:"avatar_url,omitempty"`
		Reason      string `json:"reason,omitempty"`
	}{Membership: membership, Reason: reason}
	if u := m.users[target]; u != nil && (membership == memberJoin || membership == memberInvite) {
		content.DisplayName, content.AvatarURL = u.DisplayName, u.AvatarURL
	}
	data, _ := json.Marshal(content) // strings only
	return &draft{kind: typeMember, stateKey: &target, sender: sender, content: data}
}

// find resolves a room ID or an alias.
func (m *model) find(idOrAlias string) (*room, *refusal) {
	id := idOrAlias
	if strings.HasPrefix(id, "#") {
		a := m.aliases[id]
		if a == nil {
			return nil, notFound("there is no room with this alias")
		}
		id = a.Room
	}
	r := m.rooms[id]
	if r == nil {
		return nil, notFound("there is no such room on this server")
	}
	return r, nil
}

// memberOf finds the room of a request and asks that the user is joined. A
// room that does not exist looks like one that one is not in.
func (s *Server) memberOf(r *request) (*room, error) {
	room := s.model.rooms[r.param("room")]
	if room == nil || room.joined[r.user.id] == nil {
		return nil, forbidden("%s is not in the room", r.user.id)
	}
	return room, nil
}

func (s *Server) join(r *request) (any, error) {
	var body struct {
		Reason string `json:"reason"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	m := s.model
	defer m.hold(r)()
	room, refused := m.find(r.param("room"))
	if refused != nil {
		return nil, refused
	}
	if room.joined[r.user.id] == nil {
		if _, err := s.setMember(r.user, room, r.user.id, memberJoin, body.Reason); err != nil {
			return nil, err
		}
	}
	return map[string]string{"room_id": room.id}, nil
}

func (s *Server) knock(*request) (any, error) {
	return nil, forbidden("knocking is not supported")
}

// setMember posts one member event. The model must be locked.
func (s *Server) setMember(sender *user, room *room, target, membership, reason string) (any, error) {
	m := s.model
	c := m.begin()
	if sender.id == target && sender.Forgotten[room.id] {
		delete(sender.Forgotten, room.id)
		c.put(bucketUser, key(sender.id), sender.userRecord)
	}
	if _, err := c.post(room, m.memberDraft(sender, target, membership, reason)); err != nil {
		return nil, err
	}
	c.commit()
	return nothing{}, nil
}

func (s *Server) leaveRoom(r *request) (any, error) {
	var body struct {
		Reason string `json:"reason"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	room := s.model.rooms[r.param("room")]
	if room == nil {
		return nil, forbidden("%s is not in the room", r.user.id)
	}
	if room.membership(r.user.id) == memberLeave {
		return nothing{}, nil
	}
	return s.setMember(r.user, room, r.user.id, memberLeave, body.Reason)
}

func (s *Server) forget(r *request) (any, error) {
	defer s.model.hold(r)()
	room := r.user.rooms[r.param("room")]
	if room == nil {
		return nil, refuse(http.StatusBadRequest, codeUnknown, "the room is not known to %s", r.user.id)
	}
	if is := room.membership(r.user.id); is == memberJoin || is == memberInvite {
		return nil, refuse(http.StatusBadRequest, codeUnknown, "the room has to be left before it can be forgotten")
	}
	delete(r.user.rooms, room.id)
	if r.user.Forgotten == nil {
		r.user.Forgotten = make(map[string]bool)
	}
	r.user.Forgotten[room.id] = true
	s.model.saveUser(r.user)
	return nothing{}, nil
}

// invite, kick, ban and unban name their target in the body.
func (s *Server) invite(r *request) (any, error) { return s.memberRequest(r, memberInvite) }

func (s *Server) ban(r *request) (any, error) { return s.memberRequest(r, memberBan) }

func (s *Server) kick(r *request) (any, error) {
	return s.memberRequest(r, memberLeave, memberJoin, memberInvite)
}

func (s *Server) unban(r *request) (any, error) { return s.memberRequest(r, memberLeave, memberBan) }

// memberRequest makes the user of the body a member of some kind, who must be
// one of the given kinds now, if any are given.
func (s *Server) memberRequest(r *request, membership string, from ...string) (any, error) {
	var body struct {
		UserID string `json:"user_id"`
		Reason string `json:"reason"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if body.UserID == "" {
		return nil, missingParam("user_id")
	}
	if !validUserID(body.UserID) {
		return nil, invalidParam("%.255q is no user ID", body.UserID)
	}
	defer s.model.hold(r)()
	room, err := s.memberOf(r)
	if err != nil {
		return nil, err
	}
	if membership == memberInvite && s.model.users[body.UserID] == nil {
		return nil, notFound("%s is not a user of this server, which has no federation", body.UserID)
	}
	if is := room.membership(body.UserID); len(from) > 0 && !slices.Contains(from, is) {
		return nil, forbidden("%s is not in the room or not banned from it", body.UserID)
	}
	return s.setMember(r.user, room, body.UserID, membership, body.Reason)
}

func (s *Server) joinedRooms(r *request) (any, error) {
	defer s.model.hold(r)()
	ids := []string{}
	for id, room := range r.user.rooms {
		if room.joined[r.user.id] != nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return map[string]any{"joined_rooms": ids}, nil
}
