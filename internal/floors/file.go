package floors

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// outside are the standard library's ways to the world, with what is below
// them: the ground floor gets the world as arguments. net/url and its like are
// only names and may be used.
var outside = []string{"net", "os", "log", "syscall", "io/ioutil", "runtime", "plugin"}

// names are packages below outside that touch nothing.
var names = []string{"net/url", "net/netip", "net/mail", "net/textproto"}

// clock are the functions of package time that read the clock or wait for it.
var clock = []string{
	"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker",
}

// groundFaults returns what has no place on the ground floor: goroutines, the
// clock, and packages that reach outside.
func (f *File) groundFaults() []Fault {
	var faults []Fault
	for _, imported := range f.Imports {
		reaches := slices.ContainsFunc(outside, func(o string) bool { return within(imported.Path, o) })
		if reaches && !slices.Contains(names, imported.Path) {
			faults = append(faults, Fault{imported.Where, "the ground floor does not import " + imported.Path})
		}
	}
	times := f.nameOf("time")
	if times == "." {
		faults = append(faults, Fault{f.where(f.syntax.Name.Pos()), `import "time" by its name, so that the use of the clock can be seen`})
	}
	ast.Inspect(f.syntax, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.GoStmt:
			faults = append(faults, Fault{f.where(node.Pos()), "the ground floor starts no goroutine"})
		case *ast.SelectorExpr:
			of, ok := node.X.(*ast.Ident)
			if ok && of.Name == times && slices.Contains(clock, node.Sel.Name) {
				faults = append(faults, Fault{f.where(node.Pos()), "the ground floor has no clock; take the instant as an argument instead of time." + node.Sel.Name})
			}
		}
		return true
	})
	return faults
}

// nameOf returns what a file calls the package of an import path, or "" if it
// does not import it. Only for packages named as their path ends.
func (f *File) nameOf(imported string) string {
	for i, line := range f.syntax.Imports {
		if f.Imports[i].Path != imported {
			continue
		}
		if line.Name != nil {
			return line.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// initFaults returns the init functions: what happens at start is called by
// somebody.
func (f *File) initFaults() []Fault {
	var faults []Fault
	for _, declaration := range f.syntax.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if ok && function.Recv == nil && function.Name.Name == "init" {
			faults = append(faults, Fault{f.where(function.Pos()), "no init functions; let a constructor do it"})
		}
	}
	return faults
}

// checkComment wants exactly one file to say what the package is.
func checkComment(p *Package) []Fault {
	var commented []*File
	for _, file := range p.Files {
		if file.syntax.Doc.Text() != "" {
			commented = append(commented, file)
		}
	}
	switch len(commented) {
	case 0:
		return []Fault{{p.Path, "has no package comment; say what it is and what it is not"}}
	case 1:
		file := commented[0]
		if start := commentStart(file.syntax.Name.Name, p.Path); !strings.HasPrefix(file.syntax.Doc.Text(), start) {
			return []Fault{{file.where(file.syntax.Package), fmt.Sprintf("the package comment starts with %q", start)}}
		}
		return nil
	}
	var faults []Fault
	for _, file := range commented[1:] {
		faults = append(faults, Fault{file.where(file.syntax.Package), "is a second package comment; " + commented[0].where(commented[0].syntax.Package) + " has one"})
	}
	return faults
}

func commentStart(name, folder string) string {
	if name == "main" {
		return "Command " + path.Base(folder) + " "
	}
	return "Package " + name + " "
}
