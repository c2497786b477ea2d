package floors

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const architecture = "docs/architecture.md"

func TestModule_StandsOnItsFloors(t *testing.T) {
	m, err := Read(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Packages) < 5 || !slices.ContainsFunc(m.Packages, func(p *Package) bool { return p.Path == "internal/floors" }) {
		t.Fatalf("read only %d packages", len(m.Packages))
	}
	for _, fault := range Meshfocus().Check(m) {
		t.Error(fault)
	}
}

func TestArchitecture_NamesThePackagesThatExist(t *testing.T) {
	root := os.DirFS("../..")
	m, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range m.CheckDocument(root, architecture) {
		t.Error(fault)
	}
}

func TestMeshfocus_TableIsWhole(t *testing.T) {
	house := Meshfocus()
	seen := map[string]Room{}
	for _, room := range house.Rooms {
		if _, twice := seen[room.Path]; twice {
			t.Errorf("%s stands twice in the table", room.Path)
		}
		seen[room.Path] = room
		if (room.Wing == Neither) != (room.Floor == Cellar || room.Floor >= Hall) {
			t.Errorf("%s: ports, engine and ground have a wing, the others none", room.Path)
		}
	}
	for _, room := range house.Rooms {
		for _, beside := range room.Beside {
			other, known := seen[beside]
			if !known || other.Floor != room.Floor || other.Wing != room.Wing {
				t.Errorf("%s is not beside %s", beside, room.Path)
			}
			if slices.Contains(other.Beside, room.Path) {
				t.Errorf("%s and %s go round in a circle", room.Path, beside)
			}
		}
	}
}

// small is a house of one room for each kind of rule.
func small() House {
	return House{
		Rooms: []Room{
			{Path: "cmd/tool", Floor: Roof},
			{Path: "hall", Floor: Hall},
			{Path: "words/port", Floor: Port, Wing: Words, Beside: []string{"words/port/part"}},
			{Path: "words/port/part", Floor: Port, Wing: Words},
			{Path: "words/pure", Floor: Ground, Wing: Words},
			{Path: "media/port", Floor: Port, Wing: Media},
			{Path: "media/even", Floor: Port, Wing: Media, Even: true, Maps: []string{"b.go"}},
			{Path: "internal/aid", Floor: Cellar},
		},
		Fences: []Fence{
			{Library: "example.org/wire/deep", Inside: []string{"hall"}},
			{Library: "example.org/wire", Inside: []string{"media/port"}},
			{Library: "C"},
		},
		Closed: []string{"cmd"},
	}
}

// file makes the source of a file with a package comment, imports and a body.
func file(name, imports, body string) string {
	text := "// Package " + name + " is here.\npackage " + name + "\n"
	for imported := range strings.FieldsSeq(imports) {
		alias, importedPath, ok := strings.Cut(imported, "=")
		if !ok {
			alias, importedPath = "", imported
		}
		text += "import " + alias + " \"" + importedPath + "\"\n"
	}
	return text + body
}

