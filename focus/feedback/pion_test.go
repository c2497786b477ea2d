package feedback

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"meshfocus/internal/unit"
)

// FuzzRead_AgreesWithPion reads each packet of a datagram twice: what Pion
// accepts we accept with the same values, but for what strict names.
func FuzzRead_AgreesWithPion(f *testing.F) {
	for _, datagram := range samples() {
		f.Add(datagram)
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		readAll(t, datagram)
		for one := range packetsOf(datagram) {
			theirs, err := rtcp.Unmarshal(one)
			if err != nil || one[0]&0x20 != 0 || strict(theirs[0]) {
				continue
			}
			compare(t, one, theirs[0])
		}
	})
}

// packetsOf cuts a datagram by the lengths it says.
func packetsOf(datagram []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(datagram) >= 4 {
			size := ((int(datagram[2])<<8 | int(datagram[3])) + 1) * 4
			if size > len(datagram) || !yield(datagram[:size]) {
				return
			}
			datagram = datagram[size:]
		}
	}
}

// strict reports packets that Pion takes and we do not: a status symbol that
// is reserved, more than statusMost, metrics that lie over the time of the
// report.
func strict(p rtcp.Packet) bool {
	switch p := p.(type) {
	case *rtcp.TransportLayerCC:
		if p.PacketStatusCount > statusMost {
			return true
		}
		return slices.Contains(symbolsOf(p), rtcp.TypeTCCPacketReceivedWithoutDelta)
	case *rtcp.CCFeedbackReport:
		size := 4 + 4 + 4
		for _, b := range p.ReportBlocks {
			size += streamSize(len(b.MetricBlocks))
		}
		return size != 4*(1+int(p.Header().Length)) || p.Len() != size
	}
	return false
}

func symbolsOf(p *rtcp.TransportLayerCC) []uint16 {
	var symbols []uint16
	for _, chunk := range p.PacketChunks {
		switch chunk := chunk.(type) {
		case *rtcp.RunLengthChunk:
			symbols = append(symbols, slices.Repeat([]uint16{chunk.PacketStatusSymbol}, int(chunk.RunLength))...)
		case *rtcp.StatusVectorChunk:
			symbols = append(symbols, chunk.SymbolList...)
		}
	}
	return symbols[:min(len(symbols), int(p.PacketStatusCount))]
}

// readAll reads everything a datagram holds and gives how many messages and
// values that is: bounded by what a datagram can be.
func readAll(t testing.TB, datagram []byte) (messages, values int) {
	c := Read(datagram)
	for m, more := c.Next(); more; m, more = c.Next() {
		messages++
		m.Info()
		m.Rate()
		for range m.Reports() {
			values++
		}
		for range m.Lost() {
			values++
		}
		for range m.Requests() {
			values++
		}
		for range m.Sources() {
			values++
		}
		for range m.Names() {
			values++
		}
		for range m.Transport() {
			values++
		}
		for range m.Streams() {
			values++
		}
	}
	if most := 5*len(datagram) + statusMost; values > most {
		t.Fatalf("%d values in %d bytes", values, len(datagram))
	}
	return messages, values
}

