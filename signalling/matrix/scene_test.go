package matrix

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/signalling/homeserver"
)

// scene is one mishap in virtual time: alice is in a call of the embedded
// homeserver, bob watches.
type scene struct {
	*house
	config MembershipConfig
	confID string
	hs     homeserver.Config

	alice *process
	watch *watch

	truths  []truth
	blocked []span
}

// truth is what others should see from an instant on.
type truth struct {
	at   time.Time
	here bool
}

// span is a time in which the homeserver could not hear alice's process, or,
// without an end, cannot.
type span struct{ from, to time.Time }

// now says what is true from now on.
func (s *scene) now(here bool) { s.truths = append(s.truths, truth{time.Now(), here}) }

// unheard is a time during which nothing of alice's process gets through.
func (s *scene) unheard(d time.Duration, begin, end func()) {
	from := time.Now()
	begin()
	pass(d)
	s.blocked = append(s.blocked, span{from, time.Now()})
	end()
}

// excused reports whether a departure is no mistake: the homeserver could not
// hear of her for so long that the delayed leave may have been due.
func (s *scene) excused(at time.Time) bool {
	least := 30*time.Second - 11*time.Second - time.Second // delay, the longest time to a restart, latency
	var silent time.Duration
	for _, b := range s.blocked {
		from, to := later(b.from, at.Add(-30*time.Second)), b.to
		if at.Before(to) {
			to = at
		}
		silent += max(to.Sub(from), 0)
	}
	return silent >= least
}

// process is one process of alice's device.
type process struct {
	*stay
	road    *road
	account *Account
	token   string
	halt    context.CancelFunc
}

// embedded runs a test in virtual time on the embedded homeserver.
func embedded(t *testing.T, config homeserver.Config, test func(*testing.T, *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(5 * time.Minute) }) // requests that wait for better weather
		h := &house{t: t, gate: &gate{}, repeatable: true}
		config.ServerName = "test"
		h.boot(config)
		h.transport = newRoad(h.gate)
		test(t, h)
	})
}

// seeded gives the same dice to everybody who asks.
func seeded() func() float64 {
	dice := rand.New(rand.NewPCG(1, 2))
	var mutex sync.Mutex
	return func() float64 {
		mutex.Lock()
		defer mutex.Unlock()
		return dice.Float64()
	}
}

// start makes a process of alice and lets it join; token is that of an earlier
// process of the same device, or empty.
func (s *scene) start(token string, ahead time.Duration) *process {
	s.t.Helper()
	p := &process{road: newRoad(s.gate), token: token}
	p.road.ahead = ahead
	if p.token == "" {
		p.token = s.issue("alice", "A")
	}
	config := Config{
		Homeserver: "http://homeserver.test", Transport: p.road, Token: p.token, Encrypt: EncryptOff,
		Log: testLog(s.t).With("who", "alice"),
	}
	p.account = s.open(config)
	ctx, cancel := context.WithCancel(context.Background())
	p.halt = cancel
	ended := make(chan struct{})
	go func() { defer close(ended); _ = p.account.Run(ctx) }()
	s.t.Cleanup(func() { cancel(); <-ended })
	p.stay = s.join(p.account, s.config)
	return p
}

// kill ends a process without a word.
func (p *process) kill() {
	p.road.set(weather{dead: true})
	p.halt()
	p.stop()
}

// watch is what the others see of alice: every change, with its instant.
type watch struct {
	sink   *sink
	confID string
	whose  string // begins the names of those who are watched
	since  time.Time
	seen   []sight
	stop   chan struct{}
	done   chan struct{}
}

// sight is what is seen from an instant on.
type sight struct {
	at   time.Time
	here bool
	who  string
}

// observe looks once a second, and at each change of the facts: a
// membership runs out without one.
func observe(t *testing.T, h *house, confID string, ahead time.Duration) *watch {
	h.transport.(*road).ahead = ahead
	_, got := h.enter(h.clear("bob", "B"))
	w := &watch{sink: got, confID: confID, whose: "@alice:test/A", since: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	got.mutex.Lock()
	got.onFacts = func(*sink) { w.look() }
	got.mutex.Unlock()
	go func() {
		defer close(w.done)
		for {
			select {
			case <-w.stop:
				return
			case <-time.After(time.Second):
				got.mutex.Lock()
				w.look()
				got.mutex.Unlock()
			}
		}
	}()
	t.Cleanup(func() { close(w.stop); <-w.done })
	return w
}

// look notes a change. Called with the sink's mutex held.
func (w *watch) look() {
	var names []string
	for _, name := range w.sink.members(w.confID) {
		if strings.HasPrefix(name, w.whose) {
			names = append(names, name)
		}
	}
	next := sight{at: time.Now(), here: len(names) > 0, who: strings.Join(names, " ")}
	if n := len(w.seen); n == 0 || w.seen[n-1].here != next.here || w.seen[n-1].who != next.who {
		w.seen = append(w.seen, next)
	}
}

// here reports whether alice is seen now.
func (w *watch) here() bool {
	w.sink.mutex.Lock()
	defer w.sink.mutex.Unlock()
	return len(w.seen) > 0 && w.seen[len(w.seen)-1].here
}

// departures are the instants after one at which alice was seen to go.
func (w *watch) departures(after time.Time) (all []time.Time) {
	w.sink.mutex.Lock()
	defer w.sink.mutex.Unlock()
	was := false
	for _, s := range w.seen {
		if was && !s.here && !s.at.Before(after) {
			all = append(all, s.at)
		}
		was = s.here
	}
	return all
}

// settles gives how long after an instant others saw what is true, and went on
// seeing it until another instant.
func (w *watch) settles(after, before time.Time, here bool) (time.Duration, bool) {
	w.sink.mutex.Lock()
	defer w.sink.mutex.Unlock()
	var at time.Time
	found := false
	for _, s := range w.seen {
		switch {
		case !s.at.Before(before):
		case s.here != here:
			found = false
		case !found:
			found, at = true, s.at
		}
	}
	return max(at.Sub(after), 0), found
}

// out is how long alice was not seen between two instants.
func (w *watch) out(after, before time.Time) (sum time.Duration) {
	w.sink.mutex.Lock()
	defer w.sink.mutex.Unlock()
	for i, s := range w.seen {
		end := before
		if i+1 < len(w.seen) && w.seen[i+1].at.Before(end) {
			end = w.seen[i+1].at
		}
		if !s.here {
			sum += max(end.Sub(later(s.at, after)), 0)
		}
	}
	return sum
}

// play sets a scene and runs it.
func play(t *testing.T, config MembershipConfig, hs homeserver.Config, ahead, off time.Duration, test func(*scene)) {
	embedded(t, hs, func(t *testing.T, h *house) {
		s := &scene{house: h, config: config, hs: hs}
		own := &Membership{config: config}
		s.confID = own.Keys()[0].ConfID
		s.watch = observe(t, h, s.confID, off)
		s.alice = s.start("", ahead)
		pass(47300 * time.Millisecond) // somewhere between two restarts
		if !s.watch.here() {
			t.Fatal("alice is not in the call")
		}
		test(s)
	})
}

// leftovers counts what alice has left behind: memberships that are seen, and
// delayed events.
func (s *scene) leftovers() int {
	ghosts := s.server.Stats().Delayed
	if s.watch.here() {
		ghosts++
	}
	return ghosts
}
