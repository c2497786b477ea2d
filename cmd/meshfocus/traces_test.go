package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshfocus/focus/bwe"
)

// The operator of a daemon that runs makes a folder, and moves it away a little later:
// what is in it then is what was decided about the way to who got a picture by the
// focus. It is decided again, to the last byte, and says nothing of who it was.
func TestTraces_ARunningCallIsRecordedAndReplays(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	address, out, _ := startServeOut(t, "http", "--forward", "--test-card=false", "--viewer=false", "--data", data)
	var told buffer
	card := filepath.Join("..", "..", "internal", "testcard", "card")
	for name, does := range map[string][]string{"anna": {"--publish", card + ".ivf", "--publish", card + ".ogg"}, "bert": {"--record", t.TempDir()}} {
		register(t, address, name, "a password")
		arguments := append([]string{"join", "--homeserver", address, "--user", name, "--via", "focus", "--for", "5m"}, does...)
		ctx, leave := context.WithCancel(t.Context())
		joined := make(chan int, 1)
		go func() {
			joined <- run(ctx, append(arguments, "#lobby:localhost"), streams{out: io.Discard, err: &told, environ: []string{"MESHFOCUS_PASSWORD=a password"}})
		}()
		defer func() { leave(); <-joined }()
	}
	why := func() string { return out.String() + told.String() }
	estimated := func() float64 { return scrape(t, address)["meshfocus_forward_paths"] }
	eventually(t, 2*patience, "the way to it is estimated", func() bool { return estimated() > 0 }, why)

	folder := filepath.Join(data, "traces")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "something is recorded", func() bool { return scrape(t, address)["meshfocus_traces_bytes_total"] > 30_000 }, why)
	friday := filepath.Join(data, "friday-evening")
	if err := os.Rename(folder, friday); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the recording ends", func() bool { return scrape(t, address)["meshfocus_traces"] == 0 }, why)
	if estimated() == 0 {
		t.Error("the call has ended with its recording")
	}

	names, err := filepath.Glob(filepath.Join(friday, "*.trace.gz"))
	if err != nil || len(names) == 0 {
		t.Fatalf("there are %v: %v", names, err)
	}
	for _, name := range names {
		replays(t, name)
	}
}

// replays has a trace decide again.
func replays(t *testing.T, name string) {
	t.Helper()
	packed, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"localhost", "127.0.0.1", "anna", "bert", "lobby"} {
		if strings.Contains(string(kept)+filepath.Base(name), secret) {
			t.Errorf("%s is in %s", secret, name)
		}
	}
	reports := 0
	var lasted time.Duration
	for step, err := range bwe.Replay(bytes.NewReader(kept)) {
		if err != nil {
			t.Fatal(err)
		}
		if names := step.Differs(); len(names) > 0 || step.Strange {
			t.Fatalf("line %d: %v: %+v, was %+v", step.Line, names, step.Now, step.Recorded)
		}
		if lasted = step.Since; step.Do == "report" {
			reports++
		}
	}
	var again bytes.Buffer
	if err := bwe.Again(&again, bytes.NewReader(kept)); err != nil || !bytes.Equal(again.Bytes(), kept) {
		t.Errorf("told again it is another trace: %v", err)
	}
	if reports == 0 {
		t.Errorf("%s has no report in %v", name, lasted)
	}
	t.Logf("%s: %d reports in %v, %d bytes, %d packed", filepath.Base(name), reports, lasted, len(kept), len(packed))
}
