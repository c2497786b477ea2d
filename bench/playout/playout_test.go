package playout

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/internal/unit"
	"meshfocus/simulcast"
)

const (
	ms    = time.Millisecond
	start = unit.Instant(time.Hour)
)

func at(d time.Duration) unit.Instant { return start.Add(d) }

// TestFreezes_AreThoseOfTheStandard: a pause counts from max(3 × mean, mean + 150 ms)
// on, by the thirty before it.
func TestFreezes_AreThoseOfTheStandard(t *testing.T) {
	for _, c := range []struct {
		name        string
		every       time.Duration // of the frames before
		before      int
		pause       time.Duration
		count       uint64
		frozenAfter time.Duration
	}{
		{"30 frames a second, just below", 33 * ms, 40, 182 * ms, 0, 0},
		{"30 frames a second, just there", 33 * ms, 40, 183 * ms, 1, 183 * ms},
		{"5 frames a second, three of them", 200 * ms, 40, 600 * ms, 1, 600 * ms},
		{"5 frames a second, less than three", 200 * ms, 40, 590 * ms, 0, 0},
		{"too few for a mean", 33 * ms, 5, time.Second, 0, 0},
		{"just enough", 33 * ms, 6, time.Second, 1, time.Second},
	} {
		var f Freezes
		now := time.Duration(0)
		for range c.before {
			f.Show(at(now))
			now += c.every
		}
		f.Show(at(now - c.every + c.pause))
		if f.Count != c.count || f.Frozen != c.frozenAfter {
			t.Errorf("%s: %d freezes of %v, want %d of %v", c.name, f.Count, f.Frozen, c.count, c.frozenAfter)
		}
	}
}

func TestFreezes_ForgetWhatIsLongAgo(t *testing.T) {
	var f Freezes
	now := time.Duration(0)
	show := func(count int, every time.Duration) {
		for range count {
			f.Show(at(now))
			now += every
		}
	}
	show(40, 500*ms)
	show(31, 33*ms)
	now += 150 * ms
	f.Show(at(now))
	if f.Count != 1 {
		t.Errorf("%d freezes: those at two frames a second still count", f.Count)
	}
}

// TestFreezes_CountTheOneUnderWayOnce: looks in between add up to what a single look
// in the end says.
func TestFreezes_CountTheOneUnderWayOnce(t *testing.T) {
	var f Freezes
	for i := range 20 {
		f.Show(at(time.Duration(i) * 33 * ms))
	}
	end := 19 * 33 * ms
	if early := f.Until(at(end + 100*ms)); early.Count != 0 {
		t.Errorf("after 100 ms %+v", early)
	}
	during := f.Until(at(end + 400*ms))
	f.Show(at(end + 900*ms))
	after := f.Until(at(end + 910*ms))
	if during.Count != 1 || during.Frozen != 400*ms || after.Count != 1 || after.Frozen != 900*ms || after.Longest != 900*ms {
		t.Errorf("during %+v, after %+v", during, after)
	}
}

func TestDelay_HoldsFramesAsLongAsMostNeed(t *testing.T) {
	d := NewDelay(90_000, 0.95, 0)
	late := func(i int) time.Duration { // every fourth 40 ms, one of 50 for 300 ms
		switch {
		case i%50 == 0 && i > 0:
			return 300 * ms
		case i%4 == 0:
			return 40 * ms
		}
		return 0
	}
	missed := 0
	for i := range 900 {
		whole := at(time.Duration(i)*time.Second/30 + late(i))
		if d.Due(uint32(i)*3000+1<<31, whole).Before(whole) && i > 30 {
			missed++
		}
	}
	if d.Length() < 39*ms || d.Length() > 41*ms {
		t.Errorf("it holds back for %v, want 40 ms", d.Length())
	}
	if missed < 10 || missed > 20 { // the seventeen that are 300 ms late
		t.Errorf("%d of 900 came too late", missed)
	}
	// A stream that begins anew somewhere else is no reason to wait for ever.
	again := at(time.Hour)
	if due := d.Due(12345, again); due.Sub(again).Abs() > 50*ms {
		t.Errorf("a new beginning is shown %v later", due.Sub(again))
	}
}

// frame gives the packets of one, three each.
func frame(n int, key bool, whole time.Duration) (packets []Packet) {
	for i := range 3 {
		info := simulcast.Plain(simulcast.VP8)
		info.Start, info.End = i == 0, i == 2
		if key && i == 0 {
			info.Key, info.Width, info.Height = true, 640, 360
		}
		packets = append(packets, Packet{Sequence: uint16(65530 + 3*n + i), Timestamp: uint32(3000 * n), At: at(whole), Info: info})
	}
	return packets
}

func put(p *Picture, packets ...Packet) (frames int) {
	for _, packet := range packets {
		frames += len(p.Put(packet))
	}
	return frames
}

