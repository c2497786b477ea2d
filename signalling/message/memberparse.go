package message

import (
	"encoding/json"
	"strings"
	"time"
)

const (
	// DefaultExpires is how long a per-device state membership counts when it
	// does not say (js-sdk 36 and later).
	DefaultExpires = 4 * time.Hour
	// maxExpires keeps sums of times away from overflow.
	maxExpires = 10 * 365 * 24 * time.Hour
	// ExpirySlack is how much longer than its word a membership counts,
	// because clocks differ.
	ExpirySlack = 5 * time.Second
)

// ParseCallObject reads the content of org.matrix.msc3401.call. As in js-sdk
// an unknown m.type or m.intent makes it no call at all; the error is Faults.
func ParseCallObject(content []byte) (CallObject, error) {
	o, err := parseObject(content)
	if err != nil {
		return CallObject{}, err
	}
	defer o.doc.release()
	call := CallObject{
		Intent:       o.need("m.intent", wantIntent, isCallIntent),
		Type:         o.need("m.type", wantCallType, isCallType),
		Name:         o.name("m.name"),
		DataChannels: o.flag("dataChannelsEnabled"),
	}
	if at := o.find("m.terminated"); at != 0 {
		call.Terminated = o.doc.truthy(at)
	}
	if o.doc.faults.essential() {
		return CallObject{}, o.doc.faults
	}
	return call, nil
}

const (
	wantIntent   = "m.ring, m.prompt or m.room"
	wantCallType = "m.voice or m.video"
)

func isCallIntent(text string) bool {
	return text == "m.ring" || text == "m.prompt" || text == "m.room"
}

func isCallType(text string) bool { return text == "m.voice" || text == "m.video" }

// ParseMember reads the content of a state membership and tells by its fields,
// never by its type, which form it has: m.calls, memberships, application, or
// the seed's m.application; anything else, also {} and {"leave_reason": …}, has
// left. Which of the two memberships[] it is, Matrix's or the Dart SDK's, only
// the type tells.
//
// What is read shares the memory of content, which must not be changed
// afterwards. An entry of a list that cannot be read goes to Spoilt and leaves
// the others alone. If a per-device membership cannot be read the error is
// Faults, and Form is set all the same.
func ParseMember(content []byte) (MemberContent, error) {
	o, err := parseObject(content)
	if err != nil {
		return MemberContent{}, err
	}
	defer o.doc.release()
	var m MemberContent
	if list := o.findKind("m.calls", kindList); list != 0 {
		m.Form = FormCalls
		o.doc.entries(list, func(at int32) { o.doc.call(at, &m) })
	} else if list := o.findKind("memberships", kindList); list != 0 {
		m.Form = FormLegacy
		o.doc.legacies(list, &m)
	} else if application := o.text("application"); application != "" {
		m.Form, m.Session = FormSession, o.session(application)
	} else if application := o.text("m.application"); application != "" && o.findKind("application", kindText) == 0 {
		m.Form, m.Session = FormSeed, o.session(application)
	}
	if o.doc.faults.essential() {
		return MemberContent{Form: m.Form}, o.doc.faults
	}
	m.Faults = o.doc.faults
	return m, nil
}

// call reads one entry of m.calls.
func (d *document) call(at int32, m *MemberContent) {
	mark := len(d.faults)
	entry, ok := d.entry(at)
	if !ok {
		m.spoil(SpoiltEntry{Faults: d.spoilt(mark)})
		return
	}
	call := CallMemberships{CallID: entry.need("m.call_id", "the ID of a conference", isNameOrEmpty)}
	devices := entry.findKind("m.devices", kindList)
	if devices == 0 {
		entry.fault("m.devices", entry.wrongKind(entry.find("m.devices")), "a list of devices", true)
	}
	if faults := d.spoilt(mark); faults != nil {
		m.spoil(SpoiltEntry{CallID: call.CallID, Faults: faults})
		return
	}
	d.entries(devices, func(at int32) {
		mark := len(d.faults)
		device := d.device(at)
		if faults := d.spoilt(mark); faults != nil {
			m.spoil(SpoiltEntry{CallID: call.CallID, DeviceID: device.DeviceID, Faults: faults})
			return
		}
		call.Devices = append(call.Devices, device)
	})
	m.Calls = append(m.Calls, call)
}

