package bwe

import (
	"math"
	"testing"
	"time"

	"meshfocus/focus/history"
	"meshfocus/internal/unit"
)

const ms = time.Millisecond

func TestMeter_CountsAnyRecentWindow(t *testing.T) {
	var m meter
	for i := range 1000 {
		m.add(100, time.Duration(i)*5*ms)
	}
	for _, c := range []struct {
		name     string
		from, to time.Duration
		want     int64
	}{
		{"a tenth of a second", 4900 * ms, 5000 * ms, 2000},
		{"the newest slot", 4990 * ms, 5 * time.Second, 200},
		{"beyond what there is", 4990 * ms, time.Minute, 200},
		{"longer than it reaches", 0, 5 * time.Second, slots * 200},
		{"long gone", 0, time.Second, 0},
	} {
		if got := m.between(c.from, c.to); got != c.want {
			t.Errorf("%s: %d bytes, want %d", c.name, got, c.want)
		}
	}
	m.add(7, 10*ms)
	if got := m.between(0, time.Minute); got != slots*200 {
		t.Errorf("what is too old counts: %d", got)
	}
	m.add(1, time.Hour)
	if got := m.between(0, 2*time.Hour); got != 1 {
		t.Errorf("after a gap %d bytes", got)
	}
}

func TestBase_IsTheLeastOfTenSeconds(t *testing.T) {
	var b base
	start := unit.Instant(time.Hour)
	for _, step := range []struct {
		name  string
		after time.Duration
		delay time.Duration
		hold  bool
		want  time.Duration
	}{
		{"the first", 0, 50 * ms, false, 50 * ms},
		{"a longer one", time.Second, 80 * ms, false, 50 * ms},
		{"a shorter one", 2 * time.Second, -20 * ms, false, -20 * ms},
		{"still remembered", 11 * time.Second, 60 * ms, false, -20 * ms},
		{"forgotten", 13 * time.Second, 60 * ms, false, 60 * ms},
		{"held beside a competitor", 40 * time.Second, 90 * ms, true, 60 * ms},
		{"after an hour", time.Hour, 70 * ms, false, 70 * ms},
	} {
		b.observe(step.delay, start.Add(step.after), step.hold)
		if b.value != step.want {
			t.Errorf("%s: %v, want %v", step.name, b.value, step.want)
		}
	}
}

func TestQueue_OneLatePacketIsNoQueue(t *testing.T) {
	var q queue
	for i := range 20 {
		delay := 10 * ms
		if i%5 == 0 {
			delay = 40 * ms
		}
		q.observe(delay, time.Duration(i)*8*ms)
	}
	if q.measure(10*ms, false); q.standing != 0 || q.fresh != 0 {
		t.Errorf("standing %v, fresh %v", q.standing, q.fresh)
	}
	for i := 20; i < 32; i++ {
		q.observe(60*ms, time.Duration(i)*8*ms)
	}
	if q.measure(10*ms, false); q.standing < 40*ms || q.fresh < 40*ms {
		t.Errorf("all late: standing %v, fresh %v", q.standing, q.fresh)
	}
}

