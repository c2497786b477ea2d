package headless

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// Parties in the slot and in a conference, and one that knows conferences only:
// every pair meets once.
func TestParticipant_InSlotAndConferenceMeetsNobodyTwice(t *testing.T) {
	h := startHome(t)
	both := func(c *Config) { c.CallID = "lobby" }
	alice, bob := startParty(t, h, "alice", both), startParty(t, h, "bob", both)
	carol := startParty(t, h, "carol", func(c *Config) { c.CallID, c.ConferenceOnly = "lobby", true })
	dave := startParty(t, h, "dave", nil)
	allFlow(t, patience, alice, bob, carol)
	allFlow(t, patience, alice, bob, dave)
	places := map[*party]map[*party]string{
		alice: {bob: message.SlotRoom, dave: message.SlotRoom, carol: "lobby"}, bob: {alice: message.SlotRoom, dave: message.SlotRoom, carol: "lobby"},
		carol: {alice: "lobby", bob: "lobby"}, dave: {alice: message.SlotRoom, bob: message.SlotRoom},
	}
	for p, others := range places {
		met := func() (all []string) {
			for _, l := range p.Status().Links {
				all = append(all, l.Peer.String()+" in "+l.ConfID)
			}
			slices.Sort(all)
			return all
		}
		var want []string
		for other, place := range others {
			want = append(want, other.Party().String()+" in "+place)
		}
		slices.Sort(want)
		eventually(t, patience, fmt.Sprintf("%s meets %q", p.name, want), func() bool { return slices.Equal(met(), want) },
			func() string { return fmt.Sprintf("%q", met()) })
	}
}

// Sticky members among themselves, with one in the state, and back to the state
// when the homeserver has no sticky events: media flows all the same.
func TestParticipant_MeetsInEveryProfile(t *testing.T) {
	profiles(t, startHome(t))
}

// profiles lets two sticky parties and one in the state meet, and look at each
// other's form.
func profiles(t *testing.T, h home) {
	sticky := func(c *Config) { c.Profile = matrix.ProfileSticky }
	parties := []*party{startParty(t, h, "alice", sticky), startParty(t, h, "bob", sticky), startParty(t, h, "carol", nil)}
	allFlow(t, patience, parties...)
	forms := []message.Form{message.FormSticky, message.FormSticky, message.FormSession}
	want := map[message.Party]message.Form{}
	for i, p := range parties {
		want[p.Party()] = forms[i]
	}
	for _, p := range parties {
		members := map[message.Party]message.Form{}
		eventually(t, patience, p.name+" sees everybody's form", func() bool {
			clear(members)
			for _, room := range p.present.Load().registry.Snapshot().Rooms {
				for _, session := range room.Sessions {
					for _, m := range session.Members {
						members[m.Party] = m.Form
					}
				}
			}
			return maps.Equal(members, want)
		}, func() string { return fmt.Sprintf("%v, want %v", members, want) })
		trouble := p.present.Load().membership.Trouble
		eventually(t, patience, p.name+" has no trouble", func() bool { return trouble() == "" }, trouble)
	}
	parties[0].stop(t)
	eventually(t, patience, "the others to see one leave", func() bool {
		return !parties[1].link(parties[0].Party()).State.Live() && !parties[2].link(parties[0].Party()).State.Live()
	}, func() string { return describe(parties...) })
}

// One in the Dart SDK's call because it was told to, and one who was not, but
// speaks its dialect: media flows, and they are in no other call.
func TestParticipant_MeetsInTheDartSDKsCall(t *testing.T) {
	h := startHome(t)
	alice := startParty(t, h, "alice", func(c *Config) { c.Profile = matrix.ProfileFamedly })
	eventually(t, patience, "the first to be there", func() bool { return alice.state.Load() == "joined" }, func() string { return describe(alice) })
	bob := startParty(t, h, "bob", nil)
	allFlow(t, patience, alice, bob)
	for _, p := range []*party{alice, bob} {
		for _, l := range p.Status().Links {
			if l.ConfID != membership.FamedlyConfID(message.ApplicationCall, "") {
				t.Errorf("%s meets %s in %q", p.name, l.Peer, l.ConfID)
			}
		}
		for _, room := range p.present.Load().registry.Snapshot().Rooms {
			for _, session := range room.Sessions {
				if session.Form != message.FormFamedly {
					t.Errorf("%s sees %s", p.name, session.ConfID)
				}
			}
		}
	}
	alice.stop(t)
	eventually(t, patience, "the other to see it leave", func() bool {
		return !bob.link(alice.Party()).State.Live()
	}, func() string { return describe(alice, bob) })
}
