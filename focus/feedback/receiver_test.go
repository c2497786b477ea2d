package feedback

import (
	"testing"
	"time"
)

func TestReceiver_HasNothingToReportBeforeAPacket(t *testing.T) {
	r := NewReceiver(5, 90000)
	if _, ok := r.Report(in(0)); ok || r.Stats() != (ReceiverStats{}) {
		t.Error("reported")
	}
}

func TestReceiver_CountsLossAcrossTheWrap(t *testing.T) {
	r := NewReceiver(5, 90000)
	at := 0
	for n := 65000; n < 66000; n++ {
		if at++; n%10 != 3 {
			r.Arrived(uint16(n), uint32(n*3000), in(at*33))
		}
	}
	got, ok := r.Report(in(at * 33))
	want := Report{SSRC: 5, Fraction: 25, Lost: 100, Highest: 1<<16 | (65999 - 65536)}
	if got.Jitter = 0; !ok || got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	for n := 66000; n < 66100; n++ {
		r.Arrived(uint16(n), uint32(n*3000), in(at*33))
	}
	if got, _ = r.Report(in(at * 33)); got.Fraction != 0 || got.Lost != 100 {
		t.Fatalf("after an interval without loss: %+v", got)
	}
}

func TestReceiver_TellsOfDuplicatesAsTheRFCDoes(t *testing.T) {
	r := NewReceiver(5, 90000)
	for _, n := range []uint16{10, 11, 11, 12, 12} {
		r.Arrived(n, 0, in(0))
	}
	if got, _ := r.Report(in(1)); got.Lost != -2 || got.Fraction != 0 {
		t.Fatalf("%+v", got)
	}
}

func TestReceiver_ThatBeginsWithALatePacketMissesNothing(t *testing.T) {
	r := NewReceiver(5, 90000)
	for _, n := range []uint16{1, 65535, 0, 2} {
		r.Arrived(n, 0, in(0))
	}
	if got, _ := r.Report(in(1)); got.Lost != 0 || got.Highest != 2 {
		t.Fatalf("%+v", got)
	}
}

func TestReceiver_BeginsAnewWithAStreamThatJumps(t *testing.T) {
	r := NewReceiver(5, 90000)
	for _, n := range []uint16{10, 11, 30000, 12, 13, 40000, 40001, 40002} {
		r.Arrived(n, 0, in(0))
	}
	if got, _ := r.Report(in(1)); got.Lost != 0 || uint16(got.Highest) != 40002 {
		t.Fatalf("%+v", got)
	}
}

func TestReceiver_MeasuresJitter(t *testing.T) {
	steady, rough := NewReceiver(1, 90000), NewReceiver(2, 90000)
	for n := range 1000 {
		steady.Arrived(uint16(n), uint32(n*1800), in(n*20))
		rough.Arrived(uint16(n), uint32(n*1800), in(n*20+n%2*10))
	}
	if got := steady.Stats().Jitter; got > time.Millisecond/10 {
		t.Errorf("steady: %v", got)
	}
	if got := rough.Stats().Jitter; got < 9*time.Millisecond || got > 11*time.Millisecond {
		t.Errorf("10 ms to and fro: %v", got)
	}
	if got, _ := rough.Report(in(20000)); got.Jitter < 810 || got.Jitter > 990 {
		t.Errorf("10 ms to and fro: %d ticks", got.Jitter)
	}
}

func TestReceiver_DoesNotTakeAClockThatWasSetForJitter(t *testing.T) {
	r := NewReceiver(1, 90000)
	for n := range 100 {
		at := uint32(n * 1800)
		if n >= 50 {
			at += 1 << 30
		}
		r.Arrived(uint16(n), at, in(n*20))
	}
	if got := r.Stats().Jitter; got > time.Millisecond {
		t.Errorf("%v", got)
	}
}

func TestReceiver_AnswersTheLastSenderReport(t *testing.T) {
	wall := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	epoch := EpochOf(wall, in(0))
	r := NewReceiver(5, 90000)
	r.Arrived(1, 0, in(0))
	r.Told(Info{NTP: epoch.At(in(100))}, in(140)) // 40 ms under way
	report, _ := r.Report(in(1140))
	if report.Delay != time.Second {
		t.Fatalf("%+v", report)
	}
	c := Read(AppendReceiverReport(nil, 1, report))
	m, _ := c.Next()
	for read := range m.Reports() {
		trip, ok := epoch.RoundTrip(read, in(1170))
		if !ok || (trip-70*time.Millisecond).Abs() > 50*time.Microsecond {
			t.Fatalf("round trip %v", trip)
		}
	}
}

func TestEpoch_BelievesNoImpossibleRoundTrip(t *testing.T) {
	epoch := EpochOf(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), in(0))
	sent := epoch.At(in(0)).Middle()
	for name, report := range map[string]Report{
		"no report to answer":              {Delay: time.Millisecond},
		"held for longer than it was away": {LastReport: sent, Delay: 5 * time.Second},
		"of the future":                    {LastReport: epoch.At(in(5000)).Middle()},
		"of long ago":                      {LastReport: epoch.At(in(-100_000)).Middle()},
	} {
		if trip, ok := epoch.RoundTrip(report, in(1000)); ok {
			t.Errorf("%s: %v", name, trip)
		}
	}
	if trip, ok := epoch.RoundTrip(Report{LastReport: sent, Delay: time.Second}, in(1000)); !ok || trip <= 0 {
		t.Errorf("in one house: %v", trip)
	}
}

func TestNTP_CountsFrom1900AndAcrossItsWrap(t *testing.T) {
	if got := NTPOf(time.Unix(0, 500_000_000)); got != secondsTo1970<<32|1<<31 {
		t.Errorf("%x", uint64(got))
	}
	late := NTPOf(time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC))
	for _, d := range []time.Duration{0, time.Nanosecond * 250, -time.Second, 3*time.Second + time.Millisecond, -90 * time.Minute, 24 * time.Hour} {
		if got := late.Add(d).Sub(late); (got - d).Abs() > 2 {
			t.Errorf("%v later is %v", d, got)
		}
	}
}
