//go:build interop

package matrix

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meshfocus/internal/registration"
	"meshfocus/signalling/membership"
)

// The rows of docs/reliability.md that another homeserver may see otherwise, on
// the Synapse that `make interop` started, in all forms side by side.

// quickLeave is the delay in these tests, in real time.
const quickLeave = 9 * time.Second

// A homeserver on a starving machine is seconds behind, whatever we do: a ghost is
// told from that by its staying, when no delayed event is left to end it. slow is how
// late what is true may be seen.
const slow = 20 * time.Second

// prompt is how long a homeserver may take for a write if what others see while
// restarts are refused is to be our doing: we move to another key in up to three
// writes, and begin a third of the delay before the leave.
const prompt = quickLeave / 9

// lifeline is a way to the homeserver that ends with its process. It may be
// limited: then all that manages delayed events is refused.
type lifeline struct {
	http.RoundTripper
	dead, limited atomic.Bool
	slowest       atomic.Int64 // nanoseconds that a write took at most
}

func (l *lifeline) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.dead.Load() {
		return nil, errDead
	}
	if l.limited.Load() && isManaging(r) {
		answer := httptest.NewRecorder()
		refuse(answer, http.StatusTooManyRequests, "M_LIMIT_EXCEEDED", map[string]any{"retry_after_ms": 1000})
		return answer.Result(), nil
	}
	begin := time.Now()
	response, err := l.RoundTripper.RoundTrip(r)
	if took := int64(time.Since(begin)); r.Method != http.MethodGet {
		for was := l.slowest.Load(); took > was && !l.slowest.CompareAndSwap(was, took); was = l.slowest.Load() {
		}
	}
	return response, err
}

// CloseIdleConnections reaches the transport within.
func (l *lifeline) CloseIdleConnections() { l.RoundTripper.(*http.Transport).CloseIdleConnections() }

// abroad is a room on that homeserver.
type abroad struct {
	base, room, run string
}

func newAbroad(t *testing.T) *abroad {
	t.Helper()
	a := &abroad{base: os.Getenv("MESHFOCUS_INTEROP_HOMESERVER"), run: fmt.Sprint(time.Now().UnixNano())}
	if a.base == "" {
		t.Fatal("MESHFOCUS_INTEROP_HOMESERVER is not set: run make interop, which starts a homeserver")
	}
	var made struct {
		RoomID string `json:"room_id"`
	}
	owner, _ := a.account(t, "owner", "O")
	err := owner.call(t.Context(), http.MethodPost, clientPath("v3", "createRoom"), nil, map[string]any{
		"preset":                       "public_chat",
		"power_level_content_override": map[string]any{"events": map[string]int{"org.matrix.msc3401.call": 0, "org.matrix.msc3401.call.member": 0, "com.famedly.call.member": 0}},
	}, &made)
	if err != nil {
		t.Fatal(err)
	}
	a.room = made.RoomID
	return a
}

// account logs a new user in and lets it join the room, if there is one.
func (a *abroad) account(t *testing.T, user, device string) (*Account, *lifeline) {
	t.Helper()
	made, err := registration.Make(a.base, user+a.run, "for tests only", device)
	if err != nil {
		t.Fatal(err)
	}
	way := &lifeline{RoundTripper: newTransport()}
	account, err := Open(t.Context(), Config{Homeserver: a.base, Token: made.Token, Encrypt: EncryptOff, Transport: way, Log: testLog(t).With("who", user)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = account.Close() })
	if a.room != "" {
		if _, err := account.JoinRoom(t.Context(), a.room); err != nil {
			t.Fatal(err)
		}
		start(t, account)
	}
	return account, way
}

// stayIn joins and keeps it up until stop.
func (a *abroad) stayIn(t *testing.T, account *Account, config MembershipConfig) (m *Membership, stop func()) {
	t.Helper()
	config.RoomID, config.LeaveDelay = a.room, quickLeave
	m = account.NewMembership(config)
	if err := m.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return m, stop
}

