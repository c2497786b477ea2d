package homeserver

import (
	"net/http"

	"meshfocus/signalling/message"
)

func (s *Server) putState(r *request) (any, error) {
	content, err := r.content()
	if err != nil {
		return nil, err
	}
	delay, err := r.duration(message.QueryDelay)
	if err != nil {
		return nil, err
	}
	stateKey := r.param("key")
	d := &draft{
		kind: r.param("type"), stateKey: &stateKey, sender: r.user, content: content, device: r.device.id,
	}
	defer s.model.hold(r)()
	room, err := s.memberOrJoining(r, d)
	if err != nil {
		return nil, err
	}
	if r.URL.Query().Has(message.QueryDelay) {
		return s.schedule(r, room, d, delay, "")
	}
	c := s.model.begin()
	e, refused := c.post(room, d)
	if refused != nil {
		return nil, refused
	}
	c.commit()
	return map[string]string{"event_id": e.ID}, nil
}

// memberOrJoining is memberOf, but lets through what the rules of m.room.member
// decide about: joining and declining are sent by who is not in the room yet.
func (s *Server) memberOrJoining(r *request, d *draft) (*room, error) {
	if room := s.model.rooms[r.param("room")]; room != nil && d.kind == typeMember && *d.stateKey == r.user.id {
		return room, nil
	}
	if d.kind == typeMember && contentString(d.content, "membership") == memberInvite && s.model.users[*d.stateKey] == nil {
		return nil, notFound("%.255s is not a user of this server, which has no federation", *d.stateKey)
	}
	return s.memberOf(r)
}

// readableState is the state a user may read: that of now, or of when they
// left.
func (s *Server) readableState(r *request) (*room, map[stateSlot]*event, error) {
	room := s.model.rooms[r.param("room")]
	if room == nil {
		return nil, nil, forbidden("%s is not in the room", r.user.id)
	}
	switch until := room.readable(r.user.id); until {
	case -1:
		return nil, nil, forbidden("%s is not in the room", r.user.id)
	case s.model.position:
		return room, room.state, nil
	default:
		return room, room.stateAt(until), nil
	}
}

func (s *Server) getState(r *request) (any, error) {
	defer s.model.hold(r)()
	_, state, err := s.readableState(r)
	if err != nil {
		return nil, err
	}
	events := []clientEvent{}
	for _, e := range inOrder(state) {
		events = append(events, e.full(r.device, r.now))
	}
	return events, nil
}

func (s *Server) getStateEvent(r *request) (any, error) {
	format := r.URL.Query().Get("format")
	if format != "" && format != "content" && format != "event" {
		return nil, refuse(http.StatusBadRequest, codeInvalidParam, "format is %.40q; it must be content or event", format)
	}
	defer s.model.hold(r)()
	_, state, err := s.readableState(r)
	if err != nil {
		return nil, err
	}
	e := state[stateSlot{r.param("type"), r.param("key")}]
	if e == nil {
		return nil, notFound("there is no such state")
	}
	if format == "event" {
		return e.full(r.device, r.now), nil
	}
	return e.Content, nil
}
