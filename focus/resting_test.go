package focus

import (
	"slices"
	"testing"
	"time"

	"meshfocus/focus/allocate"
	"meshfocus/focus/lane"
	"meshfocus/internal/unit"
)

func TestResting_IsWhatNobodyHasWantedForAWhile(t *testing.T) {
	begin := unit.Instant(time.Hour)
	layers := []lane.LayerState{{Spatial: 2, RID: "f"}, {Spatial: 0, RID: "q"}, {Spatial: 1, RID: "h"}}
	r := resting{wants: allocate.NewWants(begin)}
	const everything = 127
	for _, c := range []struct {
		after time.Duration
		top   int8
		names []string
	}{
		{0, everything, nil},
		{time.Second, 1, nil},
		{9 * time.Second, 1, nil},
		{11 * time.Second, 1, []string{"f"}},
		{11 * time.Second, 2, nil}, // at once
		{12 * time.Second, -1, nil},
		{21500 * time.Millisecond, -1, []string{"f", "h"}},
		{time.Hour, -1, []string{"f", "h"}}, // the smallest never
		{time.Hour, everything, nil},
	} {
		names, mask := r.rest(begin.Add(c.after), layers, c.top)
		if !slices.Equal(names, c.names) || mask&1 != 0 || (mask == 0) != (len(names) == 0) {
			t.Errorf("after %v with layer %d wanted %v rest (%b), want %v", c.after, c.top, names, mask, c.names)
		}
	}
}
