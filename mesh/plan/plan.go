package plan

import (
	"errors"
	"fmt"
	"slices"

	"meshfocus/internal/unit"
)

// ErrCall: a call that cannot be planned. The error says why, and what could be.
var ErrCall = errors.New("cannot be planned")

// MostPeople is how many a Call may have.
const MostPeople = 50

// used is how much of a connection media comes to: what four coupled peers have of
// their uplink, and three flows of a downlink, in bench/congestion (docs/bwe.md).
const used = 0.96

// Person is somebody with a connection.
type Person struct {
	Name     string
	Up, Down unit.BitRate
}

// Call is who meets, and what they send.
type Call struct {
	People []Person
	// Layers are what the sizes of a picture take, the smallest first, and Sound what
	// a voice does.
	Layers []unit.BitRate
	Sound  unit.BitRate
}

// Check reports whether the call can be planned, as ErrCall.
func (c Call) Check() error {
	fail := func(format string, arguments ...any) error {
		return fmt.Errorf("%w: %s", ErrCall, fmt.Sprintf(format, arguments...))
	}
	switch {
	case len(c.People) < 2 || len(c.People) > MostPeople:
		return fail("%d people; a call has 2 to %d", len(c.People), MostPeople)
	case len(c.Layers) == 0 || len(c.Layers) > 3:
		return fail("%d sizes of the picture; it has 1 to 3", len(c.Layers))
	case c.Sound < 0:
		return fail("sound of %v", c.Sound)
	}
	for i, rate := range c.Layers {
		if rate <= 0 || i > 0 && rate <= c.Layers[i-1] {
			return fail("sizes of the picture are to grow from above 0, and %v does not", rate)
		}
	}
	for _, p := range c.People {
		if p.Up <= 0 || p.Down <= 0 {
			return fail("%s has %v up and %v down; both have to be above 0", p.Name, p.Up, p.Down)
		}
	}
	return nil
}

// Sight is what one sees of another.
type Sight struct {
	// Rate is that of the picture, 0 where it is paused.
	Rate unit.BitRate
	// Layer is the largest that Rate comes to; -1: less than the smallest, or none.
	Layer int
	// Sound tells whether there is room for the voice.
	Sound bool
}

// Outcome is how a call goes in one way.
type Outcome struct {
	// Sees is who sees what of whom: Sees[viewer][sender], nothing of oneself.
	Sees [][]Sight
	// Up and Down are what each person's connection carries then.
	Up, Down []unit.BitRate
	// Encodings is how many pictures the busiest browser encodes at a time.
	Encodings int
	Cost      Cost
}

// Worst is the least that anybody sees of anybody; Middle is the median.
func (o Outcome) Worst() Sight  { return o.sorted()[0] }
func (o Outcome) Middle() Sight { all := o.sorted(); return all[len(all)/2] }

func (o Outcome) sorted() (all []Sight) {
	for viewer, row := range o.Sees {
		for sender, sight := range row {
			if viewer != sender {
				all = append(all, sight)
			}
		}
	}
	slices.SortFunc(all, func(a, b Sight) int { return int(a.Rate - b.Rate) })
	return all
}

// sight makes one of a share of a connection.
func (c Call) sight(share unit.BitRate) Sight {
	s := Sight{Layer: -1, Sound: share >= c.Sound}
	picture := min(share-c.Sound, c.Layers[len(c.Layers)-1])
	if picture < c.Layers[0] {
		return s // an encoder does not go below the smallest: it pauses
	}
	s.Rate = picture
	for s.Layer+1 < len(c.Layers) && c.Layers[s.Layer+1] <= picture {
		s.Layer++
	}
	return s
}

// takes is what a sight takes of a connection.
func (c Call) takes(s Sight) unit.BitRate {
	if s.Sound {
		return s.Rate + c.Sound
	}
	return s.Rate
}
