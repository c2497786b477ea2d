package report

import (
	"encoding/xml"
	"fmt"
	"io"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string    `xml:"classname,attr"`
	Name    string    `xml:"name,attr"`
	Failure *junitSay `xml:"failure"`
	Error   *junitSay `xml:"error"`
	Skipped *junitSay `xml:"skipped"`
	Out     string    `xml:"system-out,omitempty"`
}

type junitSay struct {
	Message string `xml:"message,attr"`
}

// JUnit writes targets and rounds as test cases, which is what CI systems show: a
// target that is missed for sure is a failure, one that was not measured, or of which the
// rounds do not tell, is skipped, a round that does not count is an error.
func (s Sheet) JUnit(w io.Writer) error {
	targets, rounds := junitSuite{Name: "targets"}, junitSuite{Name: "rounds that do not count"}
	for _, t := range s.Targets {
		e, verdict := t.Judge(s.Rounds)
		c := junitCase{Class: "meshbench.targets." + t.Scenario, Name: t.Says, Out: t.tell(e, verdict)}
		switch {
		case verdict == Missed && t.Sure(e):
			c.Failure = &junitSay{c.Out}
		case verdict == Missed, verdict == Unmeasured:
			c.Skipped = &junitSay{c.Out}
		}
		targets.add(c)
	}
	for _, r := range s.Rounds {
		if r.Invalid != "" {
			rounds.add(junitCase{
				Class: "meshbench." + r.Scenario + "." + r.Rival, Name: fmt.Sprintf("round %d", r.Number), Error: &junitSay{r.Invalid},
			})
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	out := xml.NewEncoder(w)
	out.Indent("", " ")
	if err := out.Encode(junitSuites{Suites: []junitSuite{targets, rounds}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

// tell says in a sentence what came of a target.
func (t Target) tell(e Estimate, verdict Verdict) string {
	text := fmt.Sprintf("%s: goal %s", t.Word(e, verdict), t.Wanted())
	if e.Rounds > 0 {
		text += fmt.Sprintf("; measured %s (%s) in %d rounds", t.Show(e.Median), t.Range(e), e.Rounds)
	}
	return text
}
