package matrix

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"meshfocus/signalling/homeserver"
	"meshfocus/signalling/message"
)

// mishap is a row of the table in docs/reliability.md.
type mishap struct {
	name  string
	ahead time.Duration // the clock of alice's process before the homeserver's
	off   time.Duration // the clock of those who watch
	// bare: the homeserver has no delayed events. stored: it keeps its data.
	bare, stored bool
	delay        time.Duration // of the leave; 0: usualDelay
	play         func(*scene)
}

// usualDelay is that of a membership by default.
const usualDelay = 30 * time.Second

// patientDelay outlasts two minutes in which nothing is heard: a restart was sent up to
// 10 s before them, and the first that is taken comes up to 5 s after, as told.
const patientDelay = 140 * time.Second

func mishaps() []mishap {
	return append(append(endings(), interruptions()...), oddities()...)
}

// endings are mishaps after which alice is not in the call.
func endings() []mishap {
	leaves := func(s *scene) {
		s.now(false)
		if err := s.alice.Leave(s.t.Context()); err != nil {
			s.t.Error(err)
		}
	}
	return []mishap{
		{name: "leaves", play: leaves},
		{name: "leaves while restarts get 429", play: func(s *scene) {
			s.alice.road.set(limited(isManaging, 5*time.Second))
			leaves(s)
		}},
		{name: "leaves after restarts got 429 for 1 min", play: func(s *scene) {
			s.alice.road.set(limited(isManaging, 5*time.Second))
			pass(time.Minute)
			s.now(false)
			ctx, cancel := context.WithTimeout(s.t.Context(), 8*time.Second)
			defer cancel()
			_ = s.alice.Leave(ctx) // what it could not cancel has its end too
			s.alice.kill()
		}},
		{name: "told to leave during a 60 s stall, then ends", play: func(s *scene) {
			s.alice.road.set(weather{stalled: true})
			s.now(false)
			ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
			defer cancel()
			if err := s.alice.Leave(ctx); err == nil {
				s.t.Error("left through a stall")
			}
			s.alice.halt()
			s.alice.stop()
			pass(55 * time.Second)
			s.alice.road.set(weather{})
		}},
		{name: "process killed", play: func(s *scene) { s.now(false); s.alice.kill() }},
		{name: "process killed after restarts got 429 for 1 min", play: func(s *scene) {
			s.alice.road.set(limited(isManaging, 5*time.Second))
			pass(time.Minute)
			s.now(false)
			s.alice.kill()
		}},
		{name: "process killed, --leave-delay 140s", delay: patientDelay, play: func(s *scene) { s.now(false); s.alice.kill() }},
		{name: "process killed, no delayed events", bare: true, play: func(s *scene) { s.now(false); s.alice.kill() }},
	}
}

// interruptions are mishaps that end.
func interruptions() []mishap {
	var all []mishap
	during := func(name string, d time.Duration, bad weather) {
		all = append(all, mishap{name: name, play: func(s *scene) {
			s.now(d <= usualDelay)
			s.unheard(d, func() { s.alice.road.set(bad) }, func() { s.alice.road.set(weather{}) })
			s.now(true)
			pass(time.Minute)
		}})
	}
	during("network cut for 10 s", 10*time.Second, weather{cut: true})
	during("network cut for 60 s", time.Minute, weather{cut: true})
	during("network cut for 300 s", 5*time.Minute, weather{cut: true})
	during("homeserver stalls for 5 s", 5*time.Second, weather{stalled: true})
	during("homeserver stalls for 60 s", time.Minute, weather{stalled: true})
	during("429 to everything for 2 min", 2*time.Minute, limited(func(*http.Request) bool { return true }, 5*time.Second))

	partly := func(name string, delay, d time.Duration, bad weather) {
		all = append(all, mishap{name: name, delay: delay, play: func(s *scene) {
			s.now(true)
			s.alice.road.set(bad)
			pass(d)
			s.alice.road.set(weather{})
			pass(time.Minute)
		}})
	}
	partly("429 to everything for 2 min, --leave-delay 140s", patientDelay, 2*time.Minute, limited(func(*http.Request) bool { return true }, 5*time.Second))
	partly("429 to restarts for 2 min", 0, 2*time.Minute, limited(isManaging, 5*time.Second))
	partly("429 to restarts for 2 min, told to wait 2 min", 0, 2*time.Minute, limited(isManaging, 2*time.Minute))
	partly("sync lost for 5 min", 0, 5*time.Minute, broken(isSync))

	for _, d := range []time.Duration{10 * time.Second, time.Minute} {
		all = append(all, mishap{name: "homeserver restarts, " + seconds(d) + " away", stored: true, play: func(s *scene) {
			s.now(true) // nobody can be told while it is away
			s.unheard(d, s.shutDown, func() { s.boot(s.hs) })
			pass(time.Minute)
		}})
	}
	return all
}

