package lane

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"meshfocus/focus/feedback"
	"meshfocus/focus/packet"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// Point 27: reports are ours, with our counts, and sound and picture of one
// publisher stay together. What is written by us is on time.
func TestReports_KeepSoundAndPictureTogether(t *testing.T) {
	l := running(t, Config{}, 1)
	bob := connect(t, l, "bob")
	picture := l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
	sound := l.NewTrack(TrackConfig{Kind: Audio, Codec: simulcast.Opus})
	defer picture.Close()
	defer sound.Close()
	bob.agree(picture, SubscriptionConfig{SSRC: 2000})
	bob.agree(sound, SubscriptionConfig{SSRC: 3000})
	c, v := &camera{ssrc: 1, timestamp: 1 << 31}, &voice{ssrc: 2, timestamp: 77}
	c0, v0 := c.timestamp, v.timestamp
	began := l.now()
	for range 10 { // 33 ms of picture and 20 ms of sound, on the lane's clock
		at := began.Add(time.Duration(c.timestamp-c0) * time.Second / 90_000)
		for _, one := range c.frame(c.timestamp == c0, 1) {
			put(t, picture, at, one)
		}
		picture.Flush()
		put(t, sound, began.Add(time.Duration(v.timestamp-v0)*time.Second/48_000), v.packet())
		sound.Flush()
	}
	until(t, "both were reported", func() bool { return len(told[*rtcp.SenderReport](bob)) >= 2 })
	until(t, "all came", func() bool { return len(bob.got(2000)) == 10 && len(bob.got(3000)) == 10 })
	captured := map[uint32]time.Duration{} // of the first packet, since the epoch
	for _, report := range told[*rtcp.SenderReport](bob) {
		rate, first := 90_000, bob.got(2000)[0].Timestamp
		if report.SSRC == 3000 {
			rate, first = 48_000, bob.got(3000)[0].Timestamp
		}
		passed := time.Duration(int32(report.RTPTime-first)) * time.Second / time.Duration(rate)
		captured[report.SSRC] = feedback.NTP(report.NTPTime).Sub(feedback.NTP(l.epoch)) - passed
		if report.PacketCount == 0 || report.OctetCount == 0 {
			t.Errorf("a report of nothing: %v", report)
		}
	}
	for ssrc, at := range captured {
		if off := at - time.Duration(began); off.Abs() > 20*time.Millisecond {
			t.Errorf("SSRC %d is %v off", ssrc, off)
		}
	}
	if len(captured) != 2 {
		t.Errorf("reports about %v", captured)
	}
	for _, names := range told[*rtcp.SourceDescription](bob) {
		if names.Chunks[0].Items[0].Text != "lane" {
			t.Errorf("canonical name %q", names.Chunks[0].Items[0].Text)
		}
	}
}

// put writes a packet to a local source.
func put(t *testing.T, track *Track, at unit.Instant, one interface{ Marshal() ([]byte, error) }) {
	t.Helper()
	clear, err := one.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := track.Write(clear, at); err != nil {
		t.Fatal(err)
	}
}

// RFC 4588 section 6.1: retransmissions are reported as the stream they are, on the
// clock of what they repeat.
func TestReports_TellOfRetransmissions(t *testing.T) {
	l := running(t, Config{}, 1)
	bob := connect(t, l, "bob")
	picture := l.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
	defer picture.Close()
	bob.agree(picture, SubscriptionConfig{SSRC: 2000, RTX: 2001})
	c := &camera{ssrc: 1, timestamp: 1 << 31}
	c0, began := c.timestamp, l.now()
	show := func() {
		at := began.Add(time.Duration(c.timestamp-c0) * time.Second / 90_000)
		for _, one := range c.frame(c.timestamp == c0, 1) {
			put(t, picture, at, one)
		}
		picture.Flush()
	}
	of := func(ssrc uint32) (found *rtcp.SenderReport) {
		for _, report := range told[*rtcp.SenderReport](bob) {
			if report.SSRC == ssrc {
				found = report
			}
		}
		return found
	}
	show()
	until(t, "the stream is reported", func() bool { return of(2000) != nil && len(bob.got(2000)) == 1 })
	if report := of(2001); report != nil {
		t.Errorf("a report of nothing: %v", report)
	}
	first := bob.got(2000)[0]
	bob.nack(2000, first.SequenceNumber)
	until(t, "its retransmission is", func() bool { return of(2001) != nil && len(bob.got(2001)) == 1 })
	report := of(2001)
	if size := len(bob.got(2001)[0].Payload); report.PacketCount != 1 || report.OctetCount != uint32(size) {
		t.Errorf("it counts %d packets of %d bytes, one of %d has come", report.PacketCount, report.OctetCount, size)
	}
	passed := time.Duration(int32(report.RTPTime-first.Timestamp)) * time.Second / 90_000
	if off := feedback.NTP(report.NTPTime).Sub(feedback.NTP(l.epoch)) - passed - time.Duration(began); off.Abs() > 20*time.Millisecond {
		t.Errorf("its clock is %v off", off)
	}
	names := told[*rtcp.SourceDescription](bob)
	if last := names[len(names)-1].Chunks[0]; last.Source != 2001 || last.Items[0].Text != "lane" {
		t.Errorf("its name is %v", last)
	}
}

