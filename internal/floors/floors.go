// Package floors checks that the module is built as docs/architecture.md says:
// which package may import which, where foreign libraries and the clock may
// be touched, and that every package says what it is.
//
// It reads source with go/parser and never builds it, so every system's files
// are seen; the imports of tests are not judged. Read makes a Module from a
// tree, a House (see Meshfocus) says what is right, and Check answers with
// every fault it finds. It is driven by its own test only. All functions are
// pure; paths use slashes and start at the module's root.
package floors

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one place that breaks a rule.
type Fault struct {
	Where string // a file with its line, or a package
	What  string // what is wrong and what would be right
}

func (f Fault) String() string { return f.Where + ": " + f.What }

// Floor is how high a package stands. Imports go down.
type Floor uint8

// The floors from the bottom. The cellar holds what belongs to no part of the
// programme: it may be imported by every room and imports none.
const (
	Cellar Floor = iota
	Ground
	Port
	Engine
	Hall
	Roof
)

// Wing is the half of the house a package stands in. The two halves do not
// know each other.
type Wing uint8

// The wings. Hall, roof and cellar belong to neither.
const (
	Neither Wing = iota
	Words        // signalling and what negotiates
	Media        // packets
)

// Room is the place of one package.
type Room struct {
	Path  string // from the module's root
	Floor Floor
	Wing  Wing
	// Beside are the packages of the same floor it may import.
	Beside []string
	// Even: the same calls give the same answers, to the last bit. What is forbidden
	// on the ground is forbidden here too, and so are locks, maps and chance that comes
	// with no seed.
	Even bool
	// Maps are the files of an even room that have maps all the same.
	Maps []string
}

// Fence says who alone may import a library.
type Fence struct {
	Library string   // an import path with all below it
	Inside  []string // packages with all below them; empty means nobody
}

// House is the rules.
type House struct {
	Rooms  []Room
	Fences []Fence
	// Closed are folders whose packages nobody imports.
	Closed []string
}

// Check compares m with the house and returns the faults ordered by place.
func (h House) Check(m *Module) []Fault {
	var faults []Fault
	for _, p := range m.Packages {
		room, known := h.room(p.Path)
		if !known {
			faults = append(faults, Fault{p.Path, "has no room; give it one in the table of internal/floors"})
		}
		faults = append(faults, h.checkImports(m, p, room, known)...)
		faults = append(faults, checkComment(p)...)
		for _, file := range p.Files {
			faults = append(faults, file.initFaults()...)
			if room.Floor == Ground && known || room.Even {
				faults = append(faults, file.groundFaults()...)
			}
			if room.Even {
				faults = append(faults, file.unevenFaults(room.Maps)...)
			}
		}
	}
	slices.SortFunc(faults, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.Where, b.Where), strings.Compare(a.What, b.What))
	})
	return faults
}

func (h House) room(path string) (Room, bool) {
	i := slices.IndexFunc(h.Rooms, func(r Room) bool { return r.Path == path })
	if i < 0 {
		return Room{}, false
	}
	return h.Rooms[i], true
}

func (h House) checkImports(m *Module, p *Package, room Room, known bool) []Fault {
	var faults []Fault
	for _, file := range p.Files {
		for _, imported := range file.Imports {
			own, ours := strings.CutPrefix(imported.Path, m.Path+"/")
			why := ""
			switch {
			case !ours:
				why = h.fenced(p.Path, imported.Path)
			case slices.ContainsFunc(h.Closed, func(c string) bool { return within(own, c) }):
				why = "nobody imports it"
			case known:
				why = h.refuse(room, own)
			}
			if why != "" {
				faults = append(faults, Fault{imported.Where, fmt.Sprintf("%s imports %s: %s", p.Path, imported.Path, why)})
			}
		}
	}
	return faults
}

// fenced says why a package may not import a library, or "".
func (h House) fenced(path, library string) string {
	for _, fence := range h.Fences {
		if !within(library, fence.Library) {
			continue
		}
		if slices.ContainsFunc(fence.Inside, func(room string) bool { return within(path, room) }) {
			return ""
		}
		if len(fence.Inside) == 0 {
			return "nobody may"
		}
		return "only " + strings.Join(fence.Inside, ", ") + " may"
	}
	return ""
}

// refuse says why room may not import the package at path, or "".
func (h House) refuse(room Room, path string) string {
	other, known := h.room(path)
	switch {
	case !known:
		return "" // is a fault of its own, at its own place
	case other.Floor == Cellar && room.Floor != Cellar:
		return ""
	case other.Wing != Neither && room.Wing != Neither && other.Wing != room.Wing:
		return "the wings meet only in the hall"
	case other.Floor > room.Floor:
		return "imports go down, this goes up"
	case other.Floor == room.Floor && !slices.Contains(room.Beside, path):
		return "stands on the same floor and is not named beside it"
	}
	return ""
}

// within reports whether path is folder or below it.
func within(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (rest == "" || rest[0] == '/')
}