// oddities are mishaps during which alice stays in the call.
func oddities() []mishap {
	all := []mishap{
		{name: "404 on restart: the delayed leave is lost, again and again", play: func(s *scene) {
			s.now(true)
			for range 8 {
				s.loseDelayedEvents()
				pass(15 * time.Second)
			}
		}},
		{name: "put out by another while sync is lost", play: func(s *scene) {
			s.alice.road.set(broken(isSync))
			pass(10 * time.Second)
			s.blocked = append(s.blocked, span{time.Now().Add(-time.Minute), time.Now().Add(time.Second)}) // it is no mistake
			s.now(true)
			s.putOut()
			pass(2 * time.Minute)
			s.alice.road.set(weather{})
			pass(time.Minute)
		}},
		{name: "two processes with the same device", play: func(s *scene) {
			s.now(true)
			first := s.alice
			s.alice = s.start(first.token, 0)
			pass(2 * time.Minute)
			if s.config.Profile == ProfileSticky { // each has a place of its own
				first.kill()
				return
			}
			select {
			case err := <-first.done:
				if !errors.Is(err, ErrTakenOver) {
					s.t.Errorf("the first process ended with %v, want ErrTakenOver", err)
				}
			default:
				s.t.Error("the first process goes on")
			}
		}},
		{name: "process killed, the same device is back after 8 s", play: func(s *scene) {
			s.now(true)
			s.alice.kill()
			pass(8 * time.Second)
			s.alice = s.start(s.alice.token, 0)
			pass(2 * time.Minute)
		}},
	}
	for _, clock := range []struct {
		words string
		ahead time.Duration
	}{{"10 min ahead", 10 * time.Minute}, {"10 min behind", -10 * time.Minute}} {
		stays := func(s *scene) { s.now(true); pass(30 * time.Minute) }
		all = append(all,
			mishap{name: "clock " + clock.words, ahead: clock.ahead, play: stays},
			mishap{name: "clock " + clock.words + ", no delayed events", ahead: clock.ahead, bare: true, play: stays},
			mishap{name: "clock of the others " + clock.words + ", no delayed events", off: clock.ahead, bare: true, play: stays})
	}
	return all
}

// shutDown ends the homeserver; a proxy before it answers 502.
func (s *scene) shutDown() {
	s.gate.mutex.Lock()
	s.gate.inner = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	s.gate.mutex.Unlock()
	s.house.halt()
}

// helper is another device of alice, in no call.
func (s *scene) helper(user string) *Account {
	s.t.Helper()
	return s.open(s.clear(user, "HELPER"))
}

