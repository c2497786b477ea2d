package main

import (
	"strings"
	"testing"
	"time"

	"meshfocus/focus"
	"meshfocus/focus/allocate"
	"meshfocus/focus/bwe"
	"meshfocus/focus/lane"
	"meshfocus/internal/unit"
)

// onWay is a party whose way is estimated, with one picture.
func onWay(kbit uint64, queue time.Duration, reason allocate.Reason) focus.Stats {
	var s focus.Stats
	s.Connection.End.Sending = lane.SendingStats{
		Estimate: kbit * 1000, Confirmed: kbit * 900, Pace: kbit * 1250, Queued: queue, Held: 3000, Loss: 25,
		Reason: bwe.Yielded, Changed: unit.Instant(5 * time.Second),
	}
	picture, sound := focus.ShareStats{}, focus.ShareStats{}
	picture.Track.Kind, picture.Sent.Reason, sound.Track.Kind = lane.Video, reason, lane.Audio
	s.Shares = []focus.ShareStats{picture, sound}
	return s
}

func TestPathMetrics_NameNobody(t *testing.T) {
	var of pathFigures
	for _, p := range []focus.Stats{
		{Shares: []focus.ShareStats{{}}}, // nothing is estimated
		onWay(800, 10*time.Millisecond, allocate.Full), onWay(4000, 0, allocate.Best), onWay(1600, 0, allocate.Full), onWay(400, 0, allocate.Paused),
	} {
		of.add(&p)
	}
	var out strings.Builder
	if err := writeFamilies(&out, of.families()); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"meshfocus_forward_paths 4",
		`meshfocus_forward_path_estimate_bytes_per_second{rank="least"} 50000`,
		`meshfocus_forward_path_estimate_bytes_per_second{rank="median"} 100000`,
		`meshfocus_forward_path_estimate_bytes_per_second{rank="most"} 500000`,
		`meshfocus_forward_path_pace_bytes_per_second{rank="least"} 62500`,
		`meshfocus_forward_path_queue_seconds{rank="most"} 0.01`,
		`meshfocus_forward_path_loss_ratio{rank="median"} 0.025`,
		`meshfocus_forward_path_held_bytes{rank="most"} 3000`,
		`meshfocus_forward_pictures{reason="full"} 2`, `meshfocus_forward_pictures{reason="paused"} 1`, `meshfocus_forward_pictures{reason="silent"} 0`,
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no %s in\n%s", line, out.String())
		}
	}
}

func TestForwardView_SaysWhatAWayCarriesAndWhy(t *testing.T) {
	p := onWay(800, 12*time.Millisecond, allocate.Full)
	way := wayView(&p.Connection.End.Sending, unit.Instant(7*time.Second))
	if way.EstimateBitsPerSecond != 800_000 || way.ProvenBitsPerSecond != 720_000 || way.PaceBitsPerSecond != 1_000_000 || way.QueueMs != 12 ||
		way.HeldBytes != 3000 || way.DroppedInPercent != 2.5 || way.Why != "yielded" || way.ChangedMs != 2000 {
		t.Errorf("%+v", way)
	}
	if got := wayView(&lane.SendingStats{}, 0); got != nil {
		t.Errorf("of nothing it says %+v", got)
	}
}
