package message

import (
	"encoding/json"
	"time"
)

// LeftContent is the content of a per-device membership that has left: exactly
// {}, because older readers take other keys for a membership (decision D11).
func LeftContent() json.RawMessage { return json.RawMessage(`{}`) }

// Encode writes the content of a call object. The error is Faults.
func (c CallObject) Encode() ([]byte, error) {
	w := writer{fields: map[string]any{}}
	w.need("m.intent", c.Intent, wantIntent, isCallIntent)
	w.need("m.type", c.Type, wantCallType, isCallType)
	w.name("m.name", c.Name)
	if c.DataChannels {
		w.fields["dataChannelsEnabled"] = true
	}
	if c.Terminated {
		w.fields["m.terminated"] = "call_ended"
	}
	return w.finish("call object")
}

// Encode writes the content of a per-device membership with every field that
// js-sdk or Ruma reads. created_ts is left out while CreatedAt is zero, as it
// is on a join; Scope "" is written as "m.room" and a zero Expires as
// DefaultExpires. The error is Faults.
func (s SessionContent) Encode() ([]byte, error) {
	w := writer{fields: map[string]any{}}
	w.need("application", s.Application, wantApplication, isApplication)
	w.need("call_id", s.wireCallID(), wantSlotPart, isSlotPart)
	w.need("device_id", s.DeviceID, wantName, isName)
	w.need("membershipID", s.MembershipID, "a value that is fresh with each join", isName)
	w.name("m.call.intent", s.Intent)
	w.name("scope", s.Scope)
	if s.Scope == "" {
		w.fields["scope"] = "m.room"
	}
	if !s.CreatedAt.IsZero() {
		w.fields["created_ts"] = s.CreatedAt.UnixMilli()
	}
	w.fields["expires"] = w.expires(s.Expires).Milliseconds()
	if !isName(s.FocusActive.Type) {
		w.fault("focus_active.type", quote(s.FocusActive.Type), "a type of transport")
	}
	w.fields["focus_active"] = s.FocusActive
	w.fields["foci_preferred"] = listOf(s.FociPreferred)
	if s.Transports != nil {
		w.fields[KeyTransports] = s.Transports
	}
	if !s.JoinedAt.IsZero() {
		w.fields[KeyJoined] = s.JoinedAt.UnixMilli()
	}
	return w.finish("membership")
}

// wireCallID is "" for the slot of the room, as js-sdk and Ruma expect it.
func (s SessionContent) wireCallID() string {
	if s.SlotID() == SlotRoom {
		return ""
	}
	return s.CallID
}

func (w *writer) expires(expires time.Duration) time.Duration {
	if expires == 0 {
		expires = DefaultExpires
	}
	if expires.Milliseconds() < 1 || expires > maxExpires {
		w.fault("expires", expires.String(), "1ms to "+maxExpires.String())
	}
	return expires
}

// listOf makes a missing list an empty one: JSON null is no list to readers.
func listOf[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// RumaSafe veils the membership: readers that know LiveKit only, and would
// take any other focus for a leave, see a LiveKit member without a focus of
// its own, while the true transports stand under KeyTransports (decision D4).
func (s SessionContent) RumaSafe() SessionContent {
	s.Transports = &Transports{Published: []Focus{s.FocusActive}, CanSubscribe: []string{s.FocusActive.Type}}
	s.FocusActive = Focus{Type: "livekit", Selection: "multi_sfu"}
	s.FociPreferred = nil
	return s
}

// Behind puts the membership behind all others, those yet to come included:
// it writes created_ts into the future, as far as three quarters of the time
// for which it counts, and the true time of joining under KeyJoined unless it
// is that of the event, as on a join. Members that take over the transport of the oldest membership (js-sdk's
// oldest_membership) then never take over ours, which they could not use. The
// instant at which it expires stays the same. To be written again when half of
// that time is over, which leaves a quarter of it for clocks that differ.
func (s SessionContent) Behind(now time.Time) SessionContent {
	created, expires := s.CreatedAt, s.Expires
	if created.IsZero() {
		created = now
	}
	if expires == 0 {
		expires = DefaultExpires
	}
	end := created.Add(expires)
	s.JoinedAt = s.CreatedAt
	s.CreatedAt = now.Add(end.Sub(now) * 3 / 4).Truncate(time.Millisecond)
	s.Expires = end.Sub(s.CreatedAt)
	return s
}

// MarshalJSON writes Raw if there is one, else the known fields.
func (f Focus) MarshalJSON() ([]byte, error) {
	if len(f.Raw) > 0 {
		return f.Raw, nil
	}
	fields := map[string]any{"type": f.Type}
	if f.Selection != "" {
		fields["focus_selection"] = f.Selection
	}
	f.Route.add(fields)
	return json.Marshal(fields)
}

// wire is a device as it stands in m.devices.
func (c CallDevice) wire() (json.RawMessage, error) {
	w := writer{fields: map[string]any{}}
	w.need("device_id", c.DeviceID, wantName, isName)
	w.need("session_id", c.SessionID, wantName, isName)
	if c.ExpiresAt.IsZero() {
		w.fault("expires_ts", "missing", "a time in the future")
	}
	w.fields["expires_ts"] = c.ExpiresAt.UnixMilli()
	w.fields["feeds"] = listOf(c.Feeds)
	c.Route.add(w.fields)
	return w.finish("device")
}

// newCall is the entry of m.calls for a conference with one device.
func newCall(confID, device string) string {
	id, _ := json.Marshal(confID) // a string always has JSON
	return `{"m.call_id":` + string(id) + `,"m.devices":[` + device + `]}`
}
