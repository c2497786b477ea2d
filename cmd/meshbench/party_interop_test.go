//go:build interop

package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"meshfocus/bench/report"
)

// machines are two network namespaces with a cable between them.
type machines struct{ names, addresses [2]string }

func newMachines(t *testing.T) machines {
	t.Helper()
	m := machines{[2]string{fmt.Sprintf("mb%d.1", os.Getpid()), fmt.Sprintf("mb%d.2", os.Getpid())}, [2]string{"10.78.0.1", "10.78.0.2"}}
	ip := func(line string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", line, err, out)
		}
	}
	for _, name := range m.names {
		ip("netns add " + name)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	}
	ip("link add eth netns " + m.names[0] + " type veth peer name eth netns " + m.names[1])
	for i, name := range m.names {
		ip("-n " + name + " addr add " + m.addresses[i] + "/24 dev eth")
		ip("-n " + name + " link set lo up")
		ip("-n " + name + " link set eth up")
	}
	return m
}

// command is one on a machine.
func (m machines) command(number int, words ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", m.names[number]}, words...)...)
}

// TestInterop_Run_HasSubscribersOnAnotherMachine by the commands of docs/bench.md: what
// party prints is what run takes, and servers are reached over the cable.
func TestInterop_Run_HasSubscribersOnAnotherMachine(t *testing.T) {
	folder := t.TempDir()
	program, book, out := filepath.Join(folder, "meshbench"), filepath.Join(folder, "mine.yaml"), filepath.Join(folder, "rounds.jsonl")
	if text, err := exec.Command("go", "build", "-tags", "goolm", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := os.WriteFile(book, []byte("name: mine\nstands-for: A test.\nkind: call\nrivals: [pion]\npublishers: 1\nsubscribers: 2\nleave: 500ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := newMachines(t)
	party := m.command(1, program, "party", "--listen", m.addresses[1]+":7900")
	says, err := party.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := party.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = party.Process.Kill()
		_ = party.Wait()
	})
	line, err := bufio.NewReader(says).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, printed, _ := strings.Cut(line, "meshbench run ")
	arguments := append([]string{program, "run", book, "--targets", "ours,pion", "--server", m.addresses[0], "--address", m.addresses[0],
		"--rounds", "1", "--warm", "200ms", "--measure", "2s", "--folder", folder, "--out", out}, strings.Fields(printed)...)
	if text, err := m.command(0, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	_, rounds, err := openRounds(out)
	if err != nil || len(rounds) != 2 {
		t.Fatalf("%v, %v", rounds, err)
	}
	for _, r := range rounds {
		if r.Invalid != "" {
			if !strings.HasPrefix(r.Invalid, "the generator") {
				t.Errorf("%+v", r)
			}
			continue
		}
		apart, bound := r.Figures[report.ClockOffsetMillis], r.Figures[report.ClockBoundMillis]
		if bound <= 0 || math.Abs(apart) > bound || r.Figures[report.CPUMicros] <= 0 || r.Figures[report.Forwarded] <= 0 {
			t.Errorf("one clock is said to be apart by %v ± %v ms: %+v", apart, bound, r.Figures)
		}
		t.Logf("%s: p50 %.0f µs, clocks apart by %.3f ± %.3f ms", r.Rival, r.Figures[report.P50Micros], apart, bound)
	}
}
