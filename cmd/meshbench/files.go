package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2/maybe"
	"github.com/spf13/pflag"

	"meshfocus/bench/report"
	"meshfocus/bench/report/page"
)

// files are the forms in which a report is wanted beside the terminal; "" is none,
// "-" standard output.
type files struct{ html, csv, junit string }

// flags makes them flags of a verb.
func (f *files) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.html, "html", "", "file for the report with curves, to look at in a browser; it needs no network")
	flags.StringVar(&f.csv, "csv", "", "file for all figures, a line for each of each round")
	flags.StringVar(&f.junit, "junit", "", "file for the targets as test cases, which CI shows")
}

// check says what could not be written, before a run that takes its time.
func (f *files) check() error {
	for _, name := range []string{f.html, f.csv, f.junit} {
		if name == "" || special(name) {
			continue
		}
		probe, err := os.CreateTemp(filepath.Dir(name), ".meshbench-*")
		if err != nil {
			return fmt.Errorf("%s could not be written: %w", name, err)
		}
		_ = errors.Join(probe.Close(), os.Remove(probe.Name())) // it was empty
	}
	return nil
}

// write makes those that are wanted, and says where they are.
func (f *files) write(w io.Writer, s report.Sheet) error {
	for _, each := range []struct {
		name, what string
		write      func(io.Writer) error
	}{
		{f.html, "the report with curves", func(w io.Writer) error { return page.Write(w, s) }},
		{f.csv, "all figures", s.CSV},
		{f.junit, "targets for CI", s.JUnit},
	} {
		if each.name == "" {
			continue
		}
		if each.name == "-" {
			if err := each.write(w); err != nil {
				return err
			}
			continue
		}
		if err := replace(each.name, each.write); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %s\n", each.what, each.name)
	}
	return nil
}

// replace writes a file all of it or not at all: what is there stays until all is
// written.
func replace(name string, write func(io.Writer) error) error {
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	if special(name) {
		file, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = file.Write(text.Bytes())
		return errors.Join(err, file.Close())
	}
	return maybe.WriteFile(name, text.Bytes(), 0o666)
}

// special tells standard output, devices and pipes, which cannot be replaced.
func special(name string) bool {
	info, err := os.Stat(name)
	return name == "-" || err == nil && !info.Mode().IsRegular() && !info.IsDir()
}
