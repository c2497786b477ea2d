//go:build interop

package foreign

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/internal/freeport"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/conformance"
)

// TestInterop_ConformanceOfEveryClientIsAsWrittenDown takes every client through
// the list with the program as people get it, from both sides: what changes is
// seen, be it in a client, in the list or in us. PEERS, a list with commas, tries
// some.
func TestInterop_ConformanceOfEveryClientIsAsWrittenDown(t *testing.T) {
	program := filepath.Join(t.TempDir(), "meshfocus")
	build := exec.Command("go", "build", "-tags", "goolm", "-o", program, "meshfocus/cmd/meshfocus")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped, and has been built by then
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	b, v := newBench(t, freeport.Address(t, "127.0.0.1")), readVerdicts(t)
	var trials []*trial
	tried := chosen(t, "PEERS", len(subjects), func(i int) string { return subjects[i].name })
	for _, i := range tried {
		s := subjects[i]
		scene := emptyScene(t, b, b.newHome(t), s.kind, 0)
		trials = append(trials, newTrials(scene, s.name, s.clear)...)
	}
	var all sync.WaitGroup
	for _, tr := range trials {
		all.Go(func() { tr.run(program) })
	}
	all.Wait()

	found := verdicts{Date: time.Now().Format(time.DateOnly)}
	for _, id := range conformance.Lines() {
		row := map[string]string{"line": id}
		for _, i := range tried {
			s := subjects[i]
			row[s.name] = verdict(trials, s.name, id, v.of(id, s.name))
			if want := v.of(id, s.name); outcome(row[s.name]) != outcome(want) && os.Getenv("UPDATE_DOCS") == "" {
				t.Errorf("%s, %s: %s; written down is %s", s.title, id, row[s.name], want)
			}
		}
		found.Rows = append(found.Rows, row)
	}
	for _, tr := range trials {
		if tr.err != nil {
			t.Errorf("%s: %v", tr.subject, tr.err)
		}
		t.Logf("%s from %s: %s", tr.subject, tr.from.UserID, tr.took.Round(100*time.Millisecond))
	}
	if os.Getenv("UPDATE_DOCS") != "" && len(tried) == len(subjects) && !t.Failed() {
		if err := os.WriteFile(verdictsFile, []byte(found.write()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// trial is one run of the program.
type trial struct {
	subject string
	from    Account
	args    []string

	// the outcome of run
	results []struct{ ID, Outcome, Detail string }
	took    time.Duration
	err     error
}

// newTrials puts a client into a call of its own, and prepares runs from before
// and behind it. Where we call there are two: a client may take ten invites of a
// device a minute, and this way nobody has to wait. Both begin with lines that
// only wait: a client may have to ask for the keys of a new device first.
func newTrials(s *scene, subject string, clear bool) (trials []*trial) {
	if !clear {
		s.home.SetState(s, s.host, s.room, "m.room.encryption", "", map[string]string{"algorithm": "m.megolm.v1.aes-sha2"})
	}
	s.home.StartCall(s, s.host, s.room, confID)
	account := s.account("mid")
	var self Self
	if s.kind == "" {
		self = startParty(s, account, headless.Config{Room: s.room, Relay: headless.RelayNever}).who()
	} else {
		peer := Open(s, s.workshop, s.chromium, s.kind, account)
		peer.Join(Wish{Room: s.room, Wait: true})
		self = peer.who()
	}
	lines := conformance.Lines()
	half, looks := slices.Index(lines, "media.stops"), slices.Index(lines, "size.limit")
	other := account // another device of the same user, which the client has to call
	other.DeviceID, other.Token = "ZZZDEVICE", ""
	for _, from := range []struct {
		Account
		only []string
	}{
		{s.account("aaa"), append(slices.Clone(lines[:half]), lines[looks:]...)},
		{s.account("aab"), append([]string{"order.waits"}, lines[half:]...)},
		{s.account("zzz"), lines}, {other, []string{"order.own_devices"}},
	} {
		args := []string{"conformance", "--homeserver", s.home.Base, "--room", s.room, "--peer", self.UserID + "/" + self.DeviceID,
			"--json", "--only", strings.Join(from.only, ",")}
		if clear {
			args = append(args, "--clear")
		}
		if from.Token == "" {
			args = append(args, "--user", from.UserID, "--device", from.DeviceID)
		}
		trials = append(trials, &trial{subject: subject, from: from.Account, args: args})
	}
	return trials
}

func (tr *trial) run(program string) {
	begun := time.Now()
	command := exec.Command(program, tr.args...)
	command.Env = append(os.Environ(), "MESHFOCUS_TOKEN="+tr.from.Token, "MESHFOCUS_PASSWORD="+tr.from.Password)
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	tr.took = time.Since(begun)
	var report struct {
		Results []struct{ ID, Outcome, Detail string }
	}
	if failed := json.Unmarshal(out, &report); failed != nil {
		tr.err = errors.Join(err, failed, errors.New(said.String()))
	}
	tr.results = report.Results
}

// verdict is what all runs together say of a line: a failure in one of them, else
// a pass in one. The words that are written down stay as long as they are right.
func verdict(trials []*trial, subject, line, written string) string {
	found := "n/a: it was not run"
	for _, tr := range trials {
		for _, r := range tr.results {
			switch {
			case tr.subject != subject || r.ID != line:
			case r.Outcome == "fail":
				found = "fail: " + r.Detail
			case r.Outcome == "pass" && outcome(found) != "fail":
				found = "pass"
			case outcome(found) == "n/a":
				found = "n/a: " + r.Detail
			}
		}
	}
	if outcome(found) == outcome(written) || outcome(written) == "varies" {
		return written
	}
	return found
}

func outcome(verdict string) string {
	outcome, _, _ := strings.Cut(verdict, ": ")
	return outcome
}
