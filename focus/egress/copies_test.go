package egress

import "testing"

func TestCopies_MoreOfWhatOthersNeedWherePacketsAreLostAtRandom(t *testing.T) {
	r := newRig(t, Config{})
	if got := r.Copies(true); got != 2 {
		t.Errorf("%d copies on a path of which nothing is known", got)
	}
	for i := range 400 {
		r.now += 50 * millisecond
		r.picture(Frame{Track: 1, ID: uint32(i)}, 1)
		r.take()
		for _, number := range r.numbers {
			if number%25 != 0 {
				r.arrivals.Arrived(number, r.now+25*millisecond)
			}
		}
		r.numbers = r.numbers[:0]
		r.now += 50 * millisecond
		r.hear(r.arrivals.Append(nil, 1, 2, r.now))
	}
	if got := r.Copies(true); got != 3 {
		t.Errorf("%d copies where %v is lost", got, r.Estimate().Loss)
	}
	if got := r.Copies(false); got != 1 {
		t.Errorf("%d copies of what nobody needs", got)
	}
}
