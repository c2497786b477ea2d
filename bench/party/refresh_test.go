package party

import (
	"slices"
	"testing"
	"time"

	"meshfocus/focus/feedback"
	"meshfocus/internal/unit"
)

// TestEnd_DoesNotHearWishesThatComeTooSoon: a faithful one is deaf for 300 ms, one that
// only looks like it never.
func TestEnd_DoesNotHearWishesThatComeTooSoon(t *testing.T) {
	for _, faithful := range []bool{true, false} {
		e := &End{sources: []*source{newSource(1, 0, 2), newSource(2, 1, 2)}}
		for _, c := range []struct {
			after time.Duration
			heard bool
		}{{0, true}, {299 * time.Millisecond, !faithful}, {300 * time.Millisecond, true}, {310 * time.Millisecond, !faithful}, {600 * time.Millisecond, true}} {
			for _, s := range e.sources {
				s.wantKey = false
			}
			e.refresh(faithful, unit.Instant(1).Add(time.Second+c.after))
			for _, s := range e.sources {
				if s.wantKey != c.heard {
					t.Errorf("faithful %v, after %v: heard %v", faithful, c.after, s.wantKey)
				}
			}
		}
	}
}

// TestEnd_BeginsWithAReportOfTheStreamConcerned where RTCP has to be compound, and with
// nothing elsewhere.
func TestEnd_BeginsWithAReportOfTheStreamConcerned(t *testing.T) {
	e, now := &End{}, unit.Instant(time.Hour)
	e.sink(1)
	second := e.sink(2)
	second.receiver.Arrived(7, 0, now)
	compound := feedback.Read(feedback.AppendPictureLoss(e.begin(&wire{}, 9, second, now), 9, 2))
	report, _ := compound.Next()
	if reports := slices.Collect(report.Reports()); report.Kind != feedback.ReceiverReport || len(reports) != 1 || reports[0].SSRC != 2 {
		t.Errorf("it begins with %v: %+v", report.Kind, reports)
	}
	if begun := e.begin(&wire{reduced: true}, 9, second, now); len(begun) != 0 {
		t.Errorf("reduced, it begins with %d bytes", len(begun))
	}
}

// TestEnd_ReportsEachStreamByItself: Janus hears nothing of what is not in the first block.
func TestEnd_ReportsEachStreamByItself(t *testing.T) {
	e, now := &End{}, unit.Instant(time.Hour)
	for ssrc := range uint32(3) {
		e.sink(ssrc+1).receiver.Arrived(7, 0, now)
	}
	var streams []uint32
	for datagram := range e.reports(&wire{}, now) {
		compound := feedback.Read(datagram)
		message, _ := compound.Next()
		blocks := slices.Collect(message.Reports())
		if message.Kind != feedback.ReceiverReport || len(blocks) != 1 {
			t.Fatalf("a datagram begins with %v: %+v", message.Kind, blocks)
		}
		streams = append(streams, blocks[0].SSRC)
	}
	if !slices.Equal(streams, []uint32{1, 2, 3}) {
		t.Errorf("of streams %v", streams)
	}
}
