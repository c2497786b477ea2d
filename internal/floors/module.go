package floors

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the source of a module, without its tests.
type Module struct {
	Path     string // as go.mod names it
	Packages []*Package
}

// Package is one folder with Go files.
type Package struct {
	Path  string // from the module's root
	Files []*File
}

// File is one parsed Go file.
type File struct {
	Imports []Import

	syntax    *ast.File
	positions *token.FileSet
}

// Import is one import line.
type Import struct {
	Path  string
	Where string
}

// Read parses every Go file of the module whose root is root. It leaves out
// tests, folders the go command does not look into and modules inside the
// module. A package of tests alone counts, with no files.
func Read(root fs.FS) (*Module, error) {
	modfile, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return nil, err
	}
	m := &Module{Path: modulePath(modfile)}
	if m.Path == "" {
		return nil, errors.New("go.mod: has no module line")
	}
	return m, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(root, name)
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		return m.add(root, name)
	})
}

func modulePath(modfile []byte) string {
	for line := range strings.Lines(string(modfile)) {
		if rest, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// enter answers fs.SkipDir for a folder that holds no packages of the module.
func enter(root fs.FS, name string) error {
	base := path.Base(name)
	switch {
	case name == ".":
		return nil
	case base[0] == '.' || base[0] == '_' || base == "testdata" || base == "vendor" || base == "node_modules":
		return fs.SkipDir
	}
	if _, err := fs.Stat(root, path.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (m *Module) add(root fs.FS, name string) error {
	p := m.packageAt(path.Dir(name))
	if strings.HasSuffix(name, "_test.go") {
		return nil
	}
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return err
	}
	file := &File{positions: token.NewFileSet()}
	file.syntax, err = parser.ParseFile(file.positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	for _, line := range file.syntax.Imports {
		imported, err := strconv.Unquote(line.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: import %s: %w", file.where(line.Pos()), line.Path.Value, err)
		}
		file.Imports = append(file.Imports, Import{Path: imported, Where: file.where(line.Pos())})
	}
	p.Files = append(p.Files, file)
	return nil
}

// packageAt returns the package of a folder and makes it when it is new.
func (m *Module) packageAt(folder string) *Package {
	i := slices.IndexFunc(m.Packages, func(p *Package) bool { return p.Path == folder })
	if i >= 0 {
		return m.Packages[i]
	}
	p := &Package{Path: folder}
	m.Packages = append(m.Packages, p)
	return p
}

func (f *File) where(pos token.Pos) string {
	position := f.positions.Position(pos)
	return fmt.Sprintf("%s:%d", position.Filename, position.Line)
}
