package lane

import (
	"slices"
	"testing"

	"github.com/pion/rtcp"

	"meshfocus/focus/packet"
)

func TestUpstream_AsksAgainForWhatIsMissing(t *testing.T) {
	t.Parallel()
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	alice.end.SetRoundTrip(1)
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000, RTX: 1001}}})
	bob.watch(track, 2000)

	c := camera{ssrc: 1000, sequence: 65533}
	frames := append(c.frame(true, 4), c.frame(false, 4)...)
	lost := frames[5]
	alice.send(frames[:5]...)
	alice.send(frames[6:]...)
	until(t, "the missing one was asked for", func() bool { return len(told[*rtcp.TransportLayerNack](alice)) > 0 })
	nack := told[*rtcp.TransportLayerNack](alice)[0]
	if nack.MediaSSRC != 1000 || !slices.Equal(nack.Nacks[0].PacketList(), []uint16{lost.SequenceNumber}) {
		t.Errorf("asked for %v of %d", nack.Nacks, nack.MediaSSRC)
	}
	if got := bob.got(2000); len(got) > 7 {
		t.Errorf("bob has %d packets before it came", len(got))
	}

	alice.send(again(lost, 1001, 7), again(lost, 1001, 8)) // the second is a probe by now
	until(t, "bob has all", func() bool { return len(bob.got(2000)) == 8 })
	until(t, "the copy was dropped", func() bool { return alice.end.Stats().Received.Unwanted == 1 })
	got := bob.got(2000)
	if last := got[7]; last.SequenceNumber != got[4].SequenceNumber+1 || last.Timestamp != got[4].Timestamp {
		t.Errorf("the repaired one left as %d behind %d", last.SequenceNumber, got[4].SequenceNumber)
	}
	if stats := alice.end.Stats().Received; stats.Restored != 1 {
		t.Errorf("received %+v", stats)
	}
}

func TestUpstream_MergesWhatSubscribersComplain(t *testing.T) {
	t.Parallel()
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	var watchers []*peer
	for i := range 5 {
		w := connect(t, l, "watcher")
		w.watch(track, uint32(2000+10*i))
		watchers = append(watchers, w)
	}
	c := camera{ssrc: 1000}
	alice.send(c.frame(true, 1)...)
	for i, w := range watchers {
		until(t, "the key frame came", func() bool { return len(w.got(uint32(2000+10*i))) == 1 })
	}
	before := len(told[*rtcp.PictureLossIndication](alice))
	for i, w := range watchers {
		w.report(&rtcp.ReceiverReport{SSRC: 9}, &rtcp.PictureLossIndication{SenderSSRC: 9, MediaSSRC: uint32(2000 + 10*i)})
	}
	until(t, "all have complained", func() bool { return track.Stats().KeyFrames.Wanted >= 5 })
	until(t, "it was asked for", func() bool { return len(told[*rtcp.PictureLossIndication](alice)) > before })
	for i, pli := range told[*rtcp.PictureLossIndication](alice) {
		if pli.MediaSSRC != 1000 {
			t.Errorf("request %d is for %d", i, pli.MediaSSRC)
		}
	}
	stats := track.Stats()
	if asked := int64(len(told[*rtcp.PictureLossIndication](alice))); asked > stats.Requests || stats.KeyFrames.Requests > 3 {
		t.Errorf("five complaints made %d requests, %+v", asked, stats.KeyFrames)
	}
	alice.send(c.frame(true, 1)...)
	until(t, "nobody waits any more", func() bool {
		guard := track.lock()
		defer guard.Unlock()
		return track.keyFrames.Pending() == 0
	})
}

func TestUpstream_AsksByFullIntraRequestWhereThatIsAgreed(t *testing.T) {
	t.Parallel()
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	format := vp8Format()
	format.PLI = false
	track := alice.publish(l, Incoming{ReducedSize: true}, IncomingSection{Formats: []Format{format}, Sources: []Source{{SSRC: 1000}}})
	defer track.Attach(&collector{})()
	c := camera{ssrc: 1000}
	alice.send(c.frame(true, 1)...)
	until(t, "it came", func() bool { return track.Stats().Packets == 1 })
	track.RequestKeyFrame()
	until(t, "a key frame was asked for", func() bool { return len(told[*rtcp.FullIntraRequest](alice)) > 0 })
	if fir := told[*rtcp.FullIntraRequest](alice)[0]; len(fir.FIR) != 1 || fir.FIR[0].SSRC != 1000 {
		t.Errorf("asked with %v", fir)
	}
}

func TestUpstream_ReportsHowStreamsArrive(t *testing.T) {
	t.Parallel()
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	c := camera{ssrc: 1000, sequence: 500}
	alice.send(c.frame(true, 10)...)
	until(t, "it came", func() bool { return track.Stats().Packets == 10 })
	alice.report(&rtcp.SenderReport{SSRC: 1000, NTPTime: 0x1122334455667788, RTPTime: 5})
	until(t, "the sender report came", func() bool { return track.Layers()[0].Reported.Timestamp == 5 })
	lost := c.frame(false, 2)[0]
	next := c.frame(false, 2)
	alice.send(next...)
	var report rtcp.ReceptionReport
	until(t, "a report tells of all", func() bool {
		for _, rr := range told[*rtcp.ReceiverReport](alice) {
			for _, block := range rr.Reports {
				if report = block; block.LastSequenceNumber == uint32(next[1].SequenceNumber) {
					return true
				}
			}
		}
		return false
	})
	if report.SSRC != 1000 || report.TotalLost != 2 || report.LastSenderReport != 0x33445566 {
		t.Errorf("the report says %+v, %d was lost", report, lost.SequenceNumber)
	}
	if names := told[*rtcp.SourceDescription](alice); len(names) == 0 || names[0].Chunks[0].Items[0].Text != "lane" {
		t.Errorf("compounds are named %v", names)
	}
	if at, ok := track.Captured(0, 5); !ok || at.Sub(l.now()).Abs() > patience {
		t.Errorf("captured at %v, %v", at, ok)
	}
	layer := track.Layers()[0]
	if layer.SSRC != 1000 || layer.Width != 640 || layer.Height != 480 || layer.Received.Lost != 2 {
		t.Errorf("the layer is %+v", layer)
	}
}

