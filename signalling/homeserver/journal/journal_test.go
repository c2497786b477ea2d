package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what should happen at once.
const patience = 60 * time.Second

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// run starts the loop and returns how to stop it; stop closes the file and
// answers what Run said.
func run(t *testing.T, j *Journal) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	return sync.OnceValue(func() error {
		cancel()
		err := <-ended
		if closing := j.Close(); closing != nil {
			t.Errorf("close: %v", closing)
		}
		return err
	})
}

func wait(t *testing.T, j *Journal, p Position) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return j.Wait(ctx, p)
}

// contents reads a journal that nobody has open.
func contents(t *testing.T, path string) map[string]string {
	t.Helper()
	j := open(t, path)
	defer j.Close()
	values := map[string]string{}
	if err := j.Load(func(bucket, key string, value []byte) error {
		if value == nil {
			t.Errorf("%s %q is nil, which means deleted", bucket, key)
		}
		values[bucket+"/"+key] = string(value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return values
}

func TestJournal_KeepsTheLastValueOfEachKey(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := filepath.Join(t.TempDir(), "new", "folder", "a?b%20c.db")
	j := open(t, path)
	stop := run(t, j)
	j.Append(Entry{"room", "!a:x", []byte("1")}, Entry{"room", "!b:x", []byte("2")})
	j.Append(Entry{"user", "!a:x", []byte("other bucket")})
	j.Append(Entry{"room", "!a:x", []byte("3")}, Entry{"empty", "", []byte{}})
	j.Append(Entry{"room", "!b:x", nil}, Entry{"never", "was", nil})
	last := j.Append(Entry{"odd", "ключ \U0001F511 ../..", []byte{0, 255}})
	if err := wait(t, j, last); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatalf("run: %v", err)
	}
	want := map[string]string{
		"room/!a:x": "3", "user/!a:x": "other bucket", "empty/": "",
		"odd/ключ \U0001F511 ../..": "\x00\xff",
	}
	if got := contents(t, path); !maps.Equal(got, want) {
		t.Errorf("file holds %q, want %q", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the values are not in the file of that name: %v", err)
	}
}

func TestJournal_IsReadableByItsOwnerOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	j := open(t, filepath.Join(folder, "journal.db"))
	defer run(t, j)()
	if err := wait(t, j, j.Append(Entry{"a", "b", []byte("secret")})); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) < 2 {
		t.Fatalf("want the file and its log, have %v, %v", files, err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", file.Name(), info.Mode().Perm())
		}
	}
}

func TestLoad_IsOrderedAndStopsAtTheFirstError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	stop := run(t, j)
	for _, name := range []string{"b/2", "a/9", "a/10", "b/1", "B/1"} {
		bucket, key, _ := strings.Cut(name, "/")
		j.Append(Entry{bucket, key, []byte(name)})
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	j = open(t, path)
	defer j.Close()
	enough := errors.New("enough")
	var names []string
	err := j.Load(func(bucket, key string, value []byte) error {
		names = append(names, string(value))
		if len(names) == 4 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || !strings.Contains(err.Error(), `b "1"`) {
		t.Errorf("error %v should wrap what each said and name the key", err)
	}
	if got := strings.Join(names, " "); got != "B/1 a/10 a/9 b/1" {
		t.Errorf("order is %s", got)
	}
}

func TestAppend_OfOneCallIsOneTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	stop := run(t, j)
	if err := wait(t, j, j.Append(Entry{"pair", "left", []byte("0")}, Entry{"pair", "right", []byte("0")})); err != nil {
		t.Fatal(err)
	}
	// The second entry of the call cannot be written, so the first is not.
	execute(t, j, `CREATE TRIGGER refuse BEFORE UPDATE ON entry WHEN NEW.key = 'right'
		BEGIN SELECT RAISE(ABORT, 'no'); END`)
	err := wait(t, j, j.Append(Entry{"pair", "left", []byte("1")}, Entry{"pair", "right", []byte("1")}))
	if err == nil || !strings.Contains(err.Error(), `pair "right"`) {
		t.Errorf("wait said %v, want the write error with the key", err)
	}
	if err := stop(); err == nil {
		t.Error("Run should return the write error")
	}
	if got := contents(t, path); got["pair/left"] != "0" || got["pair/right"] != "0" {
		t.Errorf("half a call was written: %v", got)
	}
}

func TestWait_GroupsManyCallersIntoFewCommits(t *testing.T) {
	defer goleak.VerifyNone(t)
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	stop := run(t, j)
	const callers, rounds = 64, 20
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for round := range rounds {
				p := j.Append(Entry{"caller", fmt.Sprint(caller), fmt.Append(nil, round)})
				if err := wait(t, j, p); err != nil {
					t.Error(err)
					return
				}
				if stats := j.Stats(); stats.Durable < p {
					t.Errorf("confirmed %d while %d is durable", p, stats.Durable)
				}
			}
		})
	}
	group.Wait()
	stats := j.Stats()
	if stats.Appended != callers*rounds || stats.Durable != stats.Appended || stats.Queued != 0 {
		t.Errorf("positions do not add up: %+v", stats)
	}
	if stats.Commits > callers*rounds/4 || stats.LargestCommit < 4 {
		t.Errorf("%d commits for %d calls: nothing was grouped (%+v)", stats.Commits, callers*rounds, stats)
	}
	if stats.Bytes == 0 || stats.LastCommit <= 0 || stats.LongestCommit < stats.LastCommit || stats.Broken {
		t.Errorf("stats: %+v", stats)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestRun_WritesWhatIsQueuedWhenItsContextEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	p := j.Append(Entry{"a", "1", []byte("queued before Run")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, j, p); err != nil {
		t.Errorf("queued before the end: %v", err)
	}
	late := j.Append(Entry{"a", "2", []byte("too late")})
	if err := wait(t, j, late); !errors.Is(err, ErrClosed) {
		t.Errorf("appended after the end: %v, want ErrClosed", err)
	}
	if err := j.Run(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("second Run: %v, want ErrRunning", err)
	}
	if err := j.Load(nil); !errors.Is(err, ErrRunning) {
		t.Errorf("Load after Run: %v, want ErrRunning", err)
	}
	if err := errors.Join(j.Close(), j.Close()); err != nil {
		t.Error(err)
	}
	if got := contents(t, path); len(got) != 1 {
		t.Errorf("file holds %v", got)
	}
}

func TestRun_EndsAlthoughCallersNeverStop(t *testing.T) {
	defer goleak.VerifyNone(t)
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	stop := run(t, j)
	var group sync.WaitGroup
	for caller := range 8 {
		group.Go(func() {
			for {
				err := wait(t, j, j.Append(Entry{"caller", fmt.Sprint(caller), []byte("again")}))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("caller got %v, want ErrClosed", err)
					return
				}
			}
		})
	}
	if err := wait(t, j, 100); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	group.Wait()
}

