package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// MembershipConfig says where to be a member, and in which forms. At least one
// of Slot and CallID is needed; with both we are in both.
type MembershipConfig struct {
	RoomID string
	// SessionID is fresh with each join, the same in both forms; empty makes
	// one.
	SessionID string
	// Slot joins the call of the room: its slot (MSC4143) or, in
	// ProfileFamedly, the Dart SDK's call, in the form of Profile.
	Slot bool
	// Profile is ProfileSession by default. ProfileSticky gives way to it, as
	// Trouble tells, where the homeserver has no sticky events, where a room is
	// encrypted and we are not (decision D31), and while somebody is there who
	// follows the oldest membership (membership.PlanJoin).
	Profile Profile
	// Famedly says that we speak message.DialectFamedly too: if at the time of
	// Join all others in the room's calls are in that of the Dart SDK, and we
	// may write there, Slot joins that, whatever the Profile.
	Famedly bool
	// CallID joins an MSC3401 conference; its call object is created if there
	// is none, and revived if it was terminated. With Slot, and without the
	// power to do so, the slot alone is joined; see Trouble.
	CallID string
	// CallType is that of a created call object, default "m.video".
	CallType string
	// Intent is m.call.intent, "audio" or "video"; may be empty.
	Intent string
	// Feeds are the purposes shown in the conference and in the Dart SDK's
	// call, default m.usermedia.
	Feeds []message.Feed
	// Forwards says that what others send us is passed on to who asks for it.
	Forwards bool
	// RumaSafe hides the mesh focus from readers who would take it for a
	// leave (decision D4, option b).
	RumaSafe bool

	// LeaveDelay is how long after the last restart the homeserver writes our
	// leave, default 30 s; RestartEvery is the time between restarts, default
	// 10 s (decision D10). A server with a lower limit shortens both.
	LeaveDelay, RestartEvery time.Duration
	// route is what is said of our media's way, now; nil: that of Forwards.
	route func() message.Route
	// Expires is the validity of the membership, default 4 h in the slot, 1 h
	// in a conference and as a sticky event, where it is the most, and 6 min in
	// the Dart SDK's call. It is renewed after three quarters, in the slot after
	// half, in the Dart SDK's call after a third of it. A homeserver without
	// delayed events gets ExpiresBare, default 10 min, renewed after half of it.
	Expires, ExpiresBare time.Duration
}

func (c MembershipConfig) withDefaults() MembershipConfig {
	fill := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	fill(&c.LeaveDelay, 30*time.Second)
	fill(&c.RestartEvery, min(10*time.Second, c.LeaveDelay/3))
	fill(&c.ExpiresBare, 10*time.Minute)
	c.Expires = max(c.Expires, 0)
	if c.SessionID == "" {
		c.SessionID = rand.Text()[:16]
	}
	if c.CallType == "" {
		c.CallType = "m.video"
	}
	if c.Feeds == nil {
		c.Feeds = []message.Feed{{Purpose: message.PurposeUserMedia}}
	}
	return c
}

// Membership is our own part in the call of one room: one or two events that
// it writes, keeps alive and takes back.
//
// Each event has a post, which owns the decisions (heartbeat) and does one
// request at a time. Join, Run and Leave take turns at the posts and may be
// called from different goroutines; the sync loop only drops what it saw. While
// Run runs, how the slot is joined follows the plan (see follower).
//
// Run ends with its context, after Leave, when the membership can no longer be
// written, or with ErrTakenOver when another process of our device has joined.
// What can still be left it leaves itself, but for the end of its context: that
// without Leave leaves the homeserver to write the leave after LeaveDelay.
type Membership struct {
	// set once
	account *Account
	config  MembershipConfig
	log     *slog.Logger
	follow  *follower     // nil without Slot
	leaving chan struct{} // closed when we are on our way out

	mutex   sync.Mutex
	posts   []*post                           // guarded by mutex; of the slot first
	gone    bool                              // guarded by mutex: leaving is closed
	trouble struct{ slot, conference string } // guarded by mutex
	via     message.Party                     // guarded by mutex
	famedly bool                              // guarded by mutex: Join has chosen the Dart SDK's call
}

