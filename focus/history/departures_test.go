package history

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"meshfocus/internal/unit"
)

func TestDepartures_MatchFeedbackAcrossWraps(t *testing.T) {
	d := NewDepartures()
	d.Cover(100*time.Millisecond, 0, 50*time.Millisecond)
	const delay = 150 // packets, one a millisecond
	for i := range int64(3 * 65536) {
		now := unit.Instant(i) * millisecond
		if number := d.Leave(int(1000+i%200), uint8(i), now); number != uint16(i) {
			t.Fatalf("packet %d has number %d", i, number)
		}
		if i < delay {
			continue
		}
		told := i - delay
		got, fate := d.Acknowledge(uint16(told), told%7 != 0)
		want := Departure{Number: told, Left: unit.Instant(told) * millisecond, Size: uint16(1000 + told%200), Tag: uint8(told)}
		if got != want || (fate == Received) != (told%7 != 0) || (fate == Missing) != (told%7 == 0) {
			t.Fatalf("feedback of %d found %+v, %v", told, got, fate)
		}
		if _, packets := d.Flying(); packets != delay {
			t.Fatalf("%d packets in the air", packets)
		}
	}
	if d.Forgotten() != 0 || len(d.cells) != 1024 { // a second, and a power of two
		t.Errorf("%d forgotten, room for %d", d.Forgotten(), len(d.cells))
	}
}

func TestDepartures_SomeLeftLaterThanWasSaid(t *testing.T) {
	d := NewDepartures()
	d.Begin(65534)
	for range 4 {
		d.Leave(100, 0, 10*millisecond)
	}
	d.Delay(3, 7*time.Millisecond)
	d.Leave(100, 0, 20*millisecond)
	for i, want := range []unit.Instant{10 * millisecond, 17 * millisecond, 17 * millisecond, 17 * millisecond, 20 * millisecond} {
		if got, _ := d.Acknowledge(uint16(65534+i), true); got.Left != want {
			t.Errorf("packet %d left at %v, want %v", i, got.Left, want)
		}
	}
	d.Delay(100, time.Millisecond) // of more than are known: of all
	if got, fate := d.Acknowledge(65534, true); got.Left != 11*millisecond || fate != Repeated {
		t.Errorf("the first left at %v, %v", got.Left, fate)
	}
}

func TestDepartures_TellWhatIsNew(t *testing.T) {
	d := NewDepartures()
	for i := range unit.Instant(4) {
		d.Leave(1000, 0, i)
	}
	for _, step := range []struct {
		number  uint16
		arrived bool
		want    Fate
	}{
		{0, true, Received}, {0, true, Repeated}, {0, false, Repeated},
		{1, false, Missing}, {1, false, Repeated}, {1, true, Recovered}, {1, true, Repeated}, {1, false, Repeated},
		{3, true, Received}, {2, true, Received},
		{4, true, Unknown}, {65535, true, Unknown}, {30000, false, Unknown},
	} {
		got, fate := d.Acknowledge(step.number, step.arrived)
		if fate != step.want || fate == Unknown && got != (Departure{}) {
			t.Errorf("%d, %v: %v with %+v, want %v", step.number, step.arrived, fate, got, step.want)
		}
	}
	if _, fate := NewDepartures().Acknowledge(0, true); fate != Unknown {
		t.Errorf("what never left: %v", fate)
	}
}

func TestDepartures_CountWhatIsInTheAir(t *testing.T) {
	d := NewDepartures()
	want := func(bytes, packets int64) {
		t.Helper()
		if b, p := d.Flying(); b != bytes || p != packets {
			t.Errorf("%d bytes in %d packets fly, want %d in %d", b, p, bytes, packets)
		}
	}
	want(0, 0)
	for i := range 5 {
		d.Leave(100<<i, 0, unit.Instant(i))
	}
	want(3100, 5)
	d.Acknowledge(1, true) // whatever left before is not in the air either
	want(2800, 3)
	d.Acknowledge(0, true)
	want(2800, 3)
	d.Acknowledge(4, false)
	want(0, 0)
	if d.Next() != 5 {
		t.Errorf("the next is %d", d.Next())
	}
}

