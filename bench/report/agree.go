package report

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Agreement says whether two measurements came to the same verdict on a target.
type Agreement string

// The agreements.
const (
	Agree   Agreement = "agree"
	Differ  Agreement = "differ"         // and each was sure
	Waver   Agreement = "differ, unsure" // the interval of one reaches over a bound
	OnlyOne Agreement = "only one"       // measured it
)

// Agrees judges a target by rounds of before and of now, apart from each other.
// Unmeasured of both says nothing, and there is no agreement.
func (t Target) Agrees(before, now []Round) (a Agreement, words [2]string) {
	var verdicts [2]Verdict
	sure := true
	for i, rounds := range [2][]Round{before, now} {
		e, verdict := t.Judge(rounds)
		verdicts[i], words[i] = verdict, string(verdict)
		if verdict != Unmeasured {
			words[i] = t.Show(e.Median) + ", " + t.Word(e, verdict)
			sure = sure && t.Sure(e)
		}
	}
	switch {
	case verdicts[0] == Unmeasured && verdicts[1] == Unmeasured:
		return "", words
	case verdicts[0] == Unmeasured || verdicts[1] == Unmeasured:
		return OnlyOne, words
	case verdicts[0] == verdicts[1]:
		return Agree, words
	case sure:
		return Differ, words
	}
	return Waver, words
}

// PrintAgreements writes what came of each target in rounds of before and of now, and in
// a line how many agree; nothing where nothing of any was measured.
func PrintAgreements(w io.Writer, before, now []Round, targets []Target) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	tally, all := make(map[Agreement]int), 0
	for _, t := range targets {
		agreement, words := t.Agrees(before, now)
		if agreement == "" {
			continue
		}
		if all == 0 {
			fmt.Fprintln(table, "\ntarget\tgoal\tbefore\tnow\t")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", t.Says, t.Wanted(), words[0], words[1], agreement)
		tally[agreement]++
		all++
	}
	if all == 0 {
		return nil
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nof %d targets %d agree, %d differ, %d differ and are unsure, %d only one file measured\n",
		all, tally[Agree], tally[Differ], tally[Waver], tally[OnlyOne])
	return err
}
