package membership

import (
	"bytes"
	"cmp"
	"slices"

	"meshfocus/signalling/message"
)

// ChangeKind says what happened to a session.
type ChangeKind uint8

// The kinds, in the order in which Diff gives them for one session.
const (
	// Opened: the session is new. Its members follow as Joined.
	Opened ChangeKind = iota + 1
	// Altered: focus, form, call object or currency of the session changed.
	Altered
	// Left: Member, as it was, is no longer in the session. A device that is
	// back with another SessionID has left and joined.
	Left
	// Joined: Member is new in the session.
	Joined
	// Updated: Member, as it is now, has other feeds, expiry or intent, but
	// is the same instance as before.
	Updated
	// Closed: the session is gone. Its members were Left before.
	Closed
)

// String names the kind for logs and tables.
func (k ChangeKind) String() string {
	names := [...]string{"unknown", "opened", "altered", "left", "joined", "updated", "closed"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Change is one difference between two computed lists of sessions.
type Change struct {
	Kind ChangeKind
	Key
	// Session is set, without its members, for Opened and Altered.
	Session Session
	// Member is set for Left, Joined and Updated.
	Member Member
}

// Diff says how to come from one list of sessions to another. Sessions come
// ordered by room and conference, the changes of one in the order of
// ChangeKind, members in the order of their list. Where one session succeeds
// another in its slot, that is Closed before it is Opened. Both lists may hold
// several rooms, each session once.
func Diff(before, after []Session) []Change {
	was, is := byKey(before), byKey(after)
	keys := make([]Key, 0, len(was)+len(is))
	for key := range was {
		keys = append(keys, key)
	}
	for key := range is {
		if _, ok := was[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.RoomID, b.RoomID), cmp.Compare(a.ConfID, b.ConfID))
	})
	var changes []Change
	for _, key := range keys {
		changes = diffSession(changes, key, was[key], is[key])
	}
	return changes
}

func byKey(sessions []Session) map[Key]*Session {
	all := make(map[Key]*Session, len(sessions))
	for i := range sessions {
		all[sessions[i].Key] = &sessions[i]
	}
	return all
}

// diffSession appends the changes of one session; was or is may be nil.
func diffSession(changes []Change, key Key, was, is *Session) []Change {
	if was != nil && is != nil && is.Succeeds(*was) {
		changes = diffSession(changes, key, was, nil)
		return diffSession(changes, key, nil, is)
	}
	var before, after []Member
	switch {
	case was == nil:
		changes = append(changes, Change{Kind: Opened, Key: key, Session: is.head()})
		after = is.Members
	case is == nil:
		before = was.Members
	default:
		if !sameHead(was, is) {
			changes = append(changes, Change{Kind: Altered, Key: key, Session: is.head()})
		}
		before, after = was.Members, is.Members
	}
	changes = diffMembers(changes, key, before, after)
	if is == nil {
		changes = append(changes, Change{Kind: Closed, Key: key})
	}
	return changes
}

// instance is one life of a device in a session.
type instance struct {
	message.Party
	sessionID string
}

func diffMembers(changes []Change, key Key, before, after []Member) []Change {
	was, is := byInstance(before), byInstance(after)
	for _, m := range before {
		if is[instance{m.Party, m.SessionID}] == nil {
			changes = append(changes, Change{Kind: Left, Key: key, Member: m})
		}
	}
	for _, m := range after {
		if was[instance{m.Party, m.SessionID}] == nil {
			changes = append(changes, Change{Kind: Joined, Key: key, Member: m})
		}
	}
	for _, m := range after {
		if old := was[instance{m.Party, m.SessionID}]; old != nil && !sameMember(old, &m) {
			changes = append(changes, Change{Kind: Updated, Key: key, Member: m})
		}
	}
	return changes
}

func byInstance(members []Member) map[instance]*Member {
	all := make(map[instance]*Member, len(members))
	for i := range members {
		m := &members[i]
		all[instance{m.Party, m.SessionID}] = m
	}
	return all
}

// head is the session without its members.
func (s *Session) head() Session {
	head := *s
	head.Members = nil
	return head
}

func sameHead(a, b *Session) bool {
	if (a.Call == nil) != (b.Call == nil) || a.Call != nil && *a.Call != *b.Call {
		return false
	}
	return a.Form == b.Form && a.Focus == b.Focus && a.Current == b.Current &&
		a.Slot == b.Slot && a.SlotCallID == b.SlotCallID
}

func sameMember(a, b *Member) bool {
	return a.Party == b.Party && a.SessionID == b.SessionID &&
		a.CreatedAt.Equal(b.CreatedAt) && a.ExpiresAt.Equal(b.ExpiresAt) &&
		a.Mesh == b.Mesh && a.Focus == b.Focus && a.Intent == b.Intent && a.EventID == b.EventID &&
		a.Form == b.Form && a.MemberID == b.MemberID && a.Selection == b.Selection && a.Behind == b.Behind && a.Route == b.Route &&
		slices.Equal(a.Feeds, b.Feeds) && slices.Equal(a.CanSubscribe, b.CanSubscribe) &&
		slices.EqualFunc(a.Published, b.Published, sameFocus)
}

func sameFocus(a, b message.Focus) bool {
	return a.Type == b.Type && a.Selection == b.Selection && bytes.Equal(a.Raw, b.Raw)
}
