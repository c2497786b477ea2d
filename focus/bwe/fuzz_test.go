package bwe

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

// Whatever receivers tell: the estimate stays between its bounds, and above its
// start only as far as twice what was ever acknowledged, or a probe, allows; no more is
// acknowledged than was told of or passed over; and a share of an uplink is kept to.
func FuzzEstimator(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Add([]byte("reports that lie about everything, again and again, in no order at all"))
	f.Fuzz(func(t *testing.T, script []byte) {
		config := Config{Start: 300 * unit.Kilobit, Least: 50 * unit.Kilobit, Most: 20 * unit.Megabit}
		e := New(config)
		allowed, steps := config.Start, 0
		tell(e, script, func(p Probe, sum int64, now unit.Instant) {
			if steps++; steps%16 == 0 {
				given := e.Estimate().Rate * unit.BitRate(steps/16%5) / 4
				e.Couple(given, 3*given, now)
				if rate := e.Estimate().Rate; rate != max(given, config.Least) {
					t.Fatalf("a share of %v became %v", given, rate)
				}
			}
			got := e.Estimate()
			if got.Delivered > unit.Rate(sum, recent) {
				t.Fatalf("%v was delivered of %d bytes", got.Delivered, sum)
			}
			allowed = max(allowed, p.Rate, 2*got.Delivered)
			if got.Rate < config.Least || got.Rate > config.Most || got.Pace < 0 || got.Confirmed > got.Rate {
				t.Fatalf("%+v", got)
			}
			if got.Rate > allowed {
				t.Fatalf("%+v, allowed is %v", got, allowed)
			}
			if math.IsNaN(got.Loss) || got.Loss < 0 || got.Loss > 1 || got.Queue < 0 {
				t.Fatalf("%+v", got)
			}
		})
	})
}

// tell tells an estimator what a script says, and after each thing calls after with
// the probe that was given by it, and the bytes that left or were told to have come.
func tell(e *Estimator, script []byte, after func(p Probe, sum int64, now unit.Instant)) {
	now, sum := unit.Instant(time.Hour), int64(0)
	var sent []Acknowledged
	next := func() uint64 {
		var word [8]byte
		copy(word[:], script)
		script = script[min(len(script), 5):]
		return binary.LittleEndian.Uint64(word[:])
	}
	for len(script) > 0 {
		word := next()
		now = now.Add(time.Duration(word>>8&0xff) * time.Millisecond)
		var probe Probe
		switch word & 7 {
		case 0:
			e.Tick(now)
		case 1:
			e.Demand(unit.BitRate(word >> 8 & 0xffffff))
		case 2:
			e.Moved(now)
		case 3:
			e.Backlog(int64(word >> 8 & 0xffff))
		case 4:
			probe, _ = e.Probe(now)
		case 5:
			for range word >> 16 & 0x3f {
				now = now.Add(time.Duration(word>>24&0xf) * time.Millisecond)
				a := Acknowledged{Number: int64(len(sent)), Left: now, Size: int(word >> 24 & 0x7ff), Tag: uint8(word >> 32 & 3)}
				e.Sent(a.Size, a.Tag, now)
				sent, sum = append(sent, a), sum+int64(a.Size) // told of others, it may have come
			}
		default:
			var told []Acknowledged
			for i, a := range sent[max(0, len(sent)-int(word>>16&0x7f)):] {
				a.Fate = history.Fate(word>>24+uint64(i)) % history.Fates
				a.At = time.Duration(int32(word>>8)) * time.Millisecond / time.Duration(1+i&3)
				a.Marked = word>>25&1 == 1
				told = append(told, a)
				if a.Fate == history.Received || a.Fate == history.Recovered {
					sum += int64(a.Size)
				}
			}
			e.Report(told, now)
		}
		after(probe, sum, now)
		if at := e.Next(); at < now && at != unit.Never {
			e.Tick(now)
		}
	}
}

// Whatever an estimator was told, from any moment on: what was noted of it gives the
// same decisions when it is told again, and so the same trace to the last byte.
func FuzzRecorder(f *testing.F) {
	f.Add(uint8(0), []byte{5, 40, 20, 20, 1, 4, 0, 0, 0, 0, 6, 90, 10, 1, 1, 7, 20, 3, 0, 1, 0, 255, 1, 1, 1, 2, 9, 9, 9, 9})
	f.Add(uint8(9), []byte("reports that lie about everything, again and again, in no order at all"))
	f.Fuzz(func(t *testing.T, from uint8, script []byte) {
		e, r := New(Config{Most: 20 * unit.Megabit}), new(Recorder)
		steps := 0
		tell(e, script, func(_ Probe, _ int64, now unit.Instant) {
			switch steps++; {
			case steps == int(from):
				e.Record(r)
			case steps%16 == 0:
				e.Couple(e.Estimate().Rate/2, e.Estimate().Rate*3, now)
				if steps > int(from) {
					r.Chose([]Choice{{Key: 1 << 31, Spatial: -1, Temporal: 2, Rate: e.Estimate().Rate, Reason: "be\"st"}}, now)
				}
			}
		})
		if e.recorder == nil {
			return
		}
		trace := bytes.Clone(r.Take())
		var again bytes.Buffer
		if err := Again(&again, bytes.NewReader(trace)); err != nil {
			t.Fatalf("%v\n%s", err, trace)
		}
		if !bytes.Equal(again.Bytes(), trace) {
			t.Fatalf("noted\n%s\nand then\n%s", trace, again.Bytes())
		}
	})
}
