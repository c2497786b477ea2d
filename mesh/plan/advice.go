package plan

import (
	"fmt"

	"meshfocus/internal/unit"
)

// Advice says which way is better, in words, and why.
type Advice struct {
	Focus bool // a focus is worth it
	Why   string
}

// worth is by how much more a picture has to have for a machine that forwards to be
// worth its trouble.
const worth = 1.25

// Advise compares the two ways.
func (c Call) Advise(mesh, focus Outcome) Advice {
	worst, other := mesh.Worst(), focus.Worst()
	switch {
	case !worst.Sound && other.Sound:
		return Advice{true, "in a mesh not even every voice fits"}
	case !worst.Sound:
		return Advice{false, "not even voices fit either way: send sound only, or be fewer"}
	case worst.Rate == 0 && other.Rate > 0:
		return Advice{true, fmt.Sprintf("in a mesh some see no picture; by a focus everybody sees at least %v", other.Rate)}
	case clearly(focus.Middle().Rate, mesh.Middle().Rate) && !clearly(worst.Rate, other.Rate):
		return Advice{true, fmt.Sprintf("a picture has %v in place of %v", focus.Middle().Rate, mesh.Middle().Rate)}
	case clearly(other.Rate, worst.Rate) && !clearly(mesh.Middle().Rate, focus.Middle().Rate):
		return Advice{true, fmt.Sprintf("whoever sees least has a picture of %v in place of %v", other.Rate, worst.Rate)}
	case clearly(other.Rate, worst.Rate):
		return Advice{false, fmt.Sprintf("most see more that way (%v in the middle, %v by a focus), but whoever sees least has %v, and would have %v by a focus", mesh.Middle().Rate, focus.Middle().Rate, worst.Rate, other.Rate)}
	case worst.Rate == 0:
		return Advice{false, "some see no picture either way: their download does not hold it"}
	}
	return Advice{false, fmt.Sprintf("a mesh shows everybody at least %v, and a focus no more that is worth it", worst.Rate)}
}

// clearly reports whether one rate is worth more than another.
func clearly(one, other unit.BitRate) bool { return float64(one) > float64(other)*worth }

// Limit names the connection that holds a mesh back most, "" if none does: whose, and
// which way.
func (c Call) Limit(mesh Outcome) string {
	best := c.Layers[len(c.Layers)-1]
	if mesh.Worst().Rate >= best {
		return ""
	}
	name, least := "", unit.BitRate(0)
	n := unit.BitRate(len(c.People) - 1)
	for _, p := range c.People {
		for _, one := range []struct {
			way  string
			rate unit.BitRate
		}{{"up", p.Up}, {"down", p.Down}} {
			if name == "" || one.rate < least {
				name, least = fmt.Sprintf("%s's %v %s, of which each of %d others has %v", p.Name, one.rate, one.way, n, part(one.rate)/n), one.rate
			}
		}
	}
	return name
}

// Grown is the same call with so many people, who have the connections of these by turns.
func (c Call) Grown(people int) Call {
	from := c.People
	c.People = make([]Person, people)
	for i := range c.People {
		c.People[i] = from[i%len(from)]
	}
	return c
}
