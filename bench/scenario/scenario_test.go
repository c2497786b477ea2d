package scenario

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/focus/transport/srtp"
)

func TestSelect_GivesThoseThatAreNamed(t *testing.T) {
	if got, err := Select(""); err != nil || len(got) != len(Comparison()) || len(got) == 0 {
		t.Errorf("without names: %d, %v", len(got), err)
	}
	got, err := Select("core, even")
	if err != nil || len(got) != 2 || got[0].Name != "core" || got[1].Name != "even" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := Select("even,odd"); err == nil || !strings.Contains(err.Error(), "even, bursts") {
		t.Errorf("a scenario that does not exist: %v", err)
	}
	if _, err := Select("./none.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
}

func TestLibrary_IsWhatTheTargetsSpeakOf(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range Library() {
		total := s.Total()
		want := map[string]float64{"even": 100_000, "bursts": 100_000, "slow": 12_500, "meeting": 16_000, "cm": 100_000, "relay": 10_000, "relay-many": 10_000, "relay-bursts": 10_000}[s.Name]
		if want != 0 && total != want {
			t.Errorf("%s: %v packets a second altogether, want %v", s.Name, total, want)
		}
		if s.Says == "" || !strings.HasSuffix(s.StandsFor, ".") || len(s.StandsFor) < 40 || seen[s.Name] {
			t.Errorf("%s: %q, %q", s.Name, s.Says, s.StandsFor)
		}
		seen[s.Name] = true
	}
	for _, name := range []string{"even", "at-once", "bursts", "slow", "meeting", "cm", "core", "cores", "memory", Smoke, "mesh-2", "mesh-4", "mesh-8", "mesh-slow", "mesh-churn", "todevice", "todevice-slow", "todevice-calm", "storm-20", "storm-100", "relay", "relay-many", "relay-bursts"} {
		if !seen[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestLibrary_HoldsAllForwardersBesideEachOther where make bench does.
func TestLibrary_HoldsAllForwardersBesideEachOther(t *testing.T) {
	all, err := Select("even,slow,meeting")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if !slices.Equal(s.Rivals, []string{"livekit", "janus", "pion"}) {
			t.Errorf("%s is for %v beside ours", s.Name, s.Rivals)
		}
	}
}

const whole = `name: mine
says: 2 → 3
stands-for: A test.
kind: cost
publishers: 2
subscribers: 3
rate: 90
tick: off
`

func TestParse_ReadsAScenario(t *testing.T) {
	s, err := Parse("mine.yaml", []byte(whole))
	if err != nil || s.Publishers != 2 || s.Rate != 90 || s.Tick >= 0 || s.Burst != 1 || s.Cipher.Profile() != srtp.AES128GCM {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = Parse("mine.yaml", []byte("name: mine\nstands-for: A test.\nkind: call\npublishers: 1\nsubscribers: 1\ncodec: vp8\nleave: 5s\npath:\n  - {from: 0s, bandwidth: 3000000, delay: 20ms}\n  - {from: 10s, bandwidth: 800000, loss: 0.02, queue: 300ms}\n"))
	if err != nil || len(s.Path) != 2 || s.Path[1].Queue != 300*time.Millisecond || s.Leave != 5*time.Second {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestFind_GivesFilesWhereTheScenarioIs(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "mine.yaml")
	text := "name: mine\nstands-for: A test.\nkind: call\npublishers: 1\nsubscribers: 1\nsource: films/film.ivf\nsound: /talk.ogg\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	book, err := Find(name)
	if err != nil || book.Source != filepath.Join(folder, "films/film.ivf") || book.Sound != "/talk.ogg" {
		t.Errorf("%q and %q, %v", book.Source, book.Sound, err)
	}
	if book, err := Find("call-3"); err != nil || book.Source != "" || book.Sound != "" {
		t.Errorf("%+v, %v", book, err)
	}
}

func TestParse_SaysWhereAndWhy(t *testing.T) {
	for _, c := range []struct{ change, to, want string }{
		{"kind: cost", "kind: cots", `mine.yaml:4:1: kind: "cots" is none; there are call, capacity, cost`},
		{"kind: cost\n", "", "mine.yaml:1:1: kind"},
		{"rate: 90\n", "", "mine.yaml:1:1: rate: is missing; a scenario of kind cost has"},
		{"rate: 90", "rate: ninety", `mine.yaml:7:7: "ninety" is not a number`},
		{"rate: 90", "rate: 90\nlanes: two", `mine.yaml:8:8: "two" is not a whole number`},
		{"rate: 90", "rate: .nan", "mine.yaml:7:1: rate: "},
		{"rate: 90", "rate: -1", "mine.yaml:7:1: rate: -1 is not from 0.1 to 1e+06"},
		{"rate: 90", "rate: 90\ndevices: 3", "mine.yaml:8:1: devices: one of kind cost has none"},
		{"rate: 90", "rate: 90\nratio: 3", "mine.yaml:8:1: "},
		{"tick: off", "tick: soon", "mine.yaml:8:"},
		{"tick: off", "cipher: rot13", `mine.yaml:8:1: cipher: "rot13" is none`},
		{"tick: off", "  tick: [", "mine.yaml:"},
		{whole, "name: mine\nstands-for: A test.\nkind: call\npublishers: 1\nsubscribers: 1\ncodec: h263", `mine.yaml:6:1: codec: "h263" is none; there are vp8, vp9, h264, av1`},
		{whole, "name: mine\nstands-for: A test.\nkind: call\npublishers: 1\nsubscribers: 1\ncodec: vp8\nsource: film.ivf", `mine.yaml:6:1: codec: it is that of the file which source names`},
		{whole, "name: mine\nstands-for: A test.\nkind: call\npublishers: 1\nsubscribers: 1\nsource: film.ivf\nlayers: 3", `mine.yaml:6:1: source: a file is one layer, not 3`},
		{"name: mine", "name: mine\n\"a\\nb\": 1", `mine.yaml:2:1: unknown field "a b"`},
		{"name: mine", "name: mine\npath: !a b", "mine.yaml:2:7: !a b: tags"},
		{"name: mine", "name: &a mine", "mine.yaml:1:7: &a mine: tags"},
		{"name: mine", "name: a b", "mine.yaml:1:1: name"},
		{"name: mine", "name: mine\nname: mine", "mine.yaml:2:1: "},
		{whole, "- a", "mine.yaml:1:1: it has to be members"},
		{whole, "", "mine.yaml:1:1: it has to be members"},
	} {
		_, err := Parse("mine.yaml", []byte(strings.Replace(whole, c.change, c.to, 1)))
		if !errors.Is(err, ErrScenario) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", c.to, err, c.want)
		}
	}
}

func FuzzParse_GivesAScenarioOrALine(f *testing.F) {
	for _, b := range Library() {
		f.Add([]byte(b.Text))
	}
	f.Add([]byte("name: x\nstands-for: y\nkind: mesh\nparties: 4\npath: [{from: 0s, loss: .inf}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("fuzz.yaml", text)
		switch {
		case err != nil && (!errors.Is(err, ErrScenario) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%q", err)
		case err == nil && (s.Name == "" || needed[s.Kind] == nil || s.Publishers < 0 || math.IsNaN(s.Total())):
			t.Errorf("%+v", s)
		}
	})
}

// TestSearch_FindsWhatAServerKeepsUpWith: of a server that keeps up with
// anything up to a rate, that rate to 3 %, from wherever the search begins.
func TestSearch_FindsWhatAServerKeepsUpWith(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.Float64Range(1, 1e6).Draw(t, "capacity")
		search := NewSearch(rapid.Float64Range(1, 1e6).Draw(t, "start"))
		for tries := 0; ; tries++ {
			rate, more := search.Next()
			if !more {
				break
			}
			if tries > 100 {
				t.Fatal("it does not end")
			}
			search = search.Tried(rate <= capacity)
		}
		if found := search.Found(); found > capacity || found < capacity/fine*0.999 {
			t.Fatalf("found %v of %v", found, capacity)
		}
	})
}

// TestSearch_GoesOnFromWhatWasTooMuch for once only.
func TestSearch_GoesOnFromWhatWasTooMuch(t *testing.T) {
	search := NewSearch(100)
	for rate, more := search.Next(); more; rate, more = search.Next() {
		search = search.Tried(rate < 50) // something else was going on
	}
	if search.TooMuch() < 50 {
		t.Fatalf("too much is %v", search.TooMuch())
	}
	search = search.Reopened()
	for rate, more := search.Next(); more; rate, more = search.Next() {
		search = search.Tried(rate < 1000)
	}
	if found := search.Found(); found < 1000/fine || found > 1000 {
		t.Errorf("found %v of 1000", found)
	}
}

func TestSearch_EndsWithAServerThatDoesNothing(t *testing.T) {
	search := NewSearch(1000)
	for tries := 0; ; tries++ {
		if _, more := search.Next(); !more {
			break
		}
		if tries > 100 {
			t.Fatal("it does not end")
		}
		search = search.Tried(false)
	}
	if search.Found() != 0 {
		t.Errorf("found %v", search.Found())
	}
}
