package report

import (
	"fmt"
	"slices"
	"strings"
)

// Machine is what rounds were measured on, by what and how; it is the first line of
// a run. What is not known is empty.
type Machine struct {
	Machine string `json:"machine"`
	Place   string `json:"place"` // how servers and parties were joined
	// Began is when, in RFC 3339; Command the whole line.
	Began   string `json:"began,omitempty"`
	Command string `json:"command,omitempty"`
	// Seed is what chance began with in the first round.
	Seed uint64 `json:"seed,omitempty"`
	// Program is the version of meshbench, Go that of its compiler.
	Program string `json:"program,omitempty"`
	Go      string `json:"go,omitempty"`
	Kernel  string `json:"kernel,omitempty"`
	Cores   int    `json:"cores,omitempty"`
	// Load is how many processes ran or waited to, over the minute before.
	Load string `json:"load,omitempty"`
	// Cases are the scenarios that were to be measured.
	Cases []Case `json:"cases,omitempty"`

	// End is what the run ended with, the last line; nil if it was killed, and of
	// runs of before, which have no Began either.
	End *End `json:"-"`
	// Cut: the last line was cut off in the middle.
	Cut bool `json:"-"`
}

// Case is a scenario as a report needs it.
type Case struct {
	Name      string  `json:"name"`
	Kind      string  `json:"kind"`
	Says      string  `json:"says,omitempty"`
	StandsFor string  `json:"stands_for,omitempty"`
	Rate      float64 `json:"rate,omitempty"` // packets a second that all subscribers together are to get
	Many      int     `json:"many,omitempty"` // subscribers, parties or devices
}

// End is the last line of a run.
type End struct {
	End     string  `json:"end"`               // RFC 3339
	Stopped bool    `json:"stopped,omitempty"` // by somebody, before everything was measured
	Load    string  `json:"load,omitempty"`    // as Machine's, over the last minute
	Steal   float64 `json:"steal"`             // part of all cores' time that the hypervisor gave to others
}

// Facts tells a machine in lines.
func (m Machine) Facts() (lines []string) {
	say := func(format string, parts ...string) {
		if parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" }); len(parts) > 0 {
			lines = append(lines, fmt.Sprintf(format, strings.Join(parts, ", ")))
		}
	}
	say("%s", m.Machine, m.Kernel, m.Go)
	say("%s", m.Place)
	say("command: %s", m.Command)
	program := ""
	if m.Program != "" {
		program = "meshbench " + m.Program
	}
	seed := ""
	if m.Seed > 0 {
		seed = fmt.Sprint("seed ", m.Seed)
	}
	say("%s", program, seed, m.Began)
	say("%s", m.noise()...)
	if m.Incomplete() != "" {
		say("%s", m.Incomplete())
	}
	return lines
}

// noise is what else the machine did.
func (m Machine) noise() (parts []string) {
	if m.Load != "" {
		parts = append(parts, "load "+m.Load+" before")
	}
	if m.End != nil && m.End.Load != "" {
		parts = append(parts, m.End.Load+" at the end")
	}
	if m.End != nil {
		parts = append(parts, fmt.Sprintf("%.1f %% of the cores stolen", 100*m.End.Steal))
	}
	return parts
}

// Incomplete says why a run has not measured everything, "" if it has or nothing
// is known of it.
func (m Machine) Incomplete() string {
	switch {
	case m.Cut:
		return "the run was cut off in the middle of a line: this is what is whole"
	case m.End != nil && m.End.Stopped:
		return "stopped before everything was measured: this is what was measured until then"
	case m.End == nil && m.Began != "":
		return "the run did not come to its end: this is what was measured until then"
	}
	return ""
}
