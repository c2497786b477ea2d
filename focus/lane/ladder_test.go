package lane

import (
	"testing"

	"meshfocus/focus/allocate"
	"meshfocus/internal/unit"
)

// A send loop has the ladder of the track that it asks about, as it is now, and that
// costs no memory.
func TestLadder_IsCopiedWhenItIsAnother(t *testing.T) {
	var one, other ladder
	var c copied
	if got := c.follow(&one); got != nil {
		t.Errorf("before anything came there is %v", got)
	}
	build := func(l *ladder, rate unit.BitRate) {
		var offers allocate.Offers
		offers[0][0] = allocate.Offer{Mean: rate, Peak: rate}
		l.build(&offers)
	}
	for _, rate := range []unit.BitRate{100, 200} {
		build(&one, rate)
		build(&other, 10*rate)
		for l, want := range map[*ladder]unit.BitRate{&one: rate, &other: 10 * rate} {
			if got := c.follow(l).Rungs(); len(got) != 1 || got[0].Mean != want {
				t.Errorf("the ladder is %v, want one rung of %v", got, want)
			}
		}
	}
}

func TestLadder_AllocatesNothing(t *testing.T) {
	if raceful {
		t.Skip("the race detector allocates")
	}
	var of ladder
	var c copied
	var offers allocate.Offers
	if got := testing.AllocsPerRun(100, func() {
		offers[0][0] = allocate.Offer{Mean: offers[0][0].Mean + 300, Peak: 300}
		of.build(&offers)
		c.follow(&of)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
