package floors

import (
	"go/ast"
	"path"
	"slices"
)

// uneven are packages that lock, or go over maps in an order of their own.
var uneven = []string{"sync", "maps", "math/rand", "crypto/rand"}

// seeded is what may be used of math/rand/v2: what has to be given a seed.
var seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "PCG", "ChaCha8", "Source", "Zipf"}

// unevenFaults returns what could make the same calls give other answers: a lock says
// that somebody else calls, too; a map is gone over in another order each time; chance
// without a seed is another each time. Maps are let pass in the files that are named.
func (f *File) unevenFaults(maps []string) []Fault {
	var faults []Fault
	for _, imported := range f.Imports {
		if imported.Path != "math/rand/v2" && slices.ContainsFunc(uneven, func(u string) bool { return within(imported.Path, u) }) {
			faults = append(faults, Fault{imported.Where, "what is to decide the same each time does not import " + imported.Path})
		}
	}
	chance := f.nameOf("math/rand/v2")
	if chance == "v2" {
		chance = "rand"
	}
	mapped := slices.Contains(maps, path.Base(f.positions.Position(f.syntax.Pos()).Filename))
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.MapType:
			if !mapped {
				faults = append(faults, Fault{f.where(node.Pos()), "what is to decide the same each time has no maps: they are gone over in any order"})
			}
		case *ast.SelectorExpr:
			of, ok := node.X.(*ast.Ident)
			if ok && of.Name == chance && !slices.Contains(seeded, node.Sel.Name) {
				faults = append(faults, Fault{f.where(node.Pos()), chance + "." + node.Sel.Name + " has no seed; take a *rand.Rand"})
			}
		}
		return true
	})
	return faults
}
