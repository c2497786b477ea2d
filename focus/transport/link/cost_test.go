package link

import (
	"runtime"
	"testing"
	"time"
)

// footprint is what the process holds once what can go has gone.
type footprint struct {
	heap, stacks uint64
	goroutines   int
}

// settle gives the footprint after some collections: stacks shrink by half with
// each, and pools are empty after the second.
func settle() footprint {
	for range 6 {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{m.HeapAlloc, m.StackInuse, runtime.NumGoroutine()}
}

// bare is a Link whose events nobody keeps.
func bare(b *testing.B, config Config) *Link {
	b.Helper()
	l, err := New(config)
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// meet brings two bare Links together and takes what they have to say, until
// there are data channels if there are to be.
func meet(b *testing.B, one, other *Link, data bool) {
	b.Helper()
	for i, l := range []*Link{one, other} {
		far := []*Link{other, one}[i]
		peer := Peer{Credentials: far.Credentials(), Fingerprints: []Fingerprint{far.Fingerprint()}, Controlling: i == 0, Client: i == 1}
		if err := l.Connect(peer); err != nil {
			b.Fatal(err)
		}
		if err := l.Gather(); err != nil {
			b.Fatal(err)
		}
	}
	for i, l := range []*Link{one, other} {
		far := []*Link{other, one}[i]
		for event := range l.Events() {
			if found, ok := event.(CandidateFound); ok {
				if err := far.AddCandidate(found.Candidate); err != nil {
					b.Fatal(err)
				}
			}
			if _, ok := event.(GatheringDone); ok {
				break
			}
		}
	}
	for _, l := range []*Link{one, other} {
		for l.State() != StateConnected {
			if change, ok := await(b, "news", l.Events()).(StateChanged); ok && change.Err != nil {
				b.Fatal(change.Err)
			}
		}
		if data {
			await(b, "way for data", l.data.there)
		}
	}
}

// hush takes what a Link has left to say.
func hush(l *Link) {
	for {
		select {
		case <-l.Events():
		case <-time.After(5 * time.Millisecond):
			return
		}
	}
}

// BenchmarkLink_Holds connects Links and reports what one holds afterwards:
// bytes of the heap and of stacks, and goroutines. Sockets and their loops are
// the caller's and are not counted.
func BenchmarkLink_Holds(b *testing.B) {
	for _, c := range []struct {
		name string
		data bool
	}{{"media", false}, {"media and data", true}} {
		b.Run(c.name, func(b *testing.B) {
			const pairs = 50
			mine, ours := certificate(b), newLane(b)
			var lanes []*lane
			for range pairs {
				lanes = append(lanes, newLane(b))
			}
			for b.Loop() {
				before := settle()
				var links []*Link
				for _, l := range lanes {
					one, other := bare(b, Config{Port: ours.port, Certificate: mine}), bare(b, Config{Port: l.port, Certificate: mine})
					if c.data {
						one.StartData()
						other.StartData()
					}
					meet(b, one, other, c.data)
					links = append(links, one, other)
				}
				for _, l := range links {
					hush(l)
				}
				after := settle()
				report := func(value float64, unit string) { b.ReportMetric(value/(2*pairs), unit) }
				report(float64(after.heap-before.heap), "heapB/link")
				report(float64(after.stacks-before.stacks), "stackB/link")
				report(float64(after.goroutines-before.goroutines), "goroutines/link")
				for _, l := range links {
					_ = l.Close()
				}
			}
		})
	}
}

// BenchmarkLink_Connects is two Links from nothing to keys and back: what a
// party that comes costs, twice.
func BenchmarkLink_Connects(b *testing.B) {
	mine, ours, theirs := certificate(b), newLane(b), newLane(b)
	for b.Loop() {
		one, other := bare(b, Config{Port: ours.port, Certificate: mine}), bare(b, Config{Port: theirs.port, Certificate: mine})
		meet(b, one, other, false)
		_ = one.Close()
		_ = other.Close()
	}
}

// goroutinesEach is how many a connected Link has on one local address; see
// docs/benchmarks.md.
const goroutinesEach = 9

func TestLink_HoldsNoMoreGoroutinesThanThat(t *testing.T) {
	var lanes []*lane
	for range 10 {
		lanes = append(lanes, newLane(t))
	}
	before := runtime.NumGoroutine()
	for i := 0; i < len(lanes); i += 2 {
		connect(t, newEnd(t, Config{Port: lanes[i].port}), newEnd(t, Config{Port: lanes[i+1].port}))
	}
	listening := len(lanes) // who reads the events of an end
	enough := func() bool { return runtime.NumGoroutine()-before <= len(lanes)*goroutinesEach+listening }
	for end := time.Now().Add(patience); !enough(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines for %d Links, want %d", runtime.NumGoroutine()-before-listening, len(lanes), len(lanes)*goroutinesEach)
		}
	}
}
