package message

import (
	"encoding/json"
	"time"
)

// StickyDuration is how long a sticky membership lasts unless it is sent
// again, in js-sdk and the texts: one hour, the most a server takes (MSC4354).
const StickyDuration = time.Hour

// Encode writes the content of a sticky membership. A join is written for the
// readers of both deployed generations at once, which do not know each other's
// fields, unless Generation asks for the newest text alone. A leave has the
// two fields that js-sdk takes for one, in the newest text also a reason. The
// error is Faults.
func (m StickyMember) Encode() ([]byte, error) {
	w := writer{fields: map[string]any{}}
	w.need("slot_id", m.SlotID, "application, # and an ID", isName)
	w.need(KeyStickyUnstable, m.StickyKey, "the ID of the membership", isName)
	switch {
	case m.Generation == GenerationNewest:
		w.fields[KeySticky] = m.StickyKey
		w.newest(m)
	case !m.Left:
		w.fields[KeySticky] = m.StickyKey
		w.shipped(m)
	}
	return w.finish("membership")
}

// newest writes what the text since July 2026 has.
func (w *writer) newest(m StickyMember) {
	if m.Left {
		w.fields["member"] = map[string]string{"id": m.MemberID, "membership": "leave"}
		if m.LeaveReason.Code != "" {
			w.fields["leave_reason"] = map[string]string{"code": m.LeaveReason.Code, "reason": m.LeaveReason.Reason}
		}
		return
	}
	w.stickyJoin(m)
	w.fields["member"] = map[string]string{"id": m.MemberID, "membership": "join"}
}

// shipped writes the union of what js-sdk 39 to 42 and 43 need.
func (w *writer) shipped(m StickyMember) {
	w.stickyJoin(m)
	w.check("member.user_id", m.UserID, isName)
	w.check("member.device_id", m.DeviceID, isName)
	w.fields["member"] = map[string]string{"id": m.MemberID, "user_id": m.UserID, "device_id": m.DeviceID}
	w.fields["rtc_transports"] = listOf(m.Transports.Published)
	w.fields["versions"] = listOf(m.Versions)
}

// stickyJoin writes what all generations share.
func (w *writer) stickyJoin(m StickyMember) {
	w.check("member.id", m.MemberID, isName)
	w.check("application.type", m.Application, isApplication)
	application := map[string]string{"type": m.Application}
	if m.Intent != "" {
		application["m.call.intent"] = m.Intent
	}
	w.fields["application"] = application
	w.fields["transports"] = m.Transports
}

// check notes a nested field that does not fit.
func (w *writer) check(path, text string, fits func(string) bool) {
	if !fits(text) {
		w.fault(path, quote(text), wantName)
	}
}

// MarshalJSON writes both lists, empty ones too.
func (t Transports) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"published":     listOf(t.Published),
		"can_subscribe": listOf(t.CanSubscribe),
	})
}