func compare(t *testing.T, one []byte, theirs rtcp.Packet) {
	t.Helper()
	c := Read(one)
	m, ok := c.Next()
	same := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Fatalf("%s: %v, Pion reads %v\n%x", what, got, want, one)
		}
	}
	need := func(kind Kind) {
		t.Helper()
		if !ok {
			t.Fatalf("%v refused\n%x", kind, one)
		}
		same("kind", m.Kind, kind)
	}
	switch p := theirs.(type) {
	case *rtcp.SenderReport:
		need(SenderReport)
		same("sender", m.Sender, p.SSRC)
		same("info", m.Info(), Info{NTP(p.NTPTime), p.RTPTime, p.PacketCount, p.OctetCount})
		compareReports(t, m, p.Reports)
	case *rtcp.ReceiverReport:
		need(ReceiverReport)
		same("sender", m.Sender, p.SSRC)
		compareReports(t, m, p.Reports)
	case *rtcp.Goodbye:
		need(Goodbye)
		equal(t, "sources", slices.Collect(m.Sources()), p.Sources)
	case *rtcp.SourceDescription:
		need(Description)
		compareNames(t, m, p)
	case *rtcp.TransportLayerNack:
		need(Nack)
		same("media", m.Media, p.MediaSSRC)
		var want []uint16
		for _, pair := range p.Nacks {
			want = append(want, pair.PacketList()...)
		}
		equal(t, "lost", slices.Collect(m.Lost()), want)
	case *rtcp.PictureLossIndication:
		need(PictureLoss)
		same("media", m.Media, p.MediaSSRC)
	case *rtcp.FullIntraRequest:
		need(FullIntra)
		var got []rtcp.FIREntry
		for ssrc, number := range m.Requests() {
			got = append(got, rtcp.FIREntry{SSRC: ssrc, SequenceNumber: number})
		}
		equal(t, "requests", got, p.FIR)
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		need(MaximumRate)
		equal(t, "sources", slices.Collect(m.Sources()), p.SSRCs)
		want := float64(p.Bitrate)
		if one[17]&3|one[18]|one[19] == 0 { // nothing times a power of two, of which Pion makes another
			want = 0
		}
		if want < 1e18 && math.Abs(float64(m.Rate())-want) > want/1e6 {
			t.Fatalf("rate %d, Pion reads %v\n%x", m.Rate(), want, one)
		}
	case *rtcp.TransportLayerCC:
		need(TransportReport)
		equal(t, "arrivals", slices.Collect(m.Transport()), transportOf(p))
		same("count", m.Count(), p.FbPktCount)
	case *rtcp.CCFeedbackReport:
		need(StreamReport)
		same("instant", m.Instant(), p.ReportTimestamp)
		compareStreams(t, m, p)
	}
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func compareReports(t *testing.T, m Message, theirs []rtcp.ReceptionReport) {
	t.Helper()
	i := 0
	for r := range m.Reports() {
		p := theirs[i]
		got := rtcp.ReceptionReport{
			SSRC: r.SSRC, FractionLost: r.Fraction, TotalLost: uint32(r.Lost) & 0xffffff,
			LastSequenceNumber: r.Highest, Jitter: r.Jitter, LastSenderReport: r.LastReport, Delay: inFractions(r.Delay),
		}
		p.Delay = min(p.Delay, 65535<<16)
		if got != p {
			t.Fatalf("report %d: %+v, Pion reads %+v", i, got, p)
		}
		i++
	}
	if i != len(theirs) {
		t.Fatalf("%d reports, Pion reads %d", i, len(theirs))
	}
}

func compareNames(t *testing.T, m Message, p *rtcp.SourceDescription) {
	t.Helper()
	names := map[uint32]string{}
	for source, name := range m.Names() {
		names[source] = string(name)
	}
	for _, chunk := range p.Chunks {
		for _, item := range chunk.Items {
			if _, named := names[chunk.Source]; item.Type == rtcp.SDESCNAME && !named {
				t.Fatalf("no name of %x, Pion reads %q", chunk.Source, item.Text)
			}
		}
	}
}

// transportOf gives what Pion has read in our words.
func transportOf(p *rtcp.TransportLayerCC) []Arrival {
	var arrivals []Arrival
	deltas := p.RecvDeltas
	at := time.Duration(p.ReferenceTime) * 64 * time.Millisecond
	for i, symbol := range symbolsOf(p) {
		a := Arrival{Number: p.BaseSequenceNumber + uint16(i)}
		if symbol != rtcp.TypeTCCPacketNotReceived {
			at += time.Duration(deltas[0].Delta) * time.Microsecond
			deltas = deltas[1:]
			a.Received, a.At = true, at
		}
		arrivals = append(arrivals, a)
	}
	return arrivals
}