func TestClose_AnswersWaitersOfAJournalThatNeverRan(t *testing.T) {
	defer goleak.VerifyNone(t)
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	p := j.Append(Entry{"a", "b", []byte("c")})
	answer := make(chan error, 1)
	go func() { answer <- wait(t, j, p) }()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; !errors.Is(err, ErrClosed) {
		t.Errorf("waiter got %v, want ErrClosed", err)
	}
}

func TestWait_EndsWithItsContext(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	defer j.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Wait(ctx, j.Append()); err != nil {
		t.Errorf("nothing to wait for: %v", err)
	}
	if err := j.Wait(ctx, j.Append(Entry{"a", "b", nil})); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestOpen_RefusesWhatItWouldDamage(t *testing.T) {
	defer goleak.VerifyNone(t)
	cases := []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    error
	}{
		{"a newer schema", func(t *testing.T, path string) {
			j := open(t, path)
			execute(t, j, `UPDATE schema SET version = 2`)
			j.Close()
		}, ErrNewerSchema},
		{"another program's database", func(t *testing.T, path string) {
			j := open(t, path)
			execute(t, j, `DROP TABLE schema`)
			j.Close()
		}, ErrNotJournal},
		{"a file that is no database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrNotJournal},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			c.prepare(t, path)
			j, err := Open(path, nil)
			if err == nil {
				j.Close()
				t.Fatal("was opened")
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("error is %v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("error %q does not name the file", err)
			}
		})
	}
}

func TestOpen_RefusesASecondOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	first := open(t, path)
	if second, err := Open(path, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("second open: %v, %v, want ErrInUse", second, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path).Close()
}

func TestJournal_ConfirmsNothingOnceTheDiskIsFull(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	stop := run(t, j)
	good := j.Append(Entry{"a", "before", []byte("1")})
	if err := wait(t, j, good); err != nil {
		t.Fatal(err)
	}
	var pages int
	if err := j.store.QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	execute(t, j, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages))

	bad := j.Append(Entry{"a", "small", []byte("1")}, Entry{"a", "large", make([]byte, 1<<20)})
	if err := wait(t, j, bad); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("wait said %v, want that the disk is full", err)
	}
	if err := wait(t, j, j.Append(Entry{"a", "later", []byte("1")})); err == nil {
		t.Error("a broken journal confirmed something")
	}
	if err := wait(t, j, good); err != nil {
		t.Errorf("what was durable before is not any more: %v", err)
	}
	if stats := j.Stats(); !stats.Broken || stats.Queued != 0 {
		t.Errorf("stats of a broken journal: %+v", stats)
	}
	if err := stop(); err == nil || errors.Is(err, ErrClosed) {
		t.Errorf("Run returned %v, want the write error", err)
	}
	if got := contents(t, path); len(got) != 1 || got["a/before"] != "1" {
		t.Errorf("file holds %d values", len(got))
	}
}

func TestJournal_BreaksWhenTheDatabaseWasClosed(t *testing.T) {
	defer goleak.VerifyNone(t)
	j := open(t, filepath.Join(t.TempDir(), "journal.db"))
	if err := errors.Join(j.store.Close(), j.db.Close()); err != nil {
		t.Fatal(err)
	}
	stop := run(t, j)
	if err := wait(t, j, j.Append(Entry{"a", "b", []byte("c")})); !errors.Is(err, sql.ErrConnDone) {
		t.Errorf("wait said %v, want that the connection is closed", err)
	}
	if err := stop(); !errors.Is(err, sql.ErrConnDone) {
		t.Errorf("Run returned %v, want that the connection is closed", err)
	}
}

// execute runs a statement on the journal's own connection, between commits.
func execute(t *testing.T, j *Journal, query string) {
	t.Helper()
	if _, err := j.store.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}
