//go:build interop

package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// installed is a file that `make interop` keeps: a homeserver, or the root of one.
func installed(t *testing.T, path string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(cache, "meshfocus", "interop", path)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make interop, which installs it", err)
	}
	return path
}

func TestInterop_SynapseLoadsItsSnippet(t *testing.T) {
	root := installed(t, "sid")
	inside, err := os.MkdirTemp(filepath.Join(root, "tmp"), "snippet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(inside) })
	write(t, filepath.Join(inside, "snippet.yaml"), snippetOf(t, "synapse", "--livekit", "https://sfu.example.org", "--turn", "turn.example.org"))
	write(t, filepath.Join(inside, "base.yaml"), "server_name: x.test\ndatabase: {name: sqlite3, args: {database: ':memory:'}}\nreport_stats: false\ntrusted_key_servers: []\n"+
		"macaroon_secret_key: for-tests-only\nform_secret: for-tests-only\nsigning_key: ed25519 a_test "+strings.Repeat("A", 43)+"\n")
	const read = `import sys
from synapse.config.homeserver import HomeServerConfig
c = HomeServerConfig.load_config("snippet", sys.argv[1:])
print(c.matrix_rtc.transports, c.server.max_event_delay_duration, c.experimental.msc4143_enabled,
      c.experimental.msc4354_enabled, c.ratelimiting.rc_delayed_event_mgmt.per_second, c.ratelimiting.rc_message.per_second, c.voip.turn_uris)`
	seen, _ := strings.CutPrefix(inside, root)
	out, err := exec.CommandContext(t.Context(), "chroot", root, "python3", "-c", read,
		"-c", seen+"/base.yaml", "-c", seen+"/snippet.yaml").CombinedOutput()
	if err != nil {
		t.Fatalf("Synapse does not load it: %v\n%s", err, out)
	}
	for _, want := range []string{"'type': 'livekit'}, {'type': 'full_mesh'}] 1 day, 0:00:00 True True 10", " 5", "turns:turn.example.org:443?transport=tcp", "https://sfu.example.org"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("Synapse reads %s, want %s", out, want)
		}
	}
}

// TestInterop_DendriteLoadsItsSnippet starts Dendrite with what it needs and
// the snippet, and asks for what the snippet sets.
func TestInterop_DendriteLoadsItsSnippet(t *testing.T) {
	program := installed(t, "dendrite/v0.15.2/dendrite")
	dir := t.TempDir()
	execute(t, filepath.Join(filepath.Dir(program), "generate-keys"), "--private-key", filepath.Join(dir, "matrix_key.pem"))
	config := map[string]any{"version": 2,
		"global": map[string]any{"private_key": "matrix_key.pem", "jetstream": map[string]any{"storage_path": "./", "in_memory": true}},
	}
	for _, part := range []string{"room_server", "sync_api", "federation_api", "key_server", "relay_api", "media_api", "mscs"} {
		config[part] = map[string]any{"database": map[string]any{"connection_string": "file:" + part + ".db"}}
	}
	config["media_api"].(map[string]any)["base_path"] = "./media"
	config["user_api"] = map[string]any{"account_database": map[string]any{"connection_string": "file:user.db"}}
	var snippet map[string]map[string]any
	if err := yaml.Unmarshal([]byte(snippetOf(t, "dendrite", "--server-name", "dendrite.test", "--domain", "call.dendrite.test", "--turn", "turn.example.org")), &snippet); err != nil {
		t.Fatal(err)
	}
	for part, settings := range snippet {
		if into, there := config[part].(map[string]any); there {
			maps.Copy(into, settings)
		} else {
			config[part] = settings
		}
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "dendrite.yaml"), string(text))
	address := free(t)
	dendrite := exec.Command(program, "-config", "dendrite.yaml", "-http-bind-address", address)
	dendrite.Dir = dir
	var said strings.Builder
	dendrite.Stdout, dendrite.Stderr = &said, &said
	if err := dendrite.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = dendrite.Process.Kill()
		_ = dendrite.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	await(t, address)
	if _, text := fetchText(t, "http://"+address+"/.well-known/matrix/client", ""); !strings.Contains(text, `"base_url":"https://call.dendrite.test"`) {
		t.Errorf("Dendrite sends clients to %s", text)
	}
}
