package headless

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/mesh"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/message"
)

// seen makes a sample at a second, with one link in a state since the start.
func seen(second int, state negotiate.State, streams message.StreamMetadata, stats *transport.Stats) Status {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return Status{At: start.Add(time.Duration(second) * time.Second), Links: []Link{{Link: mesh.Link{
		Peer: message.Party{UserID: "@bob:x", DeviceID: "BOB"}, CallID: "c", State: state, Since: start,
		Streams: streams, Stats: stats, Words: "hung up",
	}}}}
}

func counted(out, in uint64) *transport.Stats {
	return &transport.Stats{
		Sent: []transport.SentStats{
			{Kind: transport.Audio, Packets: out, Bytes: 10 * out}, {Kind: transport.Video, Packets: out, Bytes: 90 * out},
		},
		Received: []transport.ReceivedStats{
			{Kind: transport.Audio, ID: "a", Frames: in, Bytes: 20 * in},
			{Kind: transport.Video, ID: "v", Frames: in, Bytes: 180 * in, Width: 320, Height: 180},
		},
	}
}

func streamsOf(audioMuted, videoMuted bool) message.StreamMetadata {
	return message.StreamMetadata{"s": {Purpose: message.PurposeUserMedia, AudioMuted: audioMuted, VideoMuted: videoMuted}}
}

func TestNewReport_JudgesEachMediumAndDirection(t *testing.T) {
	open := streamsOf(false, false)
	connected := negotiate.Connected
	for name, c := range map[string]struct {
		before, now Status
		muted       Mute
		want        string // out audio, out video, in audio, in video
	}{
		"all flows":                {seen(10, connected, open, counted(1, 1)), seen(13, connected, open, counted(9, 9)), Mute{}, "flows flows flows flows"},
		"nothing moves":            {seen(10, connected, open, counted(9, 9)), seen(13, connected, open, counted(9, 9)), Mute{}, "stalled stalled stalled stalled"},
		"we are muted":             {seen(10, connected, open, counted(9, 1)), seen(13, connected, open, counted(9, 9)), Mute{Audio: true, Video: true}, "muted muted flows flows"},
		"the peer is muted":        {seen(10, connected, streamsOf(true, true), counted(1, 1)), seen(13, connected, streamsOf(true, true), counted(9, 9)), Mute{}, "flows flows muted muted"},
		"only its picture is":      {seen(10, connected, streamsOf(false, true), counted(1, 1)), seen(13, connected, streamsOf(false, true), counted(9, 9)), Mute{}, "flows flows flows muted"},
		"just connected":           {seen(0, negotiate.Calling, nil, nil), seen(1, connected, open, counted(0, 0)), Mute{}, "connecting connecting connecting connecting"},
		"just connected and flows": {seen(0, negotiate.Calling, nil, nil), seen(1, connected, open, counted(1, 1)), Mute{}, "flows flows flows flows"},
		"calling":                  {seen(10, negotiate.Calling, nil, counted(0, 0)), seen(13, negotiate.Calling, nil, counted(0, 0)), Mute{}, "connecting connecting connecting connecting"},
		"under repair":             {seen(10, connected, open, counted(9, 9)), seen(13, negotiate.Broken, open, counted(9, 9)), Mute{}, "stalled stalled stalled stalled"},
		"nobody sends":             {seen(10, connected, nil, &transport.Stats{}), seen(13, connected, nil, &transport.Stats{}), Mute{}, "none none none none"},
		"promised, never came":     {seen(10, connected, open, &transport.Stats{}), seen(13, connected, open, &transport.Stats{}), Mute{}, "none none stalled stalled"},
	} {
		t.Run(name, func(t *testing.T) {
			c.now.Muted = c.muted
			l := NewReport(c.before, c.now).Links[0]
			if got := string(l.Out.Audio + " " + l.Out.Video + " " + l.In.Audio + " " + l.In.Video); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestNewReport_HasRatesAndTheWordsOfTheProtocol(t *testing.T) {
	open := streamsOf(false, false)
	report := NewReport(seen(10, negotiate.Connected, open, counted(0, 0)), seen(13, negotiate.Connected, open, counted(30, 45)))
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"links":[{"user_id":"@bob:x","device_id":"BOB","state":"connected","trust":"clear",` +
		`"out":{"audio":"flows","video":"flows","bitrate":8000},` +
		`"in":{"audio":"flows","video":"flows","bitrate":24000,"fps":15,"width":320,"height":180}}]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	resting := NewReport(Status{}, seen(13, negotiate.Resting, nil, nil)).Links[0]
	if resting.State != "waiting" || resting.Words != "hung up" || resting.Trust != "" {
		t.Errorf("a pair that rests is %+v", resting)
	}
	proven := seen(13, negotiate.Connected, open, counted(1, 1))
	proven.Links[0].Encrypted = true
	if trust := NewReport(Status{}, proven).Links[0].Trust; trust != "encrypted" {
		t.Errorf("a call whose messages were opened here is %q", trust)
	}
	for sealed, want := range map[bool]string{true: "encrypted", false: "focus"} {
		proven.Links[0].Encrypted, proven.Links[0].Behind = sealed, message.Party{UserID: "@f:x", DeviceID: "F"}
		if l := NewReport(Status{}, proven).Links[0]; l.Trust != want || *l.Via != (ReportParty{"@f:x", "F"}) {
			t.Errorf("by way of a focus, sealed %v: %+v", sealed, l)
		}
	}
	if text, _ := json.Marshal(NewReport(Status{}, Status{})); string(text) != `{"links":[]}` {
		t.Errorf("without links: %s", text)
	}
}

func TestLayers_HaveRatesOfTheirOwn(t *testing.T) {
	stats := func(small, large uint64) transport.Stats {
		return transport.Stats{Received: []transport.ReceivedStats{
			{Kind: transport.Audio, Layers: []transport.LayerStats{{SSRC: 1, Frames: 50}}},
			{Kind: transport.Video, Layers: []transport.LayerStats{
				{RID: "q", SSRC: 2, Frames: small, Bytes: 100 * small, Width: 320, Height: 180},
				{RID: "f", SSRC: 3, Frames: large, Bytes: 900 * large, Width: 1280, Height: 720, Read: true},
			}},
			{Kind: transport.Video, Ended: true, Layers: []transport.LayerStats{{SSRC: 4}}},
		}}
	}
	l := Link{Rates: Rates{Layers: layersOf(stats(10, 10), stats(40, 25), 2*time.Second)}}
	if got := strings.Join(l.Layers(), ", "); got != "q 320x180 15.0/s, f 1280x720 7.5/s (read)" {
		t.Errorf("layers are %s", got)
	}
	if got := l.Rates.Layers[1].BitsPerSecond; got != 900*15*8/2 {
		t.Errorf("the large one has %f bit/s", got)
	}
}
