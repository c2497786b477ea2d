package transport

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// BenchmarkConn_Cost connects parties pair by pair, as a mesh does, and reports
// what one end of a connection costs while pictures and silence flow.
func BenchmarkConn_Cost(b *testing.B) {
	const parties = 8
	for b.Loop() {
		before, goroutines := heap(), runtime.NumGoroutine()
		begin := time.Now()
		networks := make([]*Network, parties)
		tracks := make([]*LocalTrack, parties)
		for i := range networks {
			var err error
			if networks[i], err = Listen(Config{Loopback: true}); err != nil {
				b.Fatal(err)
			}
			if tracks[i], err = NewLocalTrack(TrackConfig{Codec: VP8, ID: fmt.Sprint(i), StreamID: fmt.Sprint(i)}); err != nil {
				b.Fatal(err)
			}
		}
		var conns []*Conn
		for i := range parties {
			for j := range i {
				caller, callee := benchmarkPair(b, networks[i], networks[j], tracks[i], tracks[j])
				conns = append(conns, caller, callee)
			}
		}
		for _, conn := range conns {
			for conn.State() != StateConnected {
				<-conn.Events()
			}
		}
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms-to-connect")
		for n := range 100 {
			for _, track := range tracks {
				_ = track.WriteSample(Sample{Data: vp8Frame(n == 0), Duration: 10 * time.Millisecond})
			}
		}
		b.ReportMetric(float64(heap()-before)/float64(len(conns))/1024, "kB/end")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/float64(len(conns)), "goroutines/end")
		for _, network := range networks {
			if err := network.Close(); err != nil {
				b.Error(err)
			}
		}
	}
}

func benchmarkPair(b *testing.B, from, to *Network, sent, back *LocalTrack) (caller, callee *Conn) {
	b.Helper()
	caller, err := from.NewConn(ConnConfig{Video: sent})
	if err != nil {
		b.Fatal(err)
	}
	if callee, err = to.NewConn(ConnConfig{Video: back}); err != nil {
		b.Fatal(err)
	}
	offer, err := caller.CreateOffer(b.Context(), OfferOptions{Gather: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	answer, err := callee.AcceptOffer(b.Context(), offer, time.Second)
	if err != nil {
		b.Fatal(err)
	}
	if err := caller.AcceptAnswer(b.Context(), answer); err != nil {
		b.Fatal(err)
	}
	return caller, callee
}

// heap is bytes in use, for certain.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc + stats.StackInuse)
}
