package lane

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// Four peers behind one uplink of 2 Mbit/s, then one, then three, on two lanes: all of it is
// used, they have the same, the queue stays short, and no sound is lost.
func TestUplink_FourThenOneThenThreeShareIt(t *testing.T) {
	u := newUpload(t, false)
	defer u.close()
	ms := time.Millisecond
	for _, delay := range []time.Duration{50 * ms, 35 * ms, 75 * ms, 125 * ms} {
		u.join(delay)
	}
	judge := func(settle time.Duration) {
		t.Helper()
		u.run(settle)
		u.look(settle)
		u.run(30 * time.Second)
		used, queue, jain := u.look(30 * time.Second)
		t.Logf("%d peers: %.3f used, queue p95 %v, Jain's index %.4f", len(u.peers), used, queue, jain)
		if used < 0.95 || queue > 40*ms || jain < 0.99 {
			t.Errorf("%d peers: %.3f used, queue p95 %v, Jain's index %.4f", len(u.peers), used, queue, jain)
		}
	}
	judge(10 * time.Second)
	for len(u.peers) > 1 {
		u.leave(u.peers[1])
	}
	judge(10 * time.Second)
	u.join(75 * ms)
	u.join(40 * ms)
	judge(10 * time.Second)
	if u.lostTalk != 0 {
		t.Errorf("%d packets of sound were lost", u.lostTalk)
	}
}

// With layers of 150, 500 and 1500 kbit/s four get the small one of 2 Mbit/s for certain,
// and nobody is without pictures; who is alone gets the middle one, as the large one has
// seconds of 1.8 Mbit/s.
func TestUplink_AllGetWhatTheirShareHolds(t *testing.T) {
	u := newUpload(t, true)
	defer u.close()
	for i := range 4 {
		u.join(time.Duration(30+10*i) * time.Millisecond)
	}
	u.run(15 * time.Second)
	u.look(15 * time.Second)
	u.run(30 * time.Second)
	for i, r := range u.peers {
		if at := r.sub.Current().Spatial; at < 0 || at > 1 || r.frozen > time.Second {
			t.Errorf("peer %d gets layer %d, and saw nothing for %v", i, at, r.frozen)
		}
	}
	if _, queue, _ := u.look(30 * time.Second); queue > 60*time.Millisecond {
		t.Errorf("queue %v", queue)
	}
	for len(u.peers) > 1 {
		u.leave(u.peers[1])
	}
	u.run(20 * time.Second)
	if at := u.peers[0].sub.Current().Spatial; at != 1 || u.lostTalk != 0 {
		t.Errorf("alone it gets layer %d; %d packets of sound were lost", at, u.lostTalk)
	}
}

// One encode for all, in layers of 150, 500 and 1500 kbit/s: who has a narrow way gets
// the small one within seconds and pictures all the time, and the others keep the large.
func TestUplink_ANarrowWayIsItsPeersAlone(t *testing.T) {
	u := newUpload(t, true)
	defer u.close()
	u.capacity = 20 * unit.Megabit
	wide, narrow, other := u.join(30*time.Millisecond), u.join(40*time.Millisecond), u.join(50*time.Millisecond)
	u.run(10 * time.Second)
	for i, r := range u.peers {
		if at := r.sub.Current().Spatial; at != 2 {
			t.Fatalf("peer %d gets layer %d before", i, at)
		}
	}
	u.look(10 * time.Second)
	narrow.narrow = 350 * unit.Kilobit
	kept := 0
	for range 200 {
		u.run(100 * time.Millisecond)
		if wide.sub.Current().Spatial == 2 && other.sub.Current().Spatial == 2 {
			kept++
		}
	}
	if at := narrow.sub.Current().Spatial; at != 0 || kept < 200 {
		t.Errorf("the narrow one gets layer %d, the others kept theirs for %d of 200 tenths of a second", at, kept)
	}
	for i, r := range u.peers {
		if r.frozen > time.Second {
			t.Errorf("peer %d saw nothing for %v", i, r.frozen)
		}
	}
	narrow.narrow = 0
	for range 300 {
		if u.run(100 * time.Millisecond); narrow.sub.Current().Spatial == 2 {
			return
		}
	}
	t.Errorf("it gets layer %d afterwards", narrow.sub.Current().Spatial)
}

// Who reports no arrivals gets everything as it comes, after a second.
func TestUplink_WhoReportsNothingGetsEverything(t *testing.T) {
	u := newUpload(t, true)
	defer u.close()
	u.capacity = 20 * unit.Megabit
	r := u.join(30 * time.Millisecond)
	r.mute = true
	u.run(500 * time.Millisecond)
	if at := r.sub.Current().Spatial; at != 0 {
		t.Errorf("it gets layer %d at first", at)
	}
	u.run(5 * time.Second)
	if at := r.sub.Current().Spatial; at != 2 {
		t.Errorf("it gets layer %d", at)
	}
}

// A file is not asked for the sake of a better layer: who waits for one sees the one
// before until its key frame comes.
func TestUplink_AFileIsAskedForThoseWhoSeeNothing(t *testing.T) {
	u := newUpload(t, true)
	defer u.close()
	u.capacity = 20 * unit.Megabit
	r := u.join(30 * time.Millisecond)
	u.run(15 * time.Second)
	if at := r.sub.Current().Spatial; at != 2 {
		t.Errorf("it gets layer %d", at)
	}
	if asked := u.pictures[0].Stats().Requests; asked > 1 {
		t.Errorf("the file was asked %d times", asked)
	}
}

// What waited is left out, while it is not known what layers cost, or not any more: the
// selector stops, asks for a key frame, and the picture goes on with it.
func TestUplink_WhatWasEmptiedBeginsAnewWithoutALadder(t *testing.T) {
	u := newUpload(t, false)
	defer u.close()
	r := u.join(30 * time.Millisecond)
	u.run(5 * time.Second)
	turn := u.turns[r.lane]
	turn.empty(r.end.out.way, r.sub)
	turn.allot(r.end) // before the next picture comes
	before := r.sub.Stats().Frames
	u.run(2 * time.Second)
	if stats := r.sub.Stats(); stats.Frames < before+30 || stats.Emptied != 1 {
		t.Errorf("%d frames left in two seconds after it was emptied (%d times)", stats.Frames-before, stats.Emptied)
	}
}
