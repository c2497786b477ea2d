//go:build !portable

package transport

import (
	"testing"
	"time"

	"meshfocus/focus/transport/jsep"
)

// Two of us who both mark agree on the reports that carry marks back, and find that these
// come through: then most packets have one, where it was one in eight.
func TestConn_MarksWhatItSends(t *testing.T) {
	t.Parallel() // waits most of the time
	networks := [2]*Network{listen(t, Config{ECN: true}), listen(t, Config{ECN: true})}
	caller := newConn(t, networks[0], ConnConfig{Video: camera(t, "alice"), Adaptive: true})
	callee := newConn(t, networks[1], ConnConfig{Video: camera(t, "bob"), Adaptive: true})
	observe(t, caller)
	observe(t, callee)
	negotiate(t, caller, callee, OfferOptions{}, unchanged)
	for i, conn := range []*Conn{caller, callee} {
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			marked, all := networks[i].Stats()[0].Paths.Marked, conn.strand.end.Stats().Sending.Packets
			if marked > 40 && 2*marked > all {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d packets are marked", marked, all)
			}
		}
		if way := conn.strand.session.Agreed().Sections[0].Arrivals; way != jsep.StreamReports {
			t.Errorf("agreed on %s", way)
		}
	}
}
