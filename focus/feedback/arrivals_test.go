package feedback

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"pgregory.net/rapid"

	"meshfocus/internal/unit"
)

func TestArrivals_ReportsEvery50ms(t *testing.T) {
	a := NewArrivals()
	if a.Next() != unit.Far || a.Append(nil, 1, 2, in(0)) != nil {
		t.Fatal("reports nothing")
	}
	reports := 0
	for ms := range 1000 {
		if ms%5 == 0 {
			a.Arrived(uint16(ms/5), in(ms))
		}
		if !in(ms).Before(a.Next()) && a.Append(nil, 1, 2, in(ms)) != nil {
			reports++
		}
	}
	if reports != 19 {
		t.Errorf("%d reports in a second", reports)
	}
	if a.Append(nil, 1, 2, in(2000)); a.Next() != unit.Far {
		t.Error("wants to report nothing")
	}
	a.Arrived(300, in(5000))
	if a.Next() != in(5000) {
		t.Error("lets wait what comes after a silence")
	}
}

func TestArrivals_TellsWhatCameLateWithTheNextReport(t *testing.T) {
	a := NewArrivals()
	for _, n := range []uint16{10, 11, 13, 14} {
		a.Arrived(n, in(int(n)))
	}
	a.Append(nil, 1, 2, in(100))
	a.Arrived(15, in(110))
	a.Arrived(12, in(111))
	a.Arrived(13, in(112)) // again: the first counts
	c := Read(a.Append(nil, 1, 2, in(150)))
	m, _ := c.Next()
	got := slices.Collect(m.Transport())
	var numbers []uint16
	for _, one := range got {
		if !one.Received {
			t.Errorf("%d is not received", one.Number)
		}
		numbers = append(numbers, one.Number)
	}
	equal(t, "numbers", numbers, []uint16{12, 13, 14, 15})
	if since := got[0].At - got[1].At; since != (111-13)*time.Millisecond {
		t.Errorf("12 came %v after 13", since)
	}
	if m.Count() != 1 {
		t.Errorf("count %d", m.Count())
	}
}

func TestArrivals_SaysNothingOfAStreamThatJumped(t *testing.T) {
	a := NewArrivals()
	for i, n := range []uint16{10, 11, 30000, 30001, 30003} {
		a.Arrived(n, in(i))
	}
	c := Read(a.Append(nil, 1, 2, in(100)))
	m, _ := c.Next()
	got := slices.Collect(m.Transport())
	if len(got) != 3 || got[0].Number != 30001 || got[1].Received || !got[2].Received {
		t.Fatalf("%+v", got)
	}
}

func TestArrivals_CostsLittleMoreThanAByteAPacket(t *testing.T) {
	a := NewArrivals()
	for n := range 40 {
		a.Arrived(uint16(n), in(n*5))
	}
	// Head of 20 bytes, one run, 40 deltas, padding.
	if got := len(a.Append(nil, 1, 2, in(200))); got != 64 {
		t.Errorf("40 packets in a row: %d bytes", got)
	}
	for n := 40; n < 96; n++ {
		if n%2 != 0 {
			a.Arrived(uint16(n), in(n*5))
		}
	}
	// Numbers 40 to 95, every second lost: four vectors of one bit, 28 deltas.
	if got := len(a.Append(nil, 1, 2, in(500))); got != 20+8+28 {
		t.Errorf("every second of 56: %d bytes", got)
	}
}

func TestArrivals_NeverOutgrowsADatagram(t *testing.T) {
	a := NewArrivals()
	for n := 0; n < 2000; n += 2 { // pairs the wrong way round: deltas of two bytes
		a.Arrived(uint16(n+1), in(n))
		a.Arrived(uint16(n), in(n+1))
	}
	reports := 0
	for one := range packetsOf(a.Append(nil, 1, 2, in(3000))) {
		if reports++; len(one) > 1200 {
			t.Errorf("a report of %d bytes", len(one))
		}
	}
	if reports != 5 {
		t.Errorf("%d reports", reports)
	}
}

// TestArrivals_TellsTheTruth sends packets through loss, reordering, bursts
// and silence and reads the reports as their receiver does, with our parser and
// with Pion's.
func TestArrivals_TellsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begins := []unit.Instant{start, 1, unit.Instant(ReferenceWrap - time.Second), unit.Instant(3*ReferenceWrap - time.Millisecond)}
		now := rapid.SampledFrom(begins).Draw(t, "begin")
		number := uint16(rapid.IntRange(0, 65535).Draw(t, "number"))
		rolls := rapid.SliceOfN(rapid.IntRange(0, 99), 61, 61).Draw(t, "rolls")
		loss := rapid.IntRange(0, 60).Draw(t, "loss")
		a := NewArrivals()
		came := map[uint16]unit.Instant{}
		told := map[uint16]bool{}
		for i := range 800 {
			roll := rolls[i%61]
			switch {
			case roll < 50:
				now = now.Add(time.Duration(roll) * 37 * time.Microsecond)
			case roll > 90 && roll < 96: // about where a delta needs two bytes
				now = now.Add(63*time.Millisecond + time.Duration(roll+i%7)*10*time.Microsecond)
			case roll == 99:
				now = now.Add(time.Duration(rolls[i/61]) * 200 * time.Millisecond)
			case roll == 98:
				number += uint16(rolls[i/61] * 10)
				now = now.Add(Interval) // two such gaps in one report are more than is remembered
			}
			number++
			if rolls[(i*5+1)%61] >= loss {
				n := number
				if roll == 97 {
					n -= 5 // late, or again
				}
				if _, again := came[n]; !again {
					came[n] = now
				}
				a.Arrived(n, now)
			}
			if !now.Before(a.Next()) {
				readReports(t, a.Append(nil, 1, 2, now), came, told)
			}
		}
		readReports(t, a.Append(nil, 1, 2, now.Add(time.Second)), came, told)
		if len(told) != len(came) {
			t.Fatalf("%d came, %d were told", len(came), len(told))
		}
	})
}

