package message

// Route is what a member says, beside its mesh, of the way that media takes. It
// is this project's own (docs/protocol.md, "A member that forwards"); who does
// not know it connects to everybody, and is right to.
type Route struct {
	// Forwards: the member passes on to each other what it asks for of what the
	// others send it.
	Forwards bool
	// Via is the forwarding member by which this one gets everything, and to
	// which it sends; the zero Party: none.
	Via Party
}

// With gives the transport with a route beside it. Of other transports than a
// mesh nothing is said.
func (f Focus) With(route Route) Focus {
	if !IsMesh(f.Type) || f.Route == route {
		return f
	}
	f.Route, f.Raw = route, nil
	return f
}

// add writes what there is to say into an object.
func (r Route) add(fields map[string]any) {
	if r.Forwards {
		fields[KeyForwards] = true
	}
	if r.Via != (Party{}) {
		fields[KeyVia] = map[string]string{"user_id": r.Via.UserID, "device_id": r.Via.DeviceID}
	}
}

// route reads what stands in an object. A device without both names is nobody.
func (o object) route() Route {
	r := Route{Forwards: o.flag(KeyForwards)}
	if via, ok := o.child(KeyVia); ok {
		r.Via = Party{UserID: via.name("user_id"), DeviceID: via.name("device_id")}
		if r.Via.UserID == "" || r.Via.DeviceID == "" {
			r.Via = Party{}
		}
	}
	return r
}

// Route is what the member says of its media's way, beside the mesh that it
// really uses; see FocusType.
func (s *SessionContent) Route() Route {
	if s.Transports != nil {
		for _, focus := range s.Transports.Published {
			if IsMesh(focus.Type) {
				return focus.Route
			}
		}
	}
	return s.FocusActive.Route
}