// exhaust uses up what a user may manage of delayed events, until stopped.
func exhaust(t *testing.T, account *Account) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = account.delayedEvent(ctx, "none", "restart")
			_ = sleep(ctx, 20*time.Millisecond)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// settled waits until somebody is seen, or not, and gives how long that took.
func (w *watch) settled(t *testing.T, here bool, within time.Duration) time.Duration {
	t.Helper()
	begin := time.Now()
	for w.here() != here {
		if time.Since(begin) > within {
			t.Fatalf("%s is seen: %v, after %s", w.whose, !here, within)
		}
		_ = sleep(t.Context(), 5*time.Millisecond)
	}
	return time.Since(begin)
}

func TestInterop_Reliability_OnAnotherHomeserver(t *testing.T) {
	a := newAbroad(t)
	watcher, _ := a.account(t, "watcher", "W")
	var forms sync.WaitGroup // all at once, on however many processors
	for name, config := range reliabilityForms() {
		forms.Go(func() {
			t.Run(name, func(t *testing.T) { a.row(t, watcher, name, config) })
		})
	}
	forms.Wait()
}

// row lets one form through it all.
func (a *abroad) row(t *testing.T, watcher *Account, name string, config MembershipConfig) {
	account, way := a.account(t, "alice-"+name, "A")
	got := newSink()
	w := &watch{sink: got, confID: (&Membership{config: config}).Keys()[0].ConfID, whose: account.Party().UserID + "/"}
	got.onFacts = func(*sink) { w.look() }
	watcher.Subscribe(a.room, got)

	own, stop := a.stayIn(t, account, config)
	w.settled(t, true, slow)
	a.refused(t, w, account, way, name)

	if err := own.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	// Of the others a delayed leave of a key that it has moved from may be left.
	shared := name == "conference" || name == "famedly"
	if left, err := account.DelayedEvents(t.Context()); shared && (err != nil || len(left) > 0) {
		t.Errorf("the leave has left %v, %v", left, err)
	}
	t.Logf("left: seen after %s", w.settled(t, false, slow).Round(time.Millisecond))
	stop()

	_, stop = a.stayIn(t, account, config)
	w.settled(t, true, slow)
	way.dead.Store(true)
	stop()
	t.Logf("killed: gone after %s", w.settled(t, false, quickLeave+slow).Round(time.Millisecond))
	way.dead.Store(false)
	for end := time.Now().Add(slow); ; _ = sleep(t.Context(), 100*time.Millisecond) {
		left, err := account.DelayedEvents(t.Context())
		if err == nil && len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("left over are %v, %v", left, err)
		}
	}
	if own.Trouble() != "" {
		t.Errorf("trouble: %s", own.Trouble())
	}
}

// refused lets restarts be refused for a while, at first by the homeserver's own
// limit. A conference and the Dart SDK's call have one event, which Synapse
// empties and fills again in two steps.
func (a *abroad) refused(t *testing.T, w *watch, account *Account, way *lifeline, form string) {
	t.Helper()
	begin := time.Now()
	way.slowest.Store(0)
	stop := exhaust(t, account)
	_ = sleep(t.Context(), quickLeave/2)
	stop()
	way.limited.Store(true)
	// No longer: with such short delays the moves would use up what a user may
	// write, which is 10 and then one in five seconds.
	_ = sleep(t.Context(), quickLeave+quickLeave/3)
	way.limited.Store(false)
	end := time.Now()
	gone, out := w.departures(begin), w.out(begin, end)
	t.Logf("restarts refused for %s: seen to go %d times, out for %s in all", end.Sub(begin).Round(time.Second), len(gone), out.Round(time.Millisecond))
	switch took := time.Duration(way.slowest.Load()); {
	case took > prompt:
		t.Logf("the homeserver took %s for a write, so that this says nothing", took)
	case form != "conference" && form != "famedly" && len(gone) > 0:
		t.Errorf("seen to go at %v", gone)
	case out > time.Duration(len(gone))*membership.SlotGrace: // for longer than ours bear
		t.Errorf("out for %s in %d times", out, len(gone))
	}
	w.settled(t, true, slow)
}
