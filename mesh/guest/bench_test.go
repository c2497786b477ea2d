package guest

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	benchSockets = 500
	benchRooms   = 100
	benchJoins   = 20
	// benchEvery is how often each room's pair exchanges a signal: 200 a second
	// in all.
	benchEvery = 500 * time.Millisecond
)

// BenchmarkGateway seats 500 browsers in 100 rooms, each on a real device of
// the embedded homeserver, all in this process (their own ends of the sockets
// too). Then a pair in each room exchanges signals, and 20 more
// browsers join at once. One iteration is one such join.
func BenchmarkGateway(b *testing.B) {
	b.Run("in process", func(b *testing.B) { benchmarkGateway(b, true) })
	b.Run("over HTTP", func(b *testing.B) { benchmarkGateway(b, false) })
}

func benchmarkGateway(b *testing.B, without bool) {
	h := start(b, "", "127.0.0.1:0", nil)
	if without { // a network between guests and homeserver
		h.door = inProcess{h.server.Handler()}
	}
	before := look(b)
	began := time.Now()
	all := seatMany(b, h, benchSockets, "room")
	seated := time.Since(began)
	after := look(b)
	if path := os.Getenv("MESHFOCUS_HEAP"); path != "" {
		writeHeap(b, path)
	}

	quiet, joining := new(delays), new(delays)
	measure(b, all, new(delays), func() { time.Sleep(time.Second) }) // the first needs an Olm session
	measure(b, all, quiet, func() { time.Sleep(3 * time.Second) })
	var joins []time.Duration
	b.ResetTimer()
	for round := range b.N {
		measure(b, all, joining, func() {
			began := time.Now()
			seatMany(b, h, benchJoins, fmt.Sprint("room", round))
			joins = append(joins, time.Since(began))
			time.Sleep(time.Second)
		})
	}
	b.StopTimer()
	after.report(b, before)
	b.ReportMetric(float64(seated.Milliseconds())/benchSockets, "ms/seat")
	b.ReportMetric(quiet.quantile(0.5), "quiet-p50-ms")
	b.ReportMetric(quiet.quantile(0.99), "quiet-p99-ms")
	b.ReportMetric(joining.quantile(0.5), "joining-p50-ms")
	b.ReportMetric(joining.quantile(0.99), "joining-p99-ms")
	slices.Sort(joins)
	b.ReportMetric(float64(joins[len(joins)/2].Milliseconds()), "join-20-ms")
}

// seatMany lets browsers join, 20 at once, spread over the rooms.
func seatMany(b *testing.B, h *house, count int, prefix string) []*browser {
	all := make([]*browser, count)
	var joining sync.WaitGroup
	turns := make(chan struct{}, benchJoins)
	for i := range all {
		turns <- struct{}{}
		joining.Go(func() {
			defer func() { <-turns }()
			all[i] = h.join(b, fmt.Sprint(strings.TrimRight(prefix, "0123456789"), i%benchRooms), "Guest", nil)
			go all[i].ping() // what a browser does while it is there
		})
	}
	joining.Wait()
	return all
}

// ping keeps a browser's socket until it ends.
func (b *browser) ping() {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-b.done:
			return
		case <-tick.C:
			b.say(map[string]any{"type": "ping", "id": 1})
		}
	}
}

// measure lets a pair in each room exchange signals while something goes on.
func measure(b *testing.B, all []*browser, into *delays, meanwhile func()) {
	stop := make(chan struct{})
	var pairs sync.WaitGroup
	for i := range benchRooms {
		from, to := all[i], all[i+benchRooms]
		to.mu.Lock()
		to.onSignal = into.arrived
		to.mu.Unlock()
		pairs.Go(func() {
			time.Sleep(benchEvery * time.Duration(i) / benchRooms)
			tick := time.NewTicker(benchEvery)
			defer tick.Stop()
			for seq := 0; ; seq++ {
				select {
				case <-stop:
					return
				case <-tick.C:
					from.send(to.self, to.session, "bench"+strconv.FormatInt(time.Now().UnixNano(), 10), seq)
				}
			}
		})
	}
	meanwhile()
	close(stop)
	pairs.Wait()
}

// delays are times from a browser's send to another's receipt.
type delays struct {
	mu  sync.Mutex
	all []time.Duration
}

func (d *delays) arrived(h heard) {
	now := time.Now()
	var content struct {
		CallID string `json:"call_id"`
	}
	if json.Unmarshal(h.Content, &content) != nil {
		return
	}
	sent, err := strconv.ParseInt(strings.TrimPrefix(content.CallID, "bench"), 10, 64)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, now.Sub(time.Unix(0, sent)))
}

// quantile gives milliseconds.
func (d *delays) quantile(q float64) float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 {
		return -1
	}
	slices.Sort(d.all)
	return float64(d.all[min(int(q*float64(len(d.all))), len(d.all)-1)].Microseconds()) / 1000
}

// footprint is what this process takes.
type footprint struct {
	heap, stacks, resident uint64 // bytes
	goroutines             int
}

// look measures after a collection. What is resident (SQLite's memory is no
// part of Go's heap) is asked from Linux.
func look(b *testing.B) footprint {
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	f := footprint{heap: stats.HeapAlloc, stacks: stats.StackInuse, goroutines: runtime.NumGoroutine()}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return f
	}
	var size, resident uint64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		b.Error(err)
	}
	f.resident = resident * uint64(os.Getpagesize())
	return f
}

func (f footprint) report(b *testing.B, before footprint) {
	each := func(after, before uint64) float64 { return float64(after-before) / benchSockets / 1000 }
	b.ReportMetric(each(f.heap, before.heap), "heap-kB/socket")
	b.ReportMetric(each(f.stacks, before.stacks), "stack-kB/socket")
	b.ReportMetric(each(f.resident, before.resident), "resident-kB/socket")
	b.ReportMetric(float64(f.goroutines-before.goroutines)/benchSockets, "goroutines/socket")
}

func writeHeap(b *testing.B, path string) {
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := pprof.WriteHeapProfile(file); err != nil {
		b.Fatal(err)
	}
}
