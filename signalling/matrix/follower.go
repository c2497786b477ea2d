package matrix

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// follower sees to it that the slot is joined as membership.PlanJoin has it:
// it asks for the plan before joining, and again whenever the room has changed
// or time has changed who counts. When the plan wants another form, the
// membership is written in that and then left in the former one: for a moment
// it stands in both, as one device of one session, which peers read as one.
// The Dart SDK's call is another session, so that the choice between it and the
// slot is made once, before joining.
//
// Its run is one loop of the membership's Run. The sync loop only drops facts.
type follower struct {
	membership *Membership // set once

	// owned by Join, then by run
	plan membership.Plan // as it is written
	post *post
	pace revision

	mutex sync.Mutex
	facts *membership.Facts // guarded by mutex: the latest; nil without
	heard chan struct{}     // has room for one: there are facts
}

func newFollower(m *Membership) *follower {
	return &follower{membership: m, heard: make(chan struct{}, 1)}
}

// begin asks for the first plan and makes its post.
func (f *follower) begin(ctx context.Context) error {
	facts, err := f.read(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	f.plan = f.ask(facts, membership.Compute(facts, now).Sessions, now)
	f.post = f.newPost(f.plan, facts.RoomVersion)
	f.membership.setFamedly(f.plan.Form == message.FormFamedly)
	f.membership.add(f.post)
	f.lament(facts)
	return nil
}

// mayNot reports whether it was the plan's choice, and nobody else's, to join
// the Dart SDK's call, in which we may not write.
func (f *follower) mayNot(p *post, err error) bool {
	m := f.membership
	return p == f.post && errors.Is(err, ErrPower) && m.inFamedly() && m.config.Profile != ProfileFamedly
}

// turnBack joins the slot instead.
func (f *follower) turnBack(ctx context.Context, why error) error {
	m := f.membership
	m.drop(f.post)
	m.give(ctx, f.post)
	f.post, m.config.Famedly = nil, false
	m.setFamedly(false)
	if err := f.begin(ctx); err != nil {
		return m.account.explain("read room "+m.config.RoomID, err)
	}
	if !slices.Contains(m.kept(), f.post) {
		return nil // left meanwhile
	}
	m.lament(&m.trouble.slot, "those in the call of this room use a form that we may not write, so we are in another: "+why.Error())
	return f.post.enter(ctx)
}

// read asks for what the first plan depends on: what is written into the state
// by who speaks nothing but mesh is the same whoever is there.
func (f *follower) read(ctx context.Context) (facts membership.Facts, err error) {
	m := f.membership
	if m.config.Profile == ProfileFamedly || m.config.Profile == ProfileSession && !m.config.Famedly {
		create, err := m.stateOf(ctx, typeCreate, "")
		version := roomEvent{Content: create}.field("room_version")
		return membership.Facts{RoomID: m.config.RoomID, RoomVersion: version}, err
	}
	err = m.account.stubbornly(ctx, func(ctx context.Context) error {
		room, err := m.account.ReadRoom(ctx, m.config.RoomID)
		facts = room.Facts
		return err
	})
	return facts, err
}

// ask gives the plan: not whether to join, which others have asked who see the
// whole call, but how to be written. It is asked as one who speaks whatever is
// spoken there; of the transports only ours is written. A closed slot changes
// nothing for who is in it (decision D12).
func (f *follower) ask(facts membership.Facts, sessions []membership.Session, now time.Time) membership.Plan {
	us := f.abilities(facts)
	for _, session := range sessions {
		for _, m := range session.Members {
			us.Transports = append(us.Transports, m.Focus)
		}
	}
	plan := membership.PlanJoin(facts, now, us)
	if !plan.Join && f.post != nil {
		return f.plan
	}
	if !plan.Join {
		plan = membership.PlanJoin(membership.Facts{RoomID: facts.RoomID}, now, us)
	}
	plan.Foci = []message.Focus{{Type: message.FocusFullMesh}}
	if plan.Form == message.FormFamedly {
		plan.Foci = []message.Focus{message.FamedlyFocus()}
	}
	plan.RumaSafe = us.RumaSafe && plan.Form == message.FormSession
	return plan
}

// abilities are ours in this room. A sticky membership in an encrypted room has
// to be encrypted (decision D31). Once we are in a call it is not exchanged for
// another.
func (f *follower) abilities(facts membership.Facts) membership.Abilities {
	m := f.membership
	us := membership.Abilities{
		Self: m.account.party, RoomVersion: facts.RoomVersion, RumaSafe: m.config.RumaSafe,
		Transports: []string{message.FocusFullMesh}, Prefer: message.FormSession,
		Sticky:  m.account.features[message.FeatureSticky] && !(facts.Encrypted && m.account.crypto == nil),
		Delayed: m.account.DelaysEvents(),
	}
	switch {
	case m.inFamedly():
		us.Prefer = message.FormFamedly
	case m.config.Profile == ProfileSticky:
		us.Prefer = message.FormSticky
	}
	us.Famedly = m.config.Famedly && f.post == nil
	return us
}

// lament says why the membership cannot be sticky though it was asked for.
func (f *follower) lament(facts membership.Facts) {
	m := f.membership
	words := ""
	switch {
	case m.config.Profile != ProfileSticky, f.plan.Form == message.FormFamedly:
		return
	case !m.account.features[message.FeatureSticky]:
		words = "the homeserver has no sticky events (MSC4354): the membership is written into the state"
	case facts.Encrypted && m.account.crypto == nil:
		words = "the room is encrypted and our encryption is off: a sticky membership would be sent in the clear, so it is written into the state"
	}
	m.lament(&m.trouble.slot, words)
}

// newPost makes the post of a plan. A sticky key that was left is not used
// again: the leave there may be sticky for longer than what comes after it.
func (f *follower) newPost(plan membership.Plan, roomVersion string) *post {
	m := f.membership
	switch plan.Form {
	case message.FormSession:
		return newPost(m, slotPlace(m.config, m.account.party, plan, roomVersion))
	case message.FormFamedly:
		return newPost(m, famedlyPlace(m.config, m.account.party, plan, roomVersion))
	}
	place := stickyPlace(m.config, m.account.party, plan)
	if f.pace.turns > 0 {
		place.key = fmt.Sprintf("%s_%d", place.key, secondKeys+f.pace.turns)
	}
	return newPost(m, place)
}

// secondKeys are the numbers at the ends of keys that a move takes.
const secondKeys = 2

// run follows until ctx ends or the membership is left. It hands new posts to
// keep.
func (f *follower) run(ctx context.Context, keep func(*post)) {
	m := f.membership
	m.account.watch(m.config.RoomID, f)
	defer m.account.unwatch(m.config.RoomID, f)
	timer := time.NewTimer(untilWake(time.Time{}))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.leaving:
			return
		case <-f.heard:
		case <-timer.C:
		}
		timer.Reset(untilWake(f.look(ctx, keep)))
	}
}

