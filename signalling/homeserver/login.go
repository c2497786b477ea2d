package homeserver

import (
	"maps"
	"net/http"
	"sync"
	"time"
)

// userIdentifier is the m.id.user identifier.
type userIdentifier struct {
	Type string `json:"type"`
	User string `json:"user"`
}

// session is the answer to login and register.
type session struct {
	UserID      string `json:"user_id"`
	AccessToken string `json:"access_token,omitempty"`
	DeviceID    string `json:"device_id,omitempty"`
	HomeServer  string `json:"home_server,omitempty"` // deprecated, but read by old clients
}

// getLogin lists the login types.
func (s *Server) getLogin(*request) (any, error) {
	type flow struct {
		Type     string `json:"type"`
		GetToken bool   `json:"get_login_token,omitempty"`
	}
	return map[string][]flow{"flows": {{Type: stagePassword}, {Type: loginByToken, GetToken: true}}}, nil
}

type loginRequest struct {
	Type        string         `json:"type"`
	Identifier  userIdentifier `json:"identifier"`
	User        string         `json:"user"` // r0
	Password    string         `json:"password"`
	Token       string         `json:"token"`
	DeviceID    string         `json:"device_id"`
	DisplayName string         `json:"initial_device_display_name"`
}

func (s *Server) login(r *request) (any, error) {
	var body loginRequest
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if !validDeviceID(body.DeviceID) || len(body.DisplayName) > maxField {
		return nil, invalidParam("the device's ID or name is too long or has characters it must not have")
	}
	switch body.Type {
	case stagePassword:
		return s.loginPassword(r, &body)
	case loginByToken:
		return s.loginToken(r, &body)
	case "":
		return nil, missingParam("type")
	default:
		return nil, refuse(http.StatusBadRequest, codeUnknown, "login type %.40q is not supported", body.Type)
	}
}

func (s *Server) loginPassword(r *request, body *loginRequest) (any, error) {
	name := body.Identifier.User
	switch {
	case name == "" && body.Identifier.Type != "" && body.Identifier.Type != "m.id.user":
		return nil, refuse(http.StatusBadRequest, codeUnknown, "users are identified by m.id.user only")
	case name == "":
		name = body.User
	}
	if name == "" {
		return nil, missingParam("identifier.user")
	}
	m := s.model
	local, ours := m.localpart(name)
	id := m.userID(local)
	m.mu.Lock()
	hash, gone := "", false
	if u := m.users[id]; u != nil && ours {
		hash, gone = u.Password, u.Deactivated
	}
	m.mu.Unlock()
	if !s.verify(hash, body.Password) {
		return nil, forbidden("the user name or the password is wrong")
	}
	if gone {
		return nil, refuse(http.StatusForbidden, codeUserDeactivated, "the account has been closed")
	}
	defer m.hold(r)()
	u := m.users[id]
	if u == nil { // removed while the password was looked at
		return nil, forbidden("the user name or the password is wrong")
	}
	return s.openSession(u, body.DeviceID, body.DisplayName), nil
}

func (s *Server) loginToken(r *request, body *loginRequest) (any, error) {
	id, ok := s.passes.take(body.Token, r.now)
	if !ok {
		return nil, forbidden("the login token is not known, used already, or too old")
	}
	defer s.model.hold(r)()
	u := s.model.users[id]
	if u == nil || u.Deactivated {
		return nil, refuse(http.StatusForbidden, codeUserDeactivated, "the account has been closed")
	}
	return s.openSession(u, body.DeviceID, body.DisplayName), nil
}

// openSession signs a user in. The model must be locked.
func (s *Server) openSession(u *user, deviceID, displayName string) session {
	token, d := s.model.signIn(u, deviceID, displayName)
	return session{UserID: u.id, AccessToken: token, DeviceID: d.id, HomeServer: s.model.name}
}

func (s *Server) logout(r *request) (any, error) {
	defer s.model.hold(r)()
	s.model.removeDevice(r.device)
	return nothing{}, nil
}

func (s *Server) logoutAll(r *request) (any, error) {
	defer s.model.hold(r)()
	for _, d := range r.user.devices {
		s.model.removeDevice(d)
	}
	return nothing{}, nil
}

// loginByToken is the login type that takes a one-time token.
const loginByToken = "m.login.token"

// passLifetime is how long a one-time login token can be used: long enough to
// scan a code, short enough to be forgotten on a screen.
const passLifetime = 2 * time.Minute

// passes are the one-time login tokens. They live in memory only.
type passes struct {
	mu   sync.Mutex // a leaf
	open map[tokenHash]pass
}

type pass struct {
	userID string
	until  time.Time
}

func newPasses() *passes { return &passes{open: make(map[tokenHash]pass)} }

func (p *passes) issue(userID string, now time.Time) (token string) {
	token, hash := newToken()
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.open, func(_ tokenHash, old pass) bool { return now.After(old.until) })
	p.open[hash] = pass{userID, now.Add(passLifetime)}
	return token
}

// take uses a token up.
func (p *passes) take(token string, now time.Time) (userID string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.open[hashToken(token)]
	delete(p.open, hashToken(token))
	return found.userID, ok && !now.After(found.until)
}

// getLoginToken makes a one-time token with which the user can sign in
// another device (client-server API, "login/get_token").
func (s *Server) getLoginToken(r *request) (any, error) {
	var body struct {
		Auth *authData `json:"auth"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := s.confirm(r, body.Auth); err != nil {
		return nil, err
	}
	return map[string]any{
		"login_token": s.passes.issue(r.user.id, r.now), "expires_in_ms": passLifetime.Milliseconds(),
	}, nil
}
