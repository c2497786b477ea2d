package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"meshfocus/internal/unit"
)

// Ask is a call in words, as a command line has it. Lists have commas; what is
// listed once is everybody's. Rates are bit/s, with k, M or G.
type Ask struct {
	People           int // 0: as many as are listed
	Up, Down         string
	Layers, Sound    string
	FocusUp, FocusDn string // "" is one that nobody fills
}

// Option is one of Ask as a command line has it.
type Option struct {
	To                   *string
	Name, Default, About string
}

// Options gives all but People, with what they are by default.
func (a *Ask) Options() []Option {
	return []Option{
		{&a.Up, "up", "5M", "what each one's connection carries up, in bit/s, with commas; one is everybody's"},
		{&a.Down, "down", "50M", "the same down"},
		{&a.Layers, "layers", "150k,500k,1.5M", "what the sizes of a picture take, the smallest first"},
		{&a.Sound, "sound", "48k", "what a voice takes"},
		{&a.FocusUp, "focus-up", "", "what the connection of the machine that forwards carries up; without it, it is never full"},
		{&a.FocusDn, "focus-down", "", "the same down"},
	}
}

// Words of the verb, which two programs have.
const (
	Short = "Say whether people can meet in a mesh, where a focus wins, and what that costs"
	Long  = `Works out, from what connections carry, what everybody would see of everybody in a
mesh and by way of a focus that forwards, and what that would cost its machine. The
constants were measured (docs/plan.md, with how far off it is).`
	People = "how many meet; without it as many as connections are listed"
)

// Read gives the call and the focus' place.
func (a Ask) Read() (c Call, at Place, err error) {
	ups, err := rates("up", a.Up)
	if err != nil {
		return c, at, err
	}
	downs, err := rates("down", a.Down)
	if err != nil {
		return c, at, err
	}
	if c.Layers, err = rates("layers", a.Layers); err != nil {
		return c, at, err
	}
	for _, one := range []struct {
		name, text string
		to         *unit.BitRate
	}{{"sound", a.Sound, &c.Sound}, {"focus-up", a.FocusUp, &at.Up}, {"focus-down", a.FocusDn, &at.Down}} {
		if one.text == "" {
			continue
		}
		if *one.to, err = rate(one.name, one.text); err != nil {
			return c, at, err
		}
	}
	people := a.People
	if people == 0 {
		people = max(len(ups), len(downs))
	}
	if people > MostPeople {
		return c, at, fmt.Errorf("%w: %d people; a call has 2 to %d", ErrCall, people, MostPeople)
	}
	for _, list := range []struct {
		name string
		all  []unit.BitRate
	}{{"up", ups}, {"down", downs}} {
		if len(list.all) != 1 && len(list.all) != people {
			return c, at, fmt.Errorf("%w: %s lists %d connections for %d people; it has one for each, or one for all", ErrCall, list.name, len(list.all), people)
		}
	}
	for i := range people {
		c.People = append(c.People, Person{Name: fmt.Sprintf("person %d", i+1), Up: ups[min(i, len(ups)-1)], Down: downs[min(i, len(downs)-1)]})
	}
	return c, at, c.Check()
}

func rates(name, text string) (all []unit.BitRate, err error) {
	for one := range strings.SplitSeq(text, ",") {
		r, err := rate(name, one)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// rate reads a number with k, M or G behind it.
func rate(name, text string) (unit.BitRate, error) {
	text = strings.TrimSpace(text)
	number, times := text, 1.0
	if n := len(text); n > 0 {
		if at := strings.IndexByte("kMG", text[n-1]); at >= 0 {
			number, times = text[:n-1], math.Pow(1000, float64(at+1))
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !(value > 0 && value*times <= 1e12) {
		return 0, fmt.Errorf("%w: %s: %q is no rate; it is bit/s such as 500k, 1.5M or 1G", ErrCall, name, text)
	}
	return unit.BitRate(value * times), nil
}
