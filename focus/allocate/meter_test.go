package allocate

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// play counts 30 frames in a second for a time, with temporal layers 0 2 1 2 and so
// many bytes each; every so many frames there is a key frame of six times the size.
func play(m *Meter, from unit.Instant, length time.Duration, size, keys int) unit.Instant {
	for i := range int(length / (time.Second / 30)) {
		now := from.Add(time.Duration(i) * time.Second / 30)
		p := Arrived{Bytes: size, Temporal: []int8{0, 2, 1, 2}[i%4], Begins: true}
		if keys > 0 && i%keys == 0 {
			p.Key, p.Bytes, p.Temporal = true, 6*size, 0
		}
		m.Count(p, now)
	}
	return from.Add(length)
}

func near(t *testing.T, what string, got, want unit.BitRate) {
	t.Helper()
	if d := float64(got)/float64(want) - 1; d < -0.08 || d > 0.08 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestMeter(t *testing.T) {
	var m Meter
	var row [Temporals]Offer
	now := unit.Instant(time.Hour)
	m.Offers(&row, now)
	if row != [Temporals]Offer{} {
		t.Errorf("without anything it offers %v", row)
	}
	now = play(&m, now, 6*time.Second, 1000, 0)
	m.Offers(&row, now)
	for i, want := range []unit.BitRate{60 * kbit, 120 * kbit, 240 * kbit} {
		near(t, "mean", row[i].Mean, want)
		near(t, "peak", row[i].Peak, want)
	}
	if row[3] != (Offer{}) {
		t.Errorf("it offers a layer that never came: %v", row[3])
	}
}

func TestMeter_KeyFramesArePeakAndNotMean(t *testing.T) {
	var m Meter
	var row [Temporals]Offer
	now := play(&m, unit.Instant(time.Hour), 6*time.Second, 1000, 60)
	m.Offers(&row, now)
	near(t, "mean", row[2].Mean, 240*kbit)
	near(t, "peak", row[2].Peak, 280*kbit)
}

func TestMeter_WhatGoesSilentDoesNotBecomeCheap(t *testing.T) {
	var m Meter
	var row [Temporals]Offer
	now := play(&m, unit.Instant(time.Hour), 6*time.Second, 1000, 0)
	m.Offers(&row, now.Add(300*time.Millisecond))
	near(t, "mean", row[2].Mean, 240*kbit)
	m.Offers(&row, now.Add(silentAfter))
	if row != [Temporals]Offer{} {
		t.Errorf("silent, it offers %v", row)
	}
	now = play(&m, now.Add(time.Minute), 300*time.Millisecond, 500, 0)
	m.Offers(&row, now)
	near(t, "mean after silence", row[2].Mean, 130*kbit)
}

func TestMeter_WhatRestsCostsWhatItCost(t *testing.T) {
	var m Meter
	var row [Temporals]Offer
	now := play(&m, unit.Instant(time.Hour), 6*time.Second, 1000, 0)
	m.Rest(now) // it has been asked to, and still comes
	now = play(&m, now, time.Second, 1000, 0)
	m.Rest(now.Add(quiet))
	m.Rest(now.Add(time.Minute))
	now = now.Add(time.Minute)
	m.Offers(&row, now)
	near(t, "mean", row[2].Mean, 240*kbit)
	now = play(&m, now, 100*time.Millisecond, 2000, 0)
	m.Offers(&row, now)
	near(t, "mean of what has just come again", row[2].Mean, 240*kbit)
	now = play(&m, now, 3*time.Second, 2000, 0)
	m.Offers(&row, now)
	near(t, "mean after a while", row[2].Mean, 480*kbit)
	now = now.Add(time.Minute) // silent without having been asked
	now = play(&m, now, 100*time.Millisecond, 2000, 0)
	if m.Offers(&row, now); row != [Temporals]Offer{} {
		t.Errorf("of what has just begun it offers %v", row)
	}
}

func TestMeter_IsQuickAndForgets(t *testing.T) {
	var m Meter
	var row [Temporals]Offer
	now := play(&m, unit.Instant(time.Hour), 300*time.Millisecond, 1000, 0)
	m.Offers(&row, now)
	near(t, "mean", row[2].Mean, 260*kbit)
	now = play(&m, now, 6*time.Second, 4000, 0)
	now = play(&m, now, 3*time.Second, 1000, 0)
	m.Offers(&row, now)
	near(t, "mean", row[2].Mean, 240*kbit)
	near(t, "peak", row[2].Peak, 960*kbit)
	now = play(&m, now, 3*time.Second, 1000, 0)
	m.Offers(&row, now)
	near(t, "peak", row[2].Peak, 240*kbit)
}
