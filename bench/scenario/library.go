package scenario

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed library/*.yaml
var shelf embed.FS

// Book is a scenario of the library with its text.
type Book struct {
	Scenario
	Text string
}

// Library gives the scenarios that come with the program, in the order of their
// files' names.
func Library() []Book {
	entries, err := shelf.ReadDir("library")
	if err != nil {
		panic(err) // it is compiled in
	}
	var books []Book
	for _, entry := range entries {
		text, err := shelf.ReadFile("library/" + entry.Name())
		if err != nil {
			panic(err) // likewise
		}
		s, err := Parse(entry.Name(), text)
		if err != nil {
			panic(err) // a test reads all of them
		}
		books = append(books, Book{s, string(text)})
	}
	return books
}

// Names gives those of the library.
func Names() (names []string) {
	for _, b := range Library() {
		names = append(names, b.Name)
	}
	return names
}

// Find gives a scenario by its name in the library, or by the path of a file,
// which has a slash or ends with .yaml; files that it names are where it is.
func Find(name string) (Book, error) {
	if strings.Contains(name, "/") || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		text, err := os.ReadFile(name)
		if err != nil {
			return Book{}, err
		}
		s, err := Parse(name, text)
		s.Source, s.Sound = beside(name, s.Source), beside(name, s.Sound)
		return Book{s, string(text)}, err
	}
	books := Library()
	at := slices.IndexFunc(books, func(b Book) bool { return b.Name == name })
	if at < 0 {
		return Book{}, fmt.Errorf("there is no scenario %q; there are %s, and files (./mine.yaml)", name, strings.Join(Names(), ", "))
	}
	return books[at], nil
}

// beside gives the path of a file that another names; "" of none.
func beside(name, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(name), file)
}

// Comparison gives the scenarios by which servers that forward are compared: without
// crowds, which want a machine for themselves.
func Comparison() (all []Scenario) {
	for _, b := range Library() {
		switch {
		case b.Name == Smoke, b.Name == Check, b.Subscribers >= crowd:
		case b.Kind == Cost, b.Kind == Capacity, b.Kind == Memory:
			all = append(all, b.Scenario)
		}
	}
	return all
}

const (
	// Smoke is the name of a scenario that measures nothing: whether everything can be started.
	Smoke = "smoke"
	// Check is the name of one whose targets are worse by a known amount.
	Check = "check"
	// CheckClock is the name of one whose clocks are wrong by a known amount.
	CheckClock = "check-clock"
	crowd      = 1000
)

// Select gives the scenarios of a list of names with commas; Comparison if it is empty.
func Select(names string) (chosen []Scenario, err error) {
	if names == "" {
		return Comparison(), nil
	}
	for name := range strings.SplitSeq(names, ",") {
		book, err := Find(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, book.Scenario)
	}
	return chosen, nil
}
