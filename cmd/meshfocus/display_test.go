package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/focus/bwe"
	"meshfocus/focus/lane"
	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/mesh/headless"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/message"
)

// aSample is a call with one good link and one that has failed before.
func aSample(state string) headless.Status {
	good := headless.Link{
		Link: mesh.Link{
			Peer: message.Party{UserID: "@bob:hs", DeviceID: "B"}, State: negotiate.Connected,
			Stats: &transport.Stats{
				Pair:     transport.CandidatePair{Local: "host", Remote: "relay", Protocol: "udp"},
				Received: []transport.ReceivedStats{{Kind: transport.Video, Codec: transport.VP8, Packets: 1, Width: 320, Height: 180}},
				Sending:  lane.SendingStats{Estimate: 1_200_000, Reason: bwe.Proved},
				Sent:     []transport.SentStats{{Kind: transport.Video, Codec: transport.VP8, Layer: 1, Width: 640, Height: 360, Reason: allocate.Silent}},
			},
		},
		Rates: headless.Rates{InBitsPerSecond: 2_500_000, OutBitsPerSecond: 64_000, RTT: 12 * time.Millisecond, LossIn: 0.25},
	}
	bad := headless.Link{Link: mesh.Link{Peer: message.Party{UserID: "@carol:hs", DeviceID: "C"}, State: negotiate.Resting, Words: "nobody answered"}}
	return headless.Status{Party: message.Party{UserID: "@me:hs", DeviceID: "M"}, RoomID: "!r:hs", State: state, Links: []headless.Link{good, bad}}
}

func TestDisplay_OnATerminalShowsEveryLinkLive(t *testing.T) {
	var out bytes.Buffer
	d := &display{out: &out, terminal: true, states: map[string]string{}}
	d.status(aSample("joined"))
	for _, want := range []string{"\x1b[H", "@bob:hs/B", "connected", "2.5 Mbit/s", "64 kbit/s", "12ms", "25.0%", "vp8 320x180", "carries 1.2 Mbit/s (proved); it gets vp8 640x360: " + allocate.Silent.Words(), "@carol:hs/C", "nobody answered"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the display does not show %q:\n%q", want, out.String())
		}
	}
}

func TestDisplay_SaysWhoIsBehindAFocus(t *testing.T) {
	var out bytes.Buffer
	sample := aSample("joined")
	focus := message.Party{UserID: "@focus:hs", DeviceID: "F"}
	sample.Way, sample.Links = "everything comes by @focus:hs/F", sample.Links[:1]
	sample.Links[0].Behind = focus
	for sealed, want := range map[bool]string{
		true:  "@bob:hs/B connected by @focus:hs/F\n",
		false: "@bob:hs/B connected by @focus:hs/F, which could see and hear it\n",
	} {
		out.Reset()
		sample.Links[0].Encrypted = sealed
		newDisplay(&out, false).status(sample)
		if !strings.HasSuffix(out.String(), want) {
			t.Errorf("it says %q, want %q", out.String(), want)
		}
	}
	if shown := partyOf(sample, "headless"); shown.Way != sample.Way || shown.Links[0].Behind != focus.String() {
		t.Errorf("it shows %+v", shown)
	}
}

func TestDisplay_ElsewhereWritesALinePerChange(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(&out, false)
	joined := aSample("joined")
	d.status(joined)
	d.status(joined) // nothing new
	joined.Links = joined.Links[:1]
	d.status(joined)
	leaving := aSample("leaving")
	leaving.Links = nil
	d.status(leaving) // that everybody is gone now is no news
	d.finish(headless.Status{RoomID: "!r:hs", Recordings: []string{"out/bob.webm"}})
	want := "joined !r:hs as @me:hs/M\n" +
		"@bob:hs/B connected in 0s over host ⇄ relay, udp\n" +
		"@carol:hs/C resting: nobody answered\n" +
		"@carol:hs/C gone\n" +
		"left !r:hs\nrecorded out/bob.webm\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
