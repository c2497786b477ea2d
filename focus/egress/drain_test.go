package egress

import (
	"testing"

	"meshfocus/internal/unit"
)

// While the queue of the path drains the pace is a fifth of the rate; the key frame
// of the lower layer that comes meanwhile, and what follows it, are not too much.
func TestAKeyFrameOutlastsTheDrainBeforeIt(t *testing.T) {
	r := newRig(t, Config{}).fixed(120 * unit.Kilobit)
	r.bind(120*unit.Kilobit, 600*unit.Kilobit)
	r.picture(Frame{Track: 1, ID: 1, Key: true}, 11)
	r.picture(Frame{Track: 1, ID: 2}, 2)
	if id, ok := r.Wanted(); ok {
		t.Errorf("track %d wants another key frame", id)
	}
	if len(r.omitted) > 0 {
		t.Errorf("%d packets were left out", len(r.omitted))
	}
}
