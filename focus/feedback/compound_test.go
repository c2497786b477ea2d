package feedback

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"meshfocus/internal/unit"
)

// rtcp writes one packet of bytes, with the length it has.
func rtcpOf(count, kind uint8, body ...byte) []byte {
	return finish(append(begin(nil, count, kind), body...), 0)
}

// sources is the SSRCs 1 and 2, with which feedback begins.
var sources = []byte{0, 0, 0, 1, 0, 0, 0, 2}

func TestRead_PassesOverWhatBreaksTheRules(t *testing.T) {
	loss := AppendPictureLoss(nil, 1, 2)
	tests := []struct {
		name   string
		bad    []byte
		faults int
	}{
		{"a sender report cut short", rtcpOf(0, typeSender, make([]byte, 20)...), 1},
		{"more report blocks than there is room for", rtcpOf(2, typeReceiver, make([]byte, 4+reportSize)...), 1},
		{"a report of nobody", rtcpOf(0, typeReceiver), 1},
		{"a goodbye of more than it names", rtcpOf(2, typeGoodbye, 0, 0, 0, 1), 1},
		{"a description without an end", rtcpOf(1, typeDescription, 0, 0, 0, 1, 1, 2, 'a', 'b'), 1},
		{"an item longer than its description", rtcpOf(1, typeDescription, 0, 0, 0, 1, 1, 200, 'a', 0), 1},
		{"feedback without a stream", rtcpOf(formatLoss, typePayload, 0, 0, 0, 1), 1},
		{"a NACK of nothing", rtcpOf(formatNack, typeTransport, sources...), 1},
		{"a full intra request of nothing", rtcpOf(formatIntra, typePayload, sources...), 1},
		{"half a full intra request", rtcpOf(formatIntra, typePayload, slices.Concat(sources, sources[:4])...), 1},
		{"a maximum rate for more than it names", rtcpOf(formatOther, typePayload, slices.Concat(sources, []byte("REMB\x02\x00\x00\x01"), sources[:4])...), 1},
		{"arrivals without chunks", rtcpOf(formatTransport, typeTransport, slices.Concat(sources, []byte{0, 0, 0, 1, 0, 0, 0, 0})...), 1},
		{"arrivals without deltas", rtcpOf(formatTransport, typeTransport, slices.Concat(sources, []byte{0, 0, 0, 9, 0, 0, 0, 0, 0x20, 9, 1, 1})...), 1},
		{"arrivals of a reserved kind", rtcpOf(formatTransport, typeTransport, slices.Concat(sources, []byte{0, 0, 0, 1, 0, 0, 0, 0, 0x60, 1, 1, 1})...), 1},
		{"streams without their time", rtcpOf(formatStreams, typeTransport, 0, 0, 0, 1), 1},
		{"a stream of more than there is", rtcpOf(formatStreams, typeTransport, slices.Concat(sources, []byte{0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0})...), 1},
		{"padding of nothing", padded(rtcpOf(0, typeReceiver, 0, 0, 0, 1, 0, 0, 0, 0)), 1},
		{"more padding than packet", padded(rtcpOf(0, typeReceiver, 0, 0, 0, 1, 0, 0, 0, 99)), 1},
		{"padding without a body", padded(rtcpOf(0, typeReceiver)), 1},
		{"an extended report", rtcpOf(0, 207, 0, 0, 0, 1), 0},
		{"an application's own", rtcpOf(3, 204, 0, 0, 0, 1, 'm', 'i', 'n', 'e'), 0},
		{"feedback of an unknown format", rtcpOf(9, typeTransport, sources...), 0},
		{"an application layer message that is not REMB", rtcpOf(formatOther, typePayload, slices.Concat(sources, []byte("AFBX\x00\x00\x00\x00"))...), 0},
		{"a type nobody knows", rtcpOf(0, 222), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := Read(slices.Concat(loss, test.bad, loss))
			var kinds []Kind
			for m, more := c.Next(); more; m, more = c.Next() {
				kinds = append(kinds, m.Kind)
			}
			if !slices.Equal(kinds, []Kind{PictureLoss, PictureLoss}) {
				t.Errorf("read %v", kinds)
			}
			if c.Faults != test.faults {
				t.Errorf("%d faults", c.Faults)
			}
		})
	}
}

// padded sets the padding bit.
func padded(packet []byte) []byte {
	packet[0] |= 0x20
	return packet
}

func TestRead_EndsWhereNoPacketCanBegin(t *testing.T) {
	loss := AppendPictureLoss(nil, 1, 2)
	version := slices.Clone(loss)
	version[0] &= 0x3f
	for name, tail := range map[string][]byte{
		"half a word":       {0x81, 206},
		"another version":   version,
		"longer than it is": loss[:8],
	} {
		c := Read(slices.Concat(loss, tail))
		if m, _ := c.Next(); m.Kind != PictureLoss || m.Sender != 1 || m.Media != 2 {
			t.Errorf("%s: %+v", name, m)
		}
		if _, more := c.Next(); more || c.Faults != 1 {
			t.Errorf("%s: read on, %d faults", name, c.Faults)
		}
		if _, more := c.Next(); more || c.Faults != 1 {
			t.Errorf("%s: does not stay at the end", name)
		}
	}
}