func TestCheck_FindsEachKindOfFault(t *testing.T) {
	cases := []struct {
		name, path, text string
		want             string // "" for none
	}{
		{"down a floor is right", "hall/a.go", file("hall", "m/words/port m/media/port m/words/pure m/internal/aid", ""), ""},
		{"beside, when named, is right", "words/port/a.go", file("port", "m/words/port/part", ""), ""},
		{"everybody uses the cellar", "words/pure/a.go", file("pure", "m/internal/aid", ""), ""},
		{"up a floor", "words/port/a.go", file("port", "m/hall", ""), "words/port/a.go:3: words/port imports m/hall: imports go down, this goes up"},
		{"up from the ground", "words/pure/a.go", file("pure", "fmt m/words/port", ""), "words/pure/a.go:4: words/pure imports m/words/port: imports go down, this goes up"},
		{"back beside", "words/port/part/a.go", file("part", "m/words/port", ""), "same floor and is not named"},
		{"from wing to wing", "media/port/a.go", file("port", "m/words/port", ""), "the wings meet only in the hall"},
		{"from wing to wing and down", "media/port/a.go", file("port", "m/words/pure", ""), "the wings meet only in the hall"},
		{"out of the cellar", "internal/aid/a.go", file("aid", "m/words/pure", ""), "imports go down, this goes up"},
		{"into a closed folder", "hall/a.go", file("hall", "m/cmd/tool", ""), "nobody imports it"},
		{"a package without a room", "attic/a.go", file("attic", "", ""), "attic: has no room"},

		{"inside a fence", "media/port/a.go", file("port", "example.org/wire/v2", ""), ""},
		{"a library that only sounds fenced", "hall/a.go", file("hall", "example.org/wireless", ""), ""},
		{"over a fence", "hall/a.go", file("hall", "example.org/wire", ""), "only media/port may"},
		{"over a fence, below the library", "hall/a.go", file("hall", "example.org/wire/v2", ""), "only media/port may"},
		{"over a fence within a fence", "media/port/a.go", file("port", "example.org/wire/deep", ""), "only hall may"},
		{"C", "hall/a.go", file("hall", "C", ""), "nobody may"},

		{"instants on the ground are right", "words/pure/a.go", file("pure", "time net/url net/netip", "func f(now time.Time) time.Time { return now.Add(time.Second) }"), ""},
		{"the clock in a port is right", "words/port/a.go", file("port", "time os", "var _ = time.Now\nfunc f() { go f() }"), ""},
		{"the clock on the ground", "words/pure/a.go", file("pure", "time", "var f = time.Now"), "words/pure/a.go:4: the ground floor has no clock"},
		{"the clock under another name", "words/pure/a.go", file("pure", "clock=time", "func f() { <-clock.After(1) }"), "instead of time.After"},
		{"the clock under no name", "words/pure/a.go", file("pure", ".=time", "var f = Now"), `import "time" by its name`},
		{"a goroutine on the ground", "words/pure/a.go", file("pure", "", "func f() { go f() }"), "starts no goroutine"},
		{"a socket on the ground", "words/pure/a.go", file("pure", "net/http", ""), "does not import net/http"},
		{"a logger on the ground", "words/pure/a.go", file("pure", "log/slog", ""), "does not import log/slog"},
		{"the system on the ground", "words/pure/a.go", file("pure", "os", ""), "does not import os"},

		{"a seed where all is even is right", "media/even/a.go", file("even", "math/rand/v2", "func f() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }"), ""},
		{"the clock where all is even", "media/even/a.go", file("even", "time", "var f = time.Now"), "has no clock"},
		{"a lock where all is even", "media/even/a.go", file("even", "sync", "var m sync.Mutex"), "does not import sync"},
		{"chance without a seed where all is even", "media/even/a.go", file("even", "math/rand/v2", "var f = rand.IntN"), "rand.IntN has no seed"},
		{"chance of old where all is even", "media/even/a.go", file("even", "math/rand", ""), "does not import math/rand"},
		{"a map where all is even", "media/even/a.go", file("even", "", "var m map[int]int"), "media/even/a.go:3: what is to decide the same each time has no maps"},
		{"a map where it is let pass", "media/even/b.go", file("even", "", "var m map[int]int"), ""},
		{"a map in a port is right", "words/port/a.go", file("port", "maps sync", "var m map[int]int"), ""},

		{"an init function", "hall/a.go", file("hall", "", "func init() {}"), "hall/a.go:3: no init functions"},
		{"a method named init is right", "hall/a.go", file("hall", "", "type T int\nfunc (T) init() {}"), ""},
		{"no package comment", "hall/a.go", "package hall", "hall: has no package comment"},
		{"a comment apart from the package", "hall/a.go", "// Package hall is here.\n\npackage hall", "hall: has no package comment"},
		{"a directive is no comment", "hall/a.go", "//go:build linux\n\npackage hall", "hall: has no package comment"},
		{"a comment that starts otherwise", "hall/a.go", "// This package is here.\npackage hall", `starts with "Package hall "`},
		{"a command says so", "cmd/tool/main.go", "// Command tool is here.\npackage main", ""},
		{"a command that is called a package", "cmd/tool/main.go", "// Package main is here.\npackage main", `starts with "Command tool "`},
		{"a package of tests alone", "hall/a_test.go", "package hall", "hall: has no package comment"},

		{"tests may import more", "hall/a_test.go", "package hall\nimport _ \"m/cmd/tool\"\nfunc init() {}", "hall: has no package comment"},
		{"what the go command does not see", "hall/testdata/a.go", "package broken(", ""},
		{"a module inside", "inner/a.go", "package broken(", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := Read(fstest.MapFS{
				"go.mod":       {Data: []byte("module m\n\ngo 1.26\n")},
				"inner/go.mod": {Data: []byte("module other\n")},
				c.path:         {Data: []byte(c.text)},
			})
			if err != nil {
				t.Fatal(err)
			}
			faults := small().Check(m)
			if c.want == "" && len(faults) > 0 {
				t.Errorf("found %v, want nothing", faults)
			}
			if c.want != "" && (len(faults) != 1 || !strings.Contains(faults[0].String(), c.want)) {
				t.Errorf("found %v, want one fault with %q", faults, c.want)
			}
		})
	}
}

