package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestVault_OpensOnlyWhatItSealedInThatPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	v, err := openVault(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed := v.seal("a/b", []byte("secret"))
	again, err := openVault(path)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.open("a/b", sealed); err != nil || string(plain) != "secret" {
		t.Errorf("it opens as %q, %v", plain, err)
	}
	for name, try := range map[string]func() error{
		"in another place": func() error { _, err := again.open("a/c", sealed); return err },
		"changed":          func() error { _, err := again.open("a/b", append([]byte{sealed[0] ^ 1}, sealed[1:]...)); return err },
		"cut off":          func() error { _, err := again.open("a/b", sealed[:5]); return err },
		"with another key": func() error {
			other, err := openVault(filepath.Join(t.TempDir(), "key"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = other.open("a/b", sealed)
			return err
		},
	} {
		if err := try(); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNew_SaysWhatIsWrong(t *testing.T) {
	open, short := filepath.Join(t.TempDir(), "open"), filepath.Join(t.TempDir(), "short")
	if os.WriteFile(open, make([]byte, keySize), 0o644) != nil || os.WriteFile(short, []byte("short"), 0o600) != nil {
		t.Fatal("no files")
	}
	for name, c := range map[string]struct {
		config Config
		want   error
	}{
		"no URL":                 {Config{}, ErrConfig},
		"another scheme":         {Config{URL: "ftp://x"}, ErrConfig},
		"a query":                {Config{URL: "http://x?y"}, ErrConfig},
		"a transport of no type": {Config{URL: "http://x", Transports: append(Config{}.Transports, []byte(`{}`))}, ErrConfig},
		"a key open to others":   {Config{URL: "http://x", DataDir: t.TempDir(), KeyFile: open}, ErrKey},
		"a key too short":        {Config{URL: "http://x", DataDir: t.TempDir(), KeyFile: short}, ErrKey},
	} {
		if _, err := New(c.config); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestNew_RefusesAJournalOfAnotherKeyAndLeavesItWhole(t *testing.T) {
	home, dir := newFake(t), t.TempDir()
	onDisk := func(c *Config) { c.DataDir = dir }
	f := start(t, home, onDisk)
	f.scheduled(leaveURI+"60000", "alice1", "{}")
	f.stop()
	config := Config{URL: home.URL, DataDir: dir, KeyFile: filepath.Join(t.TempDir(), "other")}
	if _, err := New(config); !errors.Is(err, ErrKey) {
		t.Fatalf("another key: %v", err)
	}
	if f = start(t, home, onDisk); f.Stats().Delayed != 1 {
		t.Errorf("with the old key there are %+v", f.Stats())
	}
}

// victimEnvironment makes the test binary a process to be killed.
const victimEnvironment = "UPSTREAM_TEST_VICTIM"

// victim schedules events for ever and prints the ID of each once it is
// acknowledged.
func victim(dir string) error {
	s, err := New(Config{URL: "http://127.0.0.1:1", DataDir: dir})
	if err != nil {
		return err
	}
	go func() { _ = s.Run(context.Background()) }()
	for n := 0; ; n++ {
		key := fmt.Sprint(n)
		who := caller{token: "token", user: "@u:x", device: fmt.Sprint(n % 7)}
		id, p, _ := s.book.schedule(who, record{Path: "/x", Room: "!r:x", Type: "t", Key: &key, Content: []byte("{}"), Delay: time.Hour, Since: time.Now()}, 1<<30)
		if err := s.wait(context.Background(), p); err != nil {
			return err
		}
		fmt.Println(id)
	}
}

func TestServer_LosesNothingItAcknowledgedWhenItIsKilled(t *testing.T) {
	dir := t.TempDir()
	process := exec.CommandContext(t.Context(), os.Args[0])
	process.Env = append(os.Environ(), victimEnvironment+"="+dir)
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if len(lines.Text()) == len(newID()) { // the kill may cut the last
			acknowledged = append(acknowledged, lines.Text())
		}
		if len(acknowledged) == 200 {
			_ = process.Process.Kill()
		}
	}
	_ = process.Wait()
	if len(acknowledged) < 200 {
		t.Fatalf("the victim ended by itself after %d", len(acknowledged))
	}
	s, err := New(Config{URL: "http://127.0.0.1:1", DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range acknowledged {
		if _, owner, ok := s.book.find(id); !ok || owner.Token != "token" {
			t.Fatalf("%s was acknowledged and is lost", id)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.Run(ended); err != nil {
		t.Error(err)
	}
}
