package homeserver_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	benchDevices = 200
	benchSenders = 64                     // requests at the same time, at most
	benchGap     = 500 * time.Microsecond // between two messages: 2000 a second
)

// BenchmarkToDevice is a homeserver in a process of its own, in which 200
// devices of 200 users in one room wait in /sync while 2000 to-device messages
// a second are sent from one to another over HTTP. It reports the delivery:
// from the instant a message was due to be sent until the receiver has decoded
// it. One operation is one message.
func BenchmarkToDevice(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchmarkToDevice(b, inMemory) })
	b.Run("data", func(b *testing.B) { benchmarkToDevice(b, b.TempDir()) })
}

func benchmarkToDevice(b *testing.B, folder string) {
	server := startVictim(b, folder)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchDevices + benchSenders}}
	defer client.CloseIdleConnections()
	crowd := gather(b, server, client)
	heap, stacks := server.memory(b)

	ctx, cancel := context.WithCancel(b.Context())
	var group sync.WaitGroup
	for _, l := range crowd {
		group.Go(func() { l.listen(ctx) })
	}
	awaitCrowd(b, crowd)
	heapThen, stacksThen := server.memory(b)

	b.Run("2000-a-second", func(b *testing.B) {
		began := time.Now()
		talk(b, crowd)
		report(b, crowd, time.Since(began))
	})
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(heapThen-heap)/benchDevices, "heap-B/device")
		b.ReportMetric(float64(stacksThen-stacks)/benchDevices, "stack-B/device")
	})
	cancel()
	group.Wait()
	server.quit(b)
}

// listener is one device in /sync.
type listener struct {
	visitor
	polls atomic.Int64 // answers so far
	since string
	mu    sync.Mutex
	delay []time.Duration // guarded by mu: how long messages took
}

// gather makes the users and lets them into one room.
func gather(b *testing.B, server *victim, client *http.Client) []*listener {
	var crowd []*listener
	room := ""
	for i := range benchDevices {
		l := &listener{visitor: server.device(b, client, fmt.Sprintf("user%d", i))}
		crowd = append(crowd, l)
		if room == "" {
			var created struct {
				Room string `json:"room_id"`
			}
			if err := l.call(b.Context(), "POST", "createRoom", object{"preset": "public_chat"}, &created); err != nil {
				b.Fatal(err)
			}
			room = created.Room
		}
		if err := l.call(b.Context(), "POST", "join/"+url.PathEscape(room), object{}, nil); err != nil {
			b.Fatal(err)
		}
	}
	for _, l := range crowd { // the first /sync, before anything is measured
		if err := l.poll(b.Context(), 0); err != nil {
			b.Fatal(err)
		}
	}
	client.CloseIdleConnections()
	return crowd
}

func (l *listener) listen(ctx context.Context) {
	for l.poll(ctx, 30*time.Second) == nil {
	}
}

func (l *listener) poll(ctx context.Context, timeout time.Duration) error {
	answer, err := l.sync(ctx, l.since, timeout)
	now := time.Now().UnixNano()
	if err != nil {
		return err
	}
	l.since = answer.NextBatch
	l.polls.Add(1)
	l.mu.Lock()
	for _, event := range answer.ToDevice.Events {
		l.delay = append(l.delay, time.Duration(now-event.Content.SentAt))
	}
	l.mu.Unlock()
	return nil
}

// awaitCrowd sends everybody a message until all have answered one: then all
// of them wait in a long poll.
func awaitCrowd(b *testing.B, crowd []*listener) {
	for i, l := range crowd {
		if err := crowd[0].tell(b.Context(), &l.visitor, fmt.Sprint("hello", i), entry{SentAt: time.Now().UnixNano()}); err != nil {
			b.Fatal(err)
		}
	}
	await(b, crowd, len(crowd))
}

// await returns when so many messages have been heard, and forgets them.
func await(b *testing.B, crowd []*listener, want int) []time.Duration {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); ; {
		var delays []time.Duration
		for _, l := range crowd {
			l.mu.Lock()
			delays = append(delays, l.delay...)
			l.mu.Unlock()
		}
		if len(delays) >= want {
			for _, l := range crowd {
				l.mu.Lock()
				l.delay = nil
				l.mu.Unlock()
			}
			return delays
		}
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d messages were heard", len(delays), want)
		}
		<-ticker.C
	}
}

// talk sends b.N messages, each at its time, or late if the server is slow.
func talk(b *testing.B, crowd []*listener) {
	var next atomic.Int64
	var group sync.WaitGroup
	run := rand.Uint64()
	began := time.Now()
	for range benchSenders {
		group.Go(func() {
			for {
				number := next.Add(1) - 1
				if number >= int64(b.N) {
					return
				}
				due := began.Add(time.Duration(number) * benchGap)
				<-time.After(time.Until(due))
				from, to := crowd[rand.IntN(len(crowd))], crowd[rand.IntN(len(crowd))]
				err := from.tell(b.Context(), &to.visitor, fmt.Sprintf("%x-%d", run, number), entry{
					ID: padding, SentAt: due.UnixNano(),
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// padding makes a message as large as a small encrypted one.
var padding = string(slices.Repeat([]byte("olm "), 150))

func report(b *testing.B, crowd []*listener, sending time.Duration) {
	began := time.Now()
	delays := await(b, crowd, b.N)
	elapsed := sending + time.Since(began)
	slices.Sort(delays)
	quantile := func(q float64) float64 {
		return delays[int(q*float64(len(delays)-1))].Seconds() * 1e3
	}
	b.ReportMetric(quantile(0.5), "p50-ms")
	b.ReportMetric(quantile(0.99), "p99-ms")
	b.ReportMetric(quantile(1), "max-ms")
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "messages/s")
}
