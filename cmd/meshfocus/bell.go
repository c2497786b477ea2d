package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"meshfocus/mesh/headless"
	"meshfocus/signalling/matrix"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

// bell is how a verb hears of rings and of who is in the call. It holds what
// the sync loop said until it is taken.
type bell struct {
	mu sync.Mutex
	// guarded by mu
	facts membership.Facts
	heard []ring.Heard

	rang chan struct{} // holds one: there is something to take
}

func newBell() *bell { return &bell{rang: make(chan struct{}, 1)} }

// SetFacts implements matrix.Sink.
func (b *bell) SetFacts(facts membership.Facts) { b.note(func() { b.facts = facts }) }

// Receive implements matrix.Sink.
func (b *bell) Receive([]matrix.Received) {}

// Ring implements matrix.RingSink.
func (b *bell) Ring(_ string, heard []ring.Heard) {
	b.note(func() { b.heard = append(b.heard, heard...) })
}

// wake lets take return.
func (b *bell) wake() { b.note(func() {}) }

func (b *bell) note(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	select {
	case b.rang <- struct{}{}:
	default:
	}
}

// take waits for news or an instant, zero for none. Before the first facts
// there is no news. It gives what was heard once, and the latest facts.
func (b *bell) take(ctx context.Context, until time.Time) (membership.Facts, []ring.Heard, error) {
	var due <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		due = timer.C
	}
	for {
		late := false
		select {
		case <-ctx.Done():
			return membership.Facts{}, nil, ctx.Err()
		case <-b.rang:
		case <-due:
			late = true
		}
		b.mu.Lock()
		facts, heard := b.facts, b.heard
		if facts.RoomID != "" {
			b.heard = nil
		} else {
			heard = nil
		}
		b.mu.Unlock()
		if facts.RoomID != "" || late {
			return facts, heard, nil
		}
	}
}

// attend runs a participant with somebody beside it who hears the bell; when
// they end, as they have to with their context, the call is left.
func attend(ctx context.Context, p *headless.Participant, beside func(context.Context, *bell) error) error {
	b := newBell()
	p.Account().Subscribe(p.RoomID(), b)
	inner, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	var besideErr error
	group.Go(func() {
		defer leave()
		besideErr = beside(watching, b)
	})
	err := p.Run(inner)
	stop()
	group.Wait()
	return errors.Join(err, besideErr)
}

// joinGrace is how long we wait for somebody to be in a call that we were rung to.
const joinGrace = 30 * time.Second

// company tells whether anybody else is in the call that we are in.
type company struct {
	met   bool
	limit time.Time // when to look again, or to give up
}

func newCompany(now time.Time) company { return company{limit: now.Add(joinGrace)} }

// gone takes the facts and reports whether the others have left, or did not
// come.
func (c *company) gone(facts membership.Facts, self message.Party, now time.Time) bool {
	others := slices.ContainsFunc(ring.Members(facts, message.SlotRoom, now), func(m membership.Member) bool { return m.UserID != self.UserID })
	if others {
		c.met, c.limit = true, now.Add(time.Minute) // time alone ends memberships
		return false
	}
	return c.met || !now.Before(c.limit)
}

// untilAlone returns when nobody else is in the call any more.
func untilAlone(ctx context.Context, b *bell, self message.Party) {
	with := newCompany(time.Now())
	for {
		facts, _, err := b.take(ctx, with.limit)
		if err != nil || with.gone(facts, self, time.Now()) {
			return
		}
	}
}

// ringLine is a JSON line about a ring, of `join --answer` and `ring`.
type ringLine struct {
	Time    time.Time  `json:"time"`
	Event   string     `json:"event"` // "ring"
	State   string     `json:"state,omitempty"`
	Refused string     `json:"refused,omitempty"` // the rule by which it does not ring
	Error   string     `json:"error,omitempty"`   // why we do not answer, or could not
	ID      string     `json:"id,omitempty"`
	Room    string     `json:"room"`
	Slot    string     `json:"slot,omitempty"`
	Sender  string     `json:"sender"`
	Intent  string     `json:"intent,omitempty"`
	Loud    bool       `json:"loud"`
	Expires *time.Time `json:"expires,omitempty"`
	// RingsAt, AnsweredBy and DeclinedBy are of rings that we place; RingsAt is
	// the first user a device of whom said that it rings.
	RingsAt    string   `json:"rings_at,omitempty"`
	AnsweredBy string   `json:"answered_by,omitempty"`
	DeclinedBy []string `json:"declined_by,omitempty"`
}

func lineOf(r ring.Ring, state string) ringLine {
	return ringLine{
		Time: time.Now().UTC(), Event: "ring", State: state, ID: r.ID, Room: r.Room, Slot: r.Slot, Sender: r.Sender,
		Intent: r.Intent, Loud: r.Loud, Expires: instant(r.Expires),
	}
}

// showRing tells what became of a ring that came.
func showRing(show *display, change ring.Change) {
	if change.Refused != "" {
		line := lineOf(change.Ring, "")
		line.Refused = string(change.Refused)
		show.tell(line, fmt.Sprintf("%s does not ring: %s", visible(change.Ring.Sender), change.Refused))
		return
	}
	words := []string{visible(change.Ring.Sender), "rings:", change.State.String()}
	if change.Ring.Intent != "" {
		words = append(words, "("+change.Ring.Intent+")")
	}
	show.tell(lineOf(change.Ring, change.State.String()), strings.Join(words, " "))
}