// roomChanged notes the facts for the next look. Called by the sync loop.
func (f *follower) roomChanged(state *roomState) {
	facts := state.facts()
	facts.Ahead = f.membership.account.clock.ahead()
	f.mutex.Lock()
	f.facts = &facts
	f.mutex.Unlock()
	select {
	case f.heard <- struct{}{}:
	default:
	}
}

// look asks for the plan and turns to it if its time has come; it gives the
// instant to look again, zero for none.
func (f *follower) look(ctx context.Context, keep func(*post)) time.Time {
	f.mutex.Lock()
	facts := f.facts
	f.mutex.Unlock()
	if facts == nil {
		return time.Time{}
	}
	now := time.Now()
	result := membership.Compute(*facts, now)
	again, plan := result.Next, f.ask(*facts, result.Sessions, now)
	f.lament(*facts)
	at, differs := f.pace.at(f.plan, plan, now)
	switch {
	case differs && now.Before(at):
		return earlier(again, at)
	case differs:
		f.turn(ctx, plan, facts.RoomVersion, keep)
	}
	return again
}

// turn writes the membership as a plan has it.
func (f *follower) turn(ctx context.Context, plan membership.Plan, roomVersion string, keep func(*post)) {
	m, old := f.membership, f.post
	next := f.newPost(plan, roomVersion)
	f.pace.turned(time.Now())
	m.log.Info("the membership is written anew", "form", plan.Form.String(), "why", plan.Why)
	if next.place.sticky == old.place.sticky {
		if old.rewrite(ctx, func(form) form { return next.place.form }) == nil {
			f.plan = plan
		}
		return
	}
	next.inherit(old)
	if !m.add(next) {
		return // left meanwhile
	}
	if err := next.enter(ctx); err != nil {
		m.drop(next)
		if ctx.Err() == nil {
			m.log.Warn("the membership stays as it is", "err", err)
			m.give(ctx, next)
		}
		return
	}
	f.plan, f.post = plan, next
	keep(next)
	if err := old.leave(ctx); err != nil {
		m.log.Debug("the former membership could not be left; its delayed leave will do", "err", err)
	}
	m.drop(old)
}

// revision keeps changes of the plan apart, so that nobody who comes and goes
// makes us write at their pace. A membership that somebody would follow gives
// way at once; everything else waits until the plan has stayed the same for a
// while, each time for longer. Pure.
type revision struct {
	wanted membership.Plan
	since  time.Time // wanted since; zero while the plan is as written
	turns  int
	last   time.Time
}

const (
	// settling lets the changes of one moment come together.
	settling = 500 * time.Millisecond
	// revisionPause is how long a plan has to stay the same that is not urgent.
	revisionPause = 30 * time.Second
	// revisionMost bounds it. Turns are forgotten after twice this time.
	revisionMost = 30 * time.Minute
)

// at gives when to turn from the plan that is written to a new one, if they
// differ.
func (r *revision) at(written, wanted membership.Plan, now time.Time) (time.Time, bool) {
	if written.Same(wanted) {
		r.since = time.Time{}
		return time.Time{}, false
	}
	if r.since.IsZero() || !r.wanted.Same(wanted) {
		r.wanted, r.since = wanted, now
	}
	if written.Form == message.FormSticky && wanted.Form != message.FormSticky {
		return r.since.Add(settling), true
	}
	if now.Sub(r.last) > 2*revisionMost {
		r.turns = 0
	}
	return r.since.Add(min(revisionPause<<min(r.turns, 10), revisionMost)), true
}

func (r *revision) turned(now time.Time) {
	r.turns, r.last, r.since = r.turns+1, now, time.Time{}
}

// earlier gives the earlier of two instants, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
