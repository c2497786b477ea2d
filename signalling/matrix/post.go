package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"meshfocus/signalling/membership"
)

// form writes and reads the contents of one kind of membership event. Pure.
type form interface {
	// join gives the content to write: from the present one if others write
	// it too, else that is nil. joined is when this membership began, zero
	// for a new one.
	join(present json.RawMessage, joined time.Time, expires time.Duration, now time.Time) (json.RawMessage, error)
	// leave gives the content without us.
	leave(present json.RawMessage, now time.Time) json.RawMessage
	// holds reports whether we are in a content.
	holds(content json.RawMessage) bool
	// holdsDevice reports whether our device is, be it in another session.
	holdsDevice(content json.RawMessage) bool
	// changed is the form after a change of what it was told to write.
	changed(func(*MembershipConfig)) form
}

// place is an event that holds our membership: a state event, or a sticky one.
type place struct {
	form      form
	name      string // of the form, for logs
	eventType string
	// key is the state key or the sticky key.
	key string
	// sticky: a message event that the homeserver forgets unless it is sent
	// again (MSC4354). It cannot be asked for; sync shows it.
	sticky bool
	// shared: other devices of our user write the event too. It is read
	// before it is written, and its delayed leave is not the whole leave.
	shared bool
	// usual is the validity we write, bare that without a delayed leave; renew
	// is how long after a write the next one comes.
	usual, bare, renew time.Duration
}

// settings are the times of the place's heartbeat.
func (p place) settings(config MembershipConfig) heartbeatSettings {
	return heartbeatSettings{
		delay: config.LeaveDelay, restart: config.RestartEvery,
		refresh: p.renew, refreshBare: p.bare / 2,
		fireToLeave: !p.shared, moves: !p.shared,
	}
}

// secondKey ends the other state key of an event that is ours alone. Readers
// derive nothing from keys (decision D8); Ruma takes any end.
const secondKey = "_2"

// other gives the key to move to.
func (p place) other(key string) string {
	if first, moved := strings.CutSuffix(key, secondKey); moved {
		return first
	}
	return key + secondKey
}

// expires is the validity to write: short where only it removes a crashed
// device.
func (p place) expires(armed bool) time.Duration {
	if armed {
		return p.usual
	}
	return p.bare
}

// post keeps one own membership event. Its heartbeat is guarded by turn, which
// Join, Run and Leave hold for one step at a time.
type post struct {
	// set once
	account *Account
	room    string
	place   place
	log     *slog.Logger
	usual   heartbeatSettings

	turn chan struct{} // has one token

	// guarded by turn
	heart   heartbeat
	armed   string              // the armed leave, normalised, of a shared event
	written string              // event ID of our last write
	stuck   []membership.Sticky // what sync last showed of a sticky event, the latest first
	joined  time.Time           // server time of the first write, zero until seen

	mutex sync.Mutex
	at    string        // guarded by mutex: the state key, set before the first write
	news  *sighting     // guarded by mutex: the latest from sync
	heard chan struct{} // has room for one: there are news
}

// sighting is our event as sync showed it: the state, or what is in our place
// of the sticky map, the latest first.
type sighting struct {
	event membership.Event
	there bool
	stuck []membership.Sticky
}

func newPost(m *Membership, at place) *post {
	p := &post{
		account: m.account,
		room:    m.config.RoomID,
		place:   at,
		log:     m.log.With("form", at.name),
		turn:    make(chan struct{}, 1),
		usual:   at.settings(m.config),
		heart:   heartbeat{set: at.settings(m.config), unarmed: !m.account.DelaysEvents()},
		heard:   make(chan struct{}, 1),
		at:      at.key,
	}
	p.adopt(at.form)
	p.turn <- struct{}{}
	return p
}

// adopt writes in a form from now on. Called with the turn.
func (p *post) adopt(f form) {
	if sticky, ok := f.(stickyForm); ok {
		sticky.key = p.key
		f = sticky
	}
	p.place.form = f
}

