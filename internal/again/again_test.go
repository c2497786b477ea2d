package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// heard is a record of a package "p" from lines "test action" and "test: words".
func heard(lines ...string) *record {
	r := newRecord()
	for _, text := range lines {
		if test, words, said := strings.Cut(text, ": "); said {
			r.add(event{Action: "output", Package: "p", Test: test, Output: words + "\n"})
			continue
		}
		test, action, _ := strings.Cut(text, " ")
		r.add(event{Action: action, Package: "p", Test: test})
	}
	return r
}

func TestRecord_SaysWhatMayBeTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		lines      []string
		units, why string // the units' patterns, and part of the reason
	}{
		"all is well":        {[]string{"TestA pass", " pass"}, "", ""},
		"one fails":          {[]string{"TestA fail", "TestB pass", " fail"}, "^TestA$", ""},
		"a subtest fails":    {[]string{"TestA/x fail", "TestA/y pass", "TestA fail", " fail"}, "^TestA$", ""},
		"cells fail":         {[]string{"TestGrid/at/h/k/a+b fail", "TestGrid/at/h/k/c fail", "TestGrid/at/h fail", "TestGrid/at fail", "TestGrid fail", " fail"}, "^TestGrid$/^at$/^h$/^k$/^a\\+b$ ^TestGrid$/^at$/^h$/^k$/^c$", ""},
		"the grid fails":     {[]string{"TestGrid/at/h pass", "TestGrid fail", " fail"}, "^TestGrid$", ""},
		"too many fail":      {[]string{"TestA fail", "TestB fail", "TestC fail", "TestD fail", "TestE fail", " fail"}, "^TestA$ ^TestB$ ^TestC$ ^TestD$ ^TestE$", "5 tests failed"},
		"a data race":        {[]string{"TestA: WARNING: DATA RACE", "TestA fail", " fail"}, "^TestA$", "DATA RACE"},
		"a race elsewhere":   {[]string{"TestB: WARNING: DATA RACE", "TestA fail", " fail"}, "^TestA$", "DATA RACE"},
		"a panic":            {[]string{"TestA: panic: x [recovered]", "TestA fail", " fail"}, "^TestA$", "panic"},
		"a crash":            {[]string{": fatal error: all goroutines are asleep", "TestA fail", " fail"}, "^TestA$", "fatal error"},
		"a leak after tests": {[]string{"TestA pass", ": goleak: Errors on successful test run: found unexpected goroutines:", " fail"}, "", "outside of its tests"},
		"a leak in a test":   {[]string{"TestA: found unexpected goroutines:", "TestA fail", " fail"}, "^TestA$", "unexpected goroutines"},
	} {
		t.Run(name, func(t *testing.T) {
			r := heard(c.lines...)
			units := r.failed()
			var patterns []string
			for _, u := range units {
				patterns = append(patterns, u.pattern())
			}
			if got := strings.Join(patterns, " "); got != c.units {
				t.Errorf("units are %q, want %q", got, c.units)
			}
			if why := r.final(units); !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
				t.Errorf("why not is %q, want %q", why, c.why)
			}
		})
	}
}

func TestRecord_WhatCannotBeBuiltIsFinal(t *testing.T) {
	r := heard("TestA fail", " fail")
	r.add(event{Action: "build-output", ImportPath: "q", Output: "q.go:1: no"})
	r.add(event{Action: "build-fail", ImportPath: "q"})
	if why := r.final(r.failed()); !strings.Contains(why, "built") {
		t.Errorf("why not is %q", why)
	}
}

// The tests of a module of its own: one is unsteady, one always fails, one has a
// race; the first of them alone is forgiven.
func TestTests_ForgiveWhatPassesByItself(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GOFLAGS", "")
	for name, text := range map[string]string{
		"go.mod":           "module m\n",
		"good/a_test.go":   "package a\nimport \"testing\"\nfunc TestGood(t *testing.T) { t.Log(\"fine words\") }\n",
		"luck/a_test.go":   "package a\nimport (\"os\"; \"testing\")\nfunc TestLuck(t *testing.T) {\n\tif os.Getenv(\"TESTS_AGAIN\") == \"\" {\n\t\tt.Run(\"a (b)\", func(t *testing.T) { t.Error(\"bad luck\") })\n\t}\n}\n",
		"always/a_test.go": "package a\nimport \"testing\"\nfunc TestAlways(t *testing.T) { t.Error(\"no luck\") }\n",
		"race/a_test.go":   "package a\nimport (\"fmt\"; \"os\"; \"testing\")\nfunc TestRace(t *testing.T) {\n\tif os.Getenv(\"TESTS_AGAIN\") == \"\" {\n\t\tfmt.Println(\"WARNING: DATA RACE\")\n\t\tt.Fail()\n\t}\n}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		packages, want string
		ok             bool
	}{
		{"./good", "", true},
		{"./good ./luck", "UNSTEADY TestLuck in m/luck: failed beside the others and passed by itself.", true},
		{"./luck ./always", "FAILED TestAlways in m/always, by itself too.", false},
		{"./luck ./race", "NOT TRIED AGAIN: m/race said \"WARNING: DATA RACE\"", false},
		{"./nothing", "NOT TRIED AGAIN", false},
	} {
		var out strings.Builder
		ok, text := tests(&out, []string{"-count", "1"}, strings.Fields(c.packages))
		if ok != c.ok || !strings.Contains(text, c.want) || (text == "") != (c.want == "") {
			t.Errorf("%s: ok is %v, want %v, and words with %q; are\n%s", c.packages, ok, c.ok, c.want, text)
		}
		if strings.Contains(c.packages, "luck") && !strings.Contains(text, "bad luck") {
			t.Errorf("%s: the first failure is not told:\n%s", c.packages, text)
		}
		if said := out.String(); strings.Contains(said, "fine words") || strings.Contains(said, "=== ") || strings.Contains(said, "\nPASS\n") || strings.Contains(c.packages, "good") && !strings.Contains(said, "ok  \tm/good") {
			t.Errorf("%s: the output is\n%s", c.packages, said)
		}
	}
}
