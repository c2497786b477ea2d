package mesh

import (
	"errors"
	"fmt"
	"testing"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

var (
	slotKey = membership.Key{RoomID: "!r:hs", ConfID: message.SlotRoom}
	confKey = membership.Key{RoomID: "!r:hs", ConfID: "conf"}
)

func members(names ...string) (list []membership.Member) {
	for _, name := range names {
		list = append(list, membership.Member{
			Party: message.Party{UserID: "@" + name + ":hs", DeviceID: name}, SessionID: name, Mesh: true,
		})
	}
	return list
}

func who(name string) message.Party { return members(name)[0].Party }

func twoSessions() []membership.Session {
	return []membership.Session{
		{Key: confKey, Form: message.FormCalls, Focus: message.FocusFullMesh, Members: members("a", "b", "c")},
		{Key: slotKey, Form: message.FormSession, Focus: message.FocusFullMesh, Members: members("a", "b", "d")},
	}
}

func aPairing() pairing {
	return pairing{self: who("a"), maxMembers: 8, entered: map[membership.Key]bool{slotKey: true, confKey: true}}
}

func names(list []membership.Member) string {
	text := ""
	for _, m := range list {
		text += m.DeviceID
	}
	return text
}

func TestPlan_MeetsInTheSlotWhereBothAreInIt(t *testing.T) {
	p := aPairing().plan(twoSessions())
	if names(p.peers[slotKey]) != "bd" || names(p.peers[confKey]) != "c" {
		t.Errorf("slot %s, conference %s", names(p.peers[slotKey]), names(p.peers[confKey]))
	}
}

func TestPlan_ALiveCallStaysWhereItIs(t *testing.T) {
	pairing := aPairing()
	pairing.met = map[message.Party]membership.Key{who("b"): confKey}
	p := pairing.plan(twoSessions())
	if names(p.peers[slotKey]) != "d" || names(p.peers[confKey]) != "bc" {
		t.Errorf("slot %s, conference %s", names(p.peers[slotKey]), names(p.peers[confKey]))
	}
}

func TestPlan_FollowsWhereThePeerCalled(t *testing.T) {
	pairing := aPairing()
	pairing.invited = map[message.Party]membership.Key{who("b"): confKey}
	if p := pairing.plan(twoSessions()); names(p.peers[confKey]) != "bc" {
		t.Errorf("conference %s", names(p.peers[confKey]))
	}
}

func TestPlan_LeavesOutWhatWeDidNotEnter(t *testing.T) {
	pairing := aPairing()
	pairing.entered = map[membership.Key]bool{confKey: true}
	p := pairing.plan(twoSessions())
	if names(p.peers[slotKey]) != "" || names(p.peers[confKey]) != "bc" {
		t.Errorf("slot %s, conference %s", names(p.peers[slotKey]), names(p.peers[confKey]))
	}
}

func TestPlan_CountsTheOldestFirst(t *testing.T) {
	var list []string
	for i := range 10 {
		list = append(list, fmt.Sprint(i))
	}
	session := membership.Session{Key: slotKey, Form: message.FormSession, Focus: message.FocusFullMesh, Members: members(list...)}
	for _, c := range []struct{ name, self, want string }{
		{"among the first", "3", "0124567"},
		{"the last that fits", "7", "0123456"},
		{"the first that does not", "8", ""},
		{"not in the list yet", "x", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pairing := aPairing()
			pairing.self = who(c.self)
			p := pairing.plan([]membership.Session{session})
			if got := names(p.peers[slotKey]); got != c.want {
				t.Errorf("connects to %q, want %q", got, c.want)
			}
			for _, s := range p.strangers[slotKey] {
				if !errors.Is(s.Err, ErrMeshFull) {
					t.Errorf("%v: %v", s.Party, s.Err)
				}
			}
		})
	}
}

func TestPlan_MembersWhoAreInStayIn(t *testing.T) {
	pairing := aPairing()
	pairing.maxMembers = 2
	pairing.met = map[message.Party]membership.Key{who("d"): slotKey}
	if p := pairing.plan(twoSessions()[1:]); names(p.peers[slotKey]) != "bd" {
		t.Errorf("slot %s", names(p.peers[slotKey]))
	}
}

func TestPlan_RefusesAnotherFocus(t *testing.T) {
	sessions := twoSessions()[1:]
	sessions[0].Members[1].Mesh = false
	p := aPairing().plan(sessions)
	if len(p.strangers[slotKey]) != 1 || !errors.Is(p.strangers[slotKey][0].Err, ErrMemberFocus) {
		t.Errorf("%v", p.strangers)
	}
	sessions[0].Focus = "livekit"
	p = aPairing().plan(sessions)
	for _, s := range p.strangers[slotKey] {
		if !errors.Is(s.Err, ErrUnsupportedFocus) {
			t.Errorf("%v", s)
		}
	}
}

func TestStreams_CountAsThePeerDescribesThem(t *testing.T) {
	video := func(id string) remoteTrack { return remoteTrack{streamID: id} }
	media := message.Stream{Purpose: message.PurposeUserMedia}

	t.Run("named ones only", func(t *testing.T) {
		var s streams
		s.describe(message.StreamMetadata{"cam": media, "odd": {Purpose: "x.y"}, "": media})
		for id, want := range map[string]bool{"cam": true, "odd": false, "other": false, "": false} {
			if got := s.add(video(id)); got != want {
				t.Errorf("%q counts: %v", id, got)
			}
		}
	})
	t.Run("the first only where none is named", func(t *testing.T) {
		var s streams
		s.describe(nil)
		if !s.add(video("one")) || s.add(video("two")) || !s.add(video("one")) {
			t.Error("not exactly the first stream counts")
		}
	})
	t.Run("later, when they are named later", func(t *testing.T) {
		var s streams
		s.describe(message.StreamMetadata{"cam": media})
		s.add(video("screen"))
		got := s.describe(message.StreamMetadata{"cam": media, "screen": {Purpose: message.PurposeScreenShare}})
		if len(got) != 1 || got[0].streamID != "screen" {
			t.Errorf("got %v", got)
		}
		if again := s.describe(nil); again != nil || len(s.metadata) != 2 {
			t.Error("a message without the map changed something")
		}
	})
}