// What a subscriber reports becomes figures, and the round trip is the connection's.
func TestReports_OfASubscriberBecomeFigures(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.watch(track, 2000)
	c := &camera{ssrc: 1000}
	until(t, "a report came", func() bool { // with a picture, as soon as the stream's clock is known
		show(alice, c, 1, sub)
		return len(told[*rtcp.SenderReport](bob)) > 0
	})
	bob.report(&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{
		SSRC: 2000, FractionLost: 64, TotalLost: 7, Jitter: 900,
		LastSenderReport: uint32(told[*rtcp.SenderReport](bob)[0].NTPTime >> 16),
	}}}, &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 512_000, SSRCs: []uint32{2000}})
	until(t, "it was heard", func() bool { return sub.Stats().Reports == 1 })
	until(t, "REMB was heard", func() bool { return bob.end.Stats().Sending.Available == 512_000 })
	stats := sub.Stats()
	if stats.FractionLost != 0.25 || stats.Lost != 7 || stats.Jitter != 10*time.Millisecond {
		t.Errorf("figures %+v", stats)
	}
	if stats.RoundTrip <= 0 || stats.RoundTrip > patience || bob.end.Stats().RoundTrip != stats.RoundTrip {
		t.Errorf("round trip %v, of the connection %v", stats.RoundTrip, bob.end.Stats().RoundTrip)
	}
	bob.end.SetRoundTrip(time.Hour) // ICE knows worse
	if bob.end.Stats().RoundTrip != stats.RoundTrip {
		t.Error("a measured round trip was forgotten")
	}
}

// Points 23 and 25: requests of subscribers become one to the publisher.
func TestReports_RequestsForKeyFramesGoToThePublisherOnce(t *testing.T) {
	l := running(t, Config{}, 1)
	alice := connect(t, l, "alice")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	bob, carol := connect(t, l, "bob"), connect(t, l, "carol")
	one, other := bob.watch(track, 2000), carol.watch(track, 3000)
	show(alice, &camera{ssrc: 1000}, 3, one, other)
	asked := len(told[*rtcp.PictureLossIndication](alice))
	for range 5 {
		bob.report(&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2000})
		carol.report(&rtcp.FullIntraRequest{SenderSSRC: 1, MediaSSRC: 3000, FIR: []rtcp.FIREntry{{SSRC: 3000, SequenceNumber: 9}}})
	}
	until(t, "all were heard", func() bool { return one.Stats().KeyFrameRequests == 5 && carol.end.Stats().Sending.Heard == 5 })
	if fresh := other.Stats().KeyFrameRequests; fresh != 1 {
		t.Errorf("one request counted as %d", fresh)
	}
	until(t, "the publisher was asked", func() bool { return len(told[*rtcp.PictureLossIndication](alice)) > asked })
}

// Feedback by transport-wide numbers and by stream and number says the same.
func TestReports_ArrivalsAreMatchedWithWhatLeft(t *testing.T) {
	l := running(t, Config{}, 1)
	alice, bob := connect(t, l, "alice"), connect(t, l, "bob")
	track := alice.publish(l, Incoming{}, IncomingSection{MID: "0", Sources: []Source{{SSRC: 1000}}})
	sub := bob.agree(track, SubscriptionConfig{SSRC: 2000, RTX: 2001, Writer: writer(t, false, packet.TransportNumber)})
	show(alice, &camera{ssrc: 1000}, 5, sub)
	until(t, "all came", func() bool { return len(bob.got(2000)) == 10 })
	first := bob.got(2000)[0].SequenceNumber
	bob.nack(2000, first)
	until(t, "a repeat came", func() bool { return len(bob.got(2001)) == 1 })

	bob.report(&rtcp.TransportLayerCC{
		SenderSSRC: 1, MediaSSRC: 2000, BaseSequenceNumber: 0, PacketStatusCount: 4,
		Header: rtcp.Header{Padding: true, Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 6},
		PacketChunks: []rtcp.PacketStatusChunk{&rtcp.StatusVectorChunk{
			SymbolSize: rtcp.TypeTCCSymbolSizeTwoBit,
			SymbolList: []uint16{1, 0, 1, 1},
		}},
		RecvDeltas: []*rtcp.RecvDelta{{Type: 1, Delta: 250}, {Type: 1, Delta: 250}, {Type: 1, Delta: 250}},
	})
	until(t, "it was heard", func() bool {
		s := bob.end.Stats().Sending
		return s.Acknowledged == 3 && s.Missing == 1
	})
	arrived := rtcp.CCFeedbackMetricBlock{Received: true, ArrivalTimeOffset: 10}
	bob.report(&rtcp.CCFeedbackReport{SenderSSRC: 1, ReportTimestamp: 1 << 20, ReportBlocks: []rtcp.CCFeedbackReportBlock{
		{MediaSSRC: 2000, BeginSequence: first, MetricBlocks: []rtcp.CCFeedbackMetricBlock{arrived, arrived, {}, arrived, {}, arrived}},
		{MediaSSRC: 2001, BeginSequence: bob.got(2001)[0].SequenceNumber, MetricBlocks: []rtcp.CCFeedbackMetricBlock{arrived, {}}},
		{MediaSSRC: 9999, BeginSequence: 1, MetricBlocks: []rtcp.CCFeedbackMetricBlock{arrived, arrived}},
	}})
	until(t, "it was heard", func() bool {
		s := bob.end.Stats().Sending // 5 and the repeat are new, 1 is recovered, 4 is missing
		return s.Acknowledged == 5 && s.Recovered == 1 && s.Missing == 2
	})
}
