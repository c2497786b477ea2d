package plan

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meshfocus/internal/unit"
)

var layers = []unit.BitRate{150 * unit.Kilobit, 500 * unit.Kilobit, 1500 * unit.Kilobit}

// even is a call of people with the same connection.
func even(people int, up, down unit.BitRate) Call {
	c := Call{Layers: layers, Sound: 50 * unit.Kilobit}
	for range people {
		c.People = append(c.People, Person{"somebody", up, down})
	}
	return c
}

func TestCall_GoesAsFarAsConnectionsDo(t *testing.T) {
	for _, c := range []struct {
		name        string
		call        Call
		at          Place
		mesh, focus unit.BitRate // worst
		wins        bool
	}{
		{"room for all", even(4, 20*unit.Megabit, 50*unit.Megabit), Place{}, 1500 * unit.Kilobit, 1500 * unit.Kilobit, false},
		// 5 Mbit/s: 0.96 of it are 960 kbit/s for each of five, less 50 for sound; two sizes and the large one fit once.
		{"an upload for five others", even(6, 5*unit.Megabit, 50*unit.Megabit), Place{}, 910 * unit.Kilobit, 1500 * unit.Kilobit, true},
		// 2 Mbit/s down: 0.96 of it less 150 of sound are three times 500 and some.
		{"a download for three others", even(4, 20*unit.Megabit, 2*unit.Megabit), Place{}, 590 * unit.Kilobit, 500 * unit.Kilobit, false},
		{"no picture fits a mesh", even(8, 1*unit.Megabit, 50*unit.Megabit), Place{}, 0, 500 * unit.Kilobit, true},
		{"the focus' own upload is full", even(6, 5*unit.Megabit, 50*unit.Megabit), Place{Up: 10 * unit.Megabit, Down: 100 * unit.Megabit}, 910 * unit.Kilobit, 150 * unit.Kilobit, false},
		{"not even sound", even(8, 100*unit.Kilobit, 100*unit.Kilobit), Place{}, 0, 0, false},
	} {
		if err := c.call.Check(); err != nil {
			t.Fatal(err)
		}
		mesh, focus := c.call.Mesh(), c.call.Focus(c.at)
		if mesh.Worst().Rate != c.mesh || focus.Worst().Rate != c.focus {
			t.Errorf("%s: %v in a mesh, %v by a focus, want %v and %v", c.name, mesh.Worst().Rate, focus.Worst().Rate, c.mesh, c.focus)
		}
		if advice := c.call.Advise(mesh, focus); advice.Focus != c.wins || advice.Why == "" {
			t.Errorf("%s: %+v", c.name, advice)
		}
	}
}

// Whatever the connections: none carries more than it can, nobody sees more than was
// sent, and more upload for all makes no mesh worse.
func TestCall_FillsNoConnection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Call{Layers: layers[:rapid.IntRange(1, 3).Draw(t, "layers")], Sound: unit.BitRate(rapid.Int64Range(0, 200_000).Draw(t, "sound"))}
		for range rapid.IntRange(2, 12).Draw(t, "people") {
			c.People = append(c.People, Person{"x", unit.BitRate(rapid.Int64Range(1, 1e8).Draw(t, "up")), unit.BitRate(rapid.Int64Range(1, 1e8).Draw(t, "down"))})
		}
		at := Place{Up: unit.BitRate(rapid.Int64Range(0, 1e8).Draw(t, "focus up")), Down: unit.BitRate(rapid.Int64Range(0, 1e8).Draw(t, "focus down"))}
		mesh, focus := c.Mesh(), c.Focus(at)
		for _, o := range []Outcome{mesh, focus} {
			for i, p := range c.People {
				if o.Up[i] > p.Up || o.Down[i] > p.Down {
					t.Fatalf("%d has %v and %v of %v and %v", i, o.Up[i], o.Down[i], p.Up, p.Down)
				}
			}
		}
		if at.Up > 0 && focus.Cost.Up > at.Up || at.Down > 0 && focus.Cost.Down > at.Down || focus.Cost.Cores < 0 {
			t.Fatalf("the focus: %+v at %+v", focus.Cost, at)
		}
		richer := c
		richer.People = nil
		for _, p := range c.People {
			richer.People = append(richer.People, Person{p.Name, 2 * p.Up, p.Down})
		}
		if better := richer.Mesh().Worst().Rate; better < mesh.Worst().Rate {
			t.Fatalf("with twice the upload %v, without %v", better, mesh.Worst().Rate)
		}
	})
}

func TestPrint_SaysWhoWinsAndWhy(t *testing.T) {
	for want, ask := range map[string]Ask{
		"A focus wins: a picture has 1.5 Mbit/s in place of 910 kbit/s.": {People: 6, Up: "5M", Down: "50M"},
		"Meet in a mesh: a mesh shows everybody at least 1.5 Mbit/s":     {People: 3, Up: "20M", Down: "50M"},
		"everybody  5 Mbit/s, 50 Mbit/s":                                 {People: 6, Up: "5M", Down: "50M"},
		"person 1's 1 Mbit/s up, of which each of 3 others has 320":      {Up: "1M,10M,40M,2M", Down: "50M", FocusUp: "100M", FocusDn: "1G"},
		"but whoever sees least has":                                     {Up: "1M,10M,40M,2M", Down: "10M,50M,100M,3M"},
	} {
		ask.Layers, ask.Sound = "150k,500k,1.5M", "50k"
		c, at, err := ask.Read()
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := Print(&out, c, at); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v, want %q in\n%s", err, want, out.String())
		}
	}
}

func TestRead_SaysWhatIsWrong(t *testing.T) {
	whole := Ask{People: 3, Up: "5M", Down: "50M", Layers: "150k,500k", Sound: "48k"}
	for want, change := range map[string]func(*Ask){
		`up: "5x" is no rate`:                 func(a *Ask) { a.Up = "5x" },
		`down: "" is no rate`:                 func(a *Ask) { a.Down = "" },
		`sound: "-3k" is no rate`:             func(a *Ask) { a.Sound = "-3k" },
		`focus-up: "NaN" is no rate`:          func(a *Ask) { a.FocusUp = "NaN" },
		"up lists 2 connections for 3 people": func(a *Ask) { a.Up = "5M,6M" },
		"1 people; a call has 2 to 50":        func(a *Ask) { a.People = 1 },
		"51 people":                           func(a *Ask) { a.People = 51 },
		"sizes of the picture are to grow":    func(a *Ask) { a.Layers = "500k,150k" },
		"4 sizes of the picture":              func(a *Ask) { a.Layers = "1k,2k,3k,4k" },
	} {
		ask := whole
		change(&ask)
		if _, _, err := ask.Read(); !errors.Is(err, ErrCall) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzRead_GivesACallOrAnError(f *testing.F) {
	f.Add(3, "5M,6M,7M", "50M", "150k,500k", "48k", "")
	f.Add(0, "1", "1e3", ".5M", "0k", "1e300G")
	f.Fuzz(func(t *testing.T, people int, up, down, layers, sound, focus string) {
		c, at, err := Ask{People: people, Up: up, Down: down, Layers: layers, Sound: sound, FocusUp: focus}.Read()
		if err != nil {
			if !errors.Is(err, ErrCall) {
				t.Error(err)
			}
			return
		}
		if err := Print(&strings.Builder{}, c, at); err != nil {
			t.Error(err)
		}
	})
}
