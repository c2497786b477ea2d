package message

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// Lifetimes of an invite or a negotiation.
const (
	// DefaultLifetime is what js-sdk, Hydrogen and the Dart SDK send, and what
	// a missing lifetime reads as.
	DefaultLifetime = 60 * time.Second
	maxLifetime     = 24 * time.Hour
)

const wantCallID = "1 to 255 of [0-9A-Za-z._~-]"

// ParseSignal reads a decrypted to-device message of the given type.
//
// It takes what js-sdk, Hydrogen, the Dart SDK and MSC3401 write: versions as
// number or string, metadata under either key (the stable one counts), both
// types of a metadata change, messages without party_id, seq, lifetime or
// invitee, candidates without mids. A missing party_id reads as the device ID,
// an unknown reason as ReasonUnknown.
//
// Faults that leave the message usable are noted in Signal.Faults. If
// something essential is missing the error is Faults with all that was found.
// Other errors are ErrUnknownType, ErrIgnoredType and ErrTooLarge.
func ParseSignal(eventType string, content []byte) (Signal, error) {
	if ignoredTypes[eventType] {
		return Signal{}, fmt.Errorf("%w: %s", ErrIgnoredType, eventType)
	}
	word, ok := signalTypes[eventType]
	if !ok {
		return Signal{}, fmt.Errorf("%w: %s", ErrUnknownType, quote(eventType))
	}
	o, err := parseObject(content)
	if err != nil {
		return Signal{}, err
	}
	defer o.doc.release()
	s := Signal{Kind: word.kind, Envelope: o.envelope(word)}
	o.body(&s)
	if o.doc.faults.essential() {
		return Signal{}, o.doc.faults
	}
	s.Faults = o.doc.faults
	return s, nil
}

// envelope reads what all messages carry (MSC3401, to-device envelope). The
// Dart SDK lets a call ID be any string and its conference ID be empty.
func (o object) envelope(word signalType) Envelope {
	e := Envelope{
		Dialect:         word.dialect,
		CallID:          o.need("call_id", wantCallID, word.callID),
		ConfID:          o.need("conf_id", "the ID of a conference or slot", word.confID),
		DestSessionID:   o.need("dest_session_id", "the session the message is for", isName),
		PartyID:         o.name("party_id"),
		SlotID:          o.name("slot_id"),
		RoomID:          o.name("room_id"),
		SenderSessionID: o.name("sender_session_id"),
		MessageID:       o.name(KeyMessageID),
		Version:         o.version(),
	}
	if word.kind == Invite {
		e.DeviceID = o.need("device_id", "the sender's device", isName)
	} else {
		e.DeviceID = o.name("device_id")
	}
	if e.PartyID == "" {
		e.PartyID = e.DeviceID
	}
	if number, ok := o.integer("seq", 0, math.MaxUint32, "a whole number from 0"); ok {
		seq := uint32(number)
		e.Seq = &seq
	}
	return e
}

// version is 0 or 1, as number or string; all else counts as 1.
func (o object) version() int {
	if at := o.find("version"); at != 0 {
		if raw := o.doc.raw(at); raw == "0" || raw == `"0"` {
			return 0
		}
	}
	return 1
}

// body reads the fields of the message's kind.
func (o object) body(s *Signal) {
	switch s.Kind {
	case Invite:
		s.Lifetime = o.lifetime("lifetime", DefaultLifetime, maxLifetime)
		s.Invitee = o.name("invitee")
		s.InviteeDeviceID = o.name("invitee_device_id")
		s.Description = o.description("offer", "offer")
		s.Metadata = o.metadata()
	case Answer:
		s.Description = o.description("answer", "answer")
		s.Metadata = o.metadata()
	case SelectAnswer:
		s.SelectedPartyID = o.need("selected_party_id", "the party of an answer", isName)
	case Candidates:
		s.Candidates = o.candidates()
	case Negotiate:
		s.Lifetime = o.lifetime("lifetime", DefaultLifetime, maxLifetime)
		s.Description = o.description("description", "")
		s.Metadata = o.metadata()
	case MetadataChanged:
		if s.Metadata = o.metadata(); s.Metadata == nil {
			o.fault(KeyMetadata, "missing", "the purposes of all streams", true)
		}
	case Hangup, Reject:
		s.Reason = o.reason()
	}
}

