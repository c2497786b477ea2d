package homeserver

import (
	"net/http"
	"time"
)

func (s *Server) whoami(r *request) (any, error) {
	return map[string]any{
		"user_id": r.user.id, "device_id": r.device.id, "is_guest": r.user.Guest,
	}, nil
}

func (s *Server) changePassword(r *request) (any, error) {
	body := struct {
		Auth        *authData `json:"auth"`
		NewPassword string    `json:"new_password"`
		Logout      *bool     `json:"logout_devices"`
	}{}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := s.confirm(r, body.Auth); err != nil {
		return nil, err
	}
	switch n := len(body.NewPassword); {
	case n == 0:
		return nil, missingParam("new_password")
	case n > maxPassword:
		return nil, refuse(http.StatusBadRequest, codeWeakPassword, "the password may have %d bytes", maxPassword)
	}
	hash := s.hash(body.NewPassword)
	defer s.model.hold(r)()
	r.user.Password = hash
	s.model.saveUser(r.user)
	if body.Logout == nil || *body.Logout {
		for _, d := range r.user.devices {
			if d != r.device {
				s.model.removeDevice(d)
			}
		}
	}
	return nothing{}, nil
}

// deactivate closes the account: out of all rooms, all devices gone, the name
// never to be used again.
func (s *Server) deactivate(r *request) (any, error) {
	var body struct {
		Auth *authData `json:"auth"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := s.confirm(r, body.Auth); err != nil {
		return nil, err
	}
	m := s.model
	defer m.hold(r)()
	c := m.begin()
	for _, room := range r.user.rooms {
		if is := room.membership(r.user.id); is == memberJoin || is == memberInvite {
			c.post(room, s.model.memberDraft(r.user, r.user.id, memberLeave, "")) // nothing forbids leaving
		}
	}
	c.commit()
	for _, d := range r.user.devices {
		m.removeDevice(d)
	}
	r.user.Deactivated, r.user.Password, r.user.DisplayName, r.user.AvatarURL = true, "", "", ""
	m.saveUser(r.user)
	return map[string]string{"id_server_unbind_result": "no-support"}, nil
}

func (s *Server) getThreepids(*request) (any, error) {
	return map[string][]any{"threepids": {}}, nil
}

// openID makes a token by which services could ask who somebody is. This
// server has no federation API to ask at, so it is only as good as none.
func (s *Server) openID(r *request) (any, error) {
	if err := r.self(); err != nil {
		return nil, err
	}
	token, _ := newToken()
	return map[string]any{
		"access_token": token, "token_type": "Bearer", "matrix_server_name": s.model.name,
		"expires_in": int64(time.Hour / time.Second),
	}, nil
}

// self refuses paths that name another user.
func (r *request) self() error {
	if r.param("user") != r.user.id {
		return forbidden("this belongs to %.255s", r.param("user"))
	}
	return nil
}
