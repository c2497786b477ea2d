package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"meshfocus/bench/scenario"
)

func newList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the scenarios that there are, and what each stands for", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return list(c.OutOrStdout()) },
	}
}

// chapters are the kinds as list has them.
var chapters = []struct {
	kind  scenario.Kind
	title string
}{
	{scenario.Cost, "Servers that forward: what a packet costs"},
	{scenario.Capacity, "Servers that forward: how much they can take"},
	{scenario.Memory, "Servers that forward: what a subscriber holds"},
	{scenario.Call, "Calls: what people see and hear of each other"},
	{scenario.Mesh, "Meshes, without a server"},
	{scenario.Messages, "Homeservers: messages from device to device"},
	{scenario.Storm, "Homeservers: everybody joins at once"},
	{scenario.Relay, "TURN relays"},
}

// list prints the library, chapter by chapter.
func list(w io.Writer) error {
	books, wide := scenario.Library(), 0
	for _, b := range books {
		wide = max(wide, len(b.Name))
	}
	out := bufio.NewWriter(w)
	for _, chapter := range chapters {
		title := chapter.title + "\n"
		for _, b := range books {
			if b.Kind == chapter.kind {
				fmt.Fprintf(out, "%s  %-*s  %s\n  %*s  %s\n", title, wide, b.Name, b.Says, wide, "", b.StandsFor)
				title = ""
			}
		}
		if title == "" {
			fmt.Fprintln(out)
		}
	}
	fmt.Fprintln(out, "meshbench show NAME prints one as YAML, to begin your own with; meshbench bwe has paths of its own.")
	return out.Flush()
}

func newShow() *cobra.Command {
	return &cobra.Command{
		Use: "show SCENARIO", Short: "Print a scenario as the YAML that it is, to begin your own with",
		Example: "  meshbench show meeting >mine.yaml", ValidArgsFunction: completeScenarios,
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) != 1 {
				return fmt.Errorf("show: say which scenario; meshbench list has them")
			}
			book, err := scenario.Find(names[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), book.Text)
			return err
		},
	}
}

// completeScenarios is for shells: names with what they are, and files.
func completeScenarios(*cobra.Command, []string, string) (names []string, how cobra.ShellCompDirective) {
	for _, b := range scenario.Library() {
		names = append(names, b.Name+"\t"+b.Says)
	}
	return names, cobra.ShellCompDirectiveDefault
}

// completeTargets is for shells: all targets that are not named yet, behind those that are.
func completeTargets(_ *cobra.Command, _ []string, begun string) (lists []string, how cobra.ShellCompDirective) {
	before := begun[:strings.LastIndex(begun, ",")+1]
	had := strings.Split(before, ",")
	for _, name := range strings.Split(strings.Join([]string{forwarders, homeservers, relays, "mediamtx,null,whip"}, ","), ",") {
		if !slices.Contains(had, name) {
			lists, had = append(lists, before+name), append(had, name)
		}
	}
	return lists, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
