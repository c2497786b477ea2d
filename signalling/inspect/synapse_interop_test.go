//go:build interop

package inspect

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// synapse is as its operator has it who switched calls on; faults are added.
const synapse = `server_name: doctor.test
report_stats: false
suppress_key_server_warning: true
trusted_key_servers: []
signing_key: ed25519 a_test %[3]s
media_store_path: %[1]s/media
log_config: %[1]s/log.yaml
database: {name: sqlite3, args: {database: %[1]s/homeserver.db}}
listeners: [{port: %[2]s, type: http, tls: false, bind_addresses: ['127.0.0.1'], resources: [{names: [client]}]}]
enable_registration: true
enable_registration_without_verification: true
macaroon_secret_key: for-tests-only
form_secret: for-tests-only
`

const (
	synapseDelayed    = "max_event_delay_duration: 24h\n"
	synapseTransports = "experimental_features: {msc4354_enabled: true, msc4143_enabled: true}\nmatrix_rtc: {transports: [{type: full_mesh}]}\n"
)

// startSynapse runs the one that internal/scripts/synapse has installed, with
// settings, until the test ends.
func startSynapse(t *testing.T, settings string) (base string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(cache, "meshfocus", "interop", "sid")
	outside, err := os.MkdirTemp(filepath.Join(root, "tmp"), "doctor")
	if err != nil {
		t.Fatalf("%v: run make interop, which installs Synapse", err)
	}
	t.Cleanup(func() { os.RemoveAll(outside) })
	inside := strings.TrimPrefix(outside, root)
	address := closedPort(t)
	_, port, _ := net.SplitHostPort(address)
	for name, text := range map[string]string{
		"homeserver.yaml": fmt.Sprintf(synapse, inside, port, strings.Repeat("A", 43)) + settings,
		"log.yaml":        "version: 1\nhandlers: {file: {class: logging.FileHandler, filename: " + inside + "/log}}\nroot: {level: WARNING, handlers: [file]}\n",
	} {
		if err := os.WriteFile(filepath.Join(outside, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("chroot", root, "python3", "-m", "synapse.app.homeserver", "-c", inside+"/homeserver.yaml")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if log, err := os.ReadFile(filepath.Join(outside, "log")); err == nil && t.Failed() {
			t.Logf("%s", log)
		}
	})
	return "http://" + address
}

// answering waits for a homeserver that was started.
func answering(t *testing.T, base string) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if response, err := client.Get(base + pathVersions); err == nil {
			_ = response.Body.Close()
			return
		}
	}
	t.Fatalf("Synapse does not answer at %s", base)
}

// The faults of the table that are settings of Synapse, in Synapse itself.
func TestInterop_NamesWhatIsWronglySetInSynapse(t *testing.T) {
	table := []struct {
		name, settings, check string
		level                 Level
		fix                   string
	}{
		{"one restart in 10 s", synapseDelayed + synapseTransports + "rc_delayed_event_mgmt: {per_second: 0.1, burst_count: 30}\n", "delayed.restart", Broken, "rc_delayed_event_mgmt"},
		{"as it is installed", "", "features", Warning, "switch delayed events on"},
	}
	firsts, bases := make([]Finding, len(table)), make([]string, len(table))
	for n, row := range table {
		bases[n] = startSynapse(t, row.settings)
	}
	var asking sync.WaitGroup
	for n := range table {
		answering(t, bases[n])
		config := register(t, bases[n])
		config.Token = ""
		asking.Go(func() {
			inspector, err := New(config)
			if err != nil {
				return // the zero finding says so
			}
			var findings []Finding
			for f := range inspector.Findings(t.Context()) {
				findings = append(findings, f)
			}
			firsts[n], _ = First(findings)
		})
	}
	asking.Wait()
	for n, row := range table {
		t.Run(row.name, func(t *testing.T) {
			first := firsts[n]
			t.Logf("%s %s: %s; %s", first.Level, first.Check, first.Found, first.Cause)
			if first.Check != row.check || first.Level != row.level || !strings.Contains(first.Fix, row.fix) {
				t.Errorf("want %s %s with %q in the fix\n%+v", row.level, row.check, row.fix, first)
			}
		})
	}
}