// loseDelayedEvents makes the homeserver forget what it was to send.
func (s *scene) loseDelayedEvents() {
	helper := s.helper("alice")
	delayed, err := helper.DelayedEvents(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, event := range delayed {
		if err := helper.delayedEvent(s.t.Context(), event.DelayID, "cancel"); err != nil {
			s.t.Fatal(err)
		}
	}
}

// putOut empties alice's membership by her own user's hand.
func (s *scene) putOut() {
	if s.config.Profile == ProfileSticky {
		return // nobody else can write in her place
	}
	post := s.alice.posts[0]
	_, err := s.helper("alice").putState(s.t.Context(), s.room, post.place.eventType, post.key(), json.RawMessage(`{}`), 0)
	if err != nil {
		s.t.Fatal(err)
	}
}

// outcomeOf is a mishap in one form.
type outcomeOf struct {
	seen        string
	wrong, left int
}

// run plays a mishap in one form of the membership, lets the process die if it
// still lives, and counts.
func (m mishap) run(t *testing.T, config MembershipConfig) (found outcomeOf) {
	hs := homeserver.Config{}
	config.LeaveDelay = cmp.Or(m.delay, usualDelay)
	if m.bare {
		hs.MaxDelay = -1
	}
	if m.stored {
		hs.DataDir = t.TempDir()
	}
	play(t, config, hs, m.ahead, m.off, func(s *scene) {
		s.hs.ServerName = "test"
		begin := time.Now()
		m.play(s)
		end := time.Now()
		if s.truths[len(s.truths)-1].here {
			s.now(false)
			s.alice.kill()
			end = time.Now()
			s.truths = s.truths[:len(s.truths)-1]
		}
		leaveIn := config.LeaveDelay + time.Second
		if m.bare {
			leaveIn = 10*time.Minute + message.ExpirySlack + time.Second
		}
		pass(leaveIn)
		if !s.truths[len(s.truths)-1].here {
			end = time.Now()
		}
		found.seen = s.story(end)
		for _, at := range s.watch.departures(begin) {
			if at.Before(end) && s.truthAt(at) && !s.excused(at) {
				found.wrong++
			}
		}
		found.left = s.leftovers()
	})
	return found
}

// truthAt is what was true at an instant.
func (s *scene) truthAt(at time.Time) (here bool) {
	here = true
	for _, truth := range s.truths {
		if !truth.at.After(at) {
			here = truth.here
		}
	}
	return here
}

// story says how long it took others to see each truth.
func (s *scene) story(end time.Time) string {
	var words []string
	for i, truth := range s.truths {
		before := end
		if i+1 < len(s.truths) {
			before = s.truths[i+1].at
		}
		took, seen := s.watch.settles(truth.at, before, truth.here)
		switch {
		case !seen && truth.here:
			words = append(words, "never back")
		case !seen:
			words = append(words, "never gone")
		case truth.here && i > 0 && !s.truths[i-1].here:
			words = append(words, "back after "+seconds(took))
		case truth.here && took > 0:
			words = append(words, "out for "+seconds(s.watch.out(truth.at, before)))
		case !truth.here:
			words = append(words, "gone after "+seconds(took))
		}
	}
	if len(words) == 0 {
		return "stays"
	}
	return strings.Join(words, ", ")
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0f s", math.Ceil(d.Seconds())) }

// reliabilityForms are the columns of the table.
func reliabilityForms() map[string]MembershipConfig {
	return map[string]MembershipConfig{
		"slot":       {Slot: true},
		"conference": {CallID: "conf"},
		"sticky":     {Slot: true, Profile: ProfileSticky},
		"famedly":    {Slot: true, Profile: ProfileFamedly},
	}
}

const reliabilityPage = "../../docs/reliability.md"

// The table is printed with -v and kept in docs/reliability.md, which
// UPDATE_DOCS=1 writes.
func TestReliability_OthersSeeTheTruth_NobodyVanishes_NoGhostStays(t *testing.T) {
	var table strings.Builder
	columns := []string{"slot", "conference", "sticky", "famedly"}
	fmt.Fprintf(&table, "| what happens | others see, slot | others see, conference | others see, sticky | others see, famedly | false departures | ghosts |\n|---|---|---|---|---|--:|--:|\n")
	for _, m := range mishaps() {
		t.Run(m.name, func(t *testing.T) {
			var seen []string
			wrong, left := 0, 0
			for _, column := range columns {
				found := m.run(t, reliabilityForms()[column])
				seen = append(seen, found.seen)
				wrong, left = wrong+found.wrong, left+found.left
				if found.wrong > 0 || found.left > 0 || strings.Contains(found.seen, "never") {
					t.Errorf("%s: %s, %d false departures, %d ghosts", column, found.seen, found.wrong, found.left)
				}
			}
			fmt.Fprintf(&table, "| %s | %s | %d | %d |\n", m.name, strings.Join(seen, " | "), wrong, left)
		})
	}
	t.Logf("\n%s", table.String())
	compareTable(t, table.String())
}

// compareTable compares the page's table, between its marks, with what was
// found.
func compareTable(t *testing.T, table string) {
	t.Helper()
	const begin, end = "<!-- table: written by the test -->\n", "<!-- end of table -->\n"
	page, err := os.ReadFile(reliabilityPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	present, after, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		t.Fatalf("%s has no place for the table", reliabilityPage)
	case present == table:
	case os.Getenv("UPDATE_DOCS") != "":
		if err := os.WriteFile(reliabilityPage, []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table in docs/reliability.md is not what was found; run UPDATE_DOCS=1 go test ./signalling/matrix -run Reliability")
	}
}
