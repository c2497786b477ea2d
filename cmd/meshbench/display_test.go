package main

import (
	"strings"
	"testing"
	"time"

	"meshfocus/bench/report"
)

func TestDisplay_RewritesOneLineOnATerminal(t *testing.T) {
	var out strings.Builder
	p := &display{w: &out, terminal: true, width: 40, stop: make(chan struct{}), ended: make(chan struct{})}
	go p.clock()
	p.now(0, 4, "even, ours")
	p.took(report.Round{Scenario: "even", Rival: "ours", Figures: report.Figures{report.P99Micros: 1000}})
	p.now(1, 4, "even, a target whose name is too long for the line")
	p.end()
	text := out.String()
	for _, want := range []string{"\r\x1b[K░░░░░░░░░░ 0 of 4 · even, ours · 0s", "1 of 4: even, ours: p99 ms 1.00\n", "██░░░░░░░░ 1 of 4, about 0s left"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%q", want, text)
		}
	}
	if !strings.HasSuffix(text, "…\r\x1b[K") {
		t.Errorf("it does not fit, or does not go away: %q", text)
	}
}

func TestDisplay_IsLinesElsewhere(t *testing.T) {
	var out strings.Builder
	p := newDisplay(&out)
	p.now(0, 2, "even, ours")
	p.took(report.Round{Scenario: "even", Rival: "ours", Invalid: "late"})
	p.say("%d more", 1)
	p.end()
	text := out.String()
	if strings.Contains(text, "\x1b") || strings.Count(text, "\n") != 2 || !strings.Contains(text, "1 of 2, about 0s left: even, ours: does not count: late\n") {
		t.Errorf("%q", text)
	}
}

func TestLeft_Guesses(t *testing.T) {
	if got := left(time.Minute, 2, 5); got != ", about 1m30s left" {
		t.Errorf("%q", got)
	}
	if got := left(time.Minute, 5, 5); got != "" {
		t.Errorf("in the end %q", got)
	}
}

func TestCommandLine_IsTakenByAShell(t *testing.T) {
	if got, want := commandLine([]string{"/tmp/x/meshbench", "run", "even", "--machine", "it's $1 big", ""}), `meshbench run even --machine 'it'\''s $1 big' ''`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
