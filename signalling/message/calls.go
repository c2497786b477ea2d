package message

import (
	"strings"
	"time"
)

// WithDevice gives the m.calls content of a user with one of their devices
// joined to a conference, or renewed in it. now is the writer's clock.
//
// All devices of a user share this content, so it is edited and not replaced:
// other calls, other devices and unknown fields stay byte by byte as they
// were. Only devices of the user that cannot be read or have expired are taken
// out, and calls they leave empty. A content that is no m.calls, also an empty
// one, is begun anew.
func WithDevice(content []byte, confID string, device CallDevice, now time.Time) ([]byte, error) {
	if !isName(confID) {
		return nil, Faults{{Path: "m.call_id", Wrong: quote(confID), Want: wantName, Essential: true}}
	}
	wire, err := device.wire()
	if err != nil {
		return nil, err
	}
	edit := callsEdit{confID: confID, deviceID: device.DeviceID, wire: string(wire), now: now}
	return edit.apply(content), nil
}

// WithoutDevice is WithDevice for a device that leaves a conference. What
// remains of the last one is {"m.calls":[]}.
func WithoutDevice(content []byte, confID, deviceID string, now time.Time) []byte {
	edit := callsEdit{confID: confID, deviceID: deviceID, now: now}
	return edit.apply(content)
}

// callsEdit is one change of an m.calls content.
type callsEdit struct {
	confID, deviceID string
	wire             string // the device as it shall stand; "" takes it out
	now              time.Time
	placed           bool // the device stands where it shall
	doc              *document
}

func (e *callsEdit) apply(content []byte) []byte {
	root, err := parseObject(content)
	if err != nil {
		root, _ = parseObject([]byte(`{}`))
	}
	e.doc = root.doc
	calls := e.calls(root.findKind("m.calls", kindList))
	return []byte(e.object(0, "m.calls", list(calls)))
}

// calls gives the edited entries of m.calls; at is 0 when there was none.
func (e *callsEdit) calls(at int32) []string {
	var kept []string
	if at != 0 {
		e.doc.entries(at, func(at int32) {
			if call := e.call(at); call != "" {
				kept = append(kept, call)
			}
		})
	}
	if e.wire != "" && !e.placed {
		kept = append(kept, newCall(e.confID, e.wire))
	}
	return kept
}

// call gives one edited entry, "" when nobody is left in it. What is not
// understood, and what needs no change, stays as it is.
func (e *callsEdit) call(at int32) string {
	if e.doc.nodes[at].kind != kindObject {
		return e.doc.raw(at)
	}
	entry := object{doc: e.doc, at: at}
	id, devices := entry.findKind("m.call_id", kindText), entry.findKind("m.devices", kindList)
	if id == 0 || devices == 0 {
		return e.doc.raw(at)
	}
	ours := e.doc.string(id) == e.confID
	kept, changed := e.devices(devices, ours)
	if ours && e.wire != "" && !e.placed {
		kept, changed, e.placed = append(kept, e.wire), true, true
	}
	switch {
	case !changed:
		return e.doc.raw(at)
	case len(kept) == 0:
		return ""
	}
	return e.object(at, "m.devices", list(kept))
}

// devices gives the edited entries of m.devices.
func (e *callsEdit) devices(at int32, ours bool) (kept []string, changed bool) {
	e.doc.entries(at, func(at int32) {
		device := e.doc.device(at)
		stale := e.doc.spoilt(0) != nil || !device.ExpiresAt.Add(ExpirySlack).After(e.now)
		switch {
		case ours && device.DeviceID == e.deviceID && e.wire != "" && !e.placed:
			kept, changed, e.placed = append(kept, e.wire), true, true
		case stale, ours && device.DeviceID == e.deviceID:
			changed = true
		default:
			kept = append(kept, e.doc.raw(at))
		}
	})
	return kept, changed
}

// object gives an object with one field put in place or appended, and all
// others as they were written.
func (e *callsEdit) object(at int32, key, value string) string {
	var fields []string
	put := false
	for name := at + 1; name < e.doc.nodes[at].next; name = e.doc.nodes[name+1].next {
		switch {
		case e.doc.string(name) != key:
			fields = append(fields, e.doc.raw(name)+":"+e.doc.raw(name+1))
		case !put: // a second field of the name would win over ours
			fields = append(fields, e.doc.raw(name)+":"+value)
			put = true
		}
	}
	if !put {
		fields = append(fields, `"`+key+`":`+value)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func list(entries []string) string { return "[" + strings.Join(entries, ",") + "]" }