func readReports(t *rapid.T, datagram []byte, came map[uint16]unit.Instant, told map[uint16]bool) {
	for one := range packetsOf(datagram) {
		if len(one) > 1200 {
			t.Fatalf("a report of %d bytes", len(one))
		}
		c := Read(one)
		m, more := c.Next()
		if !more || m.Kind != TransportReport {
			t.Fatalf("refused: %x", one)
		}
		arrivals := slices.Collect(m.Transport())
		for _, got := range arrivals {
			at, known := came[got.Number]
			if !got.Received {
				continue
			}
			want := time.Duration(at) / deltaUnit * deltaUnit
			if off := (got.At - want) % ReferenceWrap; !known || off != 0 {
				t.Fatalf("%d: told %v, came %v", got.Number, got.At, want)
			}
			told[got.Number] = true
		}
		theirs, err := rtcp.Unmarshal(one)
		if err != nil {
			t.Fatalf("Pion refuses: %v\n%x", err, one)
		}
		if !slices.Equal(transportOf(theirs[0].(*rtcp.TransportLayerCC)), arrivals) {
			t.Fatalf("Pion reads something else in %x", one)
		}
	}
}

func TestStreamArrivals_TellsOfEachStream(t *testing.T) {
	s := NewStreamArrivals(EpochOf(time.Unix(0, 0), 0))
	s.Arrived(7, 65535, 1, in(0))
	s.Arrived(7, 1, 3, in(10))
	s.Arrived(8, 40, 0, in(20))
	if s.Next() != in(50) || s.Append(nil, 1, in(49)) != nil {
		t.Fatal("not after 50 ms")
	}
	type entry struct {
		ssrc uint32
		a    Arrival
	}
	report := s.Append(nil, 1, in(60))
	theirs, err := rtcp.Unmarshal(report)
	if err != nil {
		t.Fatal(err)
	}
	c := Read(report)
	m, _ := c.Next()
	compareStreams(t, m, theirs[0].(*rtcp.CCFeedbackReport))
	var got []entry
	for ssrc, a := range m.Streams() {
		if (a.At % (time.Second / 1024)).Abs() > 1024 {
			t.Errorf("%v is not in steps of 1/1024 s", a.At)
		}
		a.At = a.At.Round(10 * time.Millisecond)
		got = append(got, entry{ssrc, a})
	}
	equal(t, "entries", got, []entry{
		{7, Arrival{Number: 65535, Received: true, Marked: 1, At: -60 * time.Millisecond}},
		{7, Arrival{Number: 0}},
		{7, Arrival{Number: 1, Received: true, Marked: 3, At: -50 * time.Millisecond}},
		{8, Arrival{Number: 40, Received: true, At: -40 * time.Millisecond}},
	})
	if want := NTP(secondsTo1970 << 32).Add(time.Duration(in(60))).Middle(); m.Instant() != want {
		t.Errorf("instant %x, want %x", m.Instant(), want)
	}
	if s.Next() != unit.Far {
		t.Error("wants to report nothing")
	}
}

func TestStreamArrivals_SplitsWhatDoesNotFit(t *testing.T) {
	s := NewStreamArrivals(0)
	sent := 0
	for ssrc := range uint32(20) {
		for n := range uint16(300) {
			s.Arrived(ssrc, n, 0, in(int(n)/10))
			if sent++; n%3 == 0 {
				s.Arrived(ssrc, n, 0, in(40))
			}
		}
	}
	told := 0
	for one := range packetsOf(s.Append(nil, 1, in(10_000))) {
		if len(one) > 1200 {
			t.Errorf("a report of %d bytes", len(one))
		}
		c := Read(one)
		m, _ := c.Next()
		for _, a := range m.Streams() {
			if !a.Received || !a.Early {
				t.Fatalf("%+v", a)
			}
			told++
		}
	}
	if told != streamMost*300 {
		t.Errorf("told of %d packets", told)
	}
	s.Forget(3)
	s.Arrived(100, 9, 0, in(10_001))
	c := Read(s.Append(nil, 1, in(10_100)))
	m, more := c.Next()
	if !more {
		t.Fatal("the place of an ended stream is not taken")
	}
	for ssrc := range m.Streams() {
		if ssrc != 100 {
			t.Errorf("told of %d", ssrc)
		}
	}
}
