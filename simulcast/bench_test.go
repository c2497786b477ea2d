package simulcast

import (
	"slices"
	"testing"
	"time"
)

// traffic is a few seconds of three layers with three temporal layers each, of a
// few packets per frame, observed as the read loop would while it goes.
func traffic(codec Codec) (*Source, []Packet) {
	p := newPublisher(codec, 1000)
	var packets []Packet
	for i := range 1024 {
		p.wait(frameTime)
		for stream := range uint8(3) {
			f := picture{key: i == 0, temporal: t3[i%4], up: i%4 == 1 || i%4 == 2, packets: 1 + 2*int(stream)}
			packets = append(packets, p.make(stream, f)...)
		}
	}
	return p.source, packets
}

// again moves a packet one round of the traffic ahead, so that it never ends.
func again(p *Packet, round int) Packet {
	q := *p
	frames := int32(round * 1024)
	q.At = q.At.Add(time.Duration(round) * 1024 * frameTime)
	q.Sequence += uint16(round * 1024 * (1 + 2*int(q.Stream)))
	q.Timestamp += uint32(round * 1024 * 2970)
	if q.Info.PictureID >= 0 {
		q.Info.PictureID = (q.Info.PictureID + frames) & 0x7fff
	}
	if q.Info.FrameNumber >= 0 {
		q.Info.FrameNumber = int32(uint16(q.Info.FrameNumber + frames))
	}
	return q
}

// BenchmarkOutput is selecting and rewriting one packet for one subscriber; the
// packets of all three layers count.
func BenchmarkOutput(b *testing.B) {
	for name, c := range map[string]struct {
		codec Codec
		aim   Layer
	}{
		"VP8 all of the largest": {VP8, Layer{2, 2}},
		"VP8 thinned to T0":      {VP8, Layer{2, 0}},
		"VP8 the smallest":       {VP8, Layer{0, 2}},
		"AV1 all of the largest": {AV1, Layer{2, 2}},
	} {
		b.Run(name, func(b *testing.B) {
			source, packets := traffic(c.codec)
			output := NewOutput(1, 1)
			output.Selector.Aim(c.aim)
			sent := 0
			var spent []time.Duration // of each batch; the median leaves out who else ran
			batch := make([]Packet, 64)
			b.ReportAllocs()
			for done := 0; done < b.N; done += len(batch) {
				for i := range batch {
					at := done + i
					batch[i] = again(&packets[at%len(packets)], at/len(packets))
					source.Observe(&batch[i])
				}
				began := time.Now()
				for i := range batch {
					if output.Next(source, &batch[i]).Verdict != Drop {
						sent++
					}
				}
				spent = append(spent, time.Since(began))
			}
			slices.Sort(spent)
			b.ReportMetric(float64(spent[len(spent)/2])/float64(len(batch)), "ns/output")
			b.ReportMetric(float64(sent)/float64(b.N), "sent/packet")
		})
	}
}

// BenchmarkSource is what each packet costs once for all subscribers.
func BenchmarkSource(b *testing.B) {
	source, packets := traffic(VP8)
	b.ReportAllocs()
	for i := range b.N {
		p := again(&packets[i%len(packets)], i/len(packets))
		source.Observe(&p)
	}
}

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	source, packets := traffic(VP8)
	output := NewOutput(1, 1)
	output.Selector.Aim(Layer{2, 1})
	next := 0
	if n := testing.AllocsPerRun(5000, func() {
		p := again(&packets[next%len(packets)], next/len(packets))
		next++
		source.Observe(&p)
		output.Next(source, &p)
	}); n != 0 {
		t.Fatalf("%v allocations for a packet", n)
	}
}