func TestDepartures_ForgetWithoutTakingItForLoss(t *testing.T) {
	d := NewDepartures()
	for i := range unit.Instant(leastDepartures + 10) {
		d.Leave(100, 0, i*8*millisecond) // more than a second
	}
	if d.Forgotten() != 10 || len(d.cells) != leastDepartures {
		t.Errorf("%d forgotten, room for %d", d.Forgotten(), len(d.cells))
	}
	if bytes, packets := d.Flying(); packets != leastDepartures || bytes != 100*leastDepartures {
		t.Errorf("%d bytes in %d packets fly", bytes, packets)
	}
	for number, want := range map[uint16]Fate{9: Unknown, 10: Missing} {
		if _, fate := d.Acknowledge(number, false); fate != want {
			t.Errorf("%d: %v, want %v", number, fate, want)
		}
	}
}

// At 11 Mbit/s, by a receiver that reports seldom: what is expected until feedback comes
// is known twice as long, and a second at least.
func TestDepartures_CoverTwiceWhatIsExpectedAndASecond(t *testing.T) {
	const pause = 900 * time.Microsecond // 1111 in a second, which 1024 cells do not hold
	for _, c := range []struct{ trip, queue, interval, want time.Duration }{
		{10 * time.Millisecond, 0, 250 * time.Millisecond, time.Second},
		{300 * time.Millisecond, 300 * time.Millisecond, 250 * time.Millisecond, 1700 * time.Millisecond},
	} {
		d := NewDepartures()
		d.Cover(c.trip, c.queue, c.interval)
		packets := int64(4 * time.Second / pause)
		for i := range packets {
			d.Leave(1200, 0, unit.Instant(i+1)*unit.Instant(pause))
		}
		young := uint16(packets - int64(c.want/pause))
		if got, fate := d.Acknowledge(young, true); fate != Received || got.Number != int64(young) {
			t.Errorf("%+v: what left %v ago is %v", c, c.want, fate)
		}
	}
}

func TestDepartures_GrowNoFurtherThanNumbersTell(t *testing.T) {
	d := NewDepartures()
	d.Cover(time.Hour, 0, 0)
	for range 3 * mostDepartures {
		d.Leave(100, 0, 1)
	}
	if len(d.cells) != mostDepartures {
		t.Errorf("room for %d", len(d.cells))
	}
	last := d.Next() - 1
	for back, want := range map[uint16]Fate{0: Received, mostDepartures - 1: Received, mostDepartures: Unknown, 65535: Unknown} {
		if _, fate := d.Acknowledge(last-back, true); fate != want {
			t.Errorf("%d before the last: %v, want %v", back, fate, want)
		}
	}
}

// For any rate, delay and loss of feedback: each number is told about at most
// once, with its own packet, and what flies is never negative.
func TestDepartures_NeverMistakeAPacket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := NewDepartures()
		d.Cover(time.Duration(rapid.IntRange(0, 500).Draw(t, "delay"))*time.Millisecond, 0, 0)
		here := map[int64]bool{}
		now, total := unit.Instant(1), int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "rounds") {
			for range rapid.IntRange(0, 300).Draw(t, "burst") {
				d.Leave(int(total%1500), uint8(total), now+unit.Instant(total))
				total++
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "wait")) * time.Millisecond)
			for range rapid.IntRange(0, 20).Draw(t, "reports") {
				number, arrived := rapid.Uint16().Draw(t, "number"), rapid.Bool().Draw(t, "arrived")
				if rapid.Bool().Draw(t, "near") {
					number = d.Next() - number%256
				}
				got, fate := d.Acknowledge(number, arrived)
				if fate == Unknown {
					continue
				}
				if uint16(got.Number) != number || got.Number >= total || got.Tag != uint8(got.Number) || int64(got.Size) != got.Number%1500 {
					t.Fatalf("%d is %+v", number, got)
				}
				if news := fate == Received || fate == Recovered; news && (here[got.Number] || !arrived) {
					t.Fatalf("%d arrived once more: %v", got.Number, fate)
				} else if news {
					here[got.Number] = true
				}
			}
			bytes, packets := d.Flying()
			if bytes < 0 || packets < 0 || packets > total {
				t.Fatalf("%d bytes in %d packets fly", bytes, packets)
			}
		}
	})
}
