package matrix

import (
	"fmt"
	"runtime"
	"testing"

	"meshfocus/signalling/homeserver"
)

// BenchmarkSignal is the way of one encrypted signal: sealed, sent, synced,
// opened, proven, over real HTTP to the embedded homeserver.
func BenchmarkSignal(b *testing.B) {
	for _, mode := range []EncryptMode{EncryptPrefer, EncryptOff} {
		b.Run(mode.String(), func(b *testing.B) {
			h := newBenchHouse(b)
			alice, _ := h.enter(withMode(h.config("alice", "A"), mode))
			bob, heard := h.enter(withMode(h.config("bob", "B"), mode))
			b.ResetTimer()
			for n := range b.N {
				alice.Send(bob.Party(), hangup(alice, h.room, n), nil)
				heard.wait(b, "the signal", func(s *sink) bool { return len(s.received) == n+1 })
			}
		})
	}
}

// BenchmarkOpen is what a device with encryption costs: time to log in and
// publish its keys, and memory held.
func BenchmarkOpen(b *testing.B) {
	h := newBenchHouse(b)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range b.N {
		h.open(h.config(fmt.Sprint("user", n), "D"))
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapInuse-before.HeapInuse)/float64(b.N), "heap-B/account")
	b.ReportMetric(float64(after.Sys-before.Sys)/float64(b.N), "sys-B/account")
}

func withMode(config Config, mode EncryptMode) Config { config.Encrypt = mode; return config }

func newBenchHouse(b *testing.B) *house { return newEmbeddedHouse(b, func(*homeserver.Config) {}) }
