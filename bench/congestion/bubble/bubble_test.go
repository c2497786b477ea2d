package bubble_test

import (
	"testing"

	"go.uber.org/goleak"

	"meshfocus/bench/congestion"
	"meshfocus/bench/congestion/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Both fill a constant path to some degree, and keep to it: the bubble gives them
// the simulation's time and the simulation their packets.
func TestBubble_PlaysPionsEstimators(t *testing.T) {
	c, ok := congestion.Find("5.1")
	if !ok {
		t.Fatal("there is no 5.1")
	}
	for name, maker := range map[string]func(*bubble.Bubble) congestion.Maker{
		"gcc":  func(b *bubble.Bubble) congestion.Maker { return b.GCC },
		"ours": func(b *bubble.Bubble) congestion.Maker { return b.Ours },
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Play(t, func(b *bubble.Bubble) {
				r := congestion.Run(c, 1, maker(b))
				t.Log(r.String())
				if used := r.Get(congestion.Utilisation); used < 0.3 || used > 1 {
					t.Errorf("uses %.3f", used)
				}
			})
		})
	}
}