// NewMembership prepares a membership for one Join, one Run after it and one
// Leave; nothing is sent. The account's Run has to be running for a change by
// others to be noticed.
func (a *Account) NewMembership(config MembershipConfig) *Membership {
	config = config.withDefaults()
	m := &Membership{account: a, config: config, log: a.log.With("room", config.RoomID), leaving: make(chan struct{})}
	m.config.route = m.route
	if config.Slot {
		m.follow = newFollower(m)
	}
	if config.CallID != "" {
		m.posts = append(m.posts, newPost(m, callsPlace(m.config, a.party)))
	}
	return m
}

// add takes a post of the room's call up, before that of the conference. False
// when we are on our way out.
func (m *Membership) add(p *post) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.gone {
		return false
	}
	m.posts = slices.Insert(m.posts, 0, p)
	return true
}

// part says that no post is added any more.
func (m *Membership) part() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if !m.gone {
		m.gone = true
		close(m.leaving)
	}
}

// drop gives a post up.
func (m *Membership) drop(p *post) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.posts = slices.DeleteFunc(m.posts, func(known *post) bool { return known == p })
}

// kept gives the posts as they are now.
func (m *Membership) kept() []*post {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.Clone(m.posts)
}

// SessionID is what signalling calls our session.
func (m *Membership) SessionID() string { return m.config.SessionID }

// Trouble says in a sentence why only a part of the membership could be had;
// empty if all is well. Any goroutine may call it.
func (m *Membership) Trouble() string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.trouble.slot != "" && m.trouble.conference != "" {
		return m.trouble.slot + "; " + m.trouble.conference
	}
	return m.trouble.slot + m.trouble.conference
}

// lament sets a part of what Trouble says; "" when all is well.
func (m *Membership) lament(part *string, words string) {
	m.mutex.Lock()
	known := *part == words
	*part = words
	m.mutex.Unlock()
	if !known && words != "" {
		m.log.Warn(words)
	}
}

// inFamedly reports whether the room's call is that of the Dart SDK for us.
func (m *Membership) inFamedly() bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.famedly || m.config.Profile == ProfileFamedly
}

func (m *Membership) setFamedly(is bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.famedly = is
}

// Keys names the sessions this membership is in. Before Join has returned they
// are those it will be in, unless Join chooses the Dart SDK's call.
func (m *Membership) Keys() []membership.Key {
	var keys []membership.Key
	if m.config.Slot && m.inFamedly() {
		keys = append(keys, membership.Key{RoomID: m.config.RoomID, ConfID: membership.FamedlyConfID(message.ApplicationCall, famedlyCallID)})
	} else if m.config.Slot {
		keys = append(keys, membership.Key{RoomID: m.config.RoomID, ConfID: message.SlotRoom})
	}
	if m.config.CallID != "" {
		keys = append(keys, membership.Key{RoomID: m.config.RoomID, ConfID: m.config.CallID})
	}
	return keys
}

// Join writes the membership, after a delayed leave where the homeserver has
// that. It returns when the homeserver has taken it, or cannot take it: errors
// carry ErrNotAllowed, with ErrPower when our power level is too low, or are
// the context's. Network trouble is waited for. When it fails nothing stays
// behind; when its context ends something may, and Leave takes it back.
func (m *Membership) Join(ctx context.Context) error {
	if !m.config.Slot && m.config.CallID == "" {
		return errors.New("membership: neither slot nor conference is asked for")
	}
	if err := m.prepare(ctx); err != nil {
		return err
	}
	for _, p := range m.kept() {
		err := p.enter(ctx)
		if m.follow != nil && m.follow.mayNot(p, err) {
			err = m.follow.turnBack(ctx, err)
		}
		if err != nil {
			if ctx.Err() == nil {
				m.retire(ctx)
			}
			return err
		}
	}
	m.log.Info("joined", "session", m.config.SessionID, "slot", m.config.Slot, "profile", m.config.Profile.String(), "call", m.config.CallID)
	return nil
}

// Run keeps the membership alive until the context ends or Leave is called,
// which is no error. See Membership for how it ends otherwise.
func (m *Membership) Run(outer context.Context) error {
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	keeping := &keeping{membership: m, cancel: cancel}
	for _, p := range m.kept() {
		keeping.keep(ctx, p)
	}
	if m.follow != nil {
		keeping.posts.Go(func() { m.follow.run(ctx, func(p *post) { keeping.keep(ctx, p) }) })
	}
	keeping.posts.Wait()
	if keeping.first == nil && slices.ContainsFunc(m.kept(), (*post).hasYielded) {
		keeping.first = ErrTakenOver
	}
	if keeping.first != nil && outer.Err() == nil {
		m.retire(outer)
	}
	return keeping.first
}

