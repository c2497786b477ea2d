package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	faultsBegin = "<!-- faults: UPDATE_DOCS=1 go test ./signalling/inspect -run Faults -->\n"
	faultsEnd   = "<!-- end of faults -->\n"
)

// page is docs/doctor.md.
var doctorPage = filepath.Join("..", "..", "docs", "doctor.md")

// compareTable writes the table of faults into the page with UPDATE_DOCS=1,
// and wants it to be there without.
func compareTable(t *testing.T, table []fault, said []Finding) {
	t.Helper()
	text, err := os.ReadFile(doctorPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), faultsBegin)
	have, after, ended := strings.Cut(rest, faultsEnd)
	if !begun || !ended {
		t.Fatal("docs/doctor.md has no place for the table of faults")
	}
	want := faultTable(table, said)
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(doctorPage, []byte(before+faultsBegin+want+faultsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Error("docs/doctor.md does not have the table of faults as it is; run UPDATE_DOCS=1 go test ./signalling/inspect -run Faults")
	}
}

func faultTable(table []fault, said []Finding) string {
	var b strings.Builder
	b.WriteString("| fault | first to complain | likely cause, as doctor puts it |\n|---|---|---|\n")
	for n, fault := range table {
		fmt.Fprintf(&b, "| %s | `%s`, %s | %s |\n", fault.name, fault.check, fault.level, strings.ReplaceAll(said[n].Cause, "|", `\|`))
	}
	return b.String()
}

func TestDocs_NameEveryCheck(t *testing.T) {
	text, err := os.ReadFile(doctorPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Checks() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/doctor.md does not name %s", name)
		}
	}
}

func TestFaults_ReachEveryCheckThatCanFail(t *testing.T) {
	reached := map[string]bool{"scratch": true, "room.devices": true} // a note at most, with this homeserver
	for _, fault := range faults() {
		reached[fault.check] = true
	}
	for _, name := range Checks() {
		if !reached[name] {
			t.Errorf("no fault makes %s the first to complain", name)
		}
	}
}
