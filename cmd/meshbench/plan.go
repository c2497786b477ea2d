package main

import (
	"github.com/spf13/cobra"

	"meshfocus/mesh/plan"
)

func newPlan() *cobra.Command {
	var a plan.Ask
	c := &cobra.Command{
		Use: "plan", Short: plan.Short, Long: plan.Long, Args: cobra.NoArgs,
		Example: `  meshbench plan --people 6 --up 5M --down 50M
  meshbench plan --up 1M,10M,40M --down 10M,50M,100M --focus-up 100M`,
		RunE: func(c *cobra.Command, _ []string) error {
			call, at, err := a.Read()
			if err != nil {
				return err
			}
			return plan.Print(c.OutOrStdout(), call, at)
		},
	}
	c.Flags().IntVar(&a.People, "people", 0, plan.People)
	for _, o := range a.Options() {
		c.Flags().StringVar(o.To, o.Name, o.Default, o.About)
	}
	return c
}