func TestTrains_TellRoomFromNone(t *testing.T) {
	for _, c := range []struct {
		name            string
		leaves, arrives time.Duration // between packets of 1200 bytes, at a rate of 1 Mbit/s
		want            bool
	}{
		{"as they left", 7 * ms, 7 * ms, true},
		{"pulled apart", 7 * ms, 96 * ms / 10, false},
		{"not faster than the rate", 96 * ms / 10, 96 * ms / 10, false},
	} {
		var tr trains
		for i := range 12 {
			tr.observe(1200, unit.Instant(time.Hour).Add(time.Duration(i)*c.leaves), time.Duration(i)*c.arrives, 1e6)
			tr.observe(50, unit.Instant(time.Hour).Add(time.Duration(i)*c.leaves+ms), 0, 1e6) // sound between
		}
		if got := tr.free(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestFlow_MeasuresAPathWhilePacketsWait(t *testing.T) {
	var f flow
	start := unit.Instant(time.Hour)
	for i := range 10 { // 2 Mbit/s into 1 Mbit/s
		f.arrived(1200, start.Add(time.Duration(i)*48*ms/10), time.Second+time.Duration(i)*96*ms/10, 20*ms)
	}
	if rate, pushing, ok := f.share(); !ok || !pushing || math.Abs(rate-1e6) > 1e4 {
		t.Errorf("%v, %v, %v", rate, pushing, ok)
	}
	f.arrived(1200, start.Add(60*ms), 2*time.Second, 20*ms) // a stall begins anew
	if _, _, ok := f.share(); ok {
		t.Error("the pause of a stall is counted")
	}
	f.arrived(1200, start.Add(70*ms), 2100*ms, ms)
	if _, _, ok := f.share(); ok || f.busy {
		t.Error("busy without a queue")
	}
}

func TestTrying_BearsWhatSendingLessDoesNotSave(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after int // lost of a hundred, at first and with less sent
		cut, back     bool
	}{
		{"little", 8, 8, false, false},
		{"much, and it stays", 20, 20, true, true},
		{"much, and it goes", 20, 2, true, false},
	} {
		e := New(Config{Start: unit.Megabit})
		e.facts.delivered = 800 * unit.Kilobit
		now := unit.Instant(time.Hour)
		window := func(lost int) (float64, bool) {
			for i := range 100 {
				now = now.Add(10 * ms)
				e.trying.count(i < lost, now)
			}
			e.facts.left = now
			return e.trying.judge(e, now)
		}
		window(0)
		rate, cut := window(c.before)
		if cut != c.cut || cut && rate > 800e3 {
			t.Errorf("%s: %v, %v", c.name, rate, cut)
			continue
		}
		if !cut {
			continue
		}
		e.law.rate = rate
		if rate, back := window(c.after); back != c.back || back && rate != 1e6 {
			t.Errorf("%s: afterwards %v, %v", c.name, rate, back)
		}
	}
}

func TestCompetitor_GrowsAsCUBICDoes(t *testing.T) {
	c := competitor{window: 70 * segment, most: 100 * segment}
	k := math.Cbrt(100 * (1 - beta) / cubic)
	for seconds := 0.0; seconds <= k; seconds += 0.05 {
		c.grow(seconds, 10) // a round trip so long that Reno is slower
	}
	if got := c.window / segment; math.Abs(got-100) > 1 {
		t.Errorf("after K the window is %.1f segments, was 100 at the loss", got)
	}
	before := c.window
	if c.grow(k+1, 10); c.window-before < 0.3*segment {
		t.Errorf("a second beyond K: %.2f segments more", (c.window-before)/segment)
	}
}

func TestTrial_TellsAQueueOfOurOwn(t *testing.T) {
	for _, c := range []struct {
		name  string
		gap   time.Duration // between arrivals of 1200 bytes; 9.6 ms is 1 Mbit/s
		alone bool
	}{
		{"as fast as before", 96 * ms / 10, true},
		{"half as fast", 192 * ms / 10, false},
	} {
		e := New(Config{})
		e.queue.standing = 100 * ms
		tr := trial{on: true, from: 1, before: 1e6}
		alone := false
		for i := range 40 {
			tr.observe(1200, unit.Instant(2+i), time.Second+time.Duration(i)*c.gap)
			e.facts.left = unit.Instant(2 + i)
			alone = alone || tr.alone(e, unit.Far)
		}
		if alone != c.alone {
			t.Errorf("%s: %v", c.name, alone)
		}
	}
}

// One trial as if alone may be luck; the second has to be like it, and is held against what
// came before the first.
func TestTrial_OneAloneIsNotBelieved(t *testing.T) {
	e := New(Config{})
	e.queue.standing, e.facts.trip, e.facts.delivered = 100*ms, 150*ms, 1e6
	c := &e.rival
	c.enter(e, 1)
	now := c.check
	c.checks(e, now)
	if c.twice(now) {
		t.Error("the first is believed")
	}
	e.facts.delivered = 5e5 // of half as much sent
	if !c.checks(e, now+1) || !c.second || c.trial.before != 1e6 {
		t.Errorf("the second is %+v", c.trial)
	}
	if !c.twice(now + 2) {
		t.Error("the second is not believed")
	}
	e.facts.delivered = 7e5
	if c.checks(e, c.check); c.second || c.trial.before != 7e5 {
		t.Errorf("one long after is not the first again: %+v", c.trial)
	}
}

func TestCluster_MeasuresHowFastAQueueGrows(t *testing.T) {
	for _, c := range []struct {
		name   string
		gap    time.Duration // of arrival, sent every 5 ms
		growth float64
	}{
		{"room", 5 * ms, 0},
		{"half of the rate", 10 * ms, 1},
		{"overtaking a queue", 4 * ms, -0.2},
	} {
		p := prober{running: true, tag: 1}
		for i := range 8 {
			p.heard(&Acknowledged{
				Number: int64(i), Left: unit.Instant(time.Hour).Add(time.Duration(i) * 5 * ms), Size: 1200, Tag: 1, Fate: history.Received,
			}, time.Hour+time.Duration(i)*c.gap)
		}
		if got := p.cluster.growth(); math.Abs(got-c.growth) > 0.01 {
			t.Errorf("%s: %.3f", c.name, got)
		}
	}
}

func TestReason_HasAWordForEach(t *testing.T) {
	seen := map[string]bool{}
	for r := range Reasons {
		if word := r.String(); word == "" || word == "unknown" || seen[word] {
			t.Errorf("%d: %q", r, word)
		} else {
			seen[word] = true
		}
	}
	if Reasons.String() != "unknown" {
		t.Error(Reasons.String())
	}
}
