package pacer

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

const second = unit.Instant(time.Second)

// leaving is one packet that left.
type leaving struct {
	at    unit.Instant
	class Class
	size  int
}

// drain lets packets of a size leave as soon as they may, until an instant; at exact
// times, or every so often.
func drain(p *Pacer, class Class, size int, from, to unit.Instant, every time.Duration) (left []leaving) {
	for now := from; now < to; {
		for p.May(class, size, now) {
			p.Sent(class, size, now)
			left = append(left, leaving{now, class, size})
		}
		if every > 0 {
			now = now.Add(every)
		} else {
			now = max(p.When(size), now+1)
		}
	}
	return left
}

func bytesOf(left []leaving) (sum int) {
	for _, l := range left {
		sum += l.size
	}
	return sum
}

func TestPacer_KeepsThePaceAtExactInstantsAndAtTicks(t *testing.T) {
	for _, pace := range []unit.BitRate{30 * unit.Kilobit, 300 * unit.Kilobit, 2500 * unit.Kilobit, 20 * unit.Megabit, 900 * unit.Megabit} {
		for _, every := range []time.Duration{0, 2 * time.Millisecond, 5 * time.Millisecond} {
			var p Pacer
			p.Pace(pace, second)
			got, want := bytesOf(drain(&p, Video, 1200, second, 11*second, every)), int(pace.Bytes(10*time.Second))
			if got < want-1300 || got > want+Burst(pace) {
				t.Errorf("%v every %v: %d bytes left in 10 s, want %d", pace, every, got, want)
			}
		}
	}
}

func TestPacer_SpreadsWhatComesAtOnce(t *testing.T) {
	var p Pacer
	p.Pace(unit.Megabit, second)
	left := drain(&p, Video, 1250, second, second.Add(100*time.Millisecond), 0)
	if len(left) != 11 {
		t.Fatalf("%d packets in 100 ms of a megabit", len(left))
	}
	for i, l := range left {
		// The budget of 2125 bytes has 875 beyond a packet: 7 ms.
		want := second.Add(max(time.Duration(i)*10*time.Millisecond-7*time.Millisecond, 0))
		if l.at != want {
			t.Errorf("packet %d left %v after the first, want %v", i, l.at.Sub(second), want.Sub(second))
		}
	}
}

func TestPacer_HasSoundLeaveAtOnceAndPaysForIt(t *testing.T) {
	var p Pacer
	p.Pace(100*unit.Kilobit, second)
	p.budget = 0
	for range 10 {
		if !p.May(Sound, 200, second) {
			t.Fatal("sound has to wait")
		}
		p.Sent(Sound, 200, second)
	}
	// 2000 bytes are owed: 160 ms. The next 1000 need 80 ms, and a fourth comes in
	// meanwhile whatever is owed.
	if wait := p.When(1000).Sub(second); wait != 240*time.Millisecond {
		t.Errorf("a picture waits for %v behind sound, want 240 ms", wait)
	}
	left := drain(&p, Video, 1000, second, 3*second, 0)
	if got, want := bytesOf(left), 25000-2000; got > want+3000 || got < want-1000 {
		t.Errorf("%d bytes of pictures in 2 s beside sound, want %d", got, want)
	}
}

func TestPacer_LeavesPicturesAFourthBesideTooMuchSound(t *testing.T) {
	var p Pacer
	p.Pace(40*unit.Kilobit, second)
	pictures := 0
	for now := second; now < 21*second; now = now.Add(5 * time.Millisecond) {
		if now.Sub(second)%(20*time.Millisecond) == 0 {
			p.Sent(Sound, 200, now) // 80 kbit/s
		}
		for p.May(Video, 500, now) {
			p.Sent(Video, 500, now)
			pictures += 500
		}
	}
	if want := int((10 * unit.Kilobit).Bytes(20 * time.Second)); pictures < want-500 || pictures > want+3000 {
		t.Errorf("%d bytes of pictures beside too much sound, want %d", pictures, want)
	}
}

