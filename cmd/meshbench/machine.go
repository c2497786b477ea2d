package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshfocus/bench/report"
	"meshfocus/bench/rival"
	"meshfocus/bench/scenario"
)

// machineOf says what a run is measured on, by what, and what is measured.
// What this system does not tell is left out.
func machineOf(q comparison, scenarios []scenario.Scenario) report.Machine {
	m := report.Machine{
		Machine: q.machine, Place: q.place, Began: time.Now().UTC().Format(time.RFC3339), Command: commandLine(os.Args), Seed: q.seed,
		Program: built(), Go: runtime.Version(), Kernel: kernel(), Cores: cores(), Load: load(),
	}
	if m.Machine == "" {
		m.Machine = processor(m.Cores)
	}
	for i := range scenarios {
		m.Cases = append(m.Cases, caseOf(&scenarios[i]))
	}
	return m
}

// caseOf is a scenario as reports have it.
func caseOf(s *scenario.Scenario) report.Case {
	return report.Case{
		Name: s.Name, Kind: string(s.Kind), Says: s.Says, StandsFor: s.StandsFor,
		Rate: s.Total(), Many: max(s.Subscribers, s.Parties, s.Devices, s.Allocations),
	}
}

// kindsOf gives the kind of each scenario by its name.
func kindsOf(scenarios []scenario.Scenario) map[string]string {
	kinds := make(map[string]string)
	for i := range scenarios {
		kinds[scenarios[i].Name] = string(scenarios[i].Kind)
	}
	return kinds
}

// secrets are flags whose values no report has.
var secrets = []string{"bearer", "registration-token", "livekit-secret", "subscribers-token"}

// commandLine writes arguments so that a shell takes them as they were, but for
// secrets; of the program only its name.
func commandLine(arguments []string) string {
	words := make([]string, len(arguments))
	hidden := false // the word that comes
	for i, word := range arguments {
		flag, value, whole := strings.Cut(strings.TrimLeft(word, "-"), "=")
		secret := strings.HasPrefix(word, "-") && slices.Contains(secrets, flag)
		switch {
		case i == 0:
			word = "meshbench"
		case hidden:
			word = "..."
		case secret && whole && value != "":
			word = "--" + flag + "=..."
		}
		hidden = secret && !whole
		if word == "" || strings.ContainsFunc(word, quoted) {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words[i] = word
	}
	return strings.Join(words, " ")
}

// quoted tells characters that a shell might take for something else.
func quoted(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./,:=@%+", r))
}

// built is the version of this program, as far as the build tells.
func built() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return rival.Commit(info)
}

// kernel is the system with its release.
func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(release))
}

// processor is what a machine is, in words, where nobody said it.
func processor(cores int) string {
	words := []string{fmt.Sprintf("%d cores", cores)}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				words = append(words, strings.TrimSpace(value))
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			if kilobytes, err := strconv.ParseUint(fields[1], 10, 64); err == nil { // MemTotal is first
				words = append(words, fmt.Sprintf("%.0f GiB", float64(kilobytes)/(1<<20)))
			}
		}
	}
	return strings.Join(append(words, runtime.GOARCH), ", ")
}

// cores is how many the machine has, also where we may not run on all of them.
func cores() int {
	all, err := rival.Cores()
	if err != nil {
		return runtime.NumCPU()
	}
	return len(all)
}

// load is how many processes ran or waited to, over the last minute, as the
// kernel writes it; "" where it does not.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// noise is what the machine did besides, since it was last looked at.
type noise struct {
	at     time.Time
	stolen time.Duration
}

// steal is the part of all cores' time that the hypervisor gave to others since
// the last look; false where that is not known.
func (n *noise) steal() (part float64, ok bool) {
	cores, err := rival.Cores()
	if err != nil || len(cores) == 0 {
		return 0, false
	}
	sum, err := rival.CoresOf(cores)
	if err != nil {
		return 0, false
	}
	now := time.Now()
	passed, stolen := now.Sub(n.at), sum.Steal-n.stolen
	first := n.at.IsZero()
	n.at, n.stolen = now, sum.Steal
	if first || passed <= 0 {
		return 0, false
	}
	return min(max(stolen.Seconds()/(passed.Seconds()*float64(len(cores))), 0), 1), true
}

// note writes down with a round what it does not say itself.
func (n *noise) note(r *report.Round) {
	if r.Figures == nil {
		r.Figures = report.Figures{}
	}
	part, ok := n.steal()
	if _, told := r.Has(report.Steal); ok && !told {
		r.Figures[report.Steal] = part
	}
	if average, err := strconv.ParseFloat(load(), 64); err == nil {
		r.Figures[report.Load] = average
	}
}
