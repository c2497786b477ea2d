package foreign

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// low is below what browsers and homeservers need: they fail for reasons that have
// nothing to do with what is tried.
const low = 1 << 30

// shortage says what a machine is short of, as in "disk 287 MB free, memory 2.1 GB";
// "" when it has enough of both. In bytes; below zero: not known.
func shortage(disk, memory int64) string {
	if (disk < 0 || disk >= low) && (memory < 0 || memory >= low) {
		return ""
	}
	return fmt.Sprintf("disk %s free, memory %s", size(disk), size(memory))
}

// size is a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes < 0:
		return "unknown"
	case bytes < 1e9:
		return fmt.Sprintf("%d MB", bytes/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
}

// freeDisk is what is left where temporary files and caches lie, the least of them.
func freeDisk() int64 {
	places := []string{os.TempDir()}
	if cache, err := os.UserCacheDir(); err == nil {
		places = append(places, cache)
	}
	least := int64(-1)
	for _, place := range places {
		var is syscall.Statfs_t
		if err := syscall.Statfs(place, &is); err != nil {
			continue
		}
		if free := int64(is.Bavail) * is.Bsize; least < 0 || free < least {
			least = free
		}
	}
	return least
}

// freeMemory is what the system can give without taking it from somebody.
func freeMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	return -1
}

func TestShortage_IsSaidWhenThereIsOne(t *testing.T) {
	for _, c := range []struct {
		disk, memory int64
		want         string
	}{
		{287_400_000, 2_140_000_000, "disk 287 MB free, memory 2.1 GB"},
		{50 << 30, 999_000_000, "disk 53.7 GB free, memory 999 MB"},
		{low, low, ""}, {-1, -1, ""}, {0, -1, "disk 0 MB free, memory unknown"},
	} {
		if got := shortage(c.disk, c.memory); got != c.want {
			t.Errorf("with %d and %d bytes it says %q, want %q", c.disk, c.memory, got, c.want)
		}
	}
	if freeDisk() < 0 || freeMemory() <= 0 {
		t.Errorf("this machine has %d bytes of disk and %d of memory", freeDisk(), freeMemory())
	}
}

func TestReason_BeginsWithTheShortage(t *testing.T) {
	for _, c := range []struct{ words, short, want string }{
		{"not within 40s: x\nwhy\nconsole:\na\nb", "", "not within 40s: x · why"},
		{"not within 40s: x\nwhy", "disk 1 MB free, memory 9.0 GB", "disk 1 MB free, memory 9.0 GB · not within 40s: x · why"},
		{"", "disk 1 MB free, memory 9.0 GB", ""},
	} {
		w := &witness{}
		if c.words != "" {
			w.note(c.words)
		}
		if got := w.reason(c.short); got != c.want {
			t.Errorf("the reason is %q, want %q", got, c.want)
		}
	}
}
