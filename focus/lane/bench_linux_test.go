package lane

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meshfocus/focus/feedback"
	"meshfocus/focus/transport/srtp"
	"meshfocus/focus/udp"
)

// cpu gives the time this thread has been running, kernel and all. Over loopback
// that holds the receivers' share of the way too, up to their queues.
func cpu(tb testing.TB) time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(at.Nano())
}

// yardstick is work of known size, beside which everything else is measured: sealing
// 1200 bytes with the profile's ciphers as the standard library has them, which a
// forwarded packet needs at least. A machine that is slower by half is slower at this,
// too.
type yardstick struct {
	seal  func()
	spent time.Duration
	seals int
}

func newYardstick(tb testing.TB, profile srtp.Profile) *yardstick {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		tb.Fatal(err)
	}
	nonce, text, sealed := make([]byte, 16), make([]byte, 1200), make([]byte, 0, 1300)
	if profile == srtp.AES128CMSHA1 {
		authentication := hmac.New(sha1.New, make([]byte, 20))
		return &yardstick{seal: func() {
			cipher.NewCTR(block, nonce).XORKeyStream(text, text)
			authentication.Reset()
			authentication.Write(text)
			sealed = authentication.Sum(sealed[:0])
		}}
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		tb.Fatal(err)
	}
	return &yardstick{seal: func() { sealed = aead.Seal(sealed[:0], nonce[:12], text, nil) }}
}

// lay measures the yardstick once more. Beside what is measured it takes a third.
func (y *yardstick) lay(tb testing.TB, times int) {
	y.spent += timed(tb, func() {
		for range times {
			y.seal()
		}
	})
	y.seals += times
}

// report reports what a packet cost.
func (y *yardstick) report(b *testing.B, spent time.Duration, packets int) {
	each := float64(spent) / float64(packets)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(each, "ns/packet")
	b.ReportMetric(each*float64(y.seals)/float64(y.spent), "seals/packet")
}

// BenchmarkForward is the whole way of a packet with everything on, in one thread:
// read from a socket, opened, selected and numbered for 50, remembered, sealed, sent.
// It reports CPU time for each packet that leaves, the kernel's included, also in
// seals of the yardstick; publisher and watchers are not in it.
//
//	even   a packet at a time, sent at once
//	ticks  a packet at a time, eight gathered: what Config.Tick does
//	burst  eight at a time
func BenchmarkForward(b *testing.B) {
	for _, profile := range []srtp.Profile{srtp.AES128GCM, srtp.AES128CMSHA1} {
		for _, way := range []struct {
			name           string
			burst, gathers int
		}{{"even", 1, 1}, {"ticks", 1, 8}, {"burst", 8, 1}} {
			name := map[srtp.Profile]string{srtp.AES128GCM: "gcm", srtp.AES128CMSHA1: "cm80"}[profile]
			b.Run(fmt.Sprintf("1x50/%s/%s", name, way.name), func(b *testing.B) {
				benchForward(b, profile, way.burst, way.gathers)
			})
		}
	}
}

// BenchmarkPaced is BenchmarkForward in frames of eight, 30 in a second, to 50 who
// take them as they come, or report arrivals every 50 ms, without a queue, and are
// paced. Both in turns, so that a machine that is busy is so for both. What is
// reported, and what the reports themselves take, is part of a packet's cost.
func BenchmarkPaced(b *testing.B) {
	r, plain := newRig(b, 50, srtp.AES128GCM), newRig(b, 50, srtp.AES128GCM)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r.pave()
	const frame = 33 * time.Millisecond
	var spent [2]time.Duration
	var sent [2]int
	for turn := 0; sent[0] < b.N; turn++ {
		for i, each := range []*rig{r, plain} {
			each.frame = frame
			each.prepare(turn == 0, 1, 8)
			took := each.turn(1)
			if i == 0 {
				took += r.pace(frame)
			}
			if came := each.drain(); turn >= 100 { // before, memory grows and probes are sent
				spent[i] += took
				sent[i] += came
			}
		}
	}
	paced, plainly := float64(spent[0])/float64(sent[0]), float64(spent[1])/float64(sent[1])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(paced, "paced-ns/packet")
	b.ReportMetric(plainly, "plain-ns/packet")
	b.ReportMetric(paced/plainly, "paced/plain")
	b.ReportMetric(float64(r.lane.Stats().Flushes)/float64(plain.lane.Stats().Flushes), "flushes/plain")
}

// pave has all watchers give feedback.
func (r *rig) pave() {
	for i := range r.watchers {
		w := &r.watchers[i]
		w.sub.end.config.Adaptive = true
		w.arrivals, w.told = feedback.NewArrivals(), 0
	}
}

// pace lets the time of a frame pass, in which what waits leaves, and feedback comes of
// what left; it says what CPU time that took. Time ends where the next frame begins.
func (r *rig) pace(frame time.Duration) (spent time.Duration) {
	end := r.now
	for r.now = end.Add(-frame); r.now < end; r.now = r.now.Add(defaultTick) {
		r.report()
		spent += timed(r.tb, func() {
			r.lane.mail.collect(&r.sender.batches, &r.sender.letters)
			r.sender.take()
			r.sender.pressing()
			r.sender.flush()
		})
	}
	r.now = end
	return spent
}

