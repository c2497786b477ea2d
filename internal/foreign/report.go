package foreign

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Text draws the grid for people: one table a homeserver, with a dot for what
// a peer is not tried with, and below them the reasons of the failures.
func (g Grid) Text() string {
	var b strings.Builder
	for _, home := range g.homes() {
		g.table(&b, home)
	}
	for _, r := range g.Failures() {
		fmt.Fprintf(&b, "%s\n", r)
	}
	failed := len(g.Failures())
	fmt.Fprintf(&b, "%d of %d passed in %s\n", len(g.Results)-failed, len(g.Results), g.Took.Round(time.Second))
	return b.String()
}

func (g Grid) table(b *strings.Builder, home string) {
	left := utf8.RuneCountInString(home)
	for _, row := range g.Rows {
		left = max(left, utf8.RuneCountInString(row.Name))
	}
	pad := func(text string, width int) { fmt.Fprintf(b, "%-*s", width+2, text) }
	pad(home, left)
	for _, peer := range g.peers() {
		pad(string(peer), columnWidth)
	}
	b.WriteString("what it is\n")
	for _, row := range g.Rows {
		pad(row.Name, left)
		for _, peer := range g.peers() {
			pad(g.cell(home, peer, row.Name), columnWidth)
		}
		fmt.Fprintf(b, "%s\n", row.About)
	}
	b.WriteString("\n")
}

// columnWidth fits "FAIL 25.0 s" and the names of the kinds.
const columnWidth = 11

func (g Grid) cell(home string, peer Kind, situation string) string {
	r, tried := g.at(home, peer, situation)
	switch {
	case !tried:
		return "·"
	case r.Passed():
		return fmt.Sprintf("pass %.1f s", r.Took.Seconds())
	}
	return fmt.Sprintf("FAIL %.1f s", r.Took.Seconds())
}

// gridJSON is a Grid on the wire: times in RFC 3339 and seconds.
type gridJSON struct {
	Began   time.Time    `json:"began"`
	Seconds float64      `json:"seconds"`
	Passed  int          `json:"passed"`
	Failed  int          `json:"failed"`
	Results []resultJSON `json:"results"`
}

type resultJSON struct {
	Home      string  `json:"homeserver"`
	Peer      Kind    `json:"peer"`
	Situation string  `json:"situation"`
	About     string  `json:"about"`
	Passed    bool    `json:"passed"`
	Reason    string  `json:"reason,omitempty"`
	Seconds   float64 `json:"seconds"`
}

// JSON writes the grid for programs.
func (g Grid) JSON() ([]byte, error) {
	failed := len(g.Failures())
	document := gridJSON{
		Began: g.Began.UTC(), Seconds: g.Took.Round(time.Millisecond).Seconds(),
		Passed: len(g.Results) - failed, Failed: failed, Results: []resultJSON{},
	}
	about := map[string]string{}
	for _, row := range g.Rows {
		about[row.Name] = row.About
	}
	for _, r := range g.Results {
		document.Results = append(document.Results, resultJSON{
			Home: r.Home, Peer: r.Peer, Situation: r.Situation, About: about[r.Situation],
			Passed: r.Passed(), Reason: r.Reason, Seconds: r.Took.Round(time.Millisecond).Seconds(),
		})
	}
	text, err := json.MarshalIndent(document, "", "  ")
	return append(text, '\n'), err
}

// The elements of JUnit's XML, as far as readers of it agree on them.
type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []suite  `xml:"testsuite"`
}

type suite struct {
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Seconds  string     `xml:"time,attr"`
	Began    string     `xml:"timestamp,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Seconds string   `xml:"time,attr"`
	Failure *failure `xml:"failure,omitempty"`
}

type failure struct {
	Message string `xml:"message,attr"`
}

// JUnit writes the grid for whoever shows test results: a suite a homeserver,
// a class a kind of peer.
func (g Grid) JUnit() ([]byte, error) {
	var document suites
	for _, home := range g.homes() {
		document.Suites = append(document.Suites, g.suite(home))
	}
	text, err := xml.MarshalIndent(document, "", "  ")
	return append([]byte(xml.Header), append(text, '\n')...), err
}

func (g Grid) suite(home string) suite {
	s := suite{Name: "foreign peers on " + home, Began: g.Began.UTC().Format("2006-01-02T15:04:05")}
	var took time.Duration
	for _, r := range g.Results {
		if r.Home != home {
			continue
		}
		took += r.Took
		one := testCase{Class: string(r.Peer), Name: r.Situation, Seconds: seconds(r.Took)}
		if !r.Passed() {
			one.Failure = &failure{Message: r.Reason}
			s.Failures++
		}
		s.Cases = append(s.Cases, one)
	}
	s.Tests, s.Seconds = len(s.Cases), seconds(took)
	return s
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
