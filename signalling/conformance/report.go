package conformance

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Outcome is how a line ended.
type Outcome uint8

// The outcomes.
const (
	Passed Outcome = iota + 1
	Failed
	NotApplicable
)

// String names the outcome.
func (o Outcome) String() string { return [...]string{"", "pass", "fail", "not applicable"}[o] }

// MarshalText is for JSON.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Rule is what a line rests on: a page, a section of it, and what it asks for.
type Rule struct {
	Document string `json:"document"`
	Section  string `json:"section"`
	Text     string `json:"text"`
}

// String gives "document section: text".
func (r Rule) String() string { return r.Document + " " + r.Section + ": " + r.Text }

// Result is one line of a report.
type Result struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Rule    Rule    `json:"rule"`
	Outcome Outcome `json:"outcome"`
	// Detail says what was seen instead, or why the line does not apply.
	Detail string        `json:"detail,omitempty"`
	Took   time.Duration `json:"took_ns"`
}

// Report is all lines of a run, in the order of their list.
type Report struct {
	Suite   string   `json:"suite"`   // "peer" or "vectors"
	Subject string   `json:"subject"` // who was tried
	Results []Result `json:"results"`
}

// Count gives how many lines ended so.
func (r Report) Count(outcome Outcome) (count int) {
	for _, result := range r.Results {
		if result.Outcome == outcome {
			count++
		}
	}
	return count
}

// WriteText prints a line for each result, and the rule behind what failed.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Suite, r.Subject)
	for _, result := range r.Results {
		result.write(&b)
	}
	fmt.Fprintf(&b, "%d pass, %d fail, %d do not apply\n", r.Count(Passed), r.Count(Failed), r.Count(NotApplicable))
	_, err := io.WriteString(w, b.String())
	return err
}

// String is the line of one result.
func (r Result) String() string {
	var b strings.Builder
	r.write(&b)
	return b.String()
}

func (r Result) write(b *strings.Builder) {
	mark := [...]string{"", "pass", "FAIL", "n/a "}[r.Outcome]
	fmt.Fprintf(b, "%s  %-22s %s\n", mark, r.ID, r.Title)
	if r.Detail != "" {
		fmt.Fprintf(b, "      %s\n", r.Detail)
	}
	if r.Outcome == Failed {
		fmt.Fprintf(b, "      rule: %s\n", r.Rule)
	}
}

// junitSuite and junitCase are the part of the JUnit format that CI servers
// read.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Seconds float64       `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit prints the report as a JUnit test suite.
func (r Report) WriteJUnit(w io.Writer) error {
	suite := junitSuite{
		Name: "conformance of " + r.Subject, Tests: len(r.Results), Failures: r.Count(Failed), Skipped: r.Count(NotApplicable),
	}
	for _, result := range r.Results {
		test := junitCase{Class: "conformance." + r.Suite, Name: result.ID + " " + result.Title, Seconds: result.Took.Seconds()}
		switch result.Outcome {
		case Failed:
			test.Failure = &junitMessage{result.Detail, result.Rule.String()}
		case NotApplicable:
			test.Skipped = &junitMessage{Message: result.Detail}
		}
		suite.Cases = append(suite.Cases, test)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
