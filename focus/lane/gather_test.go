package lane

import "testing"

// Batches are filled again, and perhaps not as far as before: what is behind must not
// keep subscriptions, tracks and connections that are long gone.
func TestSender_ABatchThatWasTakenHoldsNobody(t *testing.T) {
	l := New(Config{})
	e := &End{lane: l}
	b := &batch{}
	for range 3 {
		b.add(parcel{sub: &Subscription{end: e, kind: Video}, stream: &stream{track: &Track{}}})
	}
	newSender(l).gather(b.parcels)
	if len(e.out.waiting.video) != 3 || e.out.waiting.video[2].sub == nil {
		t.Fatalf("the End has %+v", e.out.waiting.video)
	}
	for _, left := range b.parcels {
		if left.sub != nil || left.stream != nil || left.packet != nil || left.extras != nil {
			t.Errorf("the batch keeps %+v", left)
		}
	}
}
