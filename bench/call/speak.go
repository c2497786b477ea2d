package call

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"meshfocus/bench/party"
	"meshfocus/bench/rival"
)

// turns is how many speak while it is measured, at least.
const turns = 4

// speak has one publisher after the other begin to speak. Subscribers do as an app
// does: they want the large picture of who speaks, and small ones of the others. The
// first speaks from before the measurement on.
func (s *stage) speak(ctx context.Context) {
	every := s.config.Scenario.Speak
	if every == 0 {
		return
	}
	chooser, ok := s.server.(rival.Chooser)
	if !ok {
		s.fault(errors.New("the server cannot be told which layer is wanted"))
		return
	}
	s.begins(0)
	wait(ctx, every/2) // so that the last has the time to be seen
	for turn := 1; ctx.Err() == nil; turn++ {
		number := turn % len(s.publishers)
		speaker := s.publishers[number]
		began := time.Now()
		s.begins(number)
		guests := s.present()
		var asking sync.WaitGroup
		for _, g := range guests {
			g.end.Speaker = speaker.Name
			asking.Go(func() {
				if err := chooser.Choose(ctx, g.end, s.publishers); ctx.Err() == nil {
					s.fault(err)
				}
			})
		}
		asking.Wait()
		s.see(ctx, speaker, guests, began)
		wait(ctx, time.Until(began.Add(every)))
	}
}

// begins has a publisher speak, who may be on another machine.
func (s *stage) begins(number int) {
	if s.config.Tell != nil {
		s.config.Tell(Event{What: Speaks, Speaker: number})
		return
	}
	s.load.Speak(s.publishers[number])
}

// see waits until all see the large picture of who speaks, or somebody else's turn has
// come: that is the time then of who does not.
func (s *stage) see(ctx context.Context, speaker *party.End, guests []*guest, began time.Time) {
	every := s.config.Scenario.Speak
	for len(guests) > 0 && ctx.Err() == nil {
		guests = slices.DeleteFunc(guests, func(g *guest) bool {
			at, ok := large(g.end.Seen(), speaker.Number)
			if ok {
				s.switches = append(s.switches, millis(max(at.Sub(began), 0)))
			}
			return ok
		})
		if time.Since(began) >= every {
			for range guests {
				s.switches = append(s.switches, millis(every))
			}
			return
		}
		wait(ctx, looking)
	}
}

// large says since when the picture of a publisher is shown in its largest size, if it
// is.
func large(seen party.Seen, publisher int) (since time.Time, ok bool) {
	at := slices.Index(seen.From, publisher)
	if at < 0 || seen.Pictures[at].Width != sizes[len(sizes)-1] {
		return time.Time{}, false
	}
	return time.Unix(0, int64(seen.Pictures[at].Changed)), true
}
