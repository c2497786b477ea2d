package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"meshfocus/bench/report"
)

func newReport() *cobra.Command {
	return &cobra.Command{
		Use: "report FILE…", Short: "Print the table of rounds measured before, those of several runs together",
		RunE: func(c *cobra.Command, files []string) error {
			if len(files) == 0 {
				return errors.New("report: say which files; run --out wrote them")
			}
			machines, rounds, err := readRounds(files)
			if err != nil {
				return err
			}
			report.Print(c.OutOrStdout(), machines, rounds, report.Targets())
			return nil
		},
	}
}

// readRounds reads files that run wrote.
func readRounds(files []string) (machines []report.Machine, rounds []report.Round, err error) {
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		m, r, err := report.Read(file)
		_ = file.Close()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		machines, rounds = append(machines, m...), report.Merge(rounds, r)
	}
	return machines, rounds, nil
}
