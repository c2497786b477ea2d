package bubble

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/internal/simnet/discrete"
	"meshfocus/internal/unit"
)

// Bubble is one run. It belongs to the goroutine that plays it.
type Bubble struct {
	began time.Time
	ends  []func() error
}

// Play plays f in a bubble of its own; Controllers made of it are closed when f
// has ended. Several may be played at once.
func Play(t *testing.T, f func(*Bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := &Bubble{began: time.Now()}
		f(b)
		for _, end := range b.ends {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Program runs f with a T to Play with, in a program that is no test, and ends
// the process with what f gives.
func Program(f func(t *testing.T) (code int)) {
	anything := func(string, string) (bool, error) { return true, nil }
	only := []testing.InternalTest{{Name: "program", F: func(t *testing.T) { os.Exit(f(t)) }}}
	testing.Main(anything, only, nil, nil)
}

// until lets the bubble's clock go on to an instant of the simulation, and
// everybody in it do what is due until then.
func (b *Bubble) until(now unit.Instant) {
	if ahead := discrete.Since(now) - time.Since(b.began); ahead > 0 {
		time.Sleep(ahead)
		synctest.Wait()
	}
}

// now gives the simulation's instant that the bubble's clock shows.
func (b *Bubble) now() unit.Instant { return discrete.At(time.Since(b.began)) }

// tick gives the next instant at which a ticker that began with the bubble ticks.
func (b *Bubble) tick(every time.Duration) unit.Instant {
	return discrete.At((time.Since(b.began)/every + 1) * every)
}