func TestPacer_SendsAClusterAtItsRate(t *testing.T) {
	for _, every := range []time.Duration{0, 2 * time.Millisecond, 5 * time.Millisecond} {
		var p Pacer
		p.Pace(300*unit.Kilobit, second)
		drain(&p, Video, 1200, second, 2*second, 0)
		const rate = 2400 * unit.Kilobit // a packet of 1200 bytes every 4 ms
		p.Probe(rate, 12*1200, 2*second)
		var left []leaving
		for now := 2 * second; p.Probing(now) > 0; {
			for p.InCluster() && p.May(Padding, 1200, now) {
				p.Sent(Padding, 1200, now)
				left = append(left, leaving{now, Padding, 1200})
			}
			if now = now.Add(every); every == 0 {
				now = max(p.When(1200), now)
			}
		}
		if len(left) != 12 {
			t.Fatalf("every %v: %d packets in the cluster", every, len(left))
		}
		took := left[11].at.Sub(left[0].at)
		if every == 0 && took != 44*time.Millisecond || took < 40*time.Millisecond || took > 48*time.Millisecond {
			t.Errorf("every %v: the cluster took %v, want 44 ms", every, took)
		}
		end := left[11].at
		if wait := p.When(1200).Sub(end); wait != 32*time.Millisecond {
			t.Errorf("every %v: the next waits for %v after the cluster", every, wait)
		}
	}
}

func TestPacer_GivesUpAClusterThatNobodyFills(t *testing.T) {
	var p Pacer
	p.Pace(300*unit.Kilobit, second)
	p.Probe(unit.Megabit, 12500, second) // 100 ms
	if p.Probing(second.Add(299*time.Millisecond)) != 12500 {
		t.Error("given up too soon")
	}
	if p.Probing(second.Add(301*time.Millisecond)) != 0 || p.InCluster() {
		t.Error("not given up")
	}
	if !p.May(Video, 1200, second.Add(301*time.Millisecond)) {
		t.Error("nothing may leave afterwards")
	}
}

func TestPacer_PacesNothingWithoutAPace(t *testing.T) {
	var p Pacer
	for range 1000 {
		if !p.May(Video, 1500, second) || p.When(1500) > second {
			t.Fatal("something waits")
		}
		p.Sent(Video, 1500, second)
	}
	p.Pace(unit.Megabit, second)
	if got := len(drain(&p, Video, 1500, second, second+1, 0)); got != 1 {
		t.Errorf("%d packets leave at once when pacing begins, want 1", got)
	}
	p.Pace(-5, second)
	if !p.May(Video, 1500, second) {
		t.Error("less than nothing is a pace")
	}
}

func TestPacer_SlowsDownAtOnce(t *testing.T) {
	var p Pacer
	p.Pace(20*unit.Megabit, second)
	p.Pace(300*unit.Kilobit, second.Add(time.Second))
	from := second.Add(time.Second)
	got := bytesOf(drain(&p, Video, 1000, from, from.Add(time.Second), 0))
	if want := 37500 + 3000; got > want || got < 37500-1000 {
		t.Errorf("%d bytes in the second after the fall, want at most %d", got, want)
	}
}

func TestPacer_LetsThroughWhatIsLargerThanItsBound(t *testing.T) {
	var p Pacer
	p.Pace(unit.Megabit, second)
	if left := drain(&p, Video, 9000, second, 2*second, 0); len(left) < 2 {
		t.Errorf("%d packets of 9000 bytes in a second", len(left))
	}
}

func TestClass_HasAName(t *testing.T) {
	for c := range Classes + 1 {
		if c.String() == "" || (c.String() == "unknown") != (c == Classes) {
			t.Errorf("class %d is called %q", c, c)
		}
	}
}

// After a silence one packet leaves at once and the rest in its time; a loop that
// was late makes good what waited.
func TestPacer_TellsSilenceFromALateLoop(t *testing.T) {
	var p Pacer
	p.Pace(4*unit.Megabit, second) // 2500 bytes in 5 ms
	now := 2 * second
	p.Begin(1000, now)
	if got := len(drain(&p, Video, 1000, now, now+1, 0)); got != 1 {
		t.Errorf("%d packets left at once after a silence", got)
	}
	if now = now.Add(4 * time.Millisecond); len(drain(&p, Video, 1000, now, now+1, 0)) != 2 {
		t.Error("a loop that came 4 ms late did not make good for it")
	}
}

// What would leave together when the loop comes by again leaves at once: a millisecond.
func TestPacer_LetsASmallPictureLeaveAtOnceWhereThereIsRoom(t *testing.T) {
	for pace, want := range map[unit.BitRate]int{unit.Megabit: 1, 8 * unit.Megabit: 1, 17 * unit.Megabit: 2, 50 * unit.Megabit: 6} {
		var p Pacer
		p.Pace(pace, second)
		now := 2 * second
		p.Begin(1000, now)
		if got := len(drain(&p, Video, 1000, now, now+1, 0)); got != want {
			t.Errorf("%v: %d packets left at once, want %d", pace, got, want)
		}
	}
}
