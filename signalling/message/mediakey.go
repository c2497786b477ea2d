package message

import (
	"encoding/base64"
	"strings"
	"time"

	"meshfocus/internal/secret"
)

// The sizes of a media key: js-sdk makes 16 bytes, the Dart SDK and LiveKit's
// transport 32.
const (
	MinMediaKey = 16
	MaxMediaKey = 64
)

const (
	wantKeyIndex = "a whole number, 0 to 255"
	wantMediaKey = "16 to 64 bytes in base64"
)

// MediaKey gives one device the key with which the sender encrypts its frames
// (MSC4143, m.rtc.encryption_key, and what Element Call sends). It comes inside
// Olm or does not count (IsMediaKey tells what must not come in the clear).
//
// No way of printing it shows the key.
type MediaKey struct {
	RoomID string
	// MemberID says which stay of the sender in a call the key belongs to, see
	// Of; "" when the content does not say.
	MemberID string
	// DeviceID is what Element Call's content claims the sender's device to be;
	// "" in MSC4143, where the device that encrypted the message counts.
	DeviceID string
	// Index is how frames name the key.
	Index uint8
	Key   secret.Bytes
	// SentAt is the time on the sender's clock, zero when the content does not
	// say. For telling old from new, among keys of one sender.
	SentAt time.Time
	// Faults that reading tolerated, for a log.
	Faults Faults
}

// IsMediaKey reports whether to-device messages of the type carry a media key.
func IsMediaKey(eventType string) bool {
	return eventType == TypeMediaKey || eventType == TypeMediaKeyStable || eventType == TypeMediaKeyElement
}

// ParseMediaKey reads the message. Its errors are ErrUnknownType, ErrTooLarge
// and Faults, which name every fault and never the key.
func ParseMediaKey(eventType string, content []byte) (MediaKey, error) {
	if !IsMediaKey(eventType) {
		return MediaKey{}, ErrUnknownType
	}
	o, err := parseObject(content)
	if err != nil {
		return MediaKey{}, err
	}
	defer o.doc.release()
	var k MediaKey
	if eventType == TypeMediaKeyElement {
		k = o.elementKey()
	} else {
		k = o.mediaKey()
	}
	if o.doc.faults.essential() {
		return MediaKey{}, o.doc.faults
	}
	k.Faults = o.doc.faults
	return k, nil
}

// mediaKey reads the form of MSC4143. Texts of 2026 had a version or a format
// beside it, always 0; any other is a form that nobody has written down.
func (o object) mediaKey() MediaKey {
	k := MediaKey{RoomID: o.need("room_id", wantName, isName), MemberID: o.need("member_id", wantName, isName)}
	for _, name := range []string{"version", "format"} {
		if at := o.find(name); at != 0 && strings.Trim(o.doc.raw(at), `"`) != "0" {
			o.fault(name, quote(o.doc.raw(at)), "0", true)
		}
	}
	k.readKey(o, "media_key")
	return k
}

// elementKey reads what js-sdk 37 to 43 send for Element Call.
func (o object) elementKey() MediaKey {
	k := MediaKey{RoomID: o.needAt(o.findEither("room_id", "roomId"), "room_id", wantName, isName)}
	if member, ok := o.child("member"); ok {
		k.DeviceID = member.need("claimed_device_id", wantName, isName)
		k.MemberID = member.name("id")
	} else {
		o.fault("member", o.wrongKind(o.find("member")), "an object with claimed_device_id", true)
	}
	if millis, ok := o.time("sent_ts"); ok {
		k.SentAt = time.UnixMilli(millis).UTC()
	}
	k.readKey(o, "keys")
	return k
}

// findEither finds the first of two spellings of a field that is there.
func (o object) findEither(key, other string) int32 {
	if at := o.find(key); at != 0 {
		return at
	}
	return o.find(other)
}

// readKey reads the object that holds index and key.
func (k *MediaKey) readKey(o object, field string) {
	inner, ok := o.child(field)
	if !ok {
		o.fault(field, o.wrongKind(o.find(field)), "an object with index and key", true)
		return
	}
	index, ok := inner.integer("index", 0, 255, wantKeyIndex)
	if !ok {
		inner.fault("index", inner.wrongKind(inner.find("index")), wantKeyIndex, true)
	}
	k.Index = uint8(index)
	at := inner.findKind("key", kindText)
	if at == 0 {
		inner.fault("key", inner.wrongKind(inner.find("key")), wantMediaKey, true)
		return
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(inner.doc.string(at), "="))
	if err != nil || len(raw) < MinMediaKey || len(raw) > MaxMediaKey {
		inner.fault("key", "a string", wantMediaKey, true)
		return
	}
	k.Key = secret.Of(raw)
}

// Of reports whether the key is that of a party during a stay. MemberID is the
// session ID of the membership; older writers put user and device together, or
// nothing. Party is the device that encrypted the message: what the content
// claims beside it has to be the same (decision D7).
func (k MediaKey) Of(party Party, sessionID string) bool {
	if k.DeviceID != "" && k.DeviceID != party.DeviceID {
		return false
	}
	return k.MemberID == sessionID || k.MemberID == party.UserID+":"+party.DeviceID ||
		k.MemberID == "" && k.DeviceID != ""
}

// Encode writes the form of MSC4143, to be sent as TypeMediaKey inside Olm and
// in no other way. The error is Faults, without the key.
func (k MediaKey) Encode() ([]byte, error) {
	w := writer{fields: map[string]any{}}
	w.need("room_id", k.RoomID, wantName, isName)
	w.need("member_id", k.MemberID, wantName, isName)
	if k.Key.Len() < MinMediaKey || k.Key.Len() > MaxMediaKey {
		w.fault("media_key.key", "too short or too long", wantMediaKey)
	}
	w.fields["media_key"] = map[string]any{"index": k.Index, "key": base64.RawStdEncoding.EncodeToString(k.Key.Reveal())}
	return w.finish("media key")
}
