package journal

import (
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
)

// BenchmarkWait is what a request pays for being confirmed: callers at once,
// each appending one value of 700 bytes (a small encrypted to-device message
// is about that) under a new key and deleting the one 1000 calls ago.
func BenchmarkWait(b *testing.B) {
	for _, callers := range []int{1, 16, 200} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			j, err := Open(filepath.Join(b.TempDir(), "journal.db"), nil)
			if err != nil {
				b.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- j.Run(b.Context()) }()
			value := make([]byte, 700)
			var next atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(max(1, callers/2)) // times GOMAXPROCS goroutines
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					number := next.Add(1)
					p := j.Append(
						Entry{"message", strconv.FormatInt(number, 10), value},
						Entry{"message", strconv.FormatInt(number-1000, 10), nil})
					if err := j.Wait(b.Context(), p); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			stats := j.Stats()
			b.ReportMetric(float64(b.N)/float64(stats.Commits), "calls/commit")
			b.ReportMetric(stats.LongestCommit.Seconds()*1e3, "longest-ms")
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
		})
	}
}
