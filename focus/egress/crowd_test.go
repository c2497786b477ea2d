package egress

import (
	"crypto/aes"
	"crypto/cipher"
	"testing"
	"time"

	"meshfocus/focus/bwe"
	"meshfocus/focus/feedback"
	"meshfocus/focus/pacer"
	"meshfocus/internal/unit"
)

// crowd is the subscribers of a core: each gets 100 packets of pictures and 50 of sound
// in a second, over a path of its own, and reports 20 times. A third of the paths carry
// less than that, so their queues, pacers and laws are all at work.
type crowd struct {
	each  []member
	now   unit.Instant
	thing int
	turn  int

	sending, hearing   time.Duration // that it took
	packets, feedbacks int
}

type member struct {
	path     *Path[*int]
	arrivals *feedback.Arrivals
	capacity unit.BitRate
	free     unit.Instant // when its link has sent everything
	rtcp     []byte
}

const (
	crowdTurn = 10 * time.Millisecond
	crowdSize = 500
)

func newCrowd(size int) *crowd {
	c := &crowd{now: second}
	for i := range size {
		c.each = append(c.each, member{
			path: New[*int](Config{Padding: 1200}), arrivals: feedback.NewArrivals(),
			capacity: 600*unit.Kilobit + unit.BitRate(i%100)*15*unit.Kilobit, free: c.now,
		})
	}
	for range 3000 { // half a minute: nothing grows any more
		c.step()
	}
	c.sending, c.hearing, c.packets, c.feedbacks = 0, 0, 0, 0
	return c
}

// step is 10 ms of everybody.
func (c *crowd) step() {
	c.now = c.now.Add(crowdTurn)
	c.turn++
	before := time.Now()
	for i := range c.each {
		c.send(&c.each[i])
	}
	c.sending += time.Since(before)
	for i := range c.each { // what receivers do, who are elsewhere
		m := &c.each[i]
		if (c.turn+i)%5 == 0 {
			m.rtcp = m.arrivals.Append(m.rtcp[:0], 1, 2, c.now)
		}
	}
	before = time.Now()
	for i := range c.each {
		if m := &c.each[i]; (c.turn+i)%5 == 0 && len(m.rtcp) > 0 {
			compound := feedback.Read(m.rtcp)
			for told, ok := compound.Next(); ok; told, ok = compound.Next() {
				m.path.Heard(told, c.now)
				c.feedbacks++
			}
		}
	}
	c.hearing += time.Since(before)
}

// send is what the sender does for one subscriber in a turn.
func (c *crowd) send(m *member) {
	m.path.Put(&c.thing, 1100, pacer.Video, Frame{ID: uint32(c.turn / 6), Temporal: uint8(c.turn / 6 % 2)}, c.now)
	if c.turn%2 == 0 {
		m.path.Put(&c.thing, 120, pacer.Sound, Frame{}, c.now)
	}
	for {
		_, d, ok := m.path.Take(c.now)
		if !ok {
			break
		}
		size := 1100
		if d.Class == pacer.Sound {
			size = 120
		}
		c.packets++
		m.free = max(m.free, c.now).Add(m.capacity.Duration(size))
		if m.free.Sub(c.now) < 300*time.Millisecond {
			m.arrivals.Arrived(d.Number, m.free.Add(20*time.Millisecond))
		}
	}
	for {
		if _, ok := m.path.Discarded(); !ok {
			break
		}
	}
	_, _ = m.path.Wanted()
}

// The paths of a crowd do different things, and none of it takes memory.
func TestCrowd_AllocatesNothing(t *testing.T) {
	c := newCrowd(20)
	probes, reasons := int64(0), make(map[bwe.Reason]bool)
	if got := testing.AllocsPerRun(500, c.step); got != 0 {
		t.Errorf("%v allocations in 10 ms of %d paths", got, len(c.each))
	}
	for i := range c.each {
		probes += c.each[i].path.Stats().Probes
		reasons[c.each[i].path.Estimate().Reason] = true
	}
	if probes == 0 || len(reasons) < 2 || c.feedbacks < 500 {
		t.Errorf("%d probes, reasons %v, %d reports: that is no crowd", probes, reasons, c.feedbacks)
	}
}

// seal says how long it takes on this machine to seal a packet of 1100 bytes with
// AES-128-GCM: a yardstick.
func seal(b *testing.B) time.Duration {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	const times = 2000
	nonce, clear, sealed := make([]byte, sealer.NonceSize()), make([]byte, 1100), make([]byte, 0, 1200)
	least := time.Hour
	for range 10 {
		before := time.Now()
		for range times {
			sealed = sealer.Seal(sealed[:0], nonce, clear, nil)
		}
		least = min(least, time.Since(before)/times)
	}
	return least
}

// BenchmarkCrowd is 500 subscribers: what part of a core they take, and what of that a
// packet and a report, in ns and in seals of a packet. One turn is 10 ms of all of them.
func BenchmarkCrowd(b *testing.B) {
	c := newCrowd(crowdSize)
	yardstick := float64(seal(b))
	b.ReportAllocs()
	turns := 0
	for b.Loop() {
		c.step()
		turns++
	}
	packet, report := float64(c.sending)/float64(c.packets), float64(c.hearing)/float64(c.feedbacks)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(100*float64(c.sending+c.hearing)/float64(time.Duration(turns)*crowdTurn), "%core")
	b.ReportMetric(packet, "ns/packet")
	b.ReportMetric(report, "ns/report")
	b.ReportMetric(packet/yardstick, "seals/packet")
	b.ReportMetric(report/yardstick, "seals/report")
}
