package plan

import (
	"slices"

	"meshfocus/internal/unit"
)

// Mesh gives how the call goes when everybody sends to everybody: who sends shares
// an upload among the others, each of whom shares a download among the senders.
func (c Call) Mesh() Outcome {
	n := len(c.People)
	o := Outcome{Sees: grid(n), Up: make([]unit.BitRate, n), Down: make([]unit.BitRate, n), Encodings: n - 1}
	for sender, p := range c.People {
		// What each of the others can take in of this one.
		limits := make([]unit.BitRate, n)
		for viewer, other := range c.People {
			if viewer != sender {
				limits[viewer] = min(part(other.Down)/unit.BitRate(n-1), c.Layers[len(c.Layers)-1]+c.Sound)
			}
		}
		for viewer, share := range fair(part(p.Up), limits) {
			if viewer == sender {
				continue
			}
			s := c.sight(share)
			o.Sees[viewer][sender] = s
			o.Up[sender] += c.takes(s)
			o.Down[viewer] += c.takes(s)
		}
	}
	return o
}

func grid(n int) [][]Sight {
	rows := make([][]Sight, n)
	for i := range rows {
		rows[i] = make([]Sight, n)
	}
	return rows
}

// part is what of a connection media comes to.
func part(rate unit.BitRate) unit.BitRate { return unit.BitRate(float64(rate) * used) }

// fair hands a whole out evenly among those who have a limit above 0: what one
// cannot take the others get.
func fair(whole unit.BitRate, limits []unit.BitRate) []unit.BitRate {
	shares := make([]unit.BitRate, len(limits))
	var order []int
	for i, limit := range limits {
		if limit > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(limits[a] - limits[b]) })
	for at, i := range order {
		shares[i] = min(limits[i], whole/unit.BitRate(len(order)-at))
		whole -= shares[i]
	}
	return shares
}
