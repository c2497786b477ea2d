package message

import (
	"fmt"
	"slices"
	"strconv"
)

// Encode writes the message for the wire: the union of what js-sdk, Hydrogen
// and the Dart SDK need on it, under the stable type or, in DialectFamedly,
// under the Dart SDK's. Metadata goes under both
// keys, the version is "1" whatever Version says, an empty PartyID is written
// as DeviceID and a zero Lifetime as DefaultLifetime.
//
// It is strict: a missing field, an ID out of its grammar, a number on a kind
// that is not Numbered or none on one that is, are Faults, all of them in one
// error. Over MaxEncoded bytes the error is ErrTooLarge.
func (s Signal) Encode() (eventType string, content []byte, err error) {
	if eventType = s.Dialect.eventType(s.Kind); eventType == "" {
		return "", nil, Faults{{Path: "kind", Wrong: strconv.Itoa(int(s.Kind)), Want: "Invite to Reject", Essential: true}}
	}
	w := writer{fields: map[string]any{}}
	w.envelope(s)
	w.body(s)
	content, err = w.finish(s.Kind.String())
	if err != nil {
		return "", nil, err
	}
	return eventType, content, nil
}

func (w *writer) envelope(s Signal) {
	party := s.PartyID
	if party == "" {
		party = s.DeviceID
	}
	w.fields["version"] = "1"
	if s.Dialect == DialectFamedly {
		w.need("call_id", s.CallID, wantName, isName)
		w.need("conf_id", s.ConfID, "a string of at most 255 bytes", isNameOrEmpty)
	} else {
		w.need("call_id", s.CallID, wantCallID, isCallID)
		w.need("conf_id", s.ConfID, wantName, isName)
	}
	w.need("party_id", party, wantName, isName)
	w.need("room_id", s.RoomID, wantName, isName)
	w.need("device_id", s.DeviceID, wantName, isName)
	w.need("sender_session_id", s.SenderSessionID, wantName, isName)
	w.need("dest_session_id", s.DestSessionID, wantName, isName)
	w.name("slot_id", s.SlotID)
	w.name(KeyMessageID, s.MessageID)
	switch numbered := s.Kind.Numbered(); {
	case numbered && s.Seq == nil:
		w.fault("seq", "missing", "a number, counted per call_id from 0")
	case !numbered && s.Seq != nil:
		w.fault("seq", strconv.Itoa(int(*s.Seq)), "no number on "+s.Kind.String())
	case numbered:
		w.fields["seq"] = *s.Seq
	}
}

func (w *writer) body(s Signal) {
	switch s.Kind {
	case Invite:
		w.lifetime(s)
		w.need("invitee", s.Invitee, "the user who is called", isName)
		w.need("invitee_device_id", s.InviteeDeviceID, "the device that is called", isName)
		w.description("offer", s.Description, "offer")
		w.capabilities()
		w.metadata(s.Metadata)
	case Answer:
		w.description("answer", s.Description, "answer")
		w.capabilities()
		w.metadata(s.Metadata)
	case SelectAnswer:
		w.need("selected_party_id", s.SelectedPartyID, "the party of the answer", isName)
	case Candidates:
		if len(s.Candidates) == 0 {
			w.fault("candidates", "none", "at least one, or an end marker")
		}
		w.fields["candidates"] = s.Candidates
	case Negotiate:
		w.lifetime(s)
		w.description("description", s.Description, "offer", "answer")
		w.metadata(s.Metadata)
	case MetadataChanged:
		if s.Metadata == nil {
			w.fault(KeyMetadata, "missing", "the purposes of all streams")
		}
		w.metadata(s.Metadata)
	case Hangup, Reject:
		w.reason(s)
	}
}

func (w *writer) lifetime(s Signal) {
	lifetime := s.Lifetime
	if lifetime == 0 {
		lifetime = DefaultLifetime
	}
	if lifetime.Milliseconds() < 1 || lifetime > maxLifetime {
		w.fault("lifetime", lifetime.String(), "1ms to "+maxLifetime.String())
	}
	w.fields["lifetime"] = lifetime.Milliseconds()
}

func (w *writer) description(key string, d Description, types ...string) {
	if !slices.Contains(types, d.Type) {
		w.fault(key+".type", quote(d.Type), fmt.Sprint("one of ", types))
	}
	if d.SDP == "" {
		w.fault(key+".sdp", "missing", "a session description")
	}
	w.fields[key] = map[string]string{"type": d.Type, "sdp": d.SDP}
}

// capabilities tells that a mesh knows neither transfer nor tones.
func (w *writer) capabilities() {
	w.fields["capabilities"] = map[string]bool{"m.call.transferee": false, "m.call.dtmf": false}
}

// metadata goes under both keys: js-sdk from 41 on writes the stable one only,
// Hydrogen reads the unstable one only (decision D27).
func (w *writer) metadata(streams StreamMetadata) {
	if streams == nil {
		return
	}
	w.fields[KeyMetadata] = streams
	w.fields[KeyMetadataUnstable] = streams
}

// reason is always written on a hangup; on a reject only if it says more than
// that the user did not want the call.
func (w *writer) reason(s Signal) {
	reason := s.Reason
	if reason == "" {
		reason = ReasonUserHangup
	}
	if !slices.Contains(reasons, reason) {
		w.fault("reason", quote(string(reason)), "one of the known reasons")
	}
	if s.Kind == Hangup || reason != ReasonUserHangup {
		w.fields["reason"] = string(reason)
	}
}
