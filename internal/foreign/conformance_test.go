package foreign

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"meshfocus/signalling/conformance"
)

// What `meshfocus conformance` says of each client is data: testdata/conformance.json
// has a row for each line of its list, with a verdict for each client: "pass",
// "fail: …" with what it does instead, "varies: …" from run to run, or "n/a: …".
// The interop test holds the clients to it, and docs/conformance.md is made of
// it; UPDATE_DOCS=1 writes both.

const (
	verdictsFile = "testdata/conformance.json"
	verdictsPage = "../../docs/conformance.md"
)

// verdicts is the file.
type verdicts struct {
	Date string              `json:"date"` // when the clients were last tried
	Rows []map[string]string `json:"rows"` // "line", and a verdict for each subject
}

// subjects are the clients that are tried, in the order of the page.
var subjects = []struct {
	name  string // in the file
	title string // on the page
	kind  Kind   // "" for our headless party
	// clear: it signals in the clear, so that the room is not encrypted.
	clear bool
}{
	{"meshfocus", "meshfocus", "", false},
	{"page", "meshfocus in a browser", Page, false},
	{"jssdk36", "matrix-js-sdk 36.2.0", JSSDK36, false},
	{"jssdk43", "matrix-js-sdk 43.0.0", JSSDK43, true},
	{"hydrogen", "hydrogen-view-sdk 0.3.1", Hydrogen, false},
}

func readVerdicts(t *testing.T) (v verdicts) {
	t.Helper()
	text, err := os.ReadFile(verdictsFile)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// of gives a verdict of the file, "" if there is none.
func (v verdicts) of(line, subject string) string {
	for _, row := range v.Rows {
		if row["line"] == line {
			return row[subject]
		}
	}
	return ""
}

// write gives the file, a row to a line.
func (v verdicts) write() string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\"date\": %q, \"rows\": [\n", v.Date)
	for i, row := range v.Rows {
		fmt.Fprintf(&b, "  {\"line\": %q", row["line"])
		for _, s := range subjects {
			fmt.Fprintf(&b, ", %q: %q", s.name, row[s.name])
		}
		b.WriteString("}" + map[bool]string{true: ",\n", false: "\n"}[i < len(v.Rows)-1])
	}
	return b.String() + "]}\n"
}

// page gives docs/conformance.md.
func (v verdicts) page() string {
	var b strings.Builder
	b.WriteString("# Which client keeps which rule\n\n")
	fmt.Fprintf(&b, "What `meshfocus conformance` said on %s of clients as they are published, in calls on the embedded homeserver; `make interop`\n"+
		"tries them again and fails when one of them says something else. The rules are those of [msc-full-mesh.md](msc-full-mesh.md), where each\n"+
		"name stands behind its rule. matrix-js-sdk is tried as `GroupCall`; 43 signals in the clear, so that it is tried in a room without\n"+
		"encryption. – is what does not apply; `order.prefix` needs two homeservers.\n\n", v.Date)
	b.WriteString("| rule | it says that |")
	for _, s := range subjects {
		b.WriteString(" " + s.title + " |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(subjects)) + "\n")
	for _, check := range conformance.Checks() {
		fmt.Fprintf(&b, "| `%s` | %s |", check.ID, check.Rule.Text)
		for _, s := range subjects {
			outcome, _, _ := strings.Cut(v.of(check.ID, s.name), ": ")
			fmt.Fprintf(&b, " %s |", map[string]string{"pass": "pass", "fail": "**fail**", "varies": "varies", "n/a": "–"}[outcome])
		}
		b.WriteString("\n")
	}
	for _, s := range subjects {
		v.writeFailures(&b, s.name, s.title)
	}
	return b.String()
}

func (v verdicts) writeFailures(b *strings.Builder, subject, title string) {
	begun := false
	for _, row := range v.Rows {
		outcome, reason, _ := strings.Cut(row[subject], ": ")
		if outcome != "fail" && outcome != "varies" {
			continue
		}
		if !begun {
			fmt.Fprintf(b, "\n## What %s does instead\n\n", title)
			begun = true
		}
		fmt.Fprintf(b, "- `%s`: %s.\n", row["line"], reason)
	}
}

func TestConformancePage_IsMadeOfTheData(t *testing.T) {
	v := readVerdicts(t)
	want := v.page()
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(verdictsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(verdictsPage); err != nil || string(got) != want {
		t.Errorf("docs/conformance.md is out of date (%v): UPDATE_DOCS=1 go test ./internal/foreign -run ConformancePage", err)
	}
	for i, id := range conformance.Lines() {
		if i >= len(v.Rows) || v.Rows[i]["line"] != id {
			t.Fatalf("%s has no row in its place in %s", id, verdictsFile)
		}
		for _, s := range subjects {
			outcome, reason, _ := strings.Cut(v.Rows[i][s.name], ": ")
			if !slices.Contains([]string{"pass", "fail", "varies", "n/a"}, outcome) || (outcome == "pass") != (reason == "") {
				t.Errorf("%s of %s is %q, want pass, or fail, varies or n/a with a reason", id, s.name, v.Rows[i][s.name])
			}
		}
	}
	if text, err := os.ReadFile(verdictsFile); err != nil || string(text) != v.write() {
		t.Errorf("%s is not as UPDATE_DOCS=1 would write it: %v", verdictsFile, err)
	}
}