func TestRead_TakesReducedSize(t *testing.T) {
	c := Read(AppendNack(nil, 1, 2, []uint16{65535, 0, 15, 16, 40}))
	m, more := c.Next()
	if !more || m.Kind != Nack {
		t.Fatalf("%+v", m)
	}
	equal(t, "lost", slices.Collect(m.Lost()), []uint16{65535, 0, 15, 16, 40})
}

func TestRead_TakesPaddingByOnesAsBrowsersWriteIt(t *testing.T) {
	a := NewArrivals()
	a.Arrived(7, in(0))
	report := a.Append(nil, 1, 2, in(50))
	if report[0]&0x20 == 0 || report[len(report)-1] != 1 {
		t.Fatalf("not padded by one: %x", report)
	}
	c := Read(slices.Concat(report, AppendPictureLoss(nil, 1, 2)))
	m, _ := c.Next()
	if got := slices.Collect(m.Transport()); len(got) != 1 || got[0].Number != 7 || !got[0].Received {
		t.Fatalf("%+v", got)
	}
	if m, _ := c.Next(); m.Kind != PictureLoss {
		t.Fatalf("then %v", m.Kind)
	}
}

func TestRead_BoundsTheWorkOfOneDatagram(t *testing.T) {
	body := slices.Concat(sources, []byte{0, 0, 0xff, 0xff, 0, 0, 0, 0}, bytes.Repeat([]byte{0x1f, 0xff}, 10))
	c := Read(bytes.Repeat(rtcpOf(formatTransport, typeTransport, body...), 30))
	values := 0
	for m, more := c.Next(); more; m, more = c.Next() {
		for range m.Transport() {
			values++
		}
	}
	if values > statusMost || c.Faults != 30 {
		t.Fatalf("%d values, %d faults", values, c.Faults)
	}
}

func TestMessage_AnswersOnlyWhatItsKindHas(t *testing.T) {
	c := Read(AppendPictureLoss(nil, 1, 2))
	m, _ := c.Next()
	if m.Info() != (Info{}) || m.Rate() != 0 || m.Count() != 0 || m.Instant() != 0 {
		t.Error("made something up")
	}
	if _, values := readAll(t, AppendPictureLoss(nil, 1, 2)); values != 0 {
		t.Errorf("%d values", values)
	}
}

func TestMessage_RateNeverOverflows(t *testing.T) {
	for _, test := range []struct {
		exponent byte
		mantissa uint32
		want     unit.BitRate
	}{
		{0, 1000, 1000}, {3, 1 << 17, 1 << 20}, {45, 1<<18 - 1, (1<<18 - 1) << 45}, {46, 1, 1<<63 - 1}, {63, 1<<18 - 1, 1<<63 - 1}, {63, 0, 0},
	} {
		word := binary.BigEndian.AppendUint32(nil, uint32(test.exponent)<<18|test.mantissa)
		c := Read(rtcpOf(formatOther, typePayload, slices.Concat(sources, []byte("REMB"), word)...))
		m, more := c.Next()
		if got := m.Rate(); !more || got != test.want {
			t.Errorf("%d << %d: %d, want %d", test.mantissa, test.exponent, got, test.want)
		}
	}
}

func TestAppend_KeepsToTheCountsOfTheFormat(t *testing.T) {
	many := slices.Repeat([]Report{{SSRC: 9}}, 70)
	count := func(datagram []byte) (reports int) {
		c := Read(datagram)
		for m, more := c.Next(); more; m, more = c.Next() {
			for range m.Reports() {
				reports++
			}
			for range m.Sources() {
				reports++
			}
		}
		return reports
	}
	if got := count(AppendReceiverReport(nil, 1, many...)); got != 70 {
		t.Errorf("%d of 70 report blocks", got)
	}
	if got := count(AppendSenderReport(nil, 1, Info{}, many...)); got != 31 {
		t.Errorf("%d of 31 report blocks", got)
	}
	if got := count(AppendGoodbye(nil, make([]uint32, 40)...)); got != 31 {
		t.Errorf("%d of 31 sources", got)
	}
	if got := AppendNack(nil, 1, 2, nil); got != nil {
		t.Errorf("a NACK of nothing: %x", got)
	}
	for size := range 300 {
		name := string(bytes.Repeat([]byte{'n'}, size))
		c := Read(AppendDescription(nil, 5, name))
		m, _ := c.Next()
		for source, got := range m.Names() {
			if source != 5 || string(got) != name[:min(size, 255)] {
				t.Fatalf("name of %d bytes: %q of %d", size, got, source)
			}
		}
	}
}