// spoil notes an entry that could not be read, unless too many are noted.
func (m *MemberContent) spoil(entry SpoiltEntry) {
	if len(m.Spoilt) < maxFaults {
		m.Spoilt = append(m.Spoilt, entry)
	}
}

// device reads one entry of m.devices. js-sdk and Hydrogen need all four
// fields; a device without a list of feeds is invisible to js-sdk.
func (d *document) device(at int32) CallDevice {
	entry, ok := d.entry(at)
	if !ok {
		return CallDevice{}
	}
	device := CallDevice{
		DeviceID:  entry.need("device_id", "a device ID", isName),
		SessionID: entry.need("session_id", "the session of a client", isName),
		ExpiresAt: entry.instant("expires_ts"),
		Route:     entry.route(),
	}
	feeds := entry.findKind("feeds", kindList)
	if feeds == 0 {
		entry.fault("feeds", entry.wrongKind(entry.find("feeds")), "a list, which may be empty", true)
		return device
	}
	d.entries(feeds, func(at int32) {
		if feed, ok := d.entry(at); ok {
			device.Feeds = append(device.Feeds, Feed{Purpose: feed.name("purpose")})
		}
	})
	return device
}

// entry takes an entry of a list as an object, or notes what it is instead.
func (d *document) entry(at int32) (object, bool) {
	if is := d.nodes[at].kind; is != kindObject {
		d.note(at, "", Fault{Wrong: is.String(), Want: "an object", Essential: true})
		return object{}, false
	}
	return object{doc: d, at: at}, true
}

// spoilt takes away the faults since the mark if they spoil their entry, and
// gives nil if they do not.
func (d *document) spoilt(mark int) Faults {
	faults := d.faults[mark:]
	if !faults.essential() {
		return nil
	}
	d.faults = d.faults[:mark:mark]
	return faults
}

// spelling reads a string as it is shipped or as the seed of MSC4143 had it,
// with "m." before it.
func (o object) spelling(key string) string {
	for _, key := range [...]string{key, "m." + key} {
		if at := o.findKind(key, kindText); at != 0 {
			return o.doc.string(at)
		}
	}
	return ""
}

// text reads a string that may be absent, or something else: "" then.
func (o object) text(key string) string {
	if at := o.findKind(key, kindText); at != 0 {
		return o.doc.string(at)
	}
	return ""
}

// session reads the per-device state form, as shipped and as the seed of
// MSC4143 had it, with "m." before two names.
func (o object) session(application string) *SessionContent {
	s := &SessionContent{
		Application:   application,
		CallID:        o.callID(),
		DeviceID:      o.deviceID(),
		MembershipID:  o.name("membershipID"),
		Scope:         o.name("scope"),
		Intent:        o.name("m.call.intent"),
		Expires:       o.expires(),
		FocusActive:   o.focusActive(),
		FociPreferred: o.foci("foci_preferred"),
		Transports:    o.transports(),
	}
	if !isApplication(s.Application) {
		o.fault("application", quote(s.Application), wantApplication, true)
	}
	if created, ok := o.time("created_ts"); ok {
		s.CreatedAt = time.UnixMilli(created).UTC()
	}
	if joined, ok := o.integer(KeyJoined, 0, maxSafe, "a timestamp in milliseconds"); ok {
		s.JoinedAt = time.UnixMilli(joined).UTC()
	}
	return s
}

const (
	wantApplication = "1 to 255 bytes without #"
	wantSlotPart    = "a string without # of at most 255 bytes"
)

func isApplication(text string) bool { return isName(text) && isSlotPart(text) }