// Retransmissions are a source of their own (RFC 4588, RFC 3550 section 6.4): probes
// among them count, and what is lost of them is not lost of the stream.
func TestUpstream_ReportsHowRetransmissionsArrive(t *testing.T) {
	t.Parallel()
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000, RTX: 1001}}})
	c := camera{ssrc: 1000, sequence: 500}
	frame := c.frame(true, 10)
	alice.send(frame...)
	alice.send(again(frame[0], 1001, 65534), again(frame[1], 1001, 65535), again(frame[2], 1001, 2)) // 0 and 1 are lost
	until(t, "all came", func() bool { return track.Stats().Packets == 10 && alice.end.Stats().Received.Unwanted == 3 })
	var stream, repairs rtcp.ReceptionReport
	until(t, "a report tells of both", func() bool {
		for _, rr := range told[*rtcp.ReceiverReport](alice) {
			for _, block := range rr.Reports {
				if block.SSRC == 1000 {
					stream = block
				} else {
					repairs = block
				}
			}
		}
		return stream.LastSequenceNumber == 509 && repairs.LastSequenceNumber == 1<<16|2
	})
	if repairs.SSRC != 1001 || repairs.TotalLost != 2 || stream.TotalLost != 0 {
		t.Errorf("of the stream %+v, of its retransmissions %+v", stream, repairs)
	}
}

func TestUpstream_TellsArrivalsByTransportNumber(t *testing.T) {
	t.Parallel()
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	in := Incoming{Numbers: extensions(t, packet.TransportNumber), TransportWide: true, ReducedSize: true}
	alice.publish(l, in, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	c := camera{ssrc: 1000}
	for i, one := range c.frame(true, 20) {
		if i == 7 || i == 8 {
			continue
		}
		_ = one.SetExtension(uint8(packet.TransportNumber), []byte{0xFF, byte(0xF5 + i)})
		if i > 10 {
			_ = one.SetExtension(uint8(packet.TransportNumber), []byte{0, byte(i - 11)})
		}
		alice.send(one)
	}
	seen := map[uint16]bool{}
	until(t, "all were told of", func() bool {
		for _, report := range told[*rtcp.TransportLayerCC](alice) {
			for number, arrived := range statuses(report) {
				seen[number] = seen[number] || arrived
			}
		}
		return len(seen) == 20
	})
	if seen[0xFFF5+7] || seen[0xFFF5+8] || !seen[0] || !seen[8] || !seen[0xFFF5] {
		t.Errorf("told %v", seen)
	}
}

// statuses tells which packets a report says have arrived.
func statuses(report *rtcp.TransportLayerCC) map[uint16]bool {
	arrived, number := map[uint16]bool{}, report.BaseSequenceNumber
	left := int(report.PacketStatusCount)
	note := func(symbol uint16) {
		if left > 0 {
			arrived[number] = symbol != rtcp.TypeTCCPacketNotReceived
			number, left = number+1, left-1
		}
	}
	for _, chunk := range report.PacketChunks {
		switch chunk := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range chunk.RunLength {
				note(chunk.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			for _, symbol := range chunk.SymbolList {
				note(symbol)
			}
		}
	}
	return arrived
}

func TestUpstream_TellsArrivalsByStream(t *testing.T) {
	t.Parallel()
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	alice.publish(l, Incoming{StreamReports: true}, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	c := camera{ssrc: 1000, sequence: 65530}
	frame := c.frame(true, 20)
	alice.send(frame[:10]...)
	alice.send(frame[11:]...)
	heard := map[uint16]bool{}
	until(t, "all were told of", func() bool {
		for _, report := range told[*rtcp.CCFeedbackReport](alice) {
			for _, block := range report.ReportBlocks {
				for i, metric := range block.MetricBlocks {
					number := block.BeginSequence + uint16(i)
					heard[number] = heard[number] || metric.Received
				}
			}
		}
		return len(heard) == 20
	})
	for _, one := range frame {
		if heard[one.SequenceNumber] != (one.SequenceNumber != frame[10].SequenceNumber) {
			t.Errorf("number %d: %v", one.SequenceNumber, heard[one.SequenceNumber])
		}
	}
}

func TestUpstream_AKeyFrameIsAskedForWhenRepairIsInVain(t *testing.T) {
	t.Parallel()
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{Sources: []Source{{SSRC: 1000}}})
	bob.watch(track, 2000)
	c := camera{ssrc: 1000}
	alice.send(c.frame(true, 2)...)
	until(t, "it came", func() bool { return track.Stats().Packets == 2 })
	c.sequence += 400 // beyond what is asked for again
	alice.send(c.frame(false, 2)...)
	until(t, "a key frame was asked for", func() bool { return len(told[*rtcp.PictureLossIndication](alice)) > 0 })
}