func TestPicture_ShowsWhatFollows(t *testing.T) {
	p := NewPicture()
	if put(p, frame(0, false, 0)...) != 0 {
		t.Error("something was decoded before a key frame")
	}
	if !p.WantsKey(at(1*ms)) || p.WantsKey(at(100*ms)) || !p.WantsKey(at(201*ms)) {
		t.Error("it asks at once and every 200 ms for a key frame to begin with")
	}
	if got := put(p, frame(1, true, 33*ms)...); got != 1 {
		t.Errorf("a key frame gave %d frames", got)
	}
	first := p.Sight(at(40 * ms))
	if first.First != at(33*ms) || first.Widths[640] != 1 || first.Asked != 2 {
		t.Errorf("%+v", first)
	}
	gone := frame(2, false, 66*ms)
	if put(p, gone[0], gone[2]) != 0 || put(p, frame(3, false, 100*ms)...) != 0 {
		t.Error("something was decoded across a hole")
	}
	gone[1].At = at(120 * ms) // sent again
	if got := put(p, gone[1], gone[1]); got != 2 {
		t.Errorf("what was missing let %d frames be decoded, want 2", got)
	}
	if s := p.Sight(at(130 * ms)).Since(first); s.Frames != 2 || s.Widths[640] != 2 || s.Skipped != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPicture_GoesOnWithAKeyFrame(t *testing.T) {
	p := NewPicture()
	put(p, frame(0, true, 0)...)
	put(p, frame(2, false, 66*ms)...) // 1 is missing
	if p.WantsKey(at(2900 * ms)) {
		t.Error("it asks before it has waited for three seconds")
	}
	if !p.WantsKey(at(3100 * ms)) {
		t.Error("it does not ask")
	}
	key := frame(4, true, 3200*ms)
	if put(p, key[2], key[0]) != 0 || put(p, key[1]) != 1 {
		t.Error("a key frame is to be shown when it is whole")
	}
	if put(p, frame(1, false, 3300*ms)...) != 0 {
		t.Error("what is older was shown after it")
	}
	if s := p.Sight(at(3300 * ms)); s.Frames != 2 || s.Skipped != 1 {
		t.Errorf("%+v", s)
	}
}

// TestPicture_BeginsWithTheSize: key frames of H.264 have two packets that look like a
// beginning, and without the first, which has the parameter sets, there is none.
func TestPicture_BeginsWithTheSize(t *testing.T) {
	key := frame(0, true, 0)
	key[1].Info.Start, key[1].Info.Key = true, true
	p := NewPicture()
	if put(p, key[1:]...) != 0 {
		t.Error("it was decoded without its parameter sets")
	}
	frames := p.Put(key[0])
	if len(frames) != 1 || frames[0].Packets != 3 || frames[0].Width != 640 {
		t.Errorf("%+v", frames)
	}
}

func TestPicture_PassesPaddingOver(t *testing.T) {
	p := NewPicture()
	put(p, frame(0, true, 0)...)
	padding := frame(1, false, 20*ms)
	for i := range padding {
		padding[i].Info = simulcast.Plain(simulcast.VP8)
		padding[i].Info.Padding = true
	}
	if put(p, padding...) != 0 || put(p, frame(2, false, 40*ms)...) != 1 {
		t.Error("padding is a hole")
	}
}

// TestPicture_ShowsEachFrameOnce: in whatever order packets come, and some twice or
// never, frames are shown in order, none twice, none without those before it.
func TestPicture_ShowsEachFrameOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []Packet
		for n := range 40 {
			for _, packet := range frame(n, n%10 == 0, 0) {
				if rapid.IntRange(0, 30).Draw(t, "lost") > 0 {
					all = append(all, packet)
				}
				if rapid.IntRange(0, 10).Draw(t, "twice") == 0 {
					all = append(all, packet)
				}
			}
		}
		for i := range all {
			if j := i + rapid.IntRange(0, 5).Draw(t, "moved"); j < len(all) {
				all[i], all[j] = all[j], all[i]
			}
		}
		p := NewPicture()
		last := int64(-1)
		for i, packet := range all {
			packet.At = at(time.Duration(i) * ms)
			for _, f := range p.Put(packet) {
				n := int64(f.Timestamp / 3000)
				if n <= last || !f.Key && n != last+1 {
					t.Fatalf("frame %d after %d, key %v", n, last, f.Key)
				}
				last = n
			}
		}
	})
}

func TestSound_IsMadeUpWhereItIsMissing(t *testing.T) {
	s := NewSound()
	lost, late := 0, 0
	for i := range 1000 {
		now := time.Duration(i) * 20 * ms
		switch {
		case i%100 == 50:
			lost++
			continue
		case i%100 == 80: // as late as nobody waits
			now += 500 * ms
			late++
		}
		s.Put(uint16(65000+i), uint32(i)*960, at(now))
		s.Put(uint16(65000+i), uint32(i)*960, at(now)) // twice is once
	}
	h := s.Hearing()
	if h.Expected != 1000 || h.Heard != uint64(1000-lost-late) || h.Concealed() < 0.0199 || h.Concealed() > 0.0201 {
		t.Errorf("%+v, %v; %d lost, %d late", h, h.Concealed(), lost, late)
	}
	if since := s.Hearing().Since(h); since.Concealed() != 0 {
		t.Errorf("nothing is %+v", since)
	}
}