func isSlotPart(text string) bool { return isNameOrEmpty(text) && !strings.Contains(text, "#") }

// deviceID reads the sender's device. In the seed of MSC4143 it may stand in the
// state key alone, see SeedDevice.
func (o object) deviceID() string {
	at := o.find("device_id")
	if at == 0 && o.findKind("application", kindText) == 0 {
		return ""
	}
	return o.needAt(at, "device_id", "the sender's device", isName)
}

// SeedDevice is the device that the state key of a membership of the seed names:
// a list of user and device, as JSON. It is "" when the key is something else,
// or names another user than the sender.
func SeedDevice(stateKey, sender string) string {
	var key []string
	if !strings.HasPrefix(stateKey, "[") || json.Unmarshal([]byte(stateKey), &key) != nil {
		return ""
	}
	if len(key) != 2 || key[0] != sender || !isName(key[1]) {
		return ""
	}
	return key[1]
}

// callID reads the call ID under either spelling.
func (o object) callID() string {
	key, at := "call_id", o.find("call_id")
	if at == 0 {
		if other := o.find("m.call_id"); other != 0 {
			key, at = "m.call_id", other
		}
	}
	return o.needAt(at, key, wantSlotPart, isSlotPart)
}

func (o object) expires() time.Duration {
	millis, ok := o.time("expires")
	if !ok {
		return DefaultExpires
	}
	most := maxExpires.Milliseconds()
	return time.Duration(min(max(millis, -most), most)) * time.Millisecond
}

// focusActive reads the focus in use: an object or the first of a list, under
// either name that the texts have for it (decision D9).
func (o object) focusActive() Focus {
	for _, key := range [...]string{"focus_active", "foci_active"} {
		at := o.find(key)
		if at == 0 {
			continue
		}
		if n := o.doc.nodes[at]; n.kind == kindList && n.next > at+1 {
			at++
		}
		if o.doc.nodes[at].kind == kindObject {
			focus := object{doc: o.doc, at: at}
			return focus.focus(focus.need("type", "a type of transport", isName))
		}
		o.fault(key, o.wrongKind(at), "an object with a type", true)
		return Focus{}
	}
	o.fault("focus_active", "missing", "an object with a type", true)
	return Focus{}
}

// foci reads a list of transports, leaving out what is none.
func (o object) foci(key string) []Focus {
	list := o.findKind(key, kindList)
	if list == 0 {
		if at := o.find(key); at != 0 {
			o.fault(key, o.wrongKind(at), "a list of transports", false)
		}
		return nil
	}
	var all []Focus
	o.doc.entries(list, func(at int32) {
		entry := object{doc: o.doc, at: at}
		if o.doc.nodes[at].kind == kindObject {
			if is := entry.findKind("type", kindText); is != 0 {
				all = append(all, entry.focus(entry.nameAt(is, "type")))
				return
			}
		}
		o.doc.note(at, "", Fault{Wrong: "no transport", Want: "an object with a type"})
	})
	return all
}

// focus reads one transport of a type.
func (o object) focus(kind string) Focus {
	focus := Focus{
		Type:      kind,
		Selection: o.name("focus_selection"),
		Raw:       o.doc.cut(o.at),
	}
	if IsMesh(kind) {
		focus.Route = o.route()
	}
	return focus
}

// transports reads what a membership carries beside its veil, see RumaSafe.
func (o object) transports() *Transports {
	entry, ok := o.child(KeyTransports)
	if !ok {
		return nil
	}
	t := &Transports{Published: entry.foci("published")}
	if list := entry.findKind("can_subscribe", kindList); list != 0 {
		o.doc.entries(list, func(at int32) {
			if o.doc.nodes[at].kind == kindText {
				t.CanSubscribe = append(t.CanSubscribe, o.doc.string(at))
			}
		})
	}
	return t
}

// Meshes reports whether the member can be connected to directly.
func (s *SessionContent) Meshes() bool { return IsMesh(s.FocusType()) }
