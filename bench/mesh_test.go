package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"meshfocus/focus/transport"
	"meshfocus/internal/testcard"
	"meshfocus/mesh/headless"
	"meshfocus/mesh/negotiate"
	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/matrix"
)

// BenchmarkMesh lets parties in one process join one room at the same time,
// over real HTTP and UDP on loopback, each playing the test card. It reports
// per mesh:
//
//	ms/joined     from the first join to every ordered pair being connected
//	ms/pair       median from seeing a member to being connected to it
//	messages/pair to-device messages of a pair, both ways
//	MB/party      heap and stacks in use above what was there before, once all flows
//	goroutines/party
func BenchmarkMesh(b *testing.B) {
	for _, size := range []int{2, 4, 8} {
		b.Run(fmt.Sprintf("parties=%d/pairs=%d", size, size*(size-1)/2), func(b *testing.B) {
			var runs []figures
			for b.Loop() {
				runs = append(runs, measure(b, size))
			}
			report(b, runs)
		})
	}
}

// figures of one run.
type figures struct{ joined, pair, messages, megabytes, goroutines float64 }

// report gives the median of each figure.
func report(b *testing.B, runs []figures) {
	median := func(of func(figures) float64) float64 {
		var values []float64
		for _, run := range runs {
			values = append(values, of(run))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	b.ReportMetric(0, "ns/op") // it would mean nothing
	b.ReportMetric(median(func(f figures) float64 { return f.joined }), "ms/joined")
	b.ReportMetric(median(func(f figures) float64 { return f.pair }), "ms/pair")
	b.ReportMetric(median(func(f figures) float64 { return f.messages }), "messages/pair")
	b.ReportMetric(median(func(f figures) float64 { return f.megabytes }), "MB/party")
	b.ReportMetric(median(func(f figures) float64 { return f.goroutines }), "goroutines/party")
}

// measure runs one mesh from start to stop.
func measure(b *testing.B, size int) (f figures) {
	server, base, stop := serve(b)
	defer stop()
	room, err := server.EnsureRoom("bench", "Bench", "host", homeserver.PresetPublic)
	if err != nil {
		b.Fatal(err)
	}
	heapBefore, goroutinesBefore := usage()
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	var running sync.WaitGroup
	var parties []*headless.Participant
	for i := range size {
		parties = append(parties, open(b, server, base, room, fmt.Sprintf("party%d", i)))
	}
	start := time.Now()
	for _, party := range parties {
		running.Go(func() {
			if err := party.Run(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	until(b, parties, func(l headless.Link) bool { return l.State == negotiate.Connected })
	last := start
	for _, party := range parties {
		for _, l := range party.Status().Links {
			if l.ConnectedAt.After(last) {
				last = l.ConnectedAt
			}
		}
	}
	f.joined = milliseconds(last.Sub(start))
	until(b, parties, flowing)
	f.pair, f.messages = pairs(parties)
	heap, goroutines := usage()
	f.megabytes = float64(heap-heapBefore) / float64(size) / (1 << 20)
	f.goroutines = float64(goroutines-goroutinesBefore) / float64(size)
	leave()
	running.Wait()
	return f
}

// pairs gives the median time to connect and the mean messages of a pair.
func pairs(parties []*headless.Participant) (connect, messages float64) {
	var times []float64
	var count int
	for _, party := range parties {
		for _, l := range party.Status().Links {
			times = append(times, milliseconds(l.ConnectTime()))
			count += l.Sent // each message is sent once, by either end
		}
	}
	slices.Sort(times)
	return times[len(times)/2], float64(count) / float64(len(times)/2)
}

// flowing reports whether sound and picture arrive.
func flowing(l headless.Link) bool {
	if l.Stats == nil {
		return false
	}
	frames := map[transport.Kind]uint64{}
	for _, r := range l.Stats.Received {
		frames[r.Kind] += r.Frames
	}
	return frames[transport.Audio] > 0 && frames[transport.Video] > 0
}

// until waits for something to hold on every ordered pair.
func until(b *testing.B, parties []*headless.Participant, is func(headless.Link) bool) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		count := 0
		for _, party := range parties {
			for _, l := range party.Status().Links {
				if is(l) {
					count++
				}
			}
		}
		if count == len(parties)*(len(parties)-1) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("after a minute %d of %d ordered pairs are there", count, len(parties)*(len(parties)-1))
		}
	}
}

// usage gives heap in use after a collection, and goroutines.
func usage() (heap uint64, goroutines int) {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse + stats.StackInuse, runtime.NumGoroutine()
}

// open makes a participant that publishes the test card.
func open(b *testing.B, server *homeserver.Server, base, room, name string) *headless.Participant {
	b.Helper()
	if err := server.EnsureUser(name, ""); err != nil {
		b.Fatal(err)
	}
	token, err := server.IssueToken(name, "BENCH", name)
	if err != nil {
		b.Fatal(err)
	}
	party, err := headless.Open(b.Context(), headless.Config{
		Account: matrix.Config{Homeserver: base, Token: token}, Room: room,
		Clip: &headless.Clip{Video: testcard.Video, Audio: testcard.Audio}, Media: transport.Config{Loopback: true},
	})
	if err != nil {
		b.Fatal(err)
	}
	return party
}

// serve starts a homeserver in memory.
func serve(b *testing.B) (server *homeserver.Server, base string, stop func()) {
	b.Helper()
	server, err := homeserver.New(homeserver.Config{ServerName: "bench.local"})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	web := &http.Server{Handler: server.Handler()}
	var loops sync.WaitGroup
	loops.Go(func() { _ = server.Run(ctx) })
	loops.Go(func() { _ = web.Serve(listener) })
	if err := server.EnsureUser("host", ""); err != nil {
		b.Fatal(err)
	}
	return server, "http://" + listener.Addr().String(), func() { cancel(); _ = web.Close(); loops.Wait() }
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
