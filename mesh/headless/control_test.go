package headless

import (
	"fmt"
	"testing"

	"meshfocus/focus/transport"
	"meshfocus/mesh/negotiate"
)

// sees gives the verdicts of what a party receives from another.
func (p *party) sees(from *party) (audio, video Verdict) {
	for _, l := range p.Report().Links {
		if l.UserID == from.Party().UserID && l.DeviceID == from.Party().DeviceID {
			return l.In.Audio, l.In.Video
		}
	}
	return "", ""
}

func TestParticipant_MutesAndUnmutes(t *testing.T) {
	h := startHome(t)
	alice, bob := startParty(t, h, "alice", nil), startParty(t, h, "bob", nil)
	allFlow(t, patience, alice, bob)
	for _, pair := range [][2]*party{{alice, bob}, {bob, alice}} {
		from, to := pair[0], pair[1]
		saw := func(what string, audio, video Verdict) {
			t.Helper()
			eventually(t, patience, to.name+" sees that "+from.name+" is "+what, func() bool {
				gotAudio, gotVideo := to.sees(from)
				return gotAudio == audio && gotVideo == video
			}, func() string { return describe(alice, bob) })
		}
		saw("heard and seen", Flows, Flows)
		from.SetMuted(Mute{Video: true})
		saw("heard only", Flows, Muted)
		before := videoFrames(to.link(from.Party()))
		from.SetMuted(Mute{Audio: true, Video: true})
		saw("muted", Muted, Muted)
		if got := videoFrames(to.link(from.Party())); got > before+1 {
			t.Errorf("%d frames of a muted picture", got-before)
		}
		from.SetMuted(Mute{})
		saw("back", Flows, Flows)
	}
}

func TestParticipant_RestartsICEWithoutALoss(t *testing.T) {
	h := startHome(t)
	alice, bob := startParty(t, h, "alice", nil), startParty(t, h, "bob", nil)
	allFlow(t, patience, alice, bob)
	messages := func() int { return alice.link(bob.Party()).Sent }
	call, before := alice.link(bob.Party()).CallID, messages()
	bob.RestartICE() // alice's part to do, so nothing comes of it
	alice.RestartICE(bob.Party())
	eventually(t, patience, "an offer was sent", func() bool { return messages() > before }, func() string { return describe(alice, bob) })
	frames := videoFrames(bob.link(alice.Party()))
	eventually(t, patience, "the picture goes on", func() bool {
		return videoFrames(bob.link(alice.Party())) > frames+20
	}, func() string { return describe(alice, bob) })
	eventually(t, patience, "the same call is connected and stable", func() bool {
		l := alice.link(bob.Party())
		return l.CallID == call && l.State == negotiate.Connected && l.Stats.State == transport.StateConnected && l.Stats.Signalling == "stable"
	}, func() string { return fmt.Sprintf("%+v, was %s", alice.link(bob.Party()), call) })
	if got := messages() - before; got != 1 {
		t.Errorf("%d messages of ours, want the one offer", got)
	}
	alice.Renegotiate()
	eventually(t, patience, "another offer was sent", func() bool { return messages() == before+2 }, func() string { return describe(alice, bob) })
}
