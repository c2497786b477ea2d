package message

import "strings"

// ParseStickyMember reads the content of a sticky membership, whose memory it
// shares as ParseMember does. Which generation it has is told by its fields.
// The error is Faults or ErrTooLarge; the sticky key is set all the same if it
// could be read, since even a spoilt event takes its place in the sticky map.
func ParseStickyMember(content []byte) (StickyMember, error) {
	o, err := parseObject(content)
	if err != nil {
		return StickyMember{}, err
	}
	defer o.doc.release()
	m := StickyMember{StickyKey: o.stickyKey(), SlotID: o.name("slot_id")}
	if o.leaves(&m) {
		m.Left = true
	} else {
		o.joins(&m)
	}
	if o.doc.faults.essential() {
		return StickyMember{StickyKey: m.StickyKey, SlotID: m.SlotID}, o.doc.faults
	}
	m.Faults = o.doc.faults
	return m, nil
}

// stickyKey reads the key under either name (MSC4354).
func (o object) stickyKey() string {
	stable, unstable := o.name(KeySticky), o.name(KeyStickyUnstable)
	switch {
	case stable == "" && unstable == "":
		o.fault(KeySticky, "missing", wantName, true)
	case stable != "" && unstable != "" && stable != unstable:
		o.fault(KeyStickyUnstable, quote(unstable), "the same as "+KeySticky, true)
		return ""
	}
	if stable == "" {
		return unstable
	}
	return stable
}

// leaves reports whether the content is a leave: the newest text says so in
// member.membership; all others leave out the application.
func (o object) leaves(m *StickyMember) bool {
	reason, said := o.child("leave_reason")
	if !said {
		reason, said = o.child("disconnect_reason")
	}
	if said {
		m.LeaveReason = LeaveReason{Code: reason.name("code"), Reason: reason.name("reason")}
	}
	member, ok := o.child("member")
	if ok && member.find("membership") != 0 {
		m.Generation, m.MemberID = GenerationNewest, member.name("id")
		return member.name("membership") != "join"
	}
	return o.find("application") == 0
}

// joins reads what a join has in the generations that are in the wild.
func (o object) joins(m *StickyMember) {
	o.stickyMember(m)
	o.stickySlot(m)
	switch {
	case o.find("transports") != 0:
		if m.Generation == GenerationUnknown {
			m.Generation = GenerationPublished
		}
		if entry, ok := o.child("transports"); ok {
			m.Transports = Transports{Published: entry.foci("published"), CanSubscribe: entry.texts("can_subscribe")}
		} else {
			o.fault("transports", o.wrongKind(o.find("transports")), "an object with published", true)
		}
	default:
		m.Generation = GenerationList
		if o.findKind("rtc_transports", kindList) == 0 {
			o.fault("rtc_transports", o.wrongKind(o.find("rtc_transports")), "a list of transports, or transports{published}", true)
		}
		m.Transports.Published = o.foci("rtc_transports")
		for _, focus := range m.Transports.Published {
			m.Transports.CanSubscribe = append(m.Transports.CanSubscribe, focus.Type)
		}
	}
	m.Versions = o.texts("versions")
}

// stickySlot reads where the member is.
func (o object) stickySlot(m *StickyMember) {
	application, ok := o.child("application")
	if !ok {
		o.fault("application", o.wrongKind(o.find("application")), "an object with a type", true)
		return
	}
	m.Application = application.need("type", wantApplication, isApplication)
	m.Intent = application.name("m.call.intent")
	prefix, callID, ok := strings.Cut(m.SlotID, "#")
	if !ok || prefix != m.Application || strings.Contains(callID, "#") {
		o.fault("slot_id", quote(m.SlotID), "the application's type, # and an ID", true)
	}
}

// stickyMember reads who the member is, or says it is.
func (o object) stickyMember(m *StickyMember) {
	member, ok := o.child("member")
	if !ok {
		o.fault("member", o.wrongKind(o.find("member")), "an object with an id", true)
		return
	}
	m.MemberID = member.need("id", wantName, isName)
	m.UserID, m.DeviceID = member.either("user_id", "claimed_user_id"), member.either("device_id", "claimed_device_id")
}

// either reads an ID under the first of two names that has it.
func (o object) either(key, other string) string {
	if o.find(key) != 0 {
		return o.name(key)
	}
	return o.name(other)
}

// texts reads a list of strings, leaving out what is none.
func (o object) texts(key string) []string {
	list := o.findKind(key, kindList)
	if list == 0 {
		return nil
	}
	var all []string
	o.doc.entries(list, func(at int32) {
		if o.doc.nodes[at].kind == kindText {
			all = append(all, o.doc.string(at))
		}
	})
	return all
}
