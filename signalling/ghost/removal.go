package ghost

import (
	"encoding/json"
	"fmt"
	"strings"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Deed is what takes an entry out.
type Deed uint8

// The deeds.
const (
	// WriteState: write Content as (Type, StateKey).
	WriteState Deed = iota + 1
	// Redact: redact the events EventIDs, because nobody but their sender may
	// write in their place.
	Redact
	// SendSticky: send Content as a sticky event of Type, which takes the place
	// of the one that is there (MSC4354).
	SendSticky
)

// String names the deed.
func (d Deed) String() string { return [...]string{"", "write", "redact", "send"}[d] }

// Removal is what would take entries of one event out of a room.
type Removal struct {
	Entries        []Entry
	Deed           Deed
	Type, StateKey string
	Content        json.RawMessage
	// EventID is the event that holds the entries. EventIDs are those to redact:
	// it, and what would come to light in the sticky map without it.
	EventID  string
	EventIDs []string
	// Own: the event is of our own user.
	Own bool
	// Obstacle says in a sentence why we may not; "" when we may, as far as
	// can be seen from here.
	Obstacle string
}

// Plan says how to take out the chosen entries, one removal for each event, in
// the order of the entries. Only what was chosen is taken out: other devices
// in an event that all devices of a user share stay as they are.
func Plan(facts membership.Facts, chosen []Entry, powers Powers, self string) []Removal {
	events := eventsOf(facts)
	var removals []Removal
	at := map[string]int{}
	for _, entry := range chosen {
		i, known := at[entry.EventID]
		if !known {
			i = len(removals)
			at[entry.EventID] = i
			removals = append(removals, Removal{
				Type: entry.Type, StateKey: entry.StateKey, EventID: entry.EventID, Own: entry.Sender == self,
			})
		}
		removals[i].Entries = append(removals[i].Entries, entry)
	}
	for i := range removals {
		r := &removals[i]
		r.decide(events[r.EventID], powers, self)
		if r.Deed == Redact {
			r.EventIDs = append(r.EventIDs, hiddenBy(facts, events[r.EventID])...)
		}
	}
	return removals
}

// decide finds the deed, and whether it is allowed.
func (r *Removal) decide(event source, powers Powers, self string) {
	content, left := without(event.Content, r.Entries)
	foreignKey := strings.HasPrefix(r.StateKey, "@") && r.StateKey != self && !strings.HasPrefix(r.StateKey, self+"_")
	switch {
	case event.sticky && r.Own:
		r.Deed, r.Content = SendSticky, stickyLeave(event.Content)
	case event.sticky:
		r.Deed = Redact
	case !foreignKey:
		r.Deed, r.Content = WriteState, content
	default:
		// Only the user may write under their own ID (client-server API,
		// authorisation of state), but a moderator may take the event away.
		r.Deed = Redact
	}
	r.Obstacle = r.obstacle(event, left, powers, self)
}

// obstacle is why we may not do the deed; so many devices would be left in the
// event.
func (r *Removal) obstacle(event source, left int, powers Powers, self string) string {
	own := powers.User(self)
	needed := max(powers.Redact, powers.Event(typeRedaction))
	switch r.Deed {
	case WriteState:
		needed = powers.State(r.Type)
	case SendSticky:
		needed = powers.Event(r.Type)
	}
	switch {
	case r.Deed != Redact && own < needed:
		return fmt.Sprintf("writing %s needs power level %d, and %s has %d", r.Type, needed, self, own)
	case r.Deed != Redact:
		return ""
	case left > 0:
		return fmt.Sprintf("the event holds %d other device(s) of %s, and only they can write it: ask them to leave, or wait until it expires", left, event.Sender)
	case own < needed:
		return fmt.Sprintf("only %s may write there, and redacting it needs power level %d, which %s has not (%d)", event.Sender, needed, self, own)
	}
	return ""
}

// hiddenBy gives an event, and those of the sticky map that would count again
// without it.
func hiddenBy(facts membership.Facts, event source) []string {
	ids := []string{event.EventID}
	if !event.sticky {
		return ids
	}
	key := stickyKey(event.Content)
	for _, s := range facts.Sticky {
		if s.EventID != event.EventID && s.Sender == event.Sender && s.Type == event.Type && stickyKey(s.Content) == key {
			ids = append(ids, s.EventID)
		}
	}
	return ids
}

func stickyKey(content json.RawMessage) string {
	member, _ := message.ParseStickyMember(content) // a spoilt one has its key too
	return member.StickyKey
}

// stickyLeave is the leave of a sticky membership, as js-sdk reads it.
func stickyLeave(content json.RawMessage) json.RawMessage {
	member, _ := message.ParseStickyMember(content) // a spoilt one has its key too
	return encode(map[string]string{"slot_id": member.SlotID, message.KeyStickyUnstable: member.StickyKey})
}

const typeRedaction = "m.room.redaction"

// without gives the content of an event without some devices, and how many
// others are left in it. Where the content is one device's alone it is the
// leave of its form.
func without(content json.RawMessage, gone []Entry) (rest json.RawMessage, left int) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(content, &fields) != nil {
		return message.LeftContent(), 0
	}
	switch {
	case fields["m.calls"] != nil:
		return withoutCalls(fields, gone)
	case fields["memberships"] != nil:
		return withoutMemberships(fields, gone)
	}
	return message.LeftContent(), 0
}

