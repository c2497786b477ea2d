package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newManual writes man pages, which packages carry.
func newManual(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "manual FOLDER", Short: "Write man pages to a folder", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			if err := os.MkdirAll(arguments[0], 0o777); err != nil {
				return err
			}
			return doc.GenManTree(root, &doc.GenManHeader{Title: "MESHBENCH", Section: "1", Source: "meshfocus"}, arguments[0])
		},
	}
}
