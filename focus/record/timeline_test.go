package record

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/focus/transport"
)

var begin = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

// sampleAt is a picture with an RTP time that came after a while.
func sampleAt(timestamp uint32, arrived time.Duration) transport.Sample {
	return transport.Sample{Codec: transport.VP8, Timestamp: timestamp, Arrived: begin.Add(arrived)}
}

func TestTimeline_GoesByTheSendersTimeNotByArrival(t *testing.T) {
	var line timeline
	var sender common
	first := uint32(1<<32 - 45000) // half a second before it wraps
	for i := range 100 {
		late := time.Duration(i%5) * 20 * time.Millisecond // the network is not even
		at := line.place(sampleAt(first+uint32(i)*3600, time.Second+time.Duration(i)*40*time.Millisecond+late), begin, &sender)
		if want := time.Second + time.Duration(i)*40*time.Millisecond; at != want {
			t.Fatalf("sample %d at %s, want %s", i, at, want)
		}
	}
}

func TestTimeline_FollowsASenderThatCountsAnew(t *testing.T) {
	var line timeline
	var sender common
	line.place(sampleAt(1000, 0), begin, &sender)
	if at := line.place(sampleAt(3_000_000_000, 5*time.Second), begin, &sender); at != 5*time.Second {
		t.Errorf("sample at %s, want when it came", at)
	}
	if at := line.place(sampleAt(3_000_003_600, 5100*time.Millisecond), begin, &sender); at != 5040*time.Millisecond {
		t.Errorf("the one after it at %s, want 40 ms later", at)
	}
}

func TestTimeline_MovesTracksSideBySide(t *testing.T) {
	var picture, sound timeline
	var sender common
	captured := begin.Add(time.Hour) // the sender's clock is wrong, which does not matter
	for i := range 200 {
		since := time.Duration(i) * 40 * time.Millisecond
		p := sampleAt(uint32(i)*3600, since)
		s := transport.Sample{Codec: transport.Opus, Timestamp: uint32(i) * 1920, Arrived: begin.Add(since + 300*time.Millisecond)} // comes later
		if i >= 25 {                                                                                                                // the sender reports
			p.Captured, s.Captured = captured.Add(since), captured.Add(since)
		}
		atPicture, atSound := picture.place(p, begin, &sender), sound.place(s, begin, &sender)
		switch apart := atSound - atPicture; {
		case i < 25 && apart != 300*time.Millisecond:
			t.Fatalf("sample %d: %s apart before the sender said anything, want as they came", i, apart)
		case i > 60 && (apart < -skewed || apart > skewed):
			t.Fatalf("sample %d: %s apart after its reports", i, apart)
		}
	}
}

func TestTimeline_NeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var line timeline
		var sender common
		last := time.Duration(-1)
		arrived := time.Duration(0)
		for range 50 {
			arrived += time.Duration(rapid.IntRange(0, 3000).Draw(t, "passed")) * time.Millisecond
			sample := sampleAt(rapid.Uint32().Draw(t, "rtp"), arrived)
			if rapid.Bool().Draw(t, "reported") {
				sample.Captured = begin.Add(time.Duration(rapid.IntRange(-10000, 10000).Draw(t, "captured")) * time.Millisecond)
			}
			at := line.place(sample, begin, &sender)
			if at <= last {
				t.Fatalf("%s after %s", at, last)
			}
			last = at
		}
	})
}
