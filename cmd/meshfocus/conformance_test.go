package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/testcard"
	"meshfocus/mesh/headless"
	"meshfocus/signalling/conformance"
	"meshfocus/signalling/matrix"
)

// conformanceHome is a homeserver with an encrypted room in whose call one of our
// own headless parties is, @mid:test.local/MID.
func conformanceHome(t *testing.T) *callsHome {
	t.Helper()
	h := newCallsHome(t)
	for _, user := range []string{"aaa", "mid", "zzz"} {
		if err := h.server.EnsureUser(user, ""); err != nil {
			t.Fatal(err)
		}
	}
	h.put("mod", "MOD", "m.room.encryption", "", map[string]string{"algorithm": "m.megolm.v1.aes-sha2"})
	startSubject(t, headless.Config{
		Account: matrix.Config{Homeserver: h.base, Token: h.token("mid", "MID")}, Room: h.roomID,
		Clip:  &headless.Clip{Video: testcard.Video, Audio: testcard.Audio},
		Media: transport.Config{Loopback: true},
	})
	return h
}

// startSubject has one of our parties be in a call until the test ends.
func startSubject(t *testing.T, config headless.Config) {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	party, err := headless.Open(ctx, config)
	if err != nil {
		leave()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- party.Run(ctx) }()
	t.Cleanup(func() {
		leave()
		if err := <-ended; err != nil {
			t.Errorf("the party ended: %v", err)
		}
	})
	eventually(t, patience, "our party is in the call", func() bool { return party.Status().State == "joined" }, func() string { return party.Status().State })
}

// The list has more invites than one device may send in a minute, so that two
// of the tester's devices share the part in which they call. All go at once,
// whatever the number of processors: they mostly wait.
func TestConformance_OurOwnPartyPassesInBothRoles(t *testing.T) {
	h := conformanceHome(t)
	lines := conformance.Lines()
	half := slices.Index(lines, "media.stops")
	looks := lines[slices.Index(lines, "size.limit"):]
	reports := make([]conformanceReport, 5)
	var roles sync.WaitGroup
	for i, as := range []struct {
		user, device string
		only         []string
	}{
		{"aaa", "ONE", append(slices.Clone(lines[:half]), looks...)}, {"aaa", "TWO", lines[half:]}, {"zzz", "ONE", lines},
		{"mid", "AAA", []string{"order.own_devices"}}, {"mid", "ZZZ", []string{"order.own_devices"}},
	} {
		token := h.token(as.user, as.device)
		roles.Go(func() {
			t.Run(as.user+" "+as.device, func(t *testing.T) { reports[i] = tryOurs(t, h, token, as.only) })
		})
	}
	roles.Wait()
	passed := map[string]bool{}
	for _, report := range reports {
		for _, r := range report.Results {
			passed[r.ID] = passed[r.ID] || r.Outcome == "pass"
		}
	}
	if len(passed) != len(lines) {
		t.Errorf("%d of %d lines were run", len(passed), len(lines))
	}
	for id, is := range passed {
		if !is && id != "order.prefix" { // which needs two homeservers
			t.Errorf("%s was passed in neither role", id)
		}
	}
}

// conformanceReport is what the verb prints as JSON.
type conformanceReport struct {
	Results []struct{ ID, Outcome, Detail string }
}

// tryOurs runs the verb against our party.
func tryOurs(t *testing.T, h *callsHome, token string, only []string) (report conformanceReport) {
	var stdout, stderr buffer
	std := streams{in: strings.NewReader(""), out: &stdout, err: &stderr, environ: []string{"MESHFOCUS_TOKEN=" + token}}
	junit := filepath.Join(t.TempDir(), "junit.xml")
	code := run(t.Context(), []string{"conformance", "--homeserver", h.base, "--room", h.roomID, "--peer", "@mid:test.local/MID",
		"--silence", "300ms", "--patience", "60s", "--json", "--junit", junit, "--only", strings.Join(only, ",")}, std)
	if code != exitOK {
		t.Errorf("exit code %d\n%s%s", code, stderr.String(), stdout.String())
	}
	if err := json.Unmarshal([]byte(stdout.String()), &report); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(junit); err != nil || !strings.Contains(string(text), "<testsuite") {
		t.Errorf("%v %s", err, text)
	}
	return report
}

func TestConformance_RunsTheVectorsAndSaysWhatIsWrong(t *testing.T) {
	var stdout, stderr buffer
	std := streams{in: strings.NewReader(""), out: &stdout, err: &stderr}
	if code := run(t.Context(), []string{"conformance"}, std); code != exitOK || !strings.Contains(stdout.String(), "0 fail") {
		t.Errorf("exit code %d\n%s%s", code, stderr.String(), stdout.String())
	}
	stdout = buffer{}
	if code := run(t.Context(), []string{"conformance", "--list"}, std); code != exitOK || !strings.Contains(stdout.String(), "docs/msc-full-mesh.md Order:") {
		t.Errorf("exit code %d\n%s", code, stdout.String())
	}
	for _, args := range [][]string{{"--room", "!r:x"}, {"--room", "!r:x", "--peer", "@a:b"}, {"--peer", "@a:b/C"}, {"x"}} {
		if code := run(t.Context(), append([]string{"conformance"}, args...), std); code == exitOK {
			t.Errorf("%v was taken", args)
		}
	}
}

func TestConformance_SaysWhenTheClientIsNotThere(t *testing.T) {
	t.Parallel()
	h := newCallsHome(t)
	h.inSlot("bob", "B1", time.Minute)
	var stdout, stderr buffer
	std := streams{in: strings.NewReader(""), out: &stdout, err: &stderr, environ: []string{"MESHFOCUS_TOKEN=" + h.token("alice", "A1")}}
	code := run(t.Context(), []string{"conformance", "--homeserver", h.base, "--room", h.roomID, "--peer", "@bob:test.local/B2", "--patience", "2s"}, std)
	if code != exitFailed || !strings.Contains(stderr.String(), "the client is not in the call") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

func TestParsePeer_TakesSlashesInLocalPartsAndDevices(t *testing.T) {
	for text, want := range map[string]string{
		"@a:hs/DEV": "@a:hs/DEV", "@a/b:hs:8448/D/E": "@a/b:hs:8448/D/E", "@a:hs": "", "a:hs/D": "", "@a/D": "", "@a:hs/": "",
	} {
		party, err := parsePeer(text)
		if (err == nil) != (want != "") || err == nil && party.String() != want {
			t.Errorf("%s: %s, %v", text, party, err)
		}
	}
}
