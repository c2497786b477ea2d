package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// victimPath makes this test binary write to the journal it names until it is
// killed, instead of testing.
const victimPath = "JOURNAL_TEST_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victimPath); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled has eight callers, each of which sets a pair of values to
// its next number and prints "caller number" once that is confirmed.
func writeUntilKilled(path string) error {
	j, err := Open(path, nil)
	if err != nil {
		return err
	}
	start := map[string]int{}
	if err := j.Load(func(bucket, key string, value []byte) error {
		number, err := strconv.Atoi(string(value))
		start[key] = number
		return err
	}); err != nil {
		return err
	}
	var group sync.WaitGroup
	for caller := range 8 {
		group.Go(func() {
			key := strconv.Itoa(caller)
			for number := start[key] + 1; ; number++ {
				value := strconv.AppendInt(nil, int64(number), 10)
				p := j.Append(Entry{"left", key, value}, Entry{"right", key, value})
				if err := j.Wait(context.Background(), p); err != nil {
					return
				}
				fmt.Printf("%s %d\n", key, number)
			}
		})
	}
	err = j.Run(context.Background())
	group.Wait()
	return err
}

func TestJournal_HoldsAllItConfirmedBeforeAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	confirmed := map[string]int{}
	for range 4 {
		readUntilKilled(t, path, 50+rand.IntN(500), confirmed)

		stored := contents(t, path)
		for caller, number := range confirmed {
			got, err := strconv.Atoi(stored["left/"+caller])
			if err != nil || got < number {
				t.Errorf("caller %s: %d was confirmed, the file holds %q", caller, number, stored["left/"+caller])
			}
			if stored["left/"+caller] != stored["right/"+caller] {
				t.Errorf("caller %s: half a call was written: %q and %q",
					caller, stored["left/"+caller], stored["right/"+caller])
			}
		}
		if t.Failed() {
			return
		}
	}
}

// readUntilKilled kills a victim after so many confirmations and puts all of
// them, also those on their way, into confirmed.
func readUntilKilled(t *testing.T, path string, after int, confirmed map[string]int) {
	t.Helper()
	victim := exec.CommandContext(t.Context(), os.Args[0])
	victim.Env = append(os.Environ(), victimPath+"="+path)
	victim.Stderr = os.Stderr
	output, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	lines, seen := bufio.NewScanner(output), 0
	for ; lines.Scan(); seen++ {
		caller, number, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			t.Errorf("victim said %q", lines.Text())
		}
		if confirmed[caller], err = strconv.Atoi(number); err != nil {
			break // the line the kill cut
		}
		if seen == after {
			victim.Process.Kill()
		}
	}
	if err := victim.Wait(); err == nil || seen < after {
		t.Fatalf("victim ended by itself after %d of %d: %v", seen, after, err)
	}
}
