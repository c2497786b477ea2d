package headless

import (
	"testing"

	"meshfocus/mesh/negotiate"
)

// A member that forwards is a silent one to all others; what they send is there to be
// asked for (mesh/forward).
func TestForward_IsASilentMemberWithEverybodysTracks(t *testing.T) {
	h := startHome(t)
	forwarder := startParty(t, h, "focus", func(c *Config) { c.Clip, c.Forward = nil, true })
	alice, bob := startParty(t, h, "alice", nil), startParty(t, h, "bob", nil)
	allFlow(t, patience, alice, bob)
	all := func() string { return describe(forwarder, alice, bob) }
	eventually(t, patience, "both publish to it", func() bool {
		sessions := forwarder.house.Focus.Sessions()
		if len(sessions) != 1 {
			return false
		}
		owners := map[string]int{}
		for _, track := range sessions[0].Tracks() {
			if track.Media().Stats().Frames > 20 {
				owners[track.Owner]++
			}
		}
		return owners[alice.Party().String()] == 2 && owners[bob.Party().String()] == 2
	}, all)
	for _, p := range []*party{alice, bob} {
		eventually(t, patience, p.name+" is connected to it", func() bool {
			return p.link(forwarder.Party()).State == negotiate.Connected
		}, all)
		eventually(t, patience, "it is to "+p.name, func() bool {
			return forwarder.link(p.Party()).State == negotiate.Connected
		}, all)
		if frames := videoFrames(p.link(forwarder.Party())); frames > 0 {
			t.Errorf("%s gets %d frames that it did not ask for", p.name, frames)
		}
	}
}
