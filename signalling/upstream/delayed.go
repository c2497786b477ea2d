package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"meshfocus/signalling/homeserver/journal"
)

// errOver means that an event does not wait any more.
var errOver = errors.New("the delayed event is over")

// manageDelayed restarts, cancels or sends; the action stands in the path or,
// in the older form, in the body. By the unstable name the ID is enough. A
// token is looked at if there is one, and then it must be the sender's, whose
// newest it becomes.
func (s *Server) manageDelayed(r *http.Request, at target) ([]byte, error) {
	if at.action == "" && r.Method == http.MethodGet {
		return s.getDelayed(r, at)
	}
	if r.Method != http.MethodPost {
		return nil, unrecognized(http.StatusMethodNotAllowed)
	}
	action, err := readAction(r, at)
	if err != nil {
		return nil, err
	}
	if err := s.mayManage(r, at); err != nil {
		return nil, err
	}
	p, err := s.act(r.Context(), action, at.id)
	if errors.Is(err, errOver) {
		err = s.afterwards(at, action)
	}
	if err != nil {
		return nil, err
	}
	return []byte("{}"), s.wait(r.Context(), p)
}

func (s *Server) act(ctx context.Context, action, id string) (journal.Position, error) {
	switch action {
	case "restart":
		return s.change(ctx, func() (journal.Position, <-chan struct{}, bool) { return s.book.restart(id, time.Now()) })
	case "cancel":
		return s.change(ctx, func() (journal.Position, <-chan struct{}, bool) { return s.book.cancel(id, time.Now()) })
	}
	return s.sendNow(ctx, id)
}

// afterwards is what an action comes to when the event is over: nil when it
// ended that way. What contradicts it is a 409 by the accepted text, and by
// the unstable name the 404 that clients know since there was nothing else.
func (s *Server) afterwards(at target, action string) error {
	over, agrees := s.book.agrees(at.id, action)
	switch {
	case agrees:
		return nil
	case over && at.stable:
		return refuse(http.StatusConflict, codeUnknown, "the delayed event was sent, cancelled or refused already")
	}
	return noSuchEvent()
}

var actions = map[string]bool{"restart": true, "cancel": true, "send": true}

func readAction(r *http.Request, at target) (string, error) {
	if at.action != "" || at.stable {
		if !actions[at.action] {
			return "", unrecognized(http.StatusNotFound)
		}
		return at.action, nil
	}
	content, err := readObject(r, maxEnvelope)
	if err != nil {
		return "", err
	}
	var body struct {
		Action *string `json:"action"`
	}
	switch err := json.Unmarshal(content, &body); {
	case err != nil:
		return "", invalidParam("action must be a string")
	case body.Action == nil:
		return "", refuse(http.StatusBadRequest, codeMissingParam, "action is missing")
	case !actions[*body.Action]:
		return "", invalidParam("action is %.40q; it must be restart, cancel or send", *body.Action)
	}
	return *body.Action, nil
}

// mayManage says no with a reason. The token that the event is to be sent
// with needs no question to the homeserver, so that a restart is also heard
// while that does not answer.
func (s *Server) mayManage(r *http.Request, at target) error {
	token := accessToken(r)
	if at.stable && token == "" {
		return missingToken()
	}
	_, owner, ok := s.book.find(at.id)
	if !ok {
		return noSuchEvent()
	}
	if token != "" && token != owner.Token {
		who, err := s.who(r)
		if err != nil {
			return err
		}
		if who.user != owner.User {
			return noSuchEvent()
		}
		if err := s.wait(r.Context(), s.book.renew(who)); err != nil {
			return err
		}
	}
	if wait, ok := s.manage.allow(owner.User, time.Now()); !ok {
		return limited(wait, "too many requests about delayed events")
	}
	return nil
}

// change restarts or cancels. While the event is being sent, it waits for
// what becomes of it.
func (s *Server) change(ctx context.Context, try func() (journal.Position, <-chan struct{}, bool)) (journal.Position, error) {
	for {
		p, busy, ok := try()
		switch {
		case !ok:
			return 0, errOver
		case busy == nil:
			return p, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// sendNow sends an event before its time. If the homeserver does not answer,
// it stays scheduled. Whoever asked may be gone before the answer.
func (s *Server) sendNow(ctx context.Context, id string) (journal.Position, error) {
	var j job
	_, err := s.change(ctx, func() (p journal.Position, busy <-chan struct{}, ok bool) {
		j, busy, ok = s.book.take(id)
		return 0, busy, ok
	})
	if err != nil {
		return 0, err
	}
	o, p := s.perform(context.WithoutCancel(ctx), j)
	switch {
	case o.verdict == sent:
		return p, nil
	case o.verdict == unanswered && o.status == 0:
		return 0, unreachable()
	case o.status == 0: // no token is left to send it with
		return 0, noSuchEvent()
	}
	return 0, &refusal{status: o.status, body: o.body}
}

// listDelayed shows what the sender of the request has scheduled, as Synapse
// does, and under the keys of js-sdk also what is over.
func (s *Server) listDelayed(r *http.Request, _ target) ([]byte, error) {
	if r.Method != http.MethodGet {
		return nil, unrecognized(http.StatusMethodNotAllowed)
	}
	who, err := s.who(r)
	if err != nil {
		return nil, err
	}
	waiting, over := s.book.of(who.user)
	query := r.URL.Query()
	if ids := query["delay_id"]; len(ids) > 0 {
		waiting = slices.DeleteFunc(waiting, func(a about) bool { return !slices.Contains(ids, a.ID) })
		over = slices.DeleteFunc(over, func(e summary) bool { return !slices.Contains(ids, e.Event.ID) })
	}
	answer, status := map[string]any{}, query["status"]
	if len(status) == 0 {
		answer["delayed_events"] = waiting
	}
	if len(status) == 0 || slices.Contains(status, "scheduled") {
		answer["scheduled"] = waiting
	}
	if len(status) == 0 || slices.Contains(status, "finalised") {
		answer["finalised"] = over
	}
	return json.Marshal(answer)
}

// getDelayed shows one, also when it is over.
func (s *Server) getDelayed(r *http.Request, at target) ([]byte, error) {
	who, err := s.who(r)
	if err != nil {
		return nil, err
	}
	own, owner, ok := s.book.find(at.id)
	if !ok || owner.User != who.user {
		return nil, noSuchEvent()
	}
	return json.Marshal(own)
}