// keeping is one Run: the posts that are kept, and why the first of them ended.
type keeping struct {
	membership *Membership
	cancel     context.CancelFunc // ends all
	posts      sync.WaitGroup

	mutex sync.Mutex
	first error // guarded by mutex
}

// keep keeps a post up until it has left.
func (k *keeping) keep(ctx context.Context, p *post) {
	m := k.membership
	k.posts.Go(func() {
		m.account.watch(m.config.RoomID, p)
		defer m.account.unwatch(m.config.RoomID, p)
		defer m.account.config.Budget.release(p)
		err := p.until(ctx, func(h *heartbeat) bool { return h.leaving })
		switch {
		case err != nil:
			k.cancel()
		case p.hasYielded():
			m.part()
		}
		k.mutex.Lock()
		defer k.mutex.Unlock()
		if k.first == nil || errors.Is(k.first, context.Canceled) && err != nil {
			k.first = err
		}
	})
}

// retire leaves what can be left, within a short time. What belongs to another
// process of our device stays.
func (m *Membership) retire(ctx context.Context) { m.give(ctx, m.kept()...) }

// give retires some posts.
func (m *Membership) give(ctx context.Context, posts ...*post) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pace)
	defer cancel()
	for _, p := range posts {
		if err := p.retire(ctx); err != nil {
			p.log.Debug("could not be left; the delayed leave will do", "err", err)
		}
	}
}

// SetFeeds changes the purposes shown in the conference and in the Dart SDK's
// call, and returns when the homeserver has taken that. The slot's forms show
// none. Join must have returned.
func (m *Membership) SetFeeds(ctx context.Context, feeds []message.Feed) error {
	for _, p := range m.kept() {
		if !p.place.shared {
			continue
		}
		err := p.rewrite(ctx, func(f form) form {
			return f.changed(func(c *MembershipConfig) { c.Feeds = feeds })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// SetVia says by which forwarding member we get everything, and to which we
// send; the zero Party: none (docs/protocol.md, "A member that forwards"). It
// returns when the homeserver has taken that in every form that we are in. Join
// must have returned. Calls of it follow one another.
func (m *Membership) SetVia(ctx context.Context, via message.Party) error {
	m.mutex.Lock()
	m.via = via
	m.mutex.Unlock()
	for _, p := range m.kept() {
		if err := p.rewrite(ctx, func(f form) form { return f }); err != nil {
			return err
		}
	}
	return nil
}

// route is what is said of our media's way. Forms ask when they are written, so
// that one which is made meanwhile says the same.
func (m *Membership) route() message.Route {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return message.Route{Forwards: m.config.Forwards, Via: m.via}
}

// routeNow is the route to write.
func (c MembershipConfig) routeNow() message.Route {
	if c.route == nil {
		return message.Route{Forwards: c.Forwards}
	}
	return c.route()
}

// Leave takes the membership back and returns when the homeserver has taken
// that. An error means that others see us until the delayed leave or the
// expiry.
func (m *Membership) Leave(ctx context.Context) error {
	m.part()
	var errs []error
	for _, p := range m.kept() {
		errs = append(errs, p.leave(ctx))
	}
	err := errors.Join(errs...)
	if err == nil {
		m.log.Info("left", "session", m.config.SessionID)
	}
	return err
}

// prepare asks for the plan of the slot, and sees to the call object of the
// conference. In a room where we may not create one the slot alone is joined.
func (m *Membership) prepare(ctx context.Context) error {
	if m.config.Slot {
		if err := m.follow.begin(ctx); err != nil {
			return m.account.explain("read room "+m.config.RoomID, err)
		}
	}
	if m.config.CallID == "" {
		return nil
	}
	err := m.openCall(ctx)
	if m.config.Slot && errors.Is(err, ErrPower) {
		m.giveUpConference(err)
		return nil
	}
	return err
}

// stateOf reads a state event of the room; nil when there is none.
func (m *Membership) stateOf(ctx context.Context, eventType, key string) (content json.RawMessage, err error) {
	err = m.account.stubbornly(ctx, func(ctx context.Context) (err error) {
		content, err = m.account.state(ctx, m.config.RoomID, eventType, key)
		return err
	})
	return content, err
}
