package plan

import (
	"meshfocus/focus/allocate"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// Place is the connection of a machine that forwards; 0 is one that nobody fills.
type Place struct{ Up, Down unit.BitRate }

// Focus gives how the call goes when everybody sends to one machine, in as many
// sizes as their upload holds, and it gives each what their download holds.
func (c Call) Focus(at Place) Outcome {
	n := len(c.People)
	o := Outcome{Sees: grid(n), Up: make([]unit.BitRate, n), Down: make([]unit.BitRate, n), Encodings: 1}
	ladders := make([]allocate.Ladder, n)
	uploads := c.uploads(at)
	for i := range c.People {
		layers := c.upload(uploads[i])
		o.Encodings = max(o.Encodings, layers)
		ladders[i] = c.ladder(layers)
		if uploads[i] >= c.Sound {
			o.Up[i] = c.Sound
		}
		for _, rate := range c.Layers[:layers] {
			o.Up[i] += rate
		}
	}
	downloads := c.downloads(at)
	for viewer := range c.People {
		c.watch(&o, viewer, downloads[viewer], ladders)
	}
	o.Cost = costOf(o)
	return o
}

// uploads is what of each upload reaches the focus.
func (c Call) uploads(at Place) []unit.BitRate {
	limits := make([]unit.BitRate, len(c.People))
	for i, p := range c.People {
		limits[i] = part(p.Up)
	}
	if at.Down == 0 {
		return limits
	}
	return fair(part(at.Down), limits)
}

// downloads is what each gets of the focus' upload at most.
func (c Call) downloads(at Place) []unit.BitRate {
	limits := make([]unit.BitRate, len(c.People))
	for i, p := range c.People {
		limits[i] = part(p.Down)
	}
	if at.Up == 0 {
		return limits
	}
	return fair(part(at.Up), limits)
}

// upload is how many sizes of a picture an upload holds, from the smallest on, as
// browsers fill it.
func (c Call) upload(rate unit.BitRate) (layers int) {
	rate -= c.Sound
	for layers < len(c.Layers) && c.Layers[layers] <= rate {
		rate -= c.Layers[layers]
		layers++
	}
	return layers
}

// ladder is that of a picture sent in so many sizes.
func (c Call) ladder(layers int) (ladder allocate.Ladder) {
	var offers allocate.Offers
	for i, rate := range c.Layers[:layers] {
		offers[i][0] = allocate.Offer{Mean: rate, Peak: rate}
	}
	ladder.Build(&offers)
	return ladder
}

// watch hands out what one gets of all others, by the focus' own allocator.
func (c Call) watch(o *Outcome, viewer int, download unit.BitRate, ladders []allocate.Ladder) {
	sound := c.Sound * unit.BitRate(len(c.People)-1)
	heard := download >= sound
	var demands []allocate.Demand
	for sender := range c.People {
		if sender != viewer {
			demands = append(demands, allocate.Demand{
				Key: uint64(sender), Priority: allocate.Visible, Ladder: &ladders[sender],
				Most: simulcast.Layer{Spatial: allocate.Spatials - 1, Temporal: allocate.Temporals - 1}, Current: simulcast.None,
			})
		}
	}
	// Margins are for what wavers; what is planned does not.
	allocator := allocate.New(allocate.Config{Margin: 1})
	shares := allocator.Allocate(allocate.Budget{Estimate: download, Sound: sound}, demands, unit.Instant(1))
	for i, share := range shares {
		sender := int(demands[i].Key)
		s := Sight{Layer: -1, Sound: heard && o.Up[sender] >= c.Sound}
		if share.Layer != simulcast.None {
			s.Layer = int(share.Layer.Spatial)
			s.Rate = c.Layers[s.Layer]
		}
		o.Sees[viewer][sender] = s
		o.Down[viewer] += c.takes(s)
	}
}
