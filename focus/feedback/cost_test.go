package feedback

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// works are the things done for packets and datagrams once all is made. Each
// is called with a count that rises by one.
func works() map[string]func(int) {
	datagram := samples()[len(samples())-1]
	receiver, missing, lossy := NewReceiver(1, 90000), NewMissing(VideoLimits()), NewMissing(VideoLimits())
	arrivals, streams := NewArrivals(), NewStreamArrivals(0)
	clock := NewClock(90000)
	var base Base
	var keys KeyFrames
	var sender Sender
	buffer := make([]byte, 0, 4096)
	numbers := make([]uint16, 0, missingMost)
	at := func(i int) unit.Instant { return start.Add(time.Duration(i) * time.Millisecond) }
	return map[string]func(int){
		"read": func(int) {
			c := Read(datagram)
			for m, more := c.Next(); more; m, more = c.Next() {
				m.Info()
				for range m.Reports() {
				}
				for range m.Lost() {
				}
				for range m.Requests() {
				}
				for range m.Sources() {
				}
				for range m.Names() {
				}
				for range m.Transport() {
				}
				for range m.Streams() {
				}
			}
		},
		"receiver": func(i int) { receiver.Arrived(uint16(i), uint32(i*900), at(i)) },
		"missing": func(i int) {
			missing.Arrived(uint16(i), 1200, at(i))
			numbers = missing.Due(numbers[:0], trip, at(i))
		},
		"missing, a tenth lost": func(i int) {
			if i%10 != 0 {
				lossy.Arrived(uint16(i), 1200, at(i))
			}
			numbers = lossy.Due(numbers[:0], trip, at(i))
			lossy.Repaired(uint16(i/10*10-50), at(i))
			lossy.Next(trip)
		},
		"arrivals": func(i int) {
			arrivals.Arrived(uint16(i), at(i))
			buffer = arrivals.Append(buffer[:0], 1, 2, at(i))
		},
		"streams": func(i int) {
			streams.Arrived(uint32(i&3), uint16(i/4), 0, at(i))
			buffer = streams.Append(buffer[:0], 1, at(i))
		},
		"key frames": func(i int) {
			keys.Want(int8(i & 3))
			keys.Due(trip, frame, at(i))
			keys.Started(int8(i&3), at(i))
		},
		"clock": func(i int) {
			clock.Told(&base, Info{NTP: NTP(i) << 22, Timestamp: uint32(i * 90)}, at(i))
			sender.Sent(1200)
			if info, ok := sender.Report(0, *clock, 1, at(i)); ok {
				report, _ := receiver.Report(at(i))
				buffer = AppendSenderReport(buffer[:0], 1, info, report)
				buffer = AppendReceiverReport(buffer, 1, report)
				buffer = AppendDescription(buffer, 1, "name")
				buffer = AppendNack(buffer, 1, 2, numbers)
				buffer = AppendPictureLoss(buffer, 1, 2)
				buffer = AppendFullIntra(buffer, 1, 2, 3)
			}
		},
	}
}

func TestFeedback_AllocatesNothing(t *testing.T) {
	for name, work := range works() {
		i := 1
		for ; i < 1000; i++ {
			work(i)
		}
		if got := testing.AllocsPerRun(500, func() { work(i); i++ }); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

func BenchmarkFeedback(b *testing.B) {
	for name, work := range works() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 1
			for b.Loop() {
				work(i)
				i++
			}
		})
	}
}
