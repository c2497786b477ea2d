package membership_test

import (
	"encoding/json"
	"sort"
	"strings"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// jsMember is a member as js-sdk 43 reads it. The model is written after the
// behaviour of that version, from the bytes of the events, and shares nothing
// with the reading under test.
type jsMember struct {
	who       string // sender and device
	created   int64
	selection string
	sticky    bool
	foci      []string // JSON
}

type jsContent struct {
	Application json.RawMessage   `json:"application"`
	CallID      *string           `json:"call_id"`
	DeviceID    *string           `json:"device_id"`
	CreatedTs   *int64            `json:"created_ts"`
	Expires     *int64            `json:"expires"`
	Active      *jsFocus          `json:"focus_active"`
	Preferred   []json.RawMessage `json:"foci_preferred"`

	SlotID     string    `json:"slot_id"`
	StickyKey  string    `json:"msc4354_sticky_key"`
	Versions   *[]string `json:"versions"`
	Transports *struct {
		Published    []json.RawMessage `json:"published"`
		CanSubscribe *[]string         `json:"can_subscribe"`
	} `json:"transports"`
	Member *struct {
		UserID   string `json:"user_id"`
		DeviceID string `json:"device_id"`
		ID       string `json:"id"`
	} `json:"member"`
}

type jsFocus struct {
	Type      string `json:"type"`
	Selection string `json:"focus_selection"`
}

// jsMembers are the members of the slot of the room, oldest first.
func jsMembers(facts membership.Facts, now time.Time) (members []jsMember) {
	keys := map[string]bool{}
	for _, s := range jsStickyMap(facts.Sticky, now) {
		if m, key, ok := jsSticky(s); ok {
			members = append(members, m)
			keys[key] = true
		}
	}
	for _, e := range facts.State {
		if m, ok := jsSession(e, now); ok && !keys[e.StateKey] {
			members = append(members, m)
		}
	}
	sort.SliceStable(members, func(i, j int) bool { return members[i].created < members[j].created })
	return members
}

// jsStickyMap holds the last of each sender and sticky key.
func jsStickyMap(all []membership.Sticky, now time.Time) []membership.Sticky {
	places := map[string]membership.Sticky{}
	for _, s := range all {
		var c jsContent
		if json.Unmarshal(s.Content, &c) != nil || !s.Until.After(now) {
			continue
		}
		place := c.StickyKey + s.Sender
		if was, ok := places[place]; !ok || s.SentAt.After(was.SentAt) {
			places[place] = s
		}
	}
	var kept []membership.Sticky
	for _, s := range places {
		kept = append(kept, s)
	}
	return kept
}

func jsSticky(s membership.Sticky) (jsMember, string, bool) {
	var c jsContent
	if json.Unmarshal(s.Content, &c) != nil || c.Member == nil || c.Transports == nil || c.Versions == nil ||
		c.Transports.CanSubscribe == nil || c.Member.UserID != s.Sender || c.SlotID != message.SlotRoom {
		return jsMember{}, "", false
	}
	m := jsMember{who: s.Sender + "/" + c.Member.DeviceID, created: s.SentAt.UnixMilli(), sticky: true}
	for _, focus := range c.Transports.Published {
		m.foci = append(m.foci, string(focus))
	}
	return m, c.StickyKey, true
}

func jsSession(e membership.Event, now time.Time) (jsMember, bool) {
	var c jsContent
	if e.Type != message.TypeCallMember || json.Unmarshal(e.Content, &c) != nil || string(c.Application) != `"m.call"` ||
		c.CallID == nil || c.DeviceID == nil || c.Active == nil || *c.CallID != "" && *c.CallID != "ROOM" {
		return jsMember{}, false
	}
	m := jsMember{who: e.Sender + "/" + *c.DeviceID, created: e.SentAt.UnixMilli(), selection: c.Active.Selection}
	if c.CreatedTs != nil {
		m.created = *c.CreatedTs
	}
	expires := int64(4 * 3600_000)
	if c.Expires != nil {
		expires = *c.Expires
	}
	for _, focus := range c.Preferred {
		m.foci = append(m.foci, string(focus))
	}
	return m, m.created+expires > now.UnixMilli()
}

// jsTransports are the transports that js-sdk computes for all members but
// those of the user to leave out, "undefined" for none.
func jsTransports(members []jsMember, without string) map[string]string {
	transports := map[string]string{}
	for _, m := range members {
		if !strings.HasPrefix(m.who, without+"/") {
			transports[m.who] = m.transport(members[0])
		}
	}
	return transports
}

func (m jsMember) transport(oldest jsMember) string {
	switch {
	case m.sticky, m.selection == "multi_sfu", m.selection == "oldest_membership" && m.who == oldest.who:
		if len(m.foci) == 0 {
			return "undefined"
		}
		return m.foci[0]
	case m.selection == "oldest_membership":
		return oldest.transport(oldest)
	}
	return "undefined"
}
