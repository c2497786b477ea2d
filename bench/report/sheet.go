package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Sheet is what a report is made of, in whatever form.
type Sheet struct {
	Machines []Machine
	Rounds   []Round
	Targets  []Target
	// Chapters are in the order in which they are shown.
	Chapters []Chapter
	// Cases says what scenarios are; of several with a name the first.
	Cases []Case
}

// Chapter is what scenarios of one kind are about.
type Chapter struct {
	Kind  string
	Title string
}

// Section is the part of a chapter that was measured.
type Section struct {
	Chapter
	Cases []Case
}

// Case gives what is known of a scenario.
func (s Sheet) Case(name string) Case {
	if at := slices.IndexFunc(s.Cases, func(c Case) bool { return c.Name == name }); at >= 0 {
		return s.Cases[at]
	}
	for _, r := range s.Rounds {
		if r.Scenario == name {
			return Case{Name: name, Kind: r.Kind}
		}
	}
	return Case{Name: name}
}

// Sections gives what was measured, chapter by chapter, scenarios in the order in
// which they came; those of no known kind are in the end.
func (s Sheet) Sections() (sections []Section) {
	var names []string
	for _, r := range s.Rounds {
		if !slices.Contains(names, r.Scenario) {
			names = append(names, r.Scenario)
		}
	}
	for _, chapter := range append(slices.Clone(s.Chapters), Chapter{Title: "Others"}) {
		section := Section{Chapter: chapter}
		for _, name := range names {
			if c := s.Case(name); c.Kind == chapter.Kind || chapter.Kind == "" && !s.known(c.Kind) {
				section.Cases = append(section.Cases, c)
			}
		}
		if len(section.Cases) > 0 {
			sections = append(sections, section)
		}
	}
	return sections
}

func (s Sheet) known(kind string) bool {
	return slices.ContainsFunc(s.Chapters, func(c Chapter) bool { return c.Kind == kind })
}

// Names gives who was measured in a scenario, ours first.
func (s Sheet) Names(scenario string) (names []string) {
	for _, r := range s.Rounds {
		if r.Scenario == scenario && !slices.Contains(names, r.Rival) {
			names = append(names, r.Rival)
		}
	}
	if at := slices.Index(names, Ours); at > 0 {
		names = slices.Insert(slices.Delete(names, at, at+1), 0, Ours)
	}
	return names
}

// Of gives the rounds of a target in a scenario, those that do not count as well.
func (s Sheet) Of(scenario, rival string) (rounds []Round) {
	for _, r := range s.Rounds {
		if r.Scenario == scenario && r.Rival == rival {
			rounds = append(rounds, r)
		}
	}
	return rounds
}

// Row is a figure of a scenario, of all who were measured: an estimate for each
// of the names, with no Rounds where it was not measured.
type Row struct {
	Meaning   Meaning
	Estimates []Estimate
}

// Rows gives the figures that there are of a scenario. Those that nothing is
// better or worse by are left out unless all are wanted.
func (s Sheet) Rows(scenario string, all bool) (rows []Row) {
	names := s.Names(scenario)
	for _, m := range append(Meanings(), s.unknown(scenario)...) {
		if m.Better == Neither && !all {
			continue
		}
		row, any := Row{Meaning: m}, false
		for _, name := range names {
			e := Figure(s.Rounds, scenario, name, By(m.Metric))
			row.Estimates, any = append(row.Estimates, e), any || e.Rounds > 0
		}
		if any {
			rows = append(rows, row)
		}
	}
	return rows
}

// unknown gives metrics of files that another version wrote.
func (s Sheet) unknown(scenario string) (more []Meaning) {
	var names []Metric
	for _, r := range s.Rounds {
		for m := range r.Figures {
			if r.Scenario == scenario && !known(m) && !slices.Contains(names, m) {
				names = append(names, m)
			}
		}
	}
	slices.Sort(names)
	for _, m := range names {
		more = append(more, MeaningOf(m))
	}
	return more
}

