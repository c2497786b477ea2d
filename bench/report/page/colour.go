package page

import (
	"slices"

	"meshfocus/bench/report"
)

// coloured are those whose colour is the same on every page: --c0 of page.css and so on,
// in this order. Who is not among them gets one that is free on the page.
var coloured = []string{report.Ours, "livekit", "janus", "pion", "embedded", "dendrite", "synapse", "coturn", "whip", report.Null}

// colours gives names the numbers of their colours: no two of them the same while
// there are enough.
func colours(names []string) []int {
	numbers := make([]int, len(names))
	var taken []int
	for i, name := range names {
		if numbers[i] = slices.Index(coloured, name); numbers[i] >= 0 {
			taken = append(taken, numbers[i])
		}
	}
	next := 0
	for i := range numbers {
		if numbers[i] >= 0 {
			continue
		}
		for len(taken) < len(coloured) && slices.Contains(taken, next) {
			next = (next + 1) % len(coloured)
		}
		numbers[i], taken = next, append(taken, next)
		next = (next + 1) % len(coloured)
	}
	return numbers
}
