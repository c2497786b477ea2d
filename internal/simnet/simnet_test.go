package simnet

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log collects what arrives.
type log[T any] struct {
	mu    sync.Mutex
	items []T
}

func (l *log[T]) add(item T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, item)
}

func (l *log[T]) all() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.items)
}

func onRoad(t *testing.T, seed uint64, c Conditions, test func(r *Road[int], got *log[int])) {
	synctest.Test(t, func(*testing.T) {
		var got log[int]
		r := NewRoad(seed, func(_, _ string, n int) { got.add(n) })
		r.Set(c)
		test(r, &got)
		r.Close()
		time.Sleep(time.Hour)
	})
}

func hundred(r *Road[int]) {
	for i := range 100 {
		r.Send("a", "b", i)
		time.Sleep(10 * time.Millisecond)
	}
}

func TestRoad_DeliversInOrderAfterTheDelay(t *testing.T) {
	onRoad(t, 1, Conditions{Delay: time.Second}, func(r *Road[int], got *log[int]) {
		hundred(r)
		synctest.Wait()
		if n := len(got.all()); n != 1 {
			t.Errorf("%d arrived within the first second, want the one sent at its start", n)
		}
		time.Sleep(2 * time.Second)
		if all := got.all(); len(all) != 100 || !slices.IsSorted(all) {
			t.Errorf("got %v", all)
		}
	})
}

func TestRoad_LosesDoublesAndReordersAlikeForOneSeed(t *testing.T) {
	var runs [3][]int
	for i, seed := range []uint64{7, 7, 8} {
		onRoad(t, seed, Conditions{Jitter: time.Second, Loss: 0.3, Twice: 0.3}, func(r *Road[int], got *log[int]) {
			hundred(r)
			time.Sleep(2 * time.Second)
			runs[i] = got.all()
		})
	}
	if !slices.Equal(runs[0], runs[1]) || slices.Equal(runs[0], runs[2]) {
		t.Error("the seed does not decide")
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(runs[0])))
	if lost := 100 - len(distinct); lost < 15 || lost > 45 {
		t.Errorf("%d lost of 100, want about 30", lost)
	}
	if twice := len(runs[0]) - len(distinct); twice < 10 || twice > 35 {
		t.Errorf("%d doubled, want about 21", twice)
	}
	if slices.IsSorted(runs[0]) {
		t.Error("nothing was reordered")
	}
}

func TestRoad_BlockedLetsNothingThroughOneWay(t *testing.T) {
	onRoad(t, 1, Conditions{}, func(r *Road[int], got *log[int]) {
		r.Block("a", "b", true)
		r.Send("a", "b", 1)
		r.Send("b", "a", 2)
		time.Sleep(time.Second)
		r.Block("a", "b", false)
		r.Send("a", "b", 3)
		time.Sleep(time.Second)
		if all := got.all(); !slices.Equal(all, []int{2, 3}) {
			t.Errorf("got %v", all)
		}
		if sent := r.Sent(); len(sent) != 3 || !sent[0].Lost || sent[1].Lost {
			t.Errorf("sent %+v", sent)
		}
	})
}

func TestRoad_NothingArrivesAfterClose(t *testing.T) {
	onRoad(t, 1, Conditions{Delay: time.Second}, func(r *Road[int], got *log[int]) {
		r.Send("a", "b", 1)
		r.Close()
		r.Send("a", "b", 2)
		time.Sleep(time.Minute)
		if len(got.all()) != 0 || len(r.Sent()) != 1 {
			t.Errorf("got %v", got.all())
		}
	})
}

// pair makes two plugs that have exchanged credentials.
func pair(f *Fabric) (a, b *Plug, told *log[string]) {
	told = &log[string]{}
	words := map[PlugState]string{PlugConnected: "connected", PlugDisconnected: "disconnected", PlugFailed: "failed"}
	a = f.Plug("a", "b", func(s PlugState) { told.add("a " + words[s]) })
	b = f.Plug("b", "a", func(s PlugState) { told.add("b " + words[s]) })
	shake(a, b)
	return a, b, told
}

func shake(a, b *Plug) {
	offer, answer := a.Credentials(), b.Credentials()
	b.SetRemote(offer)
	a.SetRemote(answer)
}

func wants(t *testing.T, told *log[string], want ...string) {
	t.Helper()
	if got := slices.Sorted(slices.Values(told.all())); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	told.mu.Lock()
	told.items = nil
	told.mu.Unlock()
}

func TestPlugs_ConnectAndNoticeWhatHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFabric()
		a, b, told := pair(f)
		time.Sleep(time.Second)
		wants(t, told, "a connected", "b connected")

		f.Cut("a", "b")
		time.Sleep(disconnectAfter - time.Second)
		f.Heal("a", "b") // too short to be noticed as a loss
		time.Sleep(time.Minute)
		wants(t, told, "a connected", "b connected")

		f.Cut("a", "b")
		time.Sleep(disconnectAfter + time.Second)
		wants(t, told, "a disconnected", "b disconnected")
		time.Sleep(failAfter)
		wants(t, told, "a failed", "b failed")

		f.Heal("a", "b")
		shake(a, b)
		time.Sleep(time.Second)
		wants(t, told, "a connected", "b connected")

		f.CutOneWay("a", "b")
		time.Sleep(10 * time.Second)
		wants(t, told, "b disconnected")

		a.Close()
		b.Close()
		a.Close()
		time.Sleep(time.Minute)
		wants(t, told)
		if f.Open() != 0 || f.Most("a", "b") != 1 {
			t.Errorf("%d open, at most %d", f.Open(), f.Most("a", "b"))
		}
	})
}

func TestPlugs_OneNoticesThatTheOtherIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFabric()
		a, b, told := pair(f)
		time.Sleep(time.Second)
		a.Close()
		time.Sleep(time.Minute)
		wants(t, told, "a connected", "b connected", "b disconnected", "b failed")
		b.Close()
	})
}

func TestPlugs_MediaGoesOnDuringARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFabric()
		a, b, told := pair(f)
		time.Sleep(time.Second)
		a.Credentials() // the offer is on its way
		time.Sleep(time.Minute)
		wants(t, told, "a connected", "b connected")
		a.Close()
		b.Close()
	})
}

func TestChart_DrawsArrowsAndNotes(t *testing.T) {
	began := time.Unix(100, 0)
	c := NewChart(began, "alice", "bob")
	c.Arrow(began.Add(1500*time.Millisecond), "alice", "bob", "invite")
	c.Arrow(began.Add(2*time.Second), "bob", "alice", "answer")
	c.Note(began.Add(3*time.Second), "bob", "connected")
	want := "" +
		"          alice                             bob\n" +
		"   1.500  │── invite ──────────────────────▶│\n" +
		"   2.000  │◀─ answer ───────────────────────│\n" +
		"   3.000  │                                 ● connected\n"
	if got := c.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
