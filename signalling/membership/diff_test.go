package membership_test

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"

	"pgregory.net/rapid"
)

// apply makes the changes that Diff told.
func apply(t *rapid.T, sessions []membership.Session, changes []membership.Change) []membership.Session {
	byKey := map[membership.Key]membership.Session{}
	for _, s := range sessions {
		s.Members = slices.Clone(s.Members)
		byKey[s.Key] = s
	}
	for _, change := range changes {
		s, ok := byKey[change.Key]
		if ok == (change.Kind == membership.Opened) {
			t.Fatalf("%s for a session that is there: %v", change.Kind, ok)
		}
		at := slices.IndexFunc(s.Members, func(m membership.Member) bool {
			return m.Party == change.Member.Party && m.SessionID == change.Member.SessionID
		})
		switch change.Kind {
		case membership.Opened, membership.Altered:
			members := s.Members
			s = change.Session
			s.Members = members
		case membership.Left:
			s.Members = slices.Delete(s.Members, at, at+1)
		case membership.Joined:
			s.Members = append(s.Members, change.Member)
		case membership.Updated:
			s.Members[at] = change.Member
		case membership.Closed:
			if len(s.Members) > 0 {
				t.Fatalf("closed with members %v", s.Members)
			}
			delete(byKey, change.Key)
			continue
		}
		byKey[change.Key] = s
	}
	return sorted(byKey)
}

// sorted gives sessions in the order of Compute, so that they compare.
func sorted(byKey map[membership.Key]membership.Session) []membership.Session {
	var all []membership.Session
	for _, s := range byKey {
		slices.SortFunc(s.Members, func(a, b membership.Member) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.EventID, b.EventID),
				cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.DeviceID, b.DeviceID))
		})
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b membership.Session) int { return cmp.Compare(a.ConfID, b.ConfID) })
	return all
}

func TestDiff_LeadsFromOneAnswerToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := membership.Compute(drawFacts(t), noon).Sessions
		after := membership.Compute(drawFacts(t), noon).Sessions
		is := apply(t, before, membership.Diff(before, after))
		if len(is) != len(after) {
			t.Fatalf("%d sessions, want %d", len(is), len(after))
		}
		for i := range is {
			if len(is[i].Members) == 0 && len(after[i].Members) == 0 {
				is[i].Members = after[i].Members // nil and empty are one
			}
			if !reflect.DeepEqual(is[i], after[i]) {
				t.Errorf("session %+v\nwant %+v", is[i], after[i])
			}
		}
		if changes := membership.Diff(after, after); len(changes) > 0 {
			t.Errorf("changes between equals: %v", changes)
		}
	})
}

// list tells changes in short.
func list(changes []membership.Change) []string {
	var lines []string
	for _, c := range changes {
		line := c.Kind.String() + " " + c.ConfID
		if c.Member.DeviceID != "" {
			line += fmt.Sprintf(" %s %s", c.Member.DeviceID, c.Member.SessionID)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestDiff_TellsChangesInTheOrderTheyAreActedOn(t *testing.T) {
	member := func(device, session string) membership.Member {
		return membership.Member{Party: message.Party{UserID: "@a:hs", DeviceID: device}, SessionID: session, ExpiresAt: noon}
	}
	session := func(conf string, members ...membership.Member) membership.Session {
		return membership.Session{Key: membership.Key{RoomID: "!r:hs", ConfID: conf}, Focus: "full_mesh", Members: members}
	}
	renewed := member("A", "s1")
	renewed.ExpiresAt = noon.Add(time.Hour)
	screen := member("A", "s1")
	screen.Feeds = []message.Feed{{Purpose: message.PurposeScreenShare}}
	spoken := member("A", "s1")
	spoken.Intent = "audio"
	current := session("x", member("A", "s1"))
	current.Current = true
	other := session("x", member("A", "s1"))
	other.Focus = "livekit"
	named := func(status membership.SlotStatus, callID string) []membership.Session {
		s := session("x", member("A", "s1"))
		s.Slot, s.SlotCallID = status, callID
		return []membership.Session{s}
	}
	another := []string{"left x A s1", "closed x", "opened x", "joined x A s1"}
	both := []membership.Session{session("x", member("A", "s1"), member("B", "s2"))}
	open := membership.SlotOpen
	cases := []struct {
		name          string
		before, after []membership.Session
		want          []string
	}{
		{"nothing", nil, nil, nil},
		{"a first member", nil, []membership.Session{session("x", member("A", "s1"))}, []string{"opened x", "joined x A s1"}},
		{"the last one leaves", []membership.Session{session("x", member("A", "s1"))}, nil, []string{"left x A s1", "closed x"}},
		{"a device is back with a new session", both, []membership.Session{session("x", member("A", "s3"), member("B", "s2"))},
			[]string{"left x A s1", "joined x A s3"}},
		{"a renewal", both, []membership.Session{session("x", renewed, member("B", "s2"))}, []string{"updated x A s1"}},
		{"a screen is shared", both, []membership.Session{session("x", screen, member("B", "s2"))}, []string{"updated x A s1"}},
		{"another intent", both, []membership.Session{session("x", spoken, member("B", "s2"))}, []string{"updated x A s1"}},
		{"another call becomes the current one", []membership.Session{session("x", member("A", "s1"))}, []membership.Session{current}, []string{"altered x"}},
		{"another order of members", both, []membership.Session{session("x", member("B", "s2"), member("A", "s1"))}, nil},
		{"another focus", []membership.Session{session("x", member("A", "s1"))}, []membership.Session{other}, []string{"altered x"}},
		{"another session in the slot", named(open, "a"), named(open, "b"), another},
		{"a session without a name instead of one with", named(open, "a"), named(open, ""), another},
		{"a slot that vanished with the name", named(open, "a"), named(membership.SlotMissing, ""), another},
		{"a name for the session", named(open, ""), named(open, "a"), []string{"altered x"}},
		{"a slot is opened under them", named(membership.SlotMissing, ""), named(open, "a"), []string{"altered x"}},
		{"a slot closes and they stay in the state", named(open, "a"), named(membership.SlotClosed, ""), []string{"altered x"}},
		{"a move", []membership.Session{session("y", member("A", "s1"))}, []membership.Session{session("x", member("A", "s1"))},
			[]string{"opened x", "joined x A s1", "left y A s1", "closed y"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if is := list(membership.Diff(c.before, c.after)); !reflect.DeepEqual(is, c.want) {
				t.Errorf("changes %q, want %q", is, c.want)
			}
		})
	}
}
