//go:build interop

package foreign

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestGrid tries every situation with every kind of peer on every homeserver.
// PEERS, SITUATIONS and HOMESERVERS, lists of names with commas, try less;
// MESHFOCUS_INTEROP_REPORT names the directory of the reports.
func TestGrid(t *testing.T) {
	r := run{directory: os.Getenv("MESHFOCUS_INTEROP_REPORT")}
	if r.directory != "" && os.Getenv("TESTS_AGAIN") != "" { // some cells have a second chance, and leave the grid's report alone
		r.directory = t.TempDir()
	}
	every := situations()
	for _, i := range chosen(t, "SITUATIONS", len(every), func(i int) string { return every[i].name }) {
		r.situations = append(r.situations, every[i])
	}
	kinds := append(Kinds(), Page, Raw, LiveKit43)
	for _, i := range chosen(t, "PEERS", len(kinds), func(i int) string { return string(kinds[i]) }) {
		r.kinds = append(r.kinds, kinds[i])
	}
	homes := []string{"embedded", "synapse"}
	for _, i := range chosen(t, "HOMESERVERS", len(homes), func(i int) string { return homes[i] }) {
		r.places = append(r.places, []func(testing.TB, int) place{embedded, synapse}[i](t, gridLanes))
	}
	r.all(t)
}

// gridLanes is how many lanes a place has.
const gridLanes = 2

// synapse is what `make interop` started and told the address of a relay, which all
// lanes share.
func synapse(t testing.TB, lanes int) place {
	base, turn := os.Getenv("MESHFOCUS_INTEROP_HOMESERVER"), os.Getenv("MESHFOCUS_INTEROP_TURN")
	if base == "" || turn == "" {
		t.Fatal("MESHFOCUS_INTEROP_HOMESERVER and MESHFOCUS_INTEROP_TURN are not set: run make interop, which starts Synapse")
	}
	p, relay := place{name: "synapse"}, startRelay(t, turn)
	for n := range lanes {
		b := newBenchAt(t, relay)
		b.rooms = n * 1000 // names of users are of the homeserver
		p.lanes = append(p.lanes, lane{b, Home{Name: "synapse", Base: base}})
	}
	return p
}

// chosen gives those whose names a variable of the environment lists, with
// commas; all if it is not set.
func chosen(t *testing.T, variable string, count int, name func(int) string) (indexes []int) {
	list := strings.Split(os.Getenv(variable), ",")
	var names []string
	for i := range count {
		names = append(names, name(i))
		if list[0] == "" || slices.Contains(list, names[i]) {
			indexes = append(indexes, i)
		}
	}
	for _, wanted := range list {
		if wanted != "" && !slices.Contains(names, wanted) {
			t.Fatalf("%s: there is no %q; there are %s", variable, wanted, strings.Join(names, ", "))
		}
	}
	return indexes
}
