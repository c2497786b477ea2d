package homeserver

import (
	"net/http"
	"sync"
	"time"
)

// Stages of user-interactive authentication this server asks for.
const (
	stageDummy    = "m.login.dummy"
	stageToken    = "m.login.registration_token"
	stagePassword = "m.login.password"
)

// uiaSessions are the running user-interactive authentications. They live in
// memory only: who is interrupted by a restart begins again.
type uiaSessions struct {
	mu   sync.Mutex // a leaf
	open map[string]time.Time
}

const (
	uiaLifetime = 15 * time.Minute
	uiaKept     = 10_000
)

func newUIASessions() *uiaSessions { return &uiaSessions{open: make(map[string]time.Time)} }

// begin opens a session. Old ones are forgotten, and all when there are too
// many, which only costs their owners another round.
func (u *uiaSessions) begin(now time.Time) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.open) >= uiaKept {
		clear(u.open)
	}
	for id, began := range u.open {
		if now.Sub(began) > uiaLifetime {
			delete(u.open, id)
		}
	}
	id := randomID(18)
	u.open[id] = now
	return id
}

// known says whether a session is open. A client may leave the session out of
// its first request when it knows the stage already.
func (u *uiaSessions) known(id string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	began, ok := u.open[id]
	return id == "" || ok && now.Sub(began) <= uiaLifetime
}

func (u *uiaSessions) end(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, id)
}

// authData is the "auth" member of a request.
type authData struct {
	Type       string         `json:"type"`
	Session    string         `json:"session"`
	Token      string         `json:"token"`
	Password   string         `json:"password"`
	User       string         `json:"user"` // r0
	Identifier userIdentifier `json:"identifier"`
}

// challenge is the 401 that names the stage to complete. why, if not nil,
// says what was wrong with the attempt.
func (s *Server) challenge(auth *authData, now time.Time, stage string, why *refusal) *refusal {
	session := ""
	if auth != nil && auth.Session != "" && s.uia.known(auth.Session, now) {
		session = auth.Session
	} else {
		session = s.uia.begin(now)
	}
	answer := &refusal{status: http.StatusUnauthorized}
	if why != nil {
		answer.code, answer.message = why.code, why.message
	}
	answer.extra = map[string]any{
		"session":   session,
		"flows":     []map[string]any{{"stages": []string{stage}}},
		"params":    map[string]any{},
		"completed": []string{},
	}
	return answer
}

// confirm runs user-interactive authentication for a signed-in user: by
// password, or by nothing for an account that has none.
func (s *Server) confirm(r *request, auth *authData) error {
	m := s.model
	m.mu.Lock()
	hash := r.user.Password
	m.mu.Unlock()
	stage := stagePassword
	if hash == "" {
		stage = stageDummy
	}
	switch {
	case auth == nil || auth.Type == "":
		return s.challenge(auth, r.now, stage, nil)
	case !s.uia.known(auth.Session, r.now):
		return s.challenge(nil, r.now, stage, refuse(401, codeUnknown, "the session is not known, or over"))
	case auth.Type != stage:
		return s.challenge(auth, r.now, stage, refuse(401, codeForbidden, "%.40s is not the stage asked for", auth.Type))
	}
	if stage == stagePassword {
		if local, ok := m.localpart(auth.name()); !ok || m.userID(local) != r.user.id {
			return s.challenge(auth, r.now, stage, forbidden("another user's password does not help"))
		}
		if !s.verify(hash, auth.Password) {
			return s.challenge(auth, r.now, stage, forbidden("the password is wrong"))
		}
	}
	s.uia.end(auth.Session)
	return nil
}

func (a *authData) name() string {
	if a.Identifier.User != "" {
		return a.Identifier.User
	}
	return a.User
}

// verify checks a password, a few at a time: each takes 19 MiB.
func (s *Server) verify(hash, password string) bool {
	s.hashes <- struct{}{}
	defer func() { <-s.hashes }()
	return len(password) <= maxPassword && checkPassword(hash, password)
}

// hash makes what verify checks against; "" stays "" and lets nobody in.
func (s *Server) hash(password string) string {
	if password == "" {
		return ""
	}
	s.hashes <- struct{}{}
	defer func() { <-s.hashes }()
	return hashPassword(password)
}