// report has feedback come of everything that left.
func (r *rig) report() {
	for i := range r.watchers {
		w := &r.watchers[i]
		o := &w.sub.end.out
		if o.left == nil {
			continue
		}
		for ; w.told != o.left.Next(); w.told++ {
			w.arrivals.Arrived(w.told, r.now)
		}
		if r.rtcp = w.arrivals.Append(r.rtcp[:0], 1, w.sub.config.SSRC, r.now); len(r.rtcp) > 0 {
			r.lane.hear(w.sub.end, r.rtcp, r.now)
		}
	}
}

func benchForward(b *testing.B, profile srtp.Profile, burst, gathers int) {
	r := newRig(b, 50, profile)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r.prepare(true, 1, burst)
	r.turn(1)
	r.drain()
	var spent time.Duration
	yard, sent := newYardstick(b, profile), 0
	for sent < b.N {
		turn := burst * gathers * len(r.watchers)
		yard.lay(b, turn)
		r.prepare(false, gathers, burst)
		spent += r.turn(gathers)
		sent += turn
		if came := r.drain(); came < turn {
			b.Fatalf("%d of %d came", came, turn)
		}
	}
	yard.report(b, spent, sent)
}

// BenchmarkWork is BenchmarkForward in bursts without the kernel: what we do
// ourselves, from a datagram to those that could leave. It is what the gate of
// internal/scripts/gate looks at, since little else on the machine disturbs it.
func BenchmarkWork(b *testing.B) {
	b.Run("1x50/gcm", func(b *testing.B) { benchWork(b, srtp.AES128GCM) })
	b.Run("1x50/cm80", func(b *testing.B) { benchWork(b, srtp.AES128CMSHA1) })
}

func benchWork(b *testing.B, profile srtp.Profile) {
	r := newRig(b, 50, profile)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const burst = 8
	r.deliver()
	nowhere := udp.NewOutbox(messages)
	for _, w := range r.watchers {
		w.sub.end.out.outbox = nowhere
	}
	var spent time.Duration
	yard, sent := newYardstick(b, profile), 0
	for turn := 0; sent < b.N; turn++ {
		r.prepare(turn == 0, 1, burst)
		r.inbox.Datagrams = r.inbox.Datagrams[:0]
		for _, datagram := range r.prepared[0] {
			r.inbox.Datagrams = append(r.inbox.Datagrams, udp.Datagram{From: r.client.LocalAddr(), Data: datagram})
		}
		r.prepared = nil
		if turn >= 100 { // before, memory grows to what is needed
			yard.lay(b, burst*len(r.watchers))
		}
		took := timed(b, func() {
			r.reader.read(r.inbox.Datagrams, r.local, r.now)
			r.reader.done()
			r.deliver()
			nowhere.Reset()
		})
		r.now = r.now.Add(time.Millisecond)
		if turn >= 100 {
			spent += took
			sent += burst * len(r.watchers)
		}
	}
	if left := r.lane.Stats().Packets; left < uint64(sent) {
		b.Fatalf("%d of %d left", left, sent)
	}
	yard.report(b, spent, sent)
}

func timed(tb testing.TB, work func()) time.Duration {
	began := cpu(tb)
	work()
	return cpu(tb) - began
}

// turn forwards bursts that were prepared, gathered before they leave, and says what
// CPU time it took.
func (r *rig) turn(bursts int) (spent time.Duration) {
	for range bursts {
		written := r.write()
		spent += timed(r.tb, func() { r.receive(written) })
		r.now = r.now.Add(r.frame)
	}
	return spent + timed(r.tb, r.deliver)
}

// BenchmarkLedger is BenchmarkForward in bursts with every batch timed as a running
// lane times one in 128. It reports what each stage takes of a packet: up to select of
// one that came in, from then on of one that leaves; and how much of the whole the
// stages are, which is wrong by less than a tenth.
func BenchmarkLedger(b *testing.B) {
	r := newRig(b, 50, srtp.AES128GCM)
	r.lane.config.Now = Now
	r.reader.lap, r.sender.lap = newLap(r.lane, Receiving), newLap(r.lane, Sending)
	var whole time.Duration
	sent := 0
	for sent < b.N {
		r.prepare(sent == 0, 1, 8)
		written := r.write()
		r.reader.lap.left, r.sender.lap.left = 0, 0
		began := time.Now()
		r.receive(written)
		r.deliver()
		whole += time.Since(began)
		sent += r.drain()
	}
	var sum time.Duration
	stages := r.lane.Stats().Stages
	for stage := range stages {
		b.ReportMetric(float64(stages[stage].Each()), strings.ReplaceAll(Stage(stage).String(), " ", "-")+"-ns")
		sum += stages[stage].Took
	}
	b.ReportMetric(0, "ns/op")
	covered := 100 * float64(sum) / float64(whole)
	b.ReportMetric(covered, "%covered")
	if sent > 10_000 && (covered < 90 || covered > 110) {
		b.Errorf("the stages are %.0f %% of the whole", covered)
	}
}