// Interval writes an estimate as it is shown: "3.34 (3.30 to 3.41)", without the
// interval where it is none.
func (m Meaning) Interval(e Estimate) string {
	if e.Rounds == 0 {
		return "–"
	}
	low, high := m.Show(e.Low), m.Show(e.High)
	if low == high {
		return m.Show(e.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", m.Show(e.Median), low, high)
}

// Print writes what rounds come to: facts of the machine, every chapter with all
// who were measured, the targets with their verdicts, and what does not count.
func (s Sheet) Print(w io.Writer) error {
	var text strings.Builder
	for _, m := range s.Machines {
		fmt.Fprintln(&text, strings.Join(m.Facts(), "\n"))
	}
	for _, version := range Versions(s.Rounds) {
		fmt.Fprintln(&text, version)
	}
	forwarded, others := s.divided()
	if len(forwarded) > 0 {
		fmt.Fprintln(&text)
		printScenarios(&text, forwarded)
		printCalibration(&text, forwarded)
	}
	for _, section := range others {
		s.printSection(&text, section)
	}
	if s.targeted() {
		fmt.Fprintln(&text)
		printTargets(&text, s.Rounds, s.Targets)
	}
	printNotes(&text, s.Rounds)
	if busy := busy(s.Rounds); busy.Median > disturbed {
		fmt.Fprintf(&text, "others had %.0f %% of the servers' core in half of all rounds: figures are too high, ratios uncertain\n", 100*busy.Median)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// forwarding are the kinds that share a wide table, to be read beside each other.
var forwarding = []string{"cost", "capacity", "memory", ""}

// divided gives the rounds of servers that forward, and the sections of all others.
func (s Sheet) divided() (forwarded []Round, others []Section) {
	for _, r := range s.Rounds {
		if slices.Contains(forwarding, s.Case(r.Scenario).Kind) {
			forwarded = append(forwarded, r)
		}
	}
	for _, section := range s.Sections() {
		section.Cases = slices.DeleteFunc(section.Cases, func(c Case) bool { return slices.Contains(forwarding, c.Kind) })
		if len(section.Cases) > 0 {
			others = append(others, section)
		}
	}
	return forwarded, others
}

// targeted: something was measured that a target is about.
func (s Sheet) targeted() bool {
	return slices.ContainsFunc(s.Targets, func(t Target) bool {
		return slices.ContainsFunc(s.Rounds, func(r Round) bool { return r.Scenario == t.Scenario })
	})
}

// printSection writes a chapter: for each scenario its figures, a column for each
// target.
func (s Sheet) printSection(w io.Writer, section Section) {
	fmt.Fprintf(w, "\n%s\n", section.Title)
	for _, c := range section.Cases {
		names := s.Names(c.Name)
		fmt.Fprintf(w, "\n%s: %s\n", c.Name, c.Says)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintf(table, "  median (90 %%)\t%s\n", strings.Join(names, "\t"))
		for _, row := range s.Rows(c.Name, false) {
			fmt.Fprintf(table, "  %s", row.Meaning.Says)
			for _, e := range row.Estimates {
				fmt.Fprint(table, "\t", row.Meaning.Interval(e))
			}
			fmt.Fprintln(table)
		}
		fmt.Fprint(table, "  rounds that count")
		for _, name := range names {
			fmt.Fprint(table, "\t", s.Counted(c.Name, name))
		}
		fmt.Fprintln(table)
		_ = table.Flush() // into memory
	}
}

// Counted says how many rounds there are, and how many of them count.
func (s Sheet) Counted(scenario, rival string) string {
	rounds, valid := s.Of(scenario, rival), 0
	for _, r := range rounds {
		if r.Invalid == "" {
			valid++
		}
	}
	if valid == len(rounds) {
		return fmt.Sprint(valid)
	}
	return fmt.Sprintf("%d of %d", valid, len(rounds))
}