// inherit takes over when the membership began, from the post that was before.
func (p *post) inherit(from *post) {
	<-from.turn
	defer func() { from.turn <- struct{}{} }()
	p.heart.joined, p.joined = from.heart.joined, from.joined
}

// key is the state key of our event.
func (p *post) key() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.at
}

func (p *post) setKey(key string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.at, p.news = key, nil
}

// roomChanged notes our event for the next step. Called by the sync loop.
func (p *post) roomChanged(state *roomState) {
	found := sighting{}
	if p.place.sticky {
		found.stuck = state.sticky.at(p.account.party.UserID, p.place.eventType, p.key())
	} else {
		found.event, found.there = state.call(p.place.eventType, p.key())
		found.there = found.there && found.event.Sender == p.account.party.UserID
	}
	p.mutex.Lock()
	p.news = &found
	p.mutex.Unlock()
	p.wake()
}

// wake makes a waiting until look again.
func (p *post) wake() {
	select {
	case p.heard <- struct{}{}:
	default:
	}
}

// until goes on step by step until the condition holds.
func (p *post) until(ctx context.Context, condition func(*heartbeat) bool) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.turn:
		}
		p.takeNews()
		p.share()
		listen := p.heart.quiet(p.account.heardAt(), p.account.maySleep(), time.Now())
		done := condition(&p.heart)
		var wake time.Time
		var err error
		if !done {
			wake, err = p.step(ctx)
		}
		p.turn <- struct{}{}
		if done || err != nil {
			return err
		}
		if err = p.wait(ctx, earlier(wake, listen)); err != nil {
			return err
		}
	}
}

// wait sleeps until the instant, news, or the end of the context.
func (p *post) wait(ctx context.Context, wake time.Time) error {
	timer := time.NewTimer(untilWake(wake))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.heard:
	case <-timer.C:
	}
	return nil
}

// step does what is due, and gives the instant to look again.
func (p *post) step(ctx context.Context) (time.Time, error) {
	what, wake := p.heart.next(time.Now())
	if what == actNothing || what == actDone || !p.affords(what) {
		return wake, nil
	}
	before := p.heart
	how := p.perform(ctx, what)
	how.random = p.account.random()
	now := time.Now()
	p.heart.did(what, how, now)
	if how.fault.kind == faultLimited && (what == actRestart || what == actFire || what == actDisarm) {
		p.account.config.Budget.pause(now.Add(how.fault.retryAfter))
	}
	p.tell(ctx, what, how, before)
	switch kind := how.fault.kind; {
	case kind == faultToken:
		return now, p.account.explain("keep membership", how.fault.err)
	case (what == actJoin || what == actLeave) && kind != faultNone && !kind.passing():
		return now, p.explain(ctx, how.fault.err)
	}
	return now, nil
}

// explain words why the membership cannot be written.
func (p *post) explain(ctx context.Context, err error) error {
	if p.place.sticky {
		return p.account.explain("send "+p.place.eventType+" in "+p.room, err)
	}
	return p.account.explainWrite(ctx, p.room, p.place.eventType, err)
}

// affords asks the budget of the account. A restart waits for its turn, what
// cannot wait is counted.
func (p *post) affords(what action) bool {
	budget, now := p.account.config.Budget, time.Now()
	switch what {
	case actRestart:
		granted, again, limited := budget.ask(p, p.heart.due, now)
		if !granted {
			p.heart.wait(again, limited || again.After(p.heart.due.Add(-p.heart.armedFor/3)))
		}
		return granted
	case actDisarm:
		if p.heart.leaving {
			budget.spend(now)
			return true
		}
		granted, again, _ := budget.ask(p, p.heart.staleDue, now)
		if !granted {
			p.heart.disarmAt = again
		}
		return granted
	case actFire:
		budget.spend(now)
	}
	return true
}

// share takes the post's part of the budget, or gives it back.
func (p *post) share() {
	budget := p.account.config.Budget
	if p.heart.unarmed || p.heart.leaving {
		budget.release(p)
		return
	}
	delay, restart := budget.pace(p, p.usual.delay, p.usual.restart)
	p.heart.pace(delay, restart, time.Now())
}

