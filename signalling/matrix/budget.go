package matrix

import (
	"sync"
	"time"
)

// A homeserver limits how often one user may restart, cancel or send delayed
// events: Synapse's rc_delayed_event_mgmt is 1/s, 5 at once (decision D10). We
// stay below, since other devices of the user take from the same.
const (
	budgetRate  = 0.8 // requests a second
	budgetBurst = 4
	// budgetUse is the share of the rate that periodic restarts may take; the
	// rest is for what is urgent.
	budgetUse = 0.9
	// delayPerRestart is how many restarts fit into a delay that was
	// stretched: two may be lost.
	delayPerRestart = 3
)

// Budget shares out the management of delayed events among the memberships of
// one user. Each account has one; accounts of the same user in one process
// should share one (Config.Budget). With more memberships than can be restarted
// in time, restarts become rarer and delays longer for all.
//
// Any goroutine may use it; it calls nobody.
type Budget struct {
	mutex sync.Mutex
	// guarded by mutex
	tokens  float64
	filled  time.Time
	paused  time.Time           // the homeserver asked for patience until then
	holders map[*post]bool      // have, or want, a delayed leave
	waiting map[*post]time.Time // want a restart, with the instant it is too late
	shown   int                 // holders at the last word about it
}

// NewBudget gives a full budget.
func NewBudget() *Budget {
	return &Budget{tokens: budgetBurst, holders: map[*post]bool{}, waiting: map[*post]time.Time{}}
}

// pace gives delay and time between restarts for a holder that would like
// these.
func (b *Budget) pace(p *post, delay, restart time.Duration) (time.Duration, time.Duration) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.holders[p] = true
	least := time.Duration(float64(len(b.holders)) / (budgetRate * budgetUse) * float64(time.Second))
	if least <= restart {
		return delay, restart
	}
	if len(b.holders) > b.shown {
		b.shown = 2 * len(b.holders)
		p.log.Info("many memberships share the rate limit on restarts: a crash shows later", "memberships", len(b.holders), "delay", delayPerRestart*least)
	}
	return max(delay, delayPerRestart*least), least
}

// ask wants a restart that is too late at due. If it cannot be had now, again
// is when to ask again; limited says that the homeserver asked for patience.
// Who is more urgent comes first.
func (b *Budget) ask(p *post, due, now time.Time) (granted bool, again time.Time, limited bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.fill(now)
	b.waiting[p] = due
	if now.Before(b.paused) {
		return false, b.paused, true
	}
	needed := 1.0
	for other, theirs := range b.waiting {
		if other != p && theirs.Before(due) {
			needed++
		}
	}
	if b.tokens >= needed {
		b.tokens--
		delete(b.waiting, p)
		return true, now, false
	}
	missing := time.Duration((needed - b.tokens) / budgetRate * float64(time.Second))
	return false, now.Add(missing + time.Millisecond), false
}

func (b *Budget) fill(now time.Time) {
	if !b.filled.IsZero() {
		b.tokens = min(b.tokens+now.Sub(b.filled).Seconds()*budgetRate, budgetBurst)
	}
	b.filled = now
}

// spend counts a request that does not wait.
func (b *Budget) spend(now time.Time) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.fill(now)
	b.tokens = max(b.tokens-1, -budgetBurst)
}

// pause notes that the homeserver wants no more before an instant.
func (b *Budget) pause(until time.Time) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.paused = later(b.paused, until)
}

// release ends a holder's part.
func (b *Budget) release(p *post) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	delete(b.holders, p)
	delete(b.waiting, p)
}
