package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
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
}

// place is a state event that holds our membership.
type place struct {
	form     form
	name     string // of the form, for logs
	stateKey string
	// shared: other devices of our user write the event too. It is read
	// before it is written, and its delayed leave is not the whole leave.
	shared bool
	// usual is the validity we write, bare that without a delayed leave.
	usual, bare time.Duration
}

// settings are the times of the place's heartbeat.
func (p place) settings(config MembershipConfig) heartbeatSettings {
	return heartbeatSettings{
		delay: config.LeaveDelay, restart: config.RestartEvery,
		refresh: p.usual * 3 / 4, refreshBare: p.bare / 2,
		fireToLeave: !p.shared,
	}
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
	// set once, the state key before the first write
	account *Account
	room    string
	place   place
	log     *slog.Logger

	turn chan struct{} // has one token

	// guarded by turn
	heart   heartbeat
	armed   string    // the armed leave, normalised, of a shared event
	written string    // event ID of our last write
	joined  time.Time // server time of the first write, zero until seen

	mutex sync.Mutex
	news  *sighting     // guarded by mutex: the latest from sync
	heard chan struct{} // has room for one: there are news
}

// sighting is our event as sync showed it.
type sighting struct {
	event membership.Event
	there bool
}

func newPost(m *Membership, at place) *post {
	p := &post{
		account: m.account,
		room:    m.config.RoomID,
		place:   at,
		log:     m.log.With("form", at.name),
		turn:    make(chan struct{}, 1),
		heart:   heartbeat{set: at.settings(m.config), unarmed: !m.account.DelaysEvents()},
		heard:   make(chan struct{}, 1),
	}
	p.turn <- struct{}{}
	return p
}

// roomChanged notes our event for the next step. Called by the sync loop.
func (p *post) roomChanged(state *roomState) {
	event, there := state.call(message.TypeCallMember, p.place.stateKey)
	p.mutex.Lock()
	p.news = &sighting{event: event, there: there && event.Sender == p.account.party.UserID}
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
		if err = p.wait(ctx, wake); err != nil {
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
	if what == actNothing || what == actDone {
		return wake, nil
	}
	before := p.heart
	how := p.perform(ctx, what)
	how.random = p.account.random()
	now := time.Now()
	p.heart.did(what, how, now)
	p.tell(what, how, before)
	switch kind := how.fault.kind; {
	case kind == faultToken:
		return now, p.account.explain("keep membership", how.fault.err)
	case (what == actJoin || what == actLeave) && kind != faultNone && !kind.passing():
		return now, p.account.explainWrite(ctx, p.room, message.TypeCallMember, how.fault.err)
	}
	return now, nil
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
	content := news.event.Content
	inside := news.there && p.place.form.holds(content)
	if inside && news.event.EventID == p.written && p.joined.IsZero() {
		p.joined = news.event.SentAt
	}
	p.heart.saw(!inside, now, p.account.random())
	if p.place.shared && p.heart.armed != "" && normal(p.place.form.leave(content, now)) != p.armed {
		p.heart.changed(now)
	}
}

// tell logs what a step did to the story.
func (p *post) tell(what action, how report, before heartbeat) {
	after := &p.heart
	switch {
	case how.fault.kind != faultNone:
		level := levelOfFailure(how.fault.kind, after.failures)
		if !before.present && !how.fault.kind.passing() {
			level = slog.LevelDebug // Join returns it, or goes on without
		}
		p.log.Log(context.Background(), level, "membership request failed",
			"action", what.String(), "failures", after.failures, "err", p.account.explain(what.String(), how.fault.err))
	case what == actVerify && how.absent && !after.leaving:
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
