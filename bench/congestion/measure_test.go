package congestion

import (
	"math"
	"slices"
	"testing"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// at makes an instant of milliseconds.
func at(ms int) unit.Instant { return discrete.At(time.Duration(ms) * time.Millisecond) }

// went is a packet of video that waited so long and was then 50 ms under way.
func went(entered, waited int) passage {
	return passage{
		entered: at(entered), left: at(entered + waited), arrived: at(entered + waited + 50),
		queued: time.Duration(waited) * time.Millisecond, size: 1250, kind: discrete.Video, fate: discrete.Delivered,
	}
}

func dropped(entered int) passage {
	return passage{entered: at(entered), size: 1250, kind: discrete.Video, fate: discrete.Dropped}
}

func TestPercentilesAreOfTheNearestRank(t *testing.T) {
	var ways []passage
	for i := range 100 {
		ways = append(ways, went(i*10, 100-i)) // 1 to 100 ms
	}
	ways = append(ways, dropped(500), went(2000, 1000)) // dropped; outside the window
	got := queueing(ways, Window{0, time.Second})
	if want := (spread4{50.5, 50, 95, 99}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := queueing(nil, Window{0, time.Second}); got != (spread4{}) {
		t.Errorf("of nothing: %v", got)
	}
}

func TestLossIsDroppedOfSent(t *testing.T) {
	ways := []passage{went(0, 0), dropped(10), went(20, 0), went(30, 0), dropped(1000)}
	if d, s := losses(ways, Window{0, time.Second}); d != 1 || s != 4 {
		t.Errorf("%d of %d", d, s)
	}
}

func TestWorstLossSlidesOverTenSeconds(t *testing.T) {
	var ways []passage
	for ms := 0; ms < 40_000; ms += 100 { // 100 packets in ten seconds
		switch {
		case ms >= 15_000 && ms < 15_300, ms >= 20_000 && ms < 20_200: // five in one window
			ways = append(ways, dropped(ms))
		default:
			ways = append(ways, went(ms, 0))
		}
	}
	if got := worstLoss(ways, &Flow{}, Window{}); got != 0.05 {
		t.Errorf("got %v, want 0.05", got)
	}
	apart := Window{14 * time.Second, 16 * time.Second}
	if got := worstLoss(ways, &Flow{}, apart); got != 0.02 { // the other two
		t.Errorf("apart from where most of it happened: %v", got)
	}
	// Back from a pause, the first packet dropped: one of a hundred, not one of one.
	paused := slices.Concat(ways[:100], []passage{dropped(20_000)}, ways[203:])
	if got := worstLoss(paused, &Flow{PauseFrom: 10 * time.Second, PauseTo: 20 * time.Second}, Window{}); got < 0.009 || got > 0.011 {
		t.Errorf("after a pause: %v", got)
	}
}

func TestQueueSettles(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for name, c := range map[string]struct {
		ways []passage
		want time.Duration
	}{
		"it never rose":              {[]passage{went(1000, 10), went(1500, 10)}, 0},
		"until the last that waited": {[]passage{went(900, 300), went(1200, 200), went(1500, 70), went(2500, 70)}, ms(400)},
		"a short calm does not end":  {[]passage{went(1000, 100), went(1500, 10), went(1900, 90)}, ms(990)},
		"a second of calm does":      {[]passage{went(1000, 100), went(1500, 10), went(2050, 90)}, ms(100)},
		"a drop is no calm":          {[]passage{went(1000, 100), dropped(1600)}, ms(600)},
	} {
		if got := settles(c.ways, ms(1000), ms(9000), drained); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// steady is a case of ten seconds at 1 Mbit/s with one flow, and what came of
// packets of 1250 bytes that arrive by share(ms) of the rate.
func steady(t *testing.T, share func(ms int) float64) *intake {
	t.Helper()
	c := single("steady", "", 10*time.Second, discrete.Constant(megabit))
	var ways []passage
	sum := 0.0
	for ms := 0; ms < 10_000; ms += 10 {
		if sum += share(ms); sum >= 1-1e-9 {
			sum--
			p := went(ms, 0)
			p.arrived = at(ms)
			ways = append(ways, p)
		}
	}
	return newIntake(&c, &c.Flows[0], ways)
}

func TestUtilisationAndConvergence(t *testing.T) {
	full := steady(t, func(int) float64 { return 1 })
	if received, achievable := full.between(Window{0, 10 * time.Second}); received != 10e6 || math.Abs(achievable-10e6) > 1 {
		t.Errorf("received %.0f of %.0f bits", received, achievable)
	}
	if got := full.convergence(0, 10*time.Second); got != 500*time.Millisecond {
		t.Errorf("at once: converged after %v, want the centre of the first second", got)
	}
	back := steady(t, func(int) float64 { return 0.5 })
	back.spec = &Flow{Reverse: true}
	if got := utilisation([]*intake{full, full, back}, Window{0, 10 * time.Second}); math.Abs(got-0.5) > 1e-3 {
		t.Errorf("the worse direction comes to %.3f, want 0.5", got)
	}
	half := steady(t, func(ms int) float64 {
		if ms < 3000 {
			return 0.5
		}
		return 1
	})
	// 90 % of a second is reached once no more than a fifth of it lies before 3 s.
	if got := half.convergence(0, 10*time.Second); got != 3300*time.Millisecond {
		t.Errorf("from 3 s on: converged after %v, want 3.3 s", got)
	}
	relapse := steady(t, func(ms int) float64 {
		if ms >= 2000 && ms < 6000 {
			return 0.5
		}
		return 1
	})
	if got := relapse.convergence(0, 10*time.Second); got < 6*time.Second {
		t.Errorf("with a relapse: converged after %v", got)
	}
	slow := steady(t, func(int) float64 { return 0.8 })
	if got := slow.convergence(2*time.Second, 10*time.Second); got != 8*time.Second {
		t.Errorf("never: %v, want all of the time", got)
	}
}

func TestJain(t *testing.T) {
	of := func(shares ...float64) float64 {
		var flows []*intake
		for _, share := range shares {
			flows = append(flows, steady(t, func(int) float64 { return share }))
		}
		return jain(flows, Window{0, 10 * time.Second})
	}
	if got := of(0.5, 0.5, 0.5); math.Abs(got-1) > 1e-9 {
		t.Errorf("equal: %v", got)
	}
	if got := of(1, 0.5); math.Abs(got-0.9) > 1e-3 { // 1.5² ÷ (2 × 1.25)
		t.Errorf("two to one: %v, want 0.9", got)
	}
	if got := of(1, 0); math.Abs(got-0.5) > 1e-9 {
		t.Errorf("all to one: %v, want 0.5", got)
	}
}

func TestFreezesCountTheWholeGap(t *testing.T) {
	shown := func(gaps ...int) []frame {
		frames, now := []frame{{whole: at(0)}}, 0
		for _, gap := range gaps {
			now += gap
			frames = append(frames, frame{whole: at(now)}, frame{}) // and one that never was whole
		}
		return frames
	}
	all := silence{end: time.Second}
	for name, c := range map[string]struct {
		frames  []frame
		quiet   silence
		share   float64
		longest int
	}{
		"smooth":                 {shown(40, 40, 40), silence{end: 120 * time.Millisecond}, 0, 0},
		"just below the limit":   {shown(40, 40, 190), silence{end: 270 * time.Millisecond}, 0, 0},
		"above average + 150 ms": {shown(40, 40, 200, 40, 40), silence{end: 400 * time.Millisecond}, 0.5, 200},
		"triple of slow ones":    {shown(100, 100, 310), silence{end: 620 * time.Millisecond}, 0.5, 310},
		"missing at the end":     {shown(40, 40, 40), all, 0.88, 880},
		"where none is expected": {shown(40, 40, 500, 40), silence{end: 620 * time.Millisecond, parts: [2]Window{{0, time.Second}}}, 0, 0},
		"nothing ever shown":     {nil, all, 0, 0},
	} {
		share, longest := freezes(c.frames, c.quiet)
		if math.Abs(share-c.share) > 1e-9 || longest != time.Duration(c.longest)*time.Millisecond {
			t.Errorf("%s: %v, longest %v", name, share, longest)
		}
	}
}

func TestOscillationIsFromAboveToBelow(t *testing.T) {
	c := single("steady", "", time.Minute, discrete.Constant(megabit))
	f := &flow{spec: c.Flows[0]}
	for i := range int(time.Minute / sampleEvery) {
		target := 1080 * kilobit // 1.1 of it with sound
		if (i/100)%2 == 1 {
			target = 700 * kilobit // for five seconds each
		}
		f.samples = append(f.samples, sample{target: target})
	}
	if got := c.oscillations(f); got != 6 {
		t.Errorf("%v falls a minute, want 6", got)
	}
}

func TestAchievableIsAShareOfTheBottleneck(t *testing.T) {
	c, _ := Find("5.8")
	for _, want := range []struct {
		at   time.Duration
		flow int
		rate float64
	}{
		{10 * time.Second, 0, 3.5e6 / 3}, {50 * time.Second, 0, 0}, {50 * time.Second, 1, 1.52e6}, {70 * time.Second, 1, 3.5e6 / 3},
	} {
		if got := c.achievableAt(&c.Flows[want.flow], want.at); math.Abs(got-want.rate) > 1 {
			t.Errorf("flow %d at %v: %.0f, want %.0f", want.flow, want.at, got, want.rate)
		}
	}
}

func TestGoalsAreHeldAgainstMedianAndWorst(t *testing.T) {
	goal := least(Utilisation, 0.95, 0.93)
	for _, c := range []struct {
		values        []float64
		reached, held bool
	}{
		{[]float64{0.96, 0.95, 0.94}, true, true},
		{[]float64{0.96, 0.92, 0.97}, true, false},
		{[]float64{0.94, 0.94, 0.97}, false, true},
		{[]float64{math.NaN()}, false, false},
	} {
		if v := goal.judge(c.values); v.Reached != c.reached || v.Held != c.held {
			t.Errorf("%v: %+v", c.values, v)
		}
	}
	if v := most(Queue95, 40, open).judge([]float64{30, 90, 35}); !v.Reached || !v.Held || v.WorstGot != 90 {
		t.Errorf("without a bar for the worst: %+v", v)
	}
}

func TestEveryCaseHasGoalsAndItsOwnName(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range append(Cases(), Repeats()...) {
		if seen[c.Name] {
			t.Errorf("%s is there twice", c.Name)
		}
		seen[c.Name] = true
	}
	judged := map[string]bool{"outage": true}
	for _, g := range Goals() {
		judged[g.Case] = true
		if !seen[g.Case] {
			t.Errorf("a goal for %s, which does not exist", g.Case)
		}
	}
	for name := range seen {
		if !judged[name] {
			t.Errorf("no goal for %s", name)
		}
	}
}
