package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"meshfocus/signalling/homeserver/journal"
	"meshfocus/signalling/message"
)

// Handler serves every path: what is ours here, all else by the homeserver.
// It must see paths as they came, so it stands behind no http.ServeMux.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// serve finds out whose a request is.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	at := match(r.URL.EscapedPath())
	switch {
	case r.Method == http.MethodConnect: // we are no way to elsewhere
		unrecognized(http.StatusMethodNotAllowed).write(w)
	case at.endpoint == transports:
		s.unlessThere(w, r, at, func(has abilities) bool { return has.transports }, s.getTransports)
	case at.endpoint == schedule:
		s.unlessThere(w, r, at, hasDelayed, s.schedule(s.byBody))
	case at.endpoint == manage && s.isOurs(at.id):
		s.answerHere(w, r, at, s.manageDelayed)
	case at.endpoint == manage:
		s.unlessThere(w, r, at, hasDelayed, s.manageDelayed)
	case at.endpoint == delayed:
		s.unlessThere(w, r, at, hasDelayed, s.listDelayed)
	case r.Method == http.MethodPut && asksDelay(r):
		s.unlessThere(w, r, at, hasDelayed, s.schedule(s.byQuery))
	default:
		s.pass(w, r, at)
	}
}

func hasDelayed(has abilities) bool { return has.delayed }

// isOurs says whether a delayed event waits here or did, which may also be
// when the homeserver has learned to keep them since.
func (s *Server) isOurs(id string) bool {
	_, _, ok := s.book.find(id)
	return ok
}

// answerer answers one request with a value to be written as JSON, or an
// error, which becomes what a refusal says, or else a 500.
type answerer func(r *http.Request, at target) (body []byte, err error)

// unlessThere passes a request to a homeserver that has the feature, and
// answers it here otherwise. While nobody knows which, it is not answered: a
// homeserver without delayed events would send them at once.
func (s *Server) unlessThere(w http.ResponseWriter, r *http.Request, at target, there func(abilities) bool, answer answerer) {
	has, err := s.homeserver.abilities(r.Context())
	switch {
	case err != nil:
		s.fail(w, r, err)
	case there(has):
		s.pass(w, r, at)
	default:
		s.answerHere(w, r, at, answer)
	}
}

func (s *Server) answerHere(w http.ResponseWriter, r *http.Request, at target, answer answerer) {
	if r.Method == http.MethodOptions {
		allowOrigins(w.Header())
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, err := answer(r, at)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

// fail answers with an error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var refused *refusal
	switch {
	case errors.As(err, &refused):
	case r.Context().Err() != nil:
		refused = refuse(http.StatusRequestTimeout, codeUnknown, "the request was given up")
	case errors.Is(err, journal.ErrClosed):
		refused = refuse(http.StatusServiceUnavailable, codeUnknown, "the server is shutting down")
	case errors.Is(err, ErrUnreachable):
		s.log.Warn("the homeserver does not answer us", "err", err)
		refused = unreachable()
	default:
		s.log.Error("request failed", "method", r.Method, "err", err)
		refused = refuse(http.StatusInternalServerError, codeUnknown, "the server could not do it")
	}
	refused.write(w)
}

// wait lets nobody hear of what is not on the disk yet.
func (s *Server) wait(ctx context.Context, p journal.Position) error {
	if s.store == nil || p == 0 {
		return nil
	}
	return s.store.Wait(ctx, p)
}

// asksDelay says whether a request is for a delayed event, also when its query
// is broken elsewhere: what we would overlook, the homeserver would send at
// once.
func asksDelay(r *http.Request) bool {
	for part := range strings.FieldsFuncSeq(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil && plain == message.QueryDelay {
			return true
		}
	}
	return false
}

// accessToken is in the header or, as older clients have it, in the query.
func accessToken(r *http.Request) string {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if found && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return r.URL.Query().Get("access_token")
}

// assertion are the parameters by which an application service speaks for a
// user and a device (client-server API, "Identity assertion"; MSC3202).
func assertion(query url.Values) string {
	kept := url.Values{}
	for _, name := range []string{"user_id", "device_id", "org.matrix.msc3202.device_id"} {
		if query.Has(name) {
			kept.Set(name, query.Get(name))
		}
	}
	return kept.Encode()
}

// who is the sender of a request.
func (s *Server) who(r *http.Request) (caller, error) {
	return s.homeserver.who(r.Context(), accessToken(r), assertion(r.URL.Query()))
}