// description reads an SDP. If its type is implied by the message it may be
// missing, but not be another.
func (o object) description(key, implied string) Description {
	d, ok := o.child(key)
	if !ok {
		o.fault(key, o.wrongKind(o.find(key)), "an object with type and sdp", true)
		return Description{}
	}
	is := Description{Type: implied, SDP: d.need("sdp", "a session description", isFilled)}
	if implied == "" || d.find("type") != 0 {
		is.Type = d.need("type", `"offer" or "answer" as the message has it`, func(text string) bool {
			return text == implied || implied == "" && (text == "offer" || text == "answer")
		})
	}
	return is
}

// metadata reads the stream purposes under the stable or the unstable key
// (decision D27). It gives nil when there are none.
func (o object) metadata() StreamMetadata {
	for _, key := range [...]string{KeyMetadata, KeyMetadataUnstable} {
		at := o.find(key)
		if at == 0 {
			continue
		}
		if streams, ok := o.child(key); ok {
			return streams.streams()
		}
		o.fault(key, o.wrongKind(at), "an object of streams", false)
	}
	return nil
}

// streams reads the entries of a metadata map. Muted is false unless told.
func (o object) streams() StreamMetadata {
	all := StreamMetadata{}
	d := o.doc
	for at := o.at + 1; at < d.nodes[o.at].next; at = d.nodes[at+1].next {
		stream := object{doc: d, at: at + 1}
		if is := d.nodes[at+1].kind; is != kindObject {
			d.note(at+1, "", Fault{Wrong: is.String(), Want: "an object with a purpose"})
			continue
		}
		all[d.string(at)] = Stream{
			Purpose:    stream.name("purpose"),
			AudioMuted: stream.flag("audio_muted"),
			VideoMuted: stream.flag("video_muted"),
		}
	}
	return all
}

// candidates reads what can be read of a list of candidates: one bad entry
// does not spoil the others.
func (o object) candidates() []Candidate {
	list := o.findKind("candidates", kindList)
	if list == 0 {
		o.fault("candidates", o.wrongKind(o.find("candidates")), "a list of candidates", true)
		return nil
	}
	var all []Candidate
	o.doc.entries(list, func(at int32) {
		if c, ok := o.candidate(at); ok {
			all = append(all, c)
		}
	})
	return all
}

// candidate reads one entry. A candidate that is null ends the list like an
// empty one.
func (o object) candidate(at int32) (Candidate, bool) {
	const want = "an object with a candidate"
	if is := o.doc.nodes[at].kind; is != kindObject {
		o.doc.note(at, "", Fault{Wrong: is.String(), Want: want})
		return Candidate{}, false
	}
	entry := object{doc: o.doc, at: at}
	var c Candidate
	switch at := o.doc.lookup(at, "candidate"); {
	case at == 0:
		entry.fault("candidate", "missing", "a string", false)
		return Candidate{}, false
	case o.doc.nodes[at].kind == kindText:
		c.Candidate = o.doc.string(at)
	case o.doc.nodes[at].kind != kindNull:
		entry.fault("candidate", entry.wrongKind(at), "a string", false)
		return Candidate{}, false
	}
	c.SDPMid = entry.pointer("sdpMid")
	c.UsernameFragment = entry.pointer("usernameFragment")
	if number, ok := entry.integer("sdpMLineIndex", 0, math.MaxUint16, "the number of an m-line"); ok {
		index := uint16(number)
		c.SDPMLineIndex = &index
	}
	return c, true
}

// pointer reads a string whose absence means something.
func (o object) pointer(key string) *string {
	if at := o.findKind(key, kindText); at != 0 {
		text := o.doc.string(at)
		return &text
	}
	return nil
}

// reason reads why a call ended.
func (o object) reason() Reason {
	at := o.find("reason")
	if at == 0 {
		return ReasonUserHangup
	}
	if o.doc.nodes[at].kind == kindText {
		if reason := Reason(o.doc.string(at)); slices.Contains(reasons, reason) {
			return reason
		}
	}
	return ReasonUnknown
}

// isCallID is the opaque identifier grammar of the Matrix specification.
func isCallID(text string) bool {
	for _, char := range []byte(text) {
		switch {
		case char >= '0' && char <= '9', char >= 'a' && char <= 'z', char >= 'A' && char <= 'Z':
		case char == '.', char == '_', char == '~', char == '-':
		default:
			return false
		}
	}
	return isName(text)
}

// isName and isNameOrEmpty bound IDs that have no grammar. What is no Unicode
// would not be written as it is.
func isName(text string) bool        { return text != "" && isNameOrEmpty(text) }
func isNameOrEmpty(text string) bool { return len(text) <= maxName && utf8.ValidString(text) }
func isFilled(text string) bool      { return text != "" }
