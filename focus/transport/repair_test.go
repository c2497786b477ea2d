package transport

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRepair_AsksForWhatIsMissingAndNoMore(t *testing.T) {
	begin := time.Unix(0, 0)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	var r repair
	for _, sequence := range []uint16{65533, 65534, 1, 0} { // 65535 is lost, 0 overtaken
		r.came(sequence, begin)
	}
	const roundTrip = 40 * time.Millisecond
	steps := []struct {
		ms   int
		want []uint16
	}{
		{0, nil}, {9, nil}, {10, []uint16{65535}}, {30, nil}, {59, nil}, {60, []uint16{65535}}, {110, []uint16{65535}},
	}
	for _, step := range steps {
		if got := r.ask(at(step.ms), roundTrip); !slices.Equal(got, step.want) {
			t.Errorf("after %d ms: asks for %v, want %v", step.ms, got, step.want)
		}
	}
	r.came(65535, at(120)) // as a retransmission
	if got := r.ask(at(400), roundTrip); got != nil {
		t.Errorf("asks for %v, which came", got)
	}
}

func TestRepair_GivesUp(t *testing.T) {
	var r repair
	begin := time.Unix(0, 0)
	r.came(1, begin)
	r.came(3, begin)
	asked := 0
	for ms := range 5000 {
		asked += len(r.ask(begin.Add(time.Duration(ms)*time.Millisecond), 0))
	}
	if asked != askTimes || len(r.missing) != 0 {
		t.Errorf("asked %d times, %d still wanted; want %d and none", asked, len(r.missing), askTimes)
	}
	r.came(20000, begin) // another stream
	if len(r.missing) != 0 {
		t.Error("asks for a whole stream")
	}
}

func TestRepair_NeverAsksForWhatCame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var r repair
		came := map[uint16]bool{}
		now := time.Unix(0, 0)
		next := uint16(65000)
		for range 2000 {
			now = now.Add(time.Millisecond)
			sequence := next
			switch random.IntN(10) {
			case 0: // lost
				next++
				continue
			case 1: // an old one
				sequence -= uint16(random.IntN(50))
			default:
				next++
			}
			came[sequence] = true
			r.came(sequence, now)
			for _, asked := range r.ask(now, 30*time.Millisecond) {
				if came[asked] {
					t.Fatalf("asks for %d, which came", asked)
				}
			}
			if len(r.missing) > askMost {
				t.Fatalf("%d packets wanted at a time", len(r.missing))
			}
		}
	})
}
