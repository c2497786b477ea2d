package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshfocus/mesh/headless"
	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

// attendant answers the rings of one room, one call after the other. What comes
// while it is in the call is for that call, and refused by ring.RuleJoined;
// what calls to another slot of the room is silenced here alone, so that other
// devices of our user may take it.
//
//	idle ──ring──▶ joining ──membership taken──▶ in the call ──alone──▶ idle
//	                  └──failed, or the ring is over──▶ idle
type attendant struct {
	p    *headless.Participant
	bell *bell
	show *display
	desk *ring.Desk
	// waiting are rings that we may answer, in the order in which they came.
	waiting []string
	present *answer // nil when idle
	calls   sync.WaitGroup
}

// answer is a call that we were rung to.
type answer struct {
	ring          string // event ID
	leave         context.CancelFunc
	joined, ended chan struct{}
	err           error // set before ended is closed
	in, leaving   bool
	with          company // since the ring: the caller may leave as we join
}

func (c *answer) hangUp() {
	c.leaving = true
	c.leave()
}

// answerRings takes calls until ctx ends.
func answerRings(ctx context.Context, p *headless.Participant, show *display) error {
	return attend(ctx, p, func(ctx context.Context, b *bell) error {
		a := &attendant{p: p, bell: b, show: show, desk: ring.NewDesk(p.Party(), p.RoomID())}
		a.run(ctx)
		return nil
	})
}

// run hears the bell until it is asked to stop, and has left the call then.
func (a *attendant) run(ctx context.Context) {
	defer a.hangUp()
	mayCallRoom := func(user string) bool {
		may, err := a.p.Account().MayCallRoom(ctx, a.p.RoomID(), user)
		return err == nil && may
	}
	for {
		facts, heard, err := a.bell.take(ctx, a.next())
		if err != nil {
			return
		}
		now := time.Now()
		a.note(ctx, a.desk.Hear(heard, facts, mayCallRoom, now))
		a.note(ctx, a.desk.Tick(now))
		a.follow(ctx, facts, now)
		a.pick(ctx, facts, now)
	}
}

// next is when to look again, whatever the bell says.
func (a *attendant) next() time.Time {
	next := a.desk.Next()
	if a.present != nil && a.present.in && !a.present.leaving && (next.IsZero() || a.present.with.limit.Before(next)) {
		next = a.present.with.limit
	}
	return next
}

// note tells what became of rings, and keeps those that we may answer.
func (a *attendant) note(ctx context.Context, changes []ring.Change) {
	for _, change := range changes {
		showRing(a.show, change)
		ours := message.SameSlot(change.Ring.Slot, message.SlotRoom)
		switch {
		case change.Refused != "":
		case change.State == ring.Ringing && ours:
			a.waiting = append(a.waiting, change.Ring.ID)
			if slices.Contains(change.Actions, ring.SendAck) {
				// Who does not hear it misses nothing but a word.
				a.calls.Go(func() { _ = a.p.Account().Acknowledge(ctx, change.Ring.Sender, change.Ring.SentAt) })
			}
		case change.State == ring.Ringing:
			a.dismiss(change.Ring.ID, "it calls to "+change.Ring.Slot+", and we answer in "+message.SlotRoom+" alone")
		default:
			a.over(change.Ring.ID, change.State)
		}
	}
}

// over forgets a ring. If we are about to join for it, and it was not that
// which ended it, we do not.
func (a *attendant) over(id string, state ring.State) {
	a.waiting = slices.DeleteFunc(a.waiting, func(other string) bool { return other == id })
	if a.present != nil && a.present.ring == id && state != ring.AnsweredHere {
		a.present.hangUp()
	}
}

// dismiss silences a ring here, and says why.
func (a *attendant) dismiss(id, why string) {
	for _, change := range a.desk.Handle(id, ring.Dismiss) {
		line := lineOf(change.Ring, change.State.String())
		line.Error = why
		a.show.tell(line, fmt.Sprintf("%s rings: %s: %s", visible(change.Ring.Sender), change.State, why))
	}
	a.over(id, ring.Dismissed)
}

// pick answers the first ring that waits, if we are free.
func (a *attendant) pick(ctx context.Context, facts membership.Facts, now time.Time) {
	if a.present != nil || len(a.waiting) == 0 {
		return
	}
	ctx, leave := context.WithCancel(ctx)
	call := &answer{ring: a.waiting[0], leave: leave, joined: make(chan struct{}), ended: make(chan struct{}), with: newCompany(now)}
	call.with.gone(facts, a.p.Party(), now)
	a.present = call
	a.calls.Go(func() {
		call.err = a.p.Call(ctx, func() { close(call.joined); a.bell.wake() })
		close(call.ended)
		a.bell.wake()
	})
}

// follow sees how our call does: a ring is answered when we are in it, and not
// before.
func (a *attendant) follow(ctx context.Context, facts membership.Facts, now time.Time) {
	call := a.present
	if call == nil {
		return
	}
	alone := call.with.gone(facts, a.p.Party(), now)
	if !call.in && isClosed(call.joined) {
		call.in = true
		a.note(ctx, a.desk.Handle(call.ring, ring.Answer))
	}
	if call.in && alone && !call.leaving {
		call.hangUp()
	}
	if !isClosed(call.ended) {
		return
	}
	call.leave() // of its context
	a.present = nil
	switch {
	case call.err != nil && call.in:
		a.show.tell(ringLine{Time: now.UTC(), Event: "note", State: "call ended", ID: call.ring, Room: a.p.RoomID(), Error: call.err.Error()},
			"the call has ended: "+call.err.Error())
	case call.err != nil:
		a.dismiss(call.ring, "cannot join the call: "+call.err.Error())
	}
}

// hangUp leaves the call and waits until we have.
func (a *attendant) hangUp() {
	if a.present != nil {
		a.present.hangUp()
	}
	a.calls.Wait()
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
