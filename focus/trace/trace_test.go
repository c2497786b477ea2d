package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a store whose loop runs until the test ends, or stop is called.
func running(t *testing.T, c Config) (s *Store, stop func()) {
	t.Helper()
	s = New(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return s, stop
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// begun waits for a tape.
func begun(t *testing.T, s *Store, path uint64) (tape *Tape) {
	t.Helper()
	eventually(t, "a tape", func() bool { tape = s.Begin(path); return tape != nil })
	return tape
}

// read gives what a file says.
func read(t *testing.T, name string) string {
	t.Helper()
	packed, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(text)
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestStore_KeepsTracesWhileTheFolderExists(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "traces")
	s, _ := running(t, Config{Folder: folder})
	time.Sleep(10 * time.Millisecond)
	if s.Begin(0) != nil {
		t.Fatal("nobody wants traces yet")
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	first := begun(t, s, 0)
	second := begun(t, s, 0)
	if first.Path == second.Path {
		t.Errorf("two paths have the number %d", first.Path)
	}
	var want strings.Builder
	for i := range 100 {
		line := fmt.Sprintf("{\"line\":%d}\n", i)
		want.WriteString(line)
		if !first.Write([]byte(line)) {
			t.Fatalf("line %d is not taken", i)
		}
	}
	second.Write([]byte("second\n"))
	second.Close()
	eventually(t, "one trace less", func() bool { return s.Stats().Paths == 1 })

	moved := folder + "-friday"
	if err := os.Rename(folder, moved); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the other", func() bool { return s.Stats().Paths == 0 })
	if first.Write([]byte("more\n")) || s.Begin(first.Path) != nil {
		t.Error("it goes on without a folder")
	}
	if got := read(t, filepath.Join(moved, first.Name())); got != want.String() {
		t.Errorf("kept was %q", got)
	}
	if got := read(t, filepath.Join(moved, second.Name())); got != "second\n" {
		t.Errorf("kept was %q", got)
	}
	if info, err := os.Stat(filepath.Join(moved, first.Name())); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	if stats := s.Stats(); stats.Bytes != uint64(want.Len()+len("second\n")) || stats.Cut != 0 || stats.Failed != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestStore_GoesOnInAnotherFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s, stop := running(t, Config{Folder: folder})
	tape := begun(t, s, 0)
	path, first := tape.Path, tape.Name()
	line := append(bytes.Repeat([]byte("0123456789"), 100<<10), '\n')
	eventually(t, "a full file", func() bool { return !tape.Write(line) })
	tape = begun(t, s, path)
	if tape.Path != path || tape.Name() == first {
		t.Errorf("%s goes on in %s", first, tape.Name())
	}
	tape.Write([]byte("second\n"))
	stop()
	if got := read(t, filepath.Join(folder, tape.Name())); got != "second\n" {
		t.Errorf("kept was %q", got)
	}
	if got := len(read(t, filepath.Join(folder, first))); got < part || got%len(line) != 0 {
		t.Errorf("%d bytes are kept of lines of %d", got, len(line))
	}
}

func TestStore_BoundsWhatWaits(t *testing.T) {
	s := New(Config{Folder: t.TempDir(), Paths: 2}) // its loop does not run: nothing is written
	s.on.Store(true)
	first, second := s.Begin(0), s.Begin(0)
	if first == nil || second == nil || s.Begin(0) != nil {
		t.Fatal("there are to be two")
	}
	line := make([]byte, 1<<20)
	taken := 0
	for first.Write(line) {
		taken += len(line)
	}
	if taken > mostWaiting || taken < mostWaiting-2*len(line) || s.Stats().Cut != 1 {
		t.Errorf("%d bytes wait; %+v", taken, s.Stats())
	}
	if second.Write(line) {
		t.Error("another may have more")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
	if waiting := s.waiting.Load(); waiting != 0 || s.Stats().Paths != 0 {
		t.Errorf("%d bytes wait in the end, of %d paths", waiting, s.Stats().Paths)
	}
}

func TestStore_RemovesTheOldest(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	old := []string{"20200101T000000.000Z-path1.trace.gz", "20200102T000000.000Z-path2.trace.gz", "20200103T000000.000Z-path1.trace.gz"}
	for _, name := range append(old, "notes.txt") {
		if err := os.WriteFile(filepath.Join(folder, name), make([]byte, packedPart), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, stop := running(t, Config{Folder: folder, Most: 2*packedPart + 100})
	tape := begun(t, s, 0)
	tape.Write([]byte("new\n"))
	eventually(t, "a new file", func() bool { return s.Stats().Bytes > 0 })
	stop()
	got := fmt.Sprint(names(t, folder))
	want := fmt.Sprint([]string{filepath.Join(folder, old[2]), filepath.Join(folder, tape.Name()), filepath.Join(folder, "notes.txt")})
	if got != want {
		t.Errorf("there are %v, want %v", got, want)
	}
}

func TestStore_RestsAfterAFailure(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s, _ := running(t, Config{Folder: folder})
	tape := begun(t, s, 0)
	if err := os.WriteFile(filepath.Join(folder, tape.Name()), nil, 0o600); err != nil { // its place is taken
		t.Fatal(err)
	}
	tape.Write([]byte("lost\n"))
	eventually(t, "a failure", func() bool { return s.Stats().Failed == 1 })
	eventually(t, "the end of the tape", func() bool { return !tape.Write([]byte("more\n")) })
	if s.Begin(0) != nil {
		t.Error("it goes on at once")
	}
	if waiting := s.waiting.Load(); waiting < 0 {
		t.Errorf("%d bytes wait", waiting)
	}
}

func TestStore_IsNothingWhenThereIsNone(t *testing.T) {
	var s *Store
	if s.Begin(0) != nil {
		t.Error("a tape of no store")
	}
	s = New(Config{})
	if allocated := testing.AllocsPerRun(100, func() { s.Begin(0) }); allocated > 0 {
		t.Errorf("%v allocations while nothing is wanted", allocated)
	}
}
