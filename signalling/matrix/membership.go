package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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
	// Slot joins the slot of the room with a per-device membership (MSC4143).
	Slot bool
	// CallID joins an MSC3401 conference; its call object is created if there
	// is none.
	CallID string
	// CallType is that of a created call object, default "m.video".
	CallType string
	// Intent is m.call.intent, "audio" or "video"; may be empty.
	Intent string
	// Feeds are the purposes shown in the conference, default m.usermedia.
	Feeds []message.Feed
	// RumaSafe hides the mesh focus from readers who would take it for a
	// leave (decision D4, option b).
	RumaSafe bool

	// LeaveDelay is how long after the last restart the homeserver writes our
	// leave, default 30 s; RestartEvery is the time between restarts, default
	// 10 s (decision D10). A server with a lower limit shortens both.
	LeaveDelay, RestartEvery time.Duration
	// Expires is the validity of the membership, default 4 h in the slot and
	// 1 h in a conference; it is renewed after three quarters. A homeserver
	// without delayed events gets ExpiresBare, default 10 min, renewed after
	// half of it.
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

// Membership is our own part in the call of one room: one or two state events
// that it writes, keeps alive and takes back.
//
// Each event has a post, which owns the decisions (heartbeat) and does one
// request at a time. Join, Run and Leave take turns at the posts and may be
// called from different goroutines; the sync loop only drops what it saw.
//
// Run ends with its context, after Leave, or when the membership can no longer
// be written. Ending it without Leave leaves the homeserver to write the leave
// after LeaveDelay.
type Membership struct {
	account *Account
	config  MembershipConfig
	log     *slog.Logger
	posts   []*post
	slot    *post // nil without Slot
}

// NewMembership prepares a membership for one Join, one Run after it and one
// Leave; nothing is sent. The account's Run has to be running for a change by
// others to be noticed.
func (a *Account) NewMembership(config MembershipConfig) *Membership {
	config = config.withDefaults()
	m := &Membership{account: a, config: config, log: a.log.With("room", config.RoomID)}
	if config.Slot {
		m.slot = newPost(m, slotPlace(config, a.party))
		m.posts = append(m.posts, m.slot)
	}
	if config.CallID != "" {
		m.posts = append(m.posts, newPost(m, callsPlace(config, a.party)))
	}
	return m
}

// SessionID is what signalling calls our session.
func (m *Membership) SessionID() string { return m.config.SessionID }

// Keys names the sessions this membership is in.
func (m *Membership) Keys() []membership.Key {
	var keys []membership.Key
	if m.config.Slot {
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
// the context's. Network trouble is waited for.
func (m *Membership) Join(ctx context.Context) error {
	if len(m.posts) == 0 {
		return errors.New("membership: neither slot nor conference is asked for")
	}
	if err := m.prepare(ctx); err != nil {
		return err
	}
	for _, p := range m.posts {
		if err := p.until(ctx, func(h *heartbeat) bool { return h.present }); err != nil {
			return err
		}
	}
	m.log.Info("joined", "session", m.config.SessionID, "slot", m.config.Slot, "call", m.config.CallID)
	return nil
}

// Run keeps the membership alive until the context ends or Leave is called,
// which is no error. See Membership for how it ends otherwise.
func (m *Membership) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(m.posts))
	var posts sync.WaitGroup
	for _, p := range m.posts {
		posts.Go(func() {
			m.account.watch(m.config.RoomID, p)
			defer m.account.unwatch(m.config.RoomID, p)
			err := p.until(ctx, func(h *heartbeat) bool { return h.leaving })
			if err != nil {
				cancel()
			}
			ended <- err
		})
	}
	posts.Wait()
	close(ended)
	var first error
	for err := range ended {
		if first == nil || errors.Is(first, context.Canceled) {
			first = err
		}
	}
	return first
}

// Leave takes the membership back and returns when the homeserver has taken
// that. An error means that others see us until the delayed leave or the
// expiry.
func (m *Membership) Leave(ctx context.Context) error {
	var errs []error
	for _, p := range m.posts {
		errs = append(errs, p.leave(ctx))
	}
	err := errors.Join(errs...)
	if err == nil {
		m.log.Info("left", "session", m.config.SessionID)
	}
	return err
}

// prepare reads what the forms need to know of the room, and creates the call
// object of the conference unless a live one is there (MSC3401).
func (m *Membership) prepare(ctx context.Context) error {
	if m.config.Slot {
		create, err := m.stateOf(ctx, typeCreate, "")
		if err != nil {
			return m.account.explain("read room "+m.config.RoomID, err)
		}
		version := roomEvent{Content: create}.field("room_version")
		m.slot.place.stateKey = message.SessionStateKey(m.account.party, message.SlotRoom, version)
	}
	if m.config.CallID == "" {
		return nil
	}
	live, err := m.callIsLive(ctx)
	if err != nil || live {
		return err
	}
	content, err := message.CallObject{Intent: "m.room", Type: m.config.CallType}.Encode()
	if err != nil {
		return fmt.Errorf("create call %s: %w", m.config.CallID, err)
	}
	err = m.account.stubbornly(ctx, func(ctx context.Context) error {
		_, err := m.account.putState(ctx, m.config.RoomID, message.TypeCall, m.config.CallID, json.RawMessage(content), 0)
		return err
	})
	if err != nil {
		return m.account.explainWrite(ctx, m.config.RoomID, message.TypeCall, err)
	}
	m.log.Info("created the call", "call", m.config.CallID)
	return nil
}

func (m *Membership) callIsLive(ctx context.Context) (bool, error) {
	for _, eventType := range []string{message.TypeCall, message.TypeCallStable} {
		content, err := m.stateOf(ctx, eventType, m.config.CallID)
		if err != nil {
			return false, m.account.explain("read call "+m.config.CallID, err)
		}
		if call, err := message.ParseCallObject(content); content != nil && err == nil && !call.Terminated {
			return true, nil
		}
	}
	return false, nil
}

// stateOf reads a state event of the room; nil when there is none.
func (m *Membership) stateOf(ctx context.Context, eventType, key string) (content json.RawMessage, err error) {
	err = m.account.stubbornly(ctx, func(ctx context.Context) (err error) {
		content, err = m.account.state(ctx, m.config.RoomID, eventType, key)
		return err
	})
	return content, err
}
