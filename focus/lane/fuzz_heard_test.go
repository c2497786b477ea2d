package lane

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"meshfocus/focus/packet"
	"meshfocus/focus/transport/srtp"
	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

// FuzzHear lets a subscriber that has the keys say anything in RTCP: it neither
// panics, nor makes us send more than was sent before, nor the same number twice,
// nor keeps a packet.
func FuzzHear(f *testing.F) {
	for _, packets := range [][]rtcp.Packet{
		{&rtcp.TransportLayerNack{MediaSSRC: 10, Nacks: []rtcp.NackPair{{PacketID: 0, LostPackets: 0xFFFF}, {PacketID: 17, LostPackets: 0xFFFF}}}},
		{&rtcp.PictureLossIndication{MediaSSRC: 10}, &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 10, SequenceNumber: 1}}}},
		{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 10, TotalLost: 5, Jitter: 1 << 31}}}},
		{&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e9, SSRCs: []uint32{10}}},
		{&rtcp.CCFeedbackReport{ReportBlocks: []rtcp.CCFeedbackReportBlock{
			{MediaSSRC: 10, MetricBlocks: []rtcp.CCFeedbackMetricBlock{{Received: true}, {}}}, {MediaSSRC: 11, MetricBlocks: []rtcp.CCFeedbackMetricBlock{{Received: true}, {}}},
		}}},
	} {
		compound, err := rtcp.Marshal(packets)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(compound, compound)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		h := newHearing(t)
		h.end.config.Adaptive = len(second)%2 == 0 // what it says is also acted on
		h.show(30)
		for _, compound := range [][]byte{first, second, first} {
			h.sender.look()
			h.sender.hear(h.end, compound, h.now)
			h.now = h.now.Add(50 * time.Millisecond)
			h.show(1)
		}
		h.judge()
	})
}

// hearing is an End whose send loop a test turns by hand, and which writes to the
// test.
type hearing struct {
	t      *testing.T
	lane   *Lane
	sender *sender
	end    *End
	sub    *Subscription
	track  *Track
	camera camera
	now    unit.Instant

	opener *srtp.Opener
	sent   int // packets of the stream
}

func newHearing(t *testing.T) *hearing {
	h := &hearing{t: t, now: unit.Instant(time.Hour), camera: camera{ssrc: 1}}
	h.lane = New(Config{Now: func() unit.Instant { return h.now }})
	h.sender = newSender(h.lane)
	h.end = h.lane.NewEnd(EndConfig{CName: "hearing"})
	h.track = h.lane.NewTrack(TrackConfig{Kind: Video, Codec: simulcast.VP8})
	var err error
	if h.opener, err = srtp.NewOpener(master(t, srtp.AES128GCM, 1)); err != nil {
		t.Fatal(err)
	}
	if err := h.end.Secure(master(t, srtp.AES128GCM, 1), master(t, srtp.AES128GCM, 101)); err != nil {
		t.Fatal(err)
	}
	h.sub, err = h.end.Subscribe(h.track, SubscriptionConfig{
		SSRC: 10, RTX: 11, Formats: []Format{vp8Format()}, Writer: writer(t, false, packet.TransportNumber),
		First: simulcast.Layer{Spatial: 3, Temporal: 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.sub.choice.begin(0, 0) // so that inputs can name numbers
	h.turn()
	// A path that is not direct, with a relay whose loop is the test.
	h.end.out.route = route{known: true}
	h.end.out.relay = &relay{waiting: make(chan []byte, 4096), spare: make(chan []byte)}
	return h
}

// turn lets the send loop do what there is to do.
func (h *hearing) turn() {
	for h.lane.mail.collect(&h.sender.batches, &h.sender.letters) {
		h.sender.take()
	}
	h.sender.flush()
}

func (h *hearing) show(pictures int) {
	for range pictures {
		for _, one := range h.camera.frame(h.camera.picture == 0, 1) {
			put(h.t, h.track, h.now, one)
			h.sent++
		}
		h.track.Flush()
	}
	h.turn()
}

// judge opens all that was sent, which fails for a number that was sealed twice, and
// ends everything.
func (h *hearing) judge() {
	repeats := 0
	for h.end.out.relay != nil && len(h.end.out.relay.waiting) > 0 {
		datagram := <-h.end.out.relay.waiting
		if packet.Demultiplex(datagram) == packet.RTCP {
			continue
		}
		clear, err := h.opener.OpenRTP(datagram)
		if err != nil {
			h.t.Fatalf("what was sent cannot be opened: %v", err)
		}
		if header, err := packet.Parse(clear); err != nil || header.SSRC == 11 && clear[0]&0x20 == 0 {
			repeats++
		}
	}
	if repeats > 3*h.sent {
		h.t.Errorf("%d repeats of %d packets", repeats, h.sent)
	}
	h.end.out.relay = nil
	h.end.Close()
	h.track.Close()
	h.turn()
	if held := h.track.pen.reader.pool.Held(); held != 0 {
		h.t.Errorf("%d packets are held", held)
	}
}