// withoutCalls edits an m.calls content (MSC3401). Calls that nobody is left
// in go too.
func withoutCalls(fields map[string]json.RawMessage, gone []Entry) (json.RawMessage, int) {
	var calls []map[string]json.RawMessage
	if json.Unmarshal(fields["m.calls"], &calls) != nil {
		return json.RawMessage(`{"m.calls":[]}`), 0
	}
	kept, left := []map[string]json.RawMessage{}, 0
	for _, call := range calls {
		var confID string
		var devices []json.RawMessage
		if json.Unmarshal(call["m.call_id"], &confID) != nil || json.Unmarshal(call["m.devices"], &devices) != nil {
			kept = append(kept, call) // not understood, so not touched
			continue
		}
		rest := keep(devices, func(deviceID string) bool { return !names(gone, confID, deviceID) })
		if len(rest) == 0 {
			continue
		}
		left += len(rest)
		call["m.devices"] = encode(rest)
		kept = append(kept, call)
	}
	fields["m.calls"] = encode(kept)
	return encode(fields), left
}

// withoutMemberships edits the legacy array, which the Dart SDK uses too.
func withoutMemberships(fields map[string]json.RawMessage, gone []Entry) (json.RawMessage, int) {
	var members []json.RawMessage
	if json.Unmarshal(fields["memberships"], &members) != nil {
		return json.RawMessage(`{"memberships":[]}`), 0
	}
	rest := keep(members, func(deviceID string) bool { return !names(gone, "", deviceID) })
	fields["memberships"] = encode(rest)
	return encode(fields), len(rest)
}

// keep gives the entries of a list whose device_id passes.
func keep(list []json.RawMessage, passes func(deviceID string) bool) []json.RawMessage {
	kept := []json.RawMessage{}
	for _, raw := range list {
		var entry struct {
			DeviceID string `json:"device_id"`
		}
		_ = json.Unmarshal(raw, &entry) // one without a name is nobody's
		if passes(entry.DeviceID) {
			kept = append(kept, raw)
		}
	}
	return kept
}

// names reports whether one of the entries is this device; an entry of which
// the event tells no device stands for all, one without conference for any.
func names(gone []Entry, confID, deviceID string) bool {
	for i := range gone {
		e := &gone[i]
		if (e.DeviceID == "" || e.DeviceID == deviceID) && (confID == "" || e.ConfID == "" || e.ConfID == confID) {
			return true
		}
	}
	return false
}

// encode writes what was read as JSON, which cannot fail.
func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic("ghost: JSON that was read cannot be written: " + err.Error())
	}
	return text
}
