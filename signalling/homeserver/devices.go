package homeserver

import (
	"cmp"
	"slices"
)

// deviceInfo is a device as its owner sees it.
type deviceInfo struct {
	ID          string `json:"device_id"`
	DisplayName string `json:"display_name,omitempty"`
	SeenIP      string `json:"last_seen_ip,omitempty"`
	SeenAt      int64  `json:"last_seen_ts,omitempty"`
}

func (d *device) info() deviceInfo {
	i := deviceInfo{ID: d.id, DisplayName: d.DisplayName, SeenIP: d.SeenIP}
	if !d.SeenAt.IsZero() {
		i.SeenAt = millis(d.SeenAt)
	}
	return i
}

func (s *Server) getDevices(r *request) (any, error) {
	defer s.model.hold(r)()
	list := make([]deviceInfo, 0, len(r.user.devices))
	for _, d := range r.user.devices {
		list = append(list, d.info())
	}
	slices.SortFunc(list, func(a, b deviceInfo) int { return cmp.Compare(a.ID, b.ID) })
	return map[string]any{"devices": list}, nil
}

func (s *Server) getDevice(r *request) (any, error) {
	defer s.model.hold(r)()
	d := r.user.devices[r.param("device")]
	if d == nil {
		return nil, notFound("there is no such device")
	}
	return d.info(), nil
}

func (s *Server) putDevice(r *request) (any, error) {
	var body struct {
		DisplayName *string `json:"display_name"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	d := r.user.devices[r.param("device")]
	switch {
	case d == nil:
		return nil, notFound("there is no such device")
	case body.DisplayName == nil:
		return nothing{}, nil
	case len(*body.DisplayName) > maxField:
		return nil, tooLarge("the name may have %d bytes", maxField)
	}
	d.DisplayName = *body.DisplayName
	s.model.saveDevice(d)
	s.model.touchKeys(r.user)
	return nothing{}, nil
}

func (s *Server) deleteDevice(r *request) (any, error) {
	var body struct {
		Auth *authData `json:"auth"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return s.deleteConfirmed(r, body.Auth, []string{r.param("device")})
}

func (s *Server) deleteDevices(r *request) (any, error) {
	var body struct {
		Auth    *authData `json:"auth"`
		Devices []string  `json:"devices"`
	}
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return s.deleteConfirmed(r, body.Auth, body.Devices)
}

func (s *Server) deleteConfirmed(r *request, auth *authData, ids []string) (any, error) {
	if err := s.confirm(r, auth); err != nil {
		return nil, err
	}
	defer s.model.hold(r)()
	for _, id := range ids {
		if d := r.user.devices[id]; d != nil {
			s.model.removeDevice(d)
		}
	}
	return nothing{}, nil
}

// seen notes the last use of a device, in memory: it is not worth a write.
func (d *device) seen(r *request) { d.SeenAt, d.SeenIP = r.now, r.address() }
