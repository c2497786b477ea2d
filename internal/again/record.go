package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// event is a line of `go test -json` (go doc test2json; go help buildjson).
type event struct {
	Action, Package, Test, Output string
	ImportPath, FailedBuild       string
}

// record is what one run of go test said.
type record struct {
	packages map[string]*pack
	built    []string // what the compiler said
	broken   bool     // something could not be built
}

// pack is one package of it.
type pack struct {
	failed bool
	lines  []line
	ended  map[string]string // a test's whole name → pass, fail or skip
}

// line is a line of output and the test that it is of, "" for none.
type line struct{ test, text string }

// unit is what is tried again: a test, or a cell of a grid.
type unit struct{ in, test string }

func (u unit) String() string { return u.test + " in " + u.in }

// grids are the tests whose subtests stand for themselves: of several failed cells
// each is tried again, not the whole grid, which takes many minutes.
var grids = []string{"TestGrid"}

// marks are in the output of what is no matter of luck: it happened, however
// seldom it does.
var marks = []string{"WARNING: DATA RACE", "panic: ", "fatal error: ", "found unexpected goroutines"}

// mostAgain is how many tests may fail and get a second chance. If more do it is
// not bad luck.
const mostAgain = 4

func newRecord() *record { return &record{packages: map[string]*pack{}} }

// add takes the next event.
func (r *record) add(e event) {
	switch e.Action {
	case "build-output":
		r.built = append(r.built, e.Output)
	case "build-fail":
		r.broken = true
	}
	if e.Package == "" {
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &pack{ended: map[string]string{}}
		r.packages[e.Package] = p
	}
	switch e.Action {
	case "output":
		p.lines = append(p.lines, line{e.Test, e.Output})
	case "pass", "fail", "skip":
		if e.Test != "" {
			p.ended[e.Test] = e.Action
		} else {
			p.failed = e.Action == "fail"
		}
		r.broken = r.broken || e.FailedBuild != ""
	}
}

// failed are the units that failed, in order of their names.
func (r *record) failed() []unit {
	var units []unit
	for name, p := range r.packages {
		for test, how := range p.ended {
			if how == "fail" && p.stands(test) {
				units = append(units, unit{name, test})
			}
		}
	}
	slices.SortFunc(units, func(a, b unit) int { return strings.Compare(a.String(), b.String()) })
	return units
}

// stands says whether a failed test is a unit: one that is no subtest, or in a grid
// one without failed subtests.
func (p *pack) stands(test string) bool {
	parent, _, nested := strings.Cut(test, "/")
	if !slices.Contains(grids, parent) {
		return !nested
	}
	for other, how := range p.ended {
		if how == "fail" && strings.HasPrefix(other, test+"/") {
			return false
		}
	}
	return true
}

// final says why nothing may be tried again, "" if it may.
func (r *record) final(units []unit) string {
	if r.broken {
		return "something could not be built"
	}
	for name, p := range r.packages {
		if !p.failed {
			continue
		}
		if !slices.ContainsFunc(units, func(u unit) bool { return u.in == name }) {
			return name + " failed outside of its tests"
		}
		for _, l := range p.lines {
			for _, mark := range marks {
				if strings.Contains(l.text, mark) {
					return fmt.Sprintf("%s said %q", name, mark)
				}
			}
		}
	}
	if len(units) > mostAgain {
		return fmt.Sprintf("%d tests failed, which is no bad luck any more", len(units))
	}
	return ""
}

// passed says whether a unit was run and passed: a name that matches nothing is no
// success.
func (r *record) passed(u unit) bool {
	p := r.packages[u.in]
	return p != nil && !p.failed && p.ended[u.test] == "pass"
}

// said is the output of a unit with its subtests that failed, and of the package
// around it.
func (r *record) said(u unit) []string {
	p := r.packages[u.in]
	if p == nil {
		return r.built
	}
	var said []string
	for _, l := range p.lines {
		of := l.test == u.test || strings.HasPrefix(l.test, u.test+"/") && p.ended[l.test] != "pass"
		if of && !announces(l.text) {
			said = append(said, l.text)
		}
	}
	return said
}

// announces says whether a line is one of those that tests without -v do not say.
func announces(text string) bool {
	return strings.HasPrefix(text, "=== ") || strings.HasPrefix(strings.TrimLeft(text, " "), "--- PASS") || text == "PASS\n"
}

// pattern matches one unit alone, for -run.
func (u unit) pattern() string {
	parts := strings.Split(u.test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}
