package headless

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meshfocus/signalling/matrix"
	"meshfocus/signalling/message"
)

func TestOneThenOther_WaitsForTheOneButNotForEver(t *testing.T) {
	for name, c := range map[string]struct{ one, began, ended time.Duration }{
		"done in time":   {one: 3 * time.Second, began: 3 * time.Second, ended: 4 * time.Second},
		"takes too long": {one: 7 * time.Second, began: 5 * time.Second, ended: 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin, began := time.Now(), time.Duration(0)
				oneThenOther(5*time.Second, func() { time.Sleep(c.one) }, func() {
					began = time.Since(begin)
					time.Sleep(time.Second)
				})
				if ended := time.Since(begin); began != c.began || ended != c.ended {
					t.Errorf("the other began after %v, both ended after %v; want %v and %v", began, ended, c.began, c.ended)
				}
			})
		})
	}
}

// A js-sdk that hears of the end while it sees the membership may call us again.
func TestLeave_StopsSendingThenIsNoMemberThenHangsUp(t *testing.T) {
	t.Parallel()
	h := startHome(t)
	road := &watchedRoad{to: h.server.Handler()}
	server := httptest.NewServer(road)
	t.Cleanup(server.Close)
	clear := func(c *Config) { c.Account.Encrypt = matrix.EncryptOff }
	alice := startParty(t, h, "alice", func(c *Config) { clear(c); c.Account.Homeserver = server.URL })
	bob := startParty(t, h, "bob", clear)
	allFlow(t, patience, alice, bob)
	begin := time.Now()
	road.watch()
	alice.cancel()
	var first, last uint64 // frames that bob had when he first looked at a leave under way, and in the end
	eventually(t, patience, "bob is told", func() bool {
		l := bob.link(alice.Party())
		if held := road.heldUpAt(); first == 0 && !held.IsZero() && bob.Status().At.After(held) {
			first = videoFrames(l)
		}
		last = max(last, videoFrames(l))
		return !l.State.Live()
	}, func() string { return describe(bob) })
	alice.stop(t)
	if took := time.Since(begin); took > leaveFirst {
		t.Logf("leaving took %v on this machine, which says nothing of the order", took)
	} else if seen := road.all(); !slices.Equal(seen, []string{"leave", "hang-up"}) {
		t.Errorf("on the way were %v", seen)
	}
	if first != 0 && last-first > 2*cardRate { // of four seconds' worth, if they went on
		t.Errorf("%d frames came while the leave was under way", last-first)
	}
}

// cardRate is the frames a second of the card; holdUp is how long a leave is
// under way here.
const (
	cardRate = 15
	holdUp   = 4 * time.Second
)

// watchedRoad leads to a homeserver and notes hang-ups when they set out, and
// leaves when they have been taken. It holds leaves up, so that what does not
// wait for them is seen.
type watchedRoad struct {
	to http.Handler

	mu       sync.Mutex // guards the rest
	watching bool
	held     time.Time
	seen     []string
}

func (r *watchedRoad) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	path := request.URL.Path
	switch {
	case strings.Contains(path, "/sendToDevice/"+message.TypeHangup):
		r.note("hang-up")
	case request.Method == http.MethodPut && strings.Contains(path, "/state/"), strings.HasSuffix(path, "/send"):
		r.holdUp()
		defer r.note("leave")
	}
	r.to.ServeHTTP(answer, request)
}

func (r *watchedRoad) watch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watching, r.held = true, time.Time{}
}

func (r *watchedRoad) holdUp() {
	r.mu.Lock()
	watching := r.watching
	r.held = time.Now()
	r.mu.Unlock()
	if watching {
		time.Sleep(holdUp) // it stands for a slow homeserver
	}
}

// heldUpAt is when a leave came by; zero before.
func (r *watchedRoad) heldUpAt() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}

func (r *watchedRoad) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watching {
		r.seen = append(r.seen, what)
	}
}

func (r *watchedRoad) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}