// enter goes on until we are in.
func (p *post) enter(ctx context.Context) error {
	p.forgetLeftovers(ctx)
	err := p.until(ctx, func(h *heartbeat) bool { return h.present || h.leaving })
	if err == nil && p.hasYielded() {
		err = ErrTakenOver
	}
	return err
}

// rewrite writes the event anew, in the form that is made of the present one.
func (p *post) rewrite(ctx context.Context, to func(form) form) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.turn:
	}
	p.adopt(to(p.place.form))
	p.heart.refreshAt = time.Now()
	p.turn <- struct{}{}
	p.wake() // Run, whose next look may be far away
	return p.until(ctx, func(h *heartbeat) bool { return h.leaving || h.present && h.refreshAt.After(time.Now()) })
}

// leave goes on until we are out.
func (p *post) leave(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.turn:
	}
	p.heart.leave(time.Now())
	p.turn <- struct{}{}
	p.wake() // Run, that it ends
	err := p.until(ctx, func(h *heartbeat) bool {
		what, _ := h.next(time.Now())
		return what == actDone
	})
	if err != nil {
		return fmt.Errorf("leave the call (%s) in %s: %w", p.place.name, p.room, err)
	}
	return nil
}

// retire leaves unless somebody else is in our place; then only the delayed
// leave is taken back.
func (p *post) retire(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.turn:
	}
	if how := p.look(ctx); how.fault.kind == faultNone && how.absent {
		p.heart.present = false
	}
	p.turn <- struct{}{}
	return p.leave(ctx)
}

// hasYielded reports whether another process of our device has our place.
func (p *post) hasYielded() bool {
	<-p.turn
	defer func() { p.turn <- struct{}{} }()
	return p.heart.yielded
}

// takeNews feeds the heartbeat with what sync showed.
func (p *post) takeNews() {
	p.mutex.Lock()
	news := p.news
	p.news = nil
	p.mutex.Unlock()
	if news == nil {
		return
	}
	now := time.Now()
	if p.place.sticky {
		p.stuck = news.stuck
		p.heart.saw(p.ended(), now, p.account.random())
		return
	}
	p.heart.verified = now
	content := news.event.Content
	inside := news.there && p.place.form.holds(content)
	if inside && news.event.EventID == p.written && p.joined.IsZero() {
		p.joined = news.event.SentAt
	}
	p.heart.saw(!inside, now, p.account.random())
	if p.place.shared && p.heart.armed != "" && normal(p.place.form.leave(content, p.serverNow())) != p.armed {
		p.heart.changed(now)
	}
}

// tell logs what a step did to the story.
func (p *post) tell(ctx context.Context, what action, how report, before heartbeat) {
	after := &p.heart
	switch {
	case how.fault.kind != faultNone:
		level := levelOfFailure(how.fault.kind, after.failures)
		if !before.present && !how.fault.kind.passing() {
			level = slog.LevelDebug // Join returns it, or goes on without
		}
		if ctx.Err() != nil {
			level = slog.LevelDebug // we stopped in the middle of it
		}
		p.log.Log(context.Background(), level, "membership request failed",
			"action", what.String(), "failures", after.failures, "err", p.account.explain(what.String(), how.fault.err))
	case after.yielded && !before.yielded:
		p.log.Warn("another process of this device has joined the call; leaving it to that one")
	case what == actReturn:
		p.log.Info("restarts are refused for too long; the homeserver brings us back right after the leave that it will write")
	case what == actMove:
		p.log.Info("restarts are refused for too long; the membership has moved to another state key")
	case what == actVerify && before.present && !after.present && !after.leaving:
		p.log.Info("we are no longer in the call, joining again", "losses", after.losses)
	default:
		p.log.Debug("membership request done", "action", what.String())
	}
	if before.present && !after.present && what == actRestart {
		p.log.Warn("the homeserver has written our leave, joining again")
	}
	if after.present && after.unarmed && !(before.present && before.unarmed) {
		p.log.Warn("no delayed leave: after a crash others see us until the membership expires")
	}
}
