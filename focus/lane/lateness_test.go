package lane

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

func TestLateness_OnlyWhatLastsIsAnotherPlaceInTime(t *testing.T) {
	const begin = unit.Instant(time.Hour)
	type written struct{ after, late time.Duration }
	ms := func(after, late int) written {
		return written{time.Duration(after) * time.Millisecond, time.Duration(late) * time.Millisecond}
	}
	cases := []struct {
		name    string
		written []written
		tied    int           // by which it is tied anew, -1 for none
		by      time.Duration // and how late it was
	}{
		{"on time", []written{ms(0, 0), ms(20, 60), ms(40, -30)}, -1, 0},
		{"held up, and on time again", []written{ms(0, 0), ms(300, 280), ms(310, 270), ms(600, 20), ms(3000, 150), ms(4900, 99)}, -1, 0},
		{"late for good", []written{ms(0, 0), ms(300, 280), ms(1000, 250), ms(2200, 260), ms(2400, 255)}, 4, 250 * time.Millisecond},
		{"before its time", []written{ms(0, 0), ms(20, -300)}, 1, -300 * time.Millisecond},
		{"much later", []written{ms(0, 0), ms(5000, 4000)}, 1, 4 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var l lateness
			tied, by := -1, time.Duration(0)
			for i, w := range c.written {
				if late, tie := l.note(w.late, begin.Add(w.after)); tie {
					tied, by = i, late
				}
			}
			if tied != c.tied || by != c.by {
				t.Errorf("tied anew by %d, %v late; want %d, %v", tied, by, c.tied, c.by)
			}
		})
	}
}
