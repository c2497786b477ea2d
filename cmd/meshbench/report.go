package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"meshfocus/bench/report"
	"meshfocus/bench/scenario"
)

func newReport() *cobra.Command {
	var f files
	c := &cobra.Command{
		Use: "report [flags] FILE…", Short: "Print what rounds measured before come to, those of several runs together",
		Long: `Reads files that run wrote and prints what they come to: a table for each kind of
scenario, targets with their verdicts, and which rounds do not count and why.
Figures are medians; in nine of ten bootstrap samples they lie between the two
figures beside them. docs/bench.md tells how to read it.

Of a run that was killed the rounds that are whole are read, and that it was cut off
is said.`,
		Example: `  meshbench report bench.jsonl
  meshbench report --html bench.html bench.jsonl     with curves, to look at offline
  meshbench report --csv - monday.jsonl friday.jsonl all figures, for a spreadsheet
  meshbench report --junit bench.xml bench.jsonl     targets as test cases`,
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) == 0 {
				return errors.New("report: say which files; run --out wrote them")
			}
			machines, rounds, err := readRounds(names)
			if err != nil {
				return err
			}
			s := sheetOf(machines, rounds)
			if f.html != "-" && f.csv != "-" && f.junit != "-" { // a form alone is for a program
				if err := s.Print(c.OutOrStdout()); err != nil {
					return err
				}
			}
			return f.write(c.OutOrStdout(), s)
		},
	}
	f.flags(c.Flags())
	return c
}

// readRounds reads files that run wrote, and of a folder all of them.
func readRounds(names []string) (machines []report.Machine, rounds []report.Round, err error) {
	var files []string
	for _, name := range names {
		inside, err := filepath.Glob(filepath.Join(name, "*.jsonl"))
		if stat, wrong := os.Stat(name); wrong == nil && stat.IsDir() {
			if err == nil && len(inside) == 0 {
				err = fmt.Errorf("%s: there is no file with the ending .jsonl in it", name)
			}
			if err != nil {
				return nil, nil, err
			}
			files = append(files, inside...)
			continue
		}
		files = append(files, name)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		m, r, err := report.Read(file)
		_ = file.Close() // it was only read
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		machines, rounds = append(machines, m...), report.Merge(rounds, r)
	}
	return machines, rounds, nil
}

// sheetOf puts a report together. What files of before do not say of their
// scenarios the library does.
func sheetOf(machines []report.Machine, rounds []report.Round) report.Sheet {
	s := report.Sheet{Machines: machines, Rounds: rounds, Targets: report.Targets()}
	for _, c := range chapters {
		s.Chapters = append(s.Chapters, report.Chapter{Kind: string(c.kind), Title: c.title})
	}
	for i := range machines {
		s.Cases = append(s.Cases, machines[i].Cases...)
	}
	for _, b := range scenario.Library() {
		s.Cases = append(s.Cases, caseOf(&b.Scenario)) // behind, so that those of the run go before
	}
	return s
}
