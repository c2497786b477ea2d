package bwe

import (
	"testing"
	"time"

	"meshfocus/internal/unit"
)

func TestCouple_GoesOnFromTheShare(t *testing.T) {
	e := New(Config{Start: 400 * unit.Kilobit})
	now := unit.Instant(time.Hour)
	e.Couple(800*unit.Kilobit, 3200*unit.Kilobit, now)
	if got := e.Estimate(); got.Rate != 800*unit.Kilobit || got.Pace < got.Rate || got.Confirmed > 400*unit.Kilobit {
		t.Errorf("more than before: %+v", got)
	}
	e.Couple(200*unit.Kilobit, 800*unit.Kilobit, now)
	if got := e.Estimate(); got.Rate != 200*unit.Kilobit || got.Confirmed > got.Rate {
		t.Errorf("less than before: %+v", got)
	}
	e.Couple(0, 0, now)
	if got := e.Estimate(); got.Rate <= 0 || got.Pace <= 0 {
		t.Errorf("nothing: %+v", got)
	}
}
