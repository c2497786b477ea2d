package homeserver

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

type registerRequest struct {
	Auth         *authData `json:"auth"`
	Username     string    `json:"username"`
	Password     string    `json:"password"`
	DeviceID     string    `json:"device_id"`
	DisplayName  string    `json:"initial_device_display_name"`
	InhibitLogin bool      `json:"inhibit_login"`
}

func (s *Server) register(r *request) (any, error) {
	var body registerRequest
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if !validDeviceID(body.DeviceID) || len(body.DisplayName) > maxField {
		return nil, invalidParam("the device's ID or name is too long or has characters it must not have")
	}
	switch kind := r.URL.Query().Get("kind"); kind {
	case "", "user":
		return s.registerUser(r, &body)
	case "guest":
		return s.registerGuest(r, &body)
	default:
		return nil, invalidParam("kind is %.40q; it must be user or guest", kind)
	}
}

func (s *Server) registerUser(r *request, body *registerRequest) (any, error) {
	if s.config.Registration == RegistrationClosed {
		return nil, forbidden("registration is closed on this server")
	}
	if body.Username != "" {
		if err := s.free(body.Username); err != nil {
			return nil, err
		}
	}
	if err := s.admit(r, body.Auth); err != nil {
		return nil, err
	}
	if body.Password == "" {
		return nil, missingParam("password")
	}
	if len(body.Password) > maxPassword {
		return nil, refuse(http.StatusBadRequest, codeWeakPassword, "the password may have %d bytes", maxPassword)
	}
	hash := s.hash(body.Password)
	return s.addAccount(r, body, userRecord{Password: hash})
}

// addAccount makes the account and, unless inhibited, its first session. The
// name is looked at once more, for somebody may have taken it meanwhile.
func (s *Server) addAccount(r *request, body *registerRequest, record userRecord) (any, error) {
	m := s.model
	defer m.hold(r)()
	local := body.Username
	if local == "" {
		local = m.numberedName()
	}
	id := m.userID(local)
	if m.users[id] != nil {
		return nil, refuse(http.StatusBadRequest, codeUserInUse, "%s is taken", id)
	}
	record.DisplayName = local
	u := m.addUser(id, record)
	if body.InhibitLogin && !record.Guest {
		return session{UserID: id, HomeServer: m.name}, nil
	}
	return s.openSession(u, body.DeviceID, body.DisplayName), nil
}

// numberedName is the next free number, for guests and for those who leave
// the choice to the server. Localparts that are numbers are kept for this.
func (m *model) numberedName() string {
	for n := len(m.users) + 1; ; n++ {
		if name := strconv.Itoa(n); m.users[m.userID(name)] == nil {
			return name
		}
	}
}

func (s *Server) registerGuest(r *request, body *registerRequest) (any, error) {
	if !s.config.Guests {
		return nil, refuse(http.StatusForbidden, codeGuestForbidden, "guests are not admitted on this server")
	}
	body.Username = ""
	return s.addAccount(r, body, userRecord{Guest: true})
}

// free checks that a localpart can be registered.
func (s *Server) free(local string) error {
	id := s.model.userID(local)
	switch {
	case !validLocalpart(local) || len(id) > maxField:
		return refuse(http.StatusBadRequest, codeInvalidUsername,
			"user names have the letters a-z, digits and ._=-/+ and, with the server's name, at most %d bytes", maxField)
	case isNumber(local):
		return refuse(http.StatusBadRequest, codeExclusive, "names that are numbers are kept for guests")
	case s.config.Reserved != nil && s.config.Reserved(local):
		return refuse(http.StatusBadRequest, codeExclusive, "this name is kept for the server itself")
	}
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	if s.model.users[id] != nil {
		return refuse(http.StatusBadRequest, codeUserInUse, "%s is taken", id)
	}
	return nil
}

func isNumber(name string) bool {
	_, err := strconv.ParseUint(name, 10, 64)
	return err == nil
}

// admit is the user-interactive authentication of registration.
func (s *Server) admit(r *request, auth *authData) error {
	stage := stageDummy
	if s.config.Registration == RegistrationToken {
		stage = stageToken
	}
	switch {
	case auth == nil || auth.Type == "":
		return s.challenge(auth, r.now, stage, nil)
	case !s.uia.known(auth.Session, r.now):
		return s.challenge(nil, r.now, stage, refuse(401, codeUnknown, "the session is not known, or over"))
	case auth.Type != stage:
		return s.challenge(auth, r.now, stage, refuse(401, codeForbidden, "%.40s is not the stage asked for", auth.Type))
	case stage == stageToken && !s.knownToken(auth.Token):
		return s.challenge(auth, r.now, stage, refuse(401, codeForbidden, "the registration token is not known"))
	}
	s.uia.end(auth.Session)
	return nil
}

func (s *Server) knownToken(token string) bool {
	return slices.ContainsFunc(s.config.RegistrationTokens, func(known string) bool { return sameSecret(known, token) })
}

func (s *Server) available(r *request) (any, error) {
	if s.config.Registration == RegistrationClosed {
		return nil, forbidden("registration is closed on this server")
	}
	if err := s.free(r.URL.Query().Get("username")); err != nil {
		return nil, err
	}
	return map[string]bool{"available": true}, nil
}

func (s *Server) tokenValidity(r *request) (any, error) {
	if s.config.Registration != RegistrationToken {
		return nil, forbidden("registration needs no token here")
	}
	return map[string]bool{"valid": s.knownToken(r.URL.Query().Get("token"))}, nil
}

// EnsureUser makes sure that a user exists and, if a password is given, that
// it is the user's. An empty password leaves the account as it is, or makes
// one that is only reached by IssueToken.
func (s *Server) EnsureUser(localpart, password string) error {
	if !validLocalpart(localpart) || len(s.model.userID(localpart)) > maxField {
		return fmt.Errorf("user %q: the letters a-z, digits and ._=-/+ make a user name", localpart)
	}
	if len(password) > maxPassword {
		return fmt.Errorf("user %q: the password may have %d bytes", localpart, maxPassword)
	}
	m := s.model
	id := m.userID(localpart)
	m.mu.Lock()
	u := m.users[id]
	old := ""
	if u != nil {
		old = u.Password
	}
	m.mu.Unlock()
	if u != nil && (password == "" || s.verify(old, password)) {
		return nil
	}
	hash := s.hash(password)
	m.mu.Lock()
	defer m.mu.Unlock()
	if u = m.users[id]; u == nil {
		m.addUser(id, userRecord{Password: hash, DisplayName: localpart})
		return nil
	}
	u.Password = hash
	m.saveUser(u)
	return nil
}

// IssueToken signs a device in without a password and returns its access
// token. An empty device ID makes a new one; a token the device had before
// stops working. ErrNoUser says that EnsureUser has to come first.
func (s *Server) IssueToken(localpart, deviceID, displayName string) (string, error) {
	if !validDeviceID(deviceID) {
		return "", fmt.Errorf("device ID %q is too long or has characters it must not have", deviceID)
	}
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.users[m.userID(localpart)]
	if u == nil {
		return "", fmt.Errorf("token for %q: %w", localpart, ErrNoUser)
	}
	token, _ := m.signIn(u, deviceID, displayName)
	return token, nil
}
