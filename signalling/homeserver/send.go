package homeserver

import (
	"encoding/json"
	"net/http"

	"meshfocus/signalling/message"
)

func (s *Server) send(r *request) (any, error) {
	content, err := r.content()
	if err != nil {
		return nil, err
	}
	delay, err := r.duration(message.QueryDelay)
	if err != nil {
		return nil, err
	}
	sticky, err := stickyDuration(r)
	if err != nil {
		return nil, err
	}
	d := &draft{
		kind: r.param("type"), sender: r.user, content: content, sticky: sticky,
		device: r.device.id, txn: r.param("txn"),
	}
	if d.kind == typeRedaction {
		d.redacts = contentString(content, "redacts")
	}
	txn := txnKey("send", r.param("room"), d.kind, d.txn)
	return s.once(r, txn, func(room *room) (any, error) {
		if r.URL.Query().Has(message.QueryDelay) {
			return s.schedule(r, room, d, delay, txn)
		}
		return s.sendNow(r, room, d, txn)
	})
}

// once answers a repeated transaction with what the first one gave.
func (s *Server) once(r *request, txn string, do func(*room) (any, error)) (any, error) {
	defer s.model.hold(r)()
	if given, ok := r.device.txns.get(txn); ok {
		return json.RawMessage(given), nil
	}
	room, err := s.memberOf(r)
	if err != nil {
		return nil, err
	}
	return do(room)
}

func (s *Server) sendNow(r *request, room *room, d *draft, txn string) (any, error) {
	c := s.model.begin()
	e, refused := c.post(room, d)
	if refused != nil {
		return nil, refused
	}
	answer, _ := json.Marshal(map[string]string{"event_id": e.ID})
	c.remember(r.device, txn, answer)
	c.commit()
	return json.RawMessage(answer), nil
}

func (s *Server) redact(r *request) (any, error) {
	var body struct {
		Reason string `json:"reason"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	content := map[string]string{"redacts": r.param("event")}
	if body.Reason != "" {
		content["reason"] = body.Reason
	}
	data, err := json.Marshal(content)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, codeBadJSON, "%v", err)
	}
	d := &draft{
		kind: typeRedaction, sender: r.user, content: data, redacts: r.param("event"),
		device: r.device.id, txn: r.param("txn"),
	}
	txn := txnKey("redact", r.param("room"), d.redacts, d.txn)
	return s.once(r, txn, func(room *room) (any, error) { return s.sendNow(r, room, d, txn) })
}
