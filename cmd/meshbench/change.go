package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"meshfocus/bench/report"
)

func newCompare() *cobra.Command {
	return &cobra.Command{
		Use: "compare OLD NEW", Short: "Say what has become better or worse between two files of rounds, and how sure that is",
		Long: `Compares two files that run wrote, figure by figure: the ratio of medians with the
interval that nine of ten bootstrap samples lie in, and a verdict only where that
interval leaves out 1, and the change is more than one in a hundred.`,
		Example: "  meshbench compare before.jsonl after.jsonl",
		RunE: func(c *cobra.Command, files []string) error {
			if len(files) != 2 {
				return errors.New("compare: say two files, the old and the new one")
			}
			var rounds [2][]report.Round
			for i, name := range files {
				machines, read, err := readRounds([]string{name})
				if err != nil {
					return err
				}
				for _, m := range machines {
					if why := m.Incomplete(); why != "" {
						fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", name, why)
					}
				}
				rounds[i] = read
			}
			return report.PrintChanges(c.OutOrStdout(), report.Changes(rounds[0], rounds[1]))
		},
	}
}
