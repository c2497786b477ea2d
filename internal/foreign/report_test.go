package foreign

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sample() Grid {
	return Grid{
		Began: time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC), Took: 83 * time.Second,
		Rows: []Row{{"calls", "the peer calls our party"}, {"mutes", "the peer mutes"}},
		Results: []Result{
			{Home: "embedded", Peer: JSSDK43, Situation: "calls", Took: 3100 * time.Millisecond},
			{Home: "embedded", Peer: Hydrogen, Situation: "calls", Took: 25 * time.Second, Reason: `not within 25s: "no <sound> arrives" & more`},
			{Home: "embedded", Peer: Hydrogen, Situation: "mutes", Took: 1234 * time.Millisecond},
			{Home: "synapse", Peer: JSSDK43, Situation: "calls", Took: 4 * time.Second},
		},
	}
}

func TestGrid_IsWrittenForPeopleAndForPrograms(t *testing.T) {
	for name, write := range map[string]func() ([]byte, error){
		"grid.txt":  func() ([]byte, error) { return []byte(sample().Text()), nil },
		"grid.json": sample().JSON,
		"junit.xml": sample().JUnit,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := write()
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestMedia_SaysWhatIsMissing(t *testing.T) {
	seen := Stream{Purpose: "m.usermedia", Width: 320, Height: 240, Mean: 100, Spread: 40, Change: 1}
	good := Link{
		State: "connected", Sent: Volume{10, 10}, Received: Volume{10, 10}, Frames: 20, Energy: 0.1, Streams: []Stream{seen},
	}
	for name, c := range map[string]struct {
		change func(*Link)
		want   string // the first complaint
	}{
		"all is well":       {func(*Link) {}, ""},
		"not connected":     {func(l *Link) { l.State = "failed" }, "the connection is failed"},
		"nothing is sent":   {func(l *Link) { l.Sent = Volume{0, 10} }, "no sound is sent"},
		"no pictures sent":  {func(l *Link) { l.Sent = Volume{10, 0} }, "no picture is sent"},
		"no sound arrives":  {func(l *Link) { l.Received = Volume{0, 10} }, "no sound arrives"},
		"silence arrives":   {func(l *Link) { l.Energy = 0 }, "what arrives is silence"},
		"blind to silence":  {func(l *Link) { l.Energy, l.Blind = 0, true }, ""},
		"nothing decoded":   {func(l *Link) { l.Frames = 3 }, "3 frames were decoded"},
		"nothing is shown":  {func(l *Link) { l.Streams = nil }, "no user media is shown"},
		"a screen only":     {func(l *Link) { l.Streams = []Stream{{Purpose: "m.screenshare"}} }, "no user media is shown"},
		"a black picture":   {func(l *Link) { l.Streams = []Stream{{Purpose: "m.usermedia", Width: 1}} }, "the picture is blank: brightness 0, spread 0.0"},
		"a frozen picture":  {func(l *Link) { s := seen; s.Change = 0; l.Streams = []Stream{s} }, "the picture is frozen"},
		"no picture so far": {func(l *Link) { s := seen; s.Width = 0; l.Streams = []Stream{s} }, "the picture has no size"},
	} {
		t.Run(name, func(t *testing.T) {
			now := good
			c.change(&now)
			missing, first := Both().Missing(Link{}, now), ""
			if len(missing) > 0 {
				first = missing[0]
			}
			if first != c.want {
				t.Errorf("missing is %q, want %q first", missing, c.want)
			}
		})
	}
}