func TestCheck_WantsOnePackageComment(t *testing.T) {
	m, err := Read(fstest.MapFS{
		"go.mod":    {Data: []byte("module m\n")},
		"hall/a.go": {Data: []byte(file("hall", "", ""))},
		"hall/b.go": {Data: []byte(file("hall", "", ""))},
		"hall/c.go": {Data: []byte("package hall")},
	})
	if err != nil {
		t.Fatal(err)
	}
	faults := small().Check(m)
	if len(faults) != 1 || faults[0].String() != "hall/b.go:2: is a second package comment; hall/a.go:2 has one" {
		t.Errorf("found %v", faults)
	}
}

func TestRead_RefusesWhatItCannotParse(t *testing.T) {
	for name, root := range map[string]fstest.MapFS{
		"no go.mod":      {"a.go": {Data: []byte("package a")}},
		"no module line": {"go.mod": {Data: []byte("go 1.26\n")}},
		"broken Go":      {"go.mod": {Data: []byte("module m\n")}, "a/a.go": {Data: []byte("package (")}},
	} {
		if _, err := Read(root); err == nil {
			t.Errorf("%s: read without an error", name)
		}
	}
}

func TestCheckDocument_ComparesNamesWithPackages(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string
	}{
		{"all named", "`hall` and `words/port`, see `hall/a.go`, `words`, `Peer`, `make run`, `text/template`", nil},
		{"not in backquotes", "hall, `words/port`", []string{"page.md: does not name hall (in backquotes)"}},
		{"only a part", "`hall`, `words/port/part`", []string{
			"page.md:1: names words/port/part, which does not exist",
			"page.md: does not name words/port (in backquotes)"}},
		{"gone since", "`hall`, `words/port`\n\n| `words/gone` |", []string{"page.md:3: names words/gone, which does not exist"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := fstest.MapFS{
				"go.mod":          {Data: []byte("module m\n")},
				"hall/a.go":       {Data: []byte(file("hall", "", ""))},
				"words/port/a.go": {Data: []byte(file("port", "", ""))},
				"page.md":         {Data: []byte(c.text)},
			}
			m, err := Read(root)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, fault := range m.CheckDocument(root, "page.md") {
				got = append(got, fault.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
	m := &Module{Path: "m"}
	if faults := m.CheckDocument(fstest.MapFS{}, "page.md"); len(faults) != 1 {
		t.Errorf("a missing page gave %v, want one fault", faults)
	}
}
