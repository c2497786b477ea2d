package message

import (
	"encoding/json"
	"time"
)

// LegacyMembership is one entry of memberships[]: a device in a slot, as
// MatrixRTC wrote it until January 2025 under the Matrix type, and as the Dart
// SDK writes it under com.famedly.call.member.
type LegacyMembership struct {
	Application  string // "m.call" when absent
	CallID       string // "" is the slot of the room
	DeviceID     string
	MembershipID string // "" when absent
	Scope        string
	CreatedAt    time.Time     // zero when created_ts is absent
	Expires      time.Duration // after CreatedAt, else after the event; 0 when ExpiresAt is set
	ExpiresAt    time.Time     // expires_ts; zero when Expires is set
	Foci         []Focus       // foci_active, the one in use first
	Feeds        []Feed        // Dart SDK only
}

// SlotID names the slot the member is in, see SlotID.
func (m *LegacyMembership) SlotID() string { return SlotID(m.Application, m.CallID) }

// EndsAt is the instant that the member gave, for an event sent at an instant.
func (m *LegacyMembership) EndsAt(sent time.Time) time.Time {
	switch {
	case !m.ExpiresAt.IsZero():
		return m.ExpiresAt
	case !m.CreatedAt.IsZero():
		return m.CreatedAt.Add(m.Expires)
	}
	return sent.Add(m.Expires)
}

// legacy reads one entry of memberships[]. js-sdk 28 to 35 needed a call, a
// device and one of the two expiries; the Dart SDK needs expires_ts and
// foci_active as well, which is left to the reader of its form.
func (d *document) legacy(at int32) LegacyMembership {
	entry, ok := d.entry(at)
	if !ok {
		return LegacyMembership{}
	}
	m := LegacyMembership{
		Application:  ApplicationCall,
		CallID:       entry.need("call_id", wantSlotPart, isSlotPart),
		DeviceID:     entry.need("device_id", "a device ID", isName),
		MembershipID: entry.name("membershipID"),
		Scope:        entry.name("scope"),
		Foci:         entry.foci("foci_active"),
		Feeds:        entry.feeds(),
	}
	if entry.find("application") != 0 {
		m.Application = entry.need("application", wantApplication, isApplication)
	}
	if created, ok := entry.time("created_ts"); ok {
		m.CreatedAt = time.UnixMilli(created).UTC()
	}
	switch {
	case entry.find("expires_ts") != 0:
		m.ExpiresAt = entry.instant("expires_ts")
	case entry.find("expires") != 0:
		m.Expires = entry.expires()
	default:
		entry.fault("expires", "missing", "expires or expires_ts", true)
	}
	return m
}

// feeds reads the purposes of what a device sends; none when absent.
func (o object) feeds() (all []Feed) {
	if list := o.findKind("feeds", kindList); list != 0 {
		o.doc.entries(list, func(at int32) {
			if o.doc.nodes[at].kind == kindObject {
				all = append(all, Feed{Purpose: object{doc: o.doc, at: at}.name("purpose")})
			}
		})
	}
	return all
}

// legacies reads memberships[]. An entry that cannot be read goes to Spoilt.
func (d *document) legacies(list int32, m *MemberContent) {
	d.entries(list, func(at int32) {
		mark := len(d.faults)
		entry := d.legacy(at)
		if faults := d.spoilt(mark); faults != nil {
			m.spoil(SpoiltEntry{CallID: entry.CallID, DeviceID: entry.DeviceID, Faults: faults})
			return
		}
		m.Legacy = append(m.Legacy, entry)
	})
}

// FamedlyLinger is how long after expires_ts the Dart SDK still counts a
// member: it renews every two minutes what ends in six.
const FamedlyLinger = 6 * time.Minute

// FamedlyStateKey is the state key of the Dart SDK's membership: the user, or
// user and device in a room whose version lets a user own such keys (MSC3757).
// The SDK's unprotected keys, device before user, are read only.
func FamedlyStateKey(party Party, roomVersion string) string {
	if ownedKeys(roomVersion) {
		return party.UserID + "_" + party.DeviceID
	}
	return party.UserID
}

// WithFamedlyDevice gives the com.famedly.call.member content of a user with
// one of their devices in a call, or renewed in it. As with m.calls the
// content belongs to all devices of the user: entries of others stay as they
// are, unless they have expired or cannot be read. now is the writer's clock.
func WithFamedlyDevice(content []byte, m LegacyMembership, now time.Time) ([]byte, error) {
	w := writer{fields: map[string]any{}}
	w.need("call_id", m.CallID, wantSlotPart, isSlotPart)
	w.need("application", m.Application, wantApplication, isApplication)
	w.need("device_id", m.DeviceID, wantName, isName)
	w.need("membershipID", m.MembershipID, "the device's session", isName)
	w.fields["scope"] = "m.room"
	w.name("scope", m.Scope)
	if m.ExpiresAt.IsZero() {
		w.fault("expires_ts", "missing", "a time in the future")
	}
	if len(m.Foci) == 0 {
		w.fault("foci_active", "empty", "the transport in use")
	}
	w.fields["expires_ts"] = m.ExpiresAt.UnixMilli()
	w.fields["foci_active"] = listOf(m.Foci)
	w.fields["feeds"] = listOf(m.Feeds)
	wire, err := w.finish("membership")
	if err != nil {
		return nil, err
	}
	return famedlyContent(append(famedlyOthers(content, m, now), string(wire))), nil
}

// WithoutFamedlyDevice is WithFamedlyDevice for a device that leaves a call.
func WithoutFamedlyDevice(content []byte, callID, deviceID string, now time.Time) []byte {
	return famedlyContent(famedlyOthers(content, LegacyMembership{CallID: callID, DeviceID: deviceID}, now))
}

func famedlyContent(entries []string) []byte {
	return []byte(`{"memberships":` + list(entries) + `}`)
}

// famedlyOthers gives the entries that are not the device's in the call, byte
// by byte as they were.
func famedlyOthers(content []byte, m LegacyMembership, now time.Time) (kept []string) {
	root, err := parseObject(content)
	if err != nil {
		return nil
	}
	defer root.doc.release()
	if list := root.findKind("memberships", kindList); list != 0 {
		root.doc.entries(list, func(at int32) {
			entry := root.doc.legacy(at)
			spoilt := root.doc.spoilt(0) != nil
			ours := entry.CallID == m.CallID && entry.DeviceID == m.DeviceID
			if !spoilt && !ours && entry.EndsAt(now).Add(FamedlyLinger).After(now) {
				kept = append(kept, root.doc.raw(at))
			}
		})
	}
	return kept
}

// FamedlyFocus is the transport of the Dart SDK's mesh.
func FamedlyFocus() Focus { return Focus{Type: focusFamedly, Raw: json.RawMessage(`{"type":"mesh"}`)} }

const focusFamedly = "mesh"
