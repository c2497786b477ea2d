package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"meshfocus/bench/report"
)

func newCompare() *cobra.Command {
	return &cobra.Command{
		Use: "compare OLD NEW", Short: "Say what has become better or worse between two files of rounds, how sure that is, and whether their verdicts agree",
		Long: `Compares two files that run wrote, or two folders of them, figure by figure: the
ratio of medians with the interval that nine of ten bootstrap samples lie in, and a
verdict only where that interval leaves out 1, and the change is more than one in a
hundred. The machine of one hour and that of another are in it.

Then it says of each target, most of which are ratios of what was measured by turns,
what came of it in either, and whether they agree.`,
		Example: `  meshbench compare before.jsonl after.jsonl
  meshbench compare docs/bench/first docs/bench/second`,
		RunE: func(c *cobra.Command, files []string) error {
			if len(files) != 2 {
				return errors.New("compare: say two files or folders, the old and the new one")
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
			if err := report.PrintChanges(c.OutOrStdout(), report.Changes(rounds[0], rounds[1])); err != nil {
				return err
			}
			return report.PrintAgreements(c.OutOrStdout(), rounds[0], rounds[1], report.Targets())
		},
	}
}
