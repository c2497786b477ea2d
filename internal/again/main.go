// Command again runs go test and gives a test that failed beside all the others a
// second chance by itself, and says so:
//
//	again REPORT FLAGS… -- PACKAGES…
//
// What is tried again, and what never is, and why, is in
// docs/decisions/0017-a-second-chance.md. REPORT gets, in addition to what is there,
// each test that failed with all that it said; it is printed too. Without failures
// the output is that of go test with the same flags.
//
// The exit code is 0 if every test passed, at the first or the second time.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	at := slices.Index(os.Args, "--")
	if at < 2 || at == len(os.Args)-1 {
		fmt.Fprintln(os.Stderr, "usage: again REPORT FLAGS… -- PACKAGES…")
		os.Exit(2)
	}
	report, flags, packages := os.Args[1], os.Args[2:at], os.Args[at+1:]
	ok, text := tests(os.Stdout, flags, packages)
	if text != "" {
		fmt.Print("\n", text)
		if err := keep(report, text); err != nil {
			fmt.Fprintln(os.Stderr, "again:", err)
			ok = false
		}
	}
	if !ok {
		os.Exit(1)
	}
}

// secondTime is in the environment of a test that has its second chance, so that it
// need not overwrite reports about all.
const secondTime = "TESTS_AGAIN"

// tests runs them all, and those that failed once more. It says whether all is well
// and what to remember.
func tests(out io.Writer, flags, packages []string) (ok bool, text string) {
	first, err := run(out, flags, packages)
	units := first.failed()
	if err == nil && len(units) == 0 {
		return true, ""
	}
	why := first.final(units)
	if why == "" && len(units) == 0 {
		why = fmt.Sprint("go test: ", err)
	}
	if why != "" {
		text = "NOT TRIED AGAIN: " + why + "\n"
		for _, u := range units {
			text += fmt.Sprintf("FAILED %s\n%s", u, cut(first.said(u)))
		}
		return false, text + cut(first.built)
	}
	ok = true
	for _, u := range units {
		fmt.Fprintf(out, "again, by itself: %s\n", u)
		second, err := run(out, append(slices.Clone(flags), "-run", u.pattern(), "-count", "1"), []string{u.in}, secondTime+"=1")
		if err == nil && second.passed(u) {
			text += fmt.Sprintf("UNSTEADY %s: failed beside the others and passed by itself. At first it said:\n%s", u, cut(first.said(u)))
			continue
		}
		ok = false
		text += fmt.Sprintf("FAILED %s, by itself too. At first it said:\n%sand then:\n%s", u, cut(first.said(u)), cut(append(second.said(u), second.built...)))
	}
	return ok, text
}

// run runs go test and shows what it says as go test does, with -v or without.
func run(out io.Writer, flags, packages []string, environment ...string) (*record, error) {
	r := newRecord()
	command := exec.Command("go", slices.Concat([]string{"test", "-json"}, flags, packages)...)
	command.Stderr = os.Stderr
	command.Env = append(os.Environ(), environment...)
	pipe, err := command.StdoutPipe()
	if err != nil {
		return r, err
	}
	if err := command.Start(); err != nil {
		return r, err
	}
	verbose := slices.Contains(flags, "-v")
	lines := bufio.NewReader(pipe)
	for {
		text, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(text) > 0 && json.Unmarshal(text, &e) == nil:
			r.add(e)
			show(out, r, e, verbose)
		case len(text) > 0:
			_, _ = out.Write(text) // not from a test
		}
		if err != nil {
			break
		}
	}
	return r, command.Wait()
}

// show prints an event, if it is worth it.
func show(out io.Writer, r *record, e event, verbose bool) {
	switch {
	case verbose && (e.Action == "output" || e.Action == "build-output"),
		e.Action == "build-output",
		e.Action == "output" && e.Test == "" && !announces(e.Output):
		_, _ = io.WriteString(out, e.Output)
	case !verbose && e.Action == "fail" && e.Test != "" && !strings.Contains(e.Test, "/"):
		_, _ = io.WriteString(out, strings.Join(r.said(unit{e.Package, e.Test}), ""))
	}
}

// mostLines is how much of one test's output is repeated: its beginning and its end.
const mostLines = 60

// cut joins lines, without the middle of many.
func cut(lines []string) string {
	if len(lines) > mostLines {
		left := fmt.Sprintf("… %d lines …\n", len(lines)-mostLines)
		lines = slices.Concat(lines[:mostLines/2], []string{left}, lines[len(lines)-mostLines/2:])
	}
	text := strings.Join(lines, "")
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// keep adds to the report.
func keep(report, text string) error {
	file, err := os.OpenFile(report, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if again := file.Close(); err == nil {
		err = again
	}
	return err
}
