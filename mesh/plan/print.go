package plan

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"meshfocus/internal/unit"
)

// Print writes the plan of a call: each of them both ways, the advice, and how it
// goes with fewer and with more people.
func Print(w io.Writer, c Call, at Place) error {
	mesh, focus := c.Mesh(), c.Focus(at)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\t\tin a mesh\t\t\tby a focus\t\t")
	fmt.Fprintln(table, "\tup, down\tsends\tsees of each\t\tsends\tsees of each\t")
	row := func(i int) string {
		p := c.People[i]
		return fmt.Sprintf("%v, %v\t%v\t%s\t\t%v\t%s\t", p.Up, p.Down, mesh.Up[i], mesh.seen(i), focus.Up[i], focus.seen(i))
	}
	for i := 0; i < len(c.People); i++ {
		name, first := c.People[i].Name, i
		for i+1 < len(c.People) && row(i+1) == row(first) {
			i++
		}
		switch {
		case first == 0 && i == len(c.People)-1:
			name = "everybody"
		case i > first:
			name += " to " + c.People[i].Name
		}
		fmt.Fprintf(table, "%s\t%s\n", name, row(first))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	advice := c.Advise(mesh, focus)
	fmt.Fprintln(w)
	if advice.Focus {
		fmt.Fprintf(w, "A focus wins: %s.\n", advice.Why)
		fmt.Fprintf(w, "It takes %v in, %v out, %.0f packets a second: %s of a core, and %.1f MB (docs/plan.md says whose).\n",
			focus.Cost.Down, focus.Cost.Up, focus.Cost.Packets, percent(focus.Cost.Cores), float64(focus.Cost.Memory)/1e6)
	} else {
		fmt.Fprintf(w, "Meet in a mesh: %s.\n", advice.Why)
	}
	if limit := c.Limit(mesh); limit != "" {
		fmt.Fprintf(w, "What holds the mesh back: %s.\n", limit)
	}
	fmt.Fprintf(w, "A browser encodes %d pictures at a time in a mesh, %d of different sizes by a focus.\n", mesh.Encodings, focus.Encodings)
	return grown(w, c, at)
}

// seen is the range of what one sees of others.
func (o Outcome) seen(viewer int) string {
	least, most := unit.BitRate(math.MaxInt64), unit.BitRate(0)
	for sender, s := range o.Sees[viewer] {
		if sender != viewer {
			least, most = min(least, s.Rate), max(most, s.Rate)
		}
	}
	switch {
	case most == 0:
		return "no picture"
	case least == most:
		return most.String()
	case least == 0:
		return "none to " + most.String()
	}
	return fmt.Sprintf("%v to %v", least, most)
}

func percent(cores float64) string { return fmt.Sprintf("%.2g %%", 100*cores) }

// grown draws what the median picture has with two people and more.
func grown(w io.Writer, c Call, at Place) error {
	const wide = 24
	best := c.Layers[len(c.Layers)-1]
	bar := func(rate unit.BitRate) string {
		return strings.Repeat("█", int(math.Round(wide*float64(rate)/float64(best))))
	}
	fmt.Fprintf(w, "\nThe picture that people like these see of each other, in the middle:\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "people\tmesh\t\tfocus\t\tfocus' machine sends\t")
	for _, people := range sizes(len(c.People)) {
		more := c.Grown(people)
		mesh, focus := more.Mesh(), more.Focus(at)
		advice := ""
		if more.Advise(mesh, focus).Focus {
			advice = "  ← wins"
		}
		fmt.Fprintf(table, "%d\t%s\t%v\t%s\t%v%s\t%v\t\n", people, bar(mesh.Middle().Rate), mesh.Middle().Rate, bar(focus.Middle().Rate), focus.Middle().Rate, advice, focus.Cost.Up)
	}
	return table.Flush()
}

// sizes are the calls that are drawn: two to eight, and as large as this one.
func sizes(people int) []int {
	all := []int{2, 3, 4, 5, 6, 8}
	if people > all[len(all)-1] || people == 7 {
		all = append(all, people)
	}
	return all
}