func compareStreams(t *testing.T, m Message, p *rtcp.CCFeedbackReport) {
	t.Helper()
	type entry struct {
		ssrc uint32
		a    Arrival
	}
	var got, want []entry
	for ssrc, a := range m.Streams() {
		got = append(got, entry{ssrc, a})
	}
	for _, b := range p.ReportBlocks {
		for i, metric := range b.MetricBlocks {
			a := Arrival{Number: b.BeginSequence + uint16(i), Received: metric.Received, Marked: uint8(metric.ECN)}
			if metric.Received && metric.ArrivalTimeOffset != offsetUnknown {
				a.At = -time.Duration(metric.ArrivalTimeOffset) * time.Second / 1024
				a.Early = metric.ArrivalTimeOffset == offsetEarly
			}
			want = append(want, entry{b.MediaSSRC, a})
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("streams: %v, Pion reads %v", got, want)
	}
}

// samples are datagrams of all kinds, of ours and of Pion's making.
func samples() [][]byte {
	report := Report{SSRC: 7, Fraction: 12, Lost: -3, Highest: 1<<16 | 9, Jitter: 33, LastReport: 0x12345678, Delay: 1500 * time.Millisecond}
	info := Info{NTP: 0xe0000000_80000000, Timestamp: 90000, Packets: 3, Octets: 3600}
	var compound []byte
	compound = AppendSenderReport(compound, 1, info, report, report)
	compound = AppendDescription(compound, 1, "name")
	compound = AppendNack(compound, 1, 7, []uint16{65530, 65531, 65535, 0, 9, 10, 300})
	compound = AppendPictureLoss(compound, 1, 7)
	compound = AppendFullIntra(compound, 1, 7, 200)
	compound = AppendGoodbye(compound, 1, 2, 3)
	all := [][]byte{
		compound,
		AppendReceiverReport(nil, 1),
		AppendReceiverReport(nil, 1, slices.Repeat([]Report{report}, 40)...),
		reportOfSome(),
	}
	for _, p := range []rtcp.Packet{
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1.5e6, SSRCs: []uint32{7, 8}},
		&rtcp.CCFeedbackReport{SenderSSRC: 1, ReportTimestamp: 9, ReportBlocks: []rtcp.CCFeedbackReportBlock{
			{MediaSSRC: 7, BeginSequence: 65535, MetricBlocks: []rtcp.CCFeedbackMetricBlock{
				{Received: true, ECN: 3, ArrivalTimeOffset: 100}, {}, {Received: true, ArrivalTimeOffset: 0x1ffe}}},
			{MediaSSRC: 8},
		}},
		&rtcp.ExtendedReport{SenderSSRC: 1, Reports: []rtcp.ReportBlock{&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: 5}}},
		&rtcp.RapidResynchronizationRequest{SenderSSRC: 1, MediaSSRC: 7},
	} {
		b, err := p.Marshal()
		if err != nil {
			panic(err)
		}
		all = append(all, b)
	}
	return append(all, slices.Concat(all...))
}

// reportOfSome is a transport-wide report with losses, bursts and late ones.
func reportOfSome() []byte {
	a := NewArrivals()
	now := unit.Instant(time.Hour)
	for n := range 300 {
		now = now.Add(time.Duration(n%7) * time.Millisecond)
		if n%11 == 0 || n > 100 && n < 140 {
			continue
		}
		if n == 200 {
			now = now.Add(100 * time.Millisecond)
		}
		a.Arrived(uint16(65400+n), now)
	}
	return a.Append(nil, 1, 7, now.Add(time.Second))
}

func TestSamples_AreReadAsPionReadsThem(t *testing.T) {
	for _, datagram := range samples() {
		for one := range packetsOf(datagram) {
			theirs, err := rtcp.Unmarshal(one)
			if err != nil {
				t.Fatalf("Pion refuses ours: %v\n%x", err, one)
			}
			if one[0]&0x20 != 0 {
				if _, transport := theirs[0].(*rtcp.TransportLayerCC); !transport {
					t.Fatalf("padding in %T", theirs[0])
				}
			}
			compare(t, one, theirs[0])
		}
		c := Read(datagram)
		for _, more := c.Next(); more; _, more = c.Next() {
		}
		if c.Faults != 0 {
			t.Errorf("%d faults in\n%x", c.Faults, datagram)
		}
	}
}
