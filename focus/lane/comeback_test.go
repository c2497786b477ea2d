package lane

import (
	"slices"
	"testing"
	"time"

	"meshfocus/internal/unit"
)

// An uplink becomes narrow and wide again, some times: so that sound alone fits, and so
// that the small picture does. What failed before is tried again with more proof, and all
// have the large one again within seconds, three of which the file takes for each key frame.
func TestUplink_AllIsBackSoonAfterAFall(t *testing.T) {
	for peers := unit.BitRate(1); peers <= 3; peers++ {
		u := newUpload(t, true)
		u.capacity = 10 * unit.Megabit
		for i := range peers {
			u.join(time.Duration(30+10*i) * time.Millisecond)
		}
		u.run(10 * time.Second)
		for _, narrow := range []unit.BitRate{100 * unit.Kilobit, 150 * unit.Kilobit, 300 * unit.Kilobit} {
			u.capacity = narrow * peers
			u.run(15 * time.Second)
			u.capacity = 10 * unit.Megabit
			widened := u.now
			picture := u.back(0)
			whole := u.back(2)
			t.Logf("%d peers, %v each: pictures after %v, all of them after %v", peers, narrow, picture.Sub(widened), whole.Sub(widened))
			if picture.Sub(widened) > 4*time.Second || whole.Sub(widened) > 15*time.Second {
				t.Errorf("%d peers, %v each: pictures after %v, all of them after %v", peers, narrow, picture.Sub(widened), whole.Sub(widened))
			}
		}
		u.close()
	}
}

// back gives when all peers get that layer, or a minute later.
func (u *upload) back(layer int8) unit.Instant {
	for end := u.now.Add(time.Minute); u.now < end; u.run(100 * time.Millisecond) {
		if !slices.ContainsFunc(u.peers, func(r *receiver) bool { return r.sub.Current().Spatial < layer }) {
			break
		}
	}
	return u.now
}
