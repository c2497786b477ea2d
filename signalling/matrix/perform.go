package matrix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// pace bounds a request that must not hold up a heartbeat.
const pace = 5 * time.Second

// perform carries out one action. Each request has a short time: the next
// restart must not wait for a stuck one.
func (p *post) perform(ctx context.Context, what action) report {
	ctx, cancel := context.WithTimeout(ctx, pace)
	defer cancel()
	how := report{sent: time.Now()}
	var err error
	switch what {
	case actArm:
		how.delayID, err = p.arm(ctx)
	case actJoin:
		err = p.join(ctx)
	case actRestart:
		err = p.account.delayedEvent(ctx, p.heart.armed, "restart")
	case actFire:
		err = p.account.delayedEvent(ctx, p.heart.armed, "send")
	case actDisarm:
		how.gone, err = p.disarm(ctx)
	case actReturn:
		how.delayID, err = p.comeBack(ctx)
	case actMove:
		how.delayID, err = p.move(ctx)
	case actVerify:
		found := p.look(ctx)
		how.absent, how.taken, err = found.absent, found.taken, found.fault.err
	case actLeave:
		err = p.writeLeave(ctx)
	}
	how.fault = classify(err)
	switch {
	case errors.Is(err, errNotDelayed):
		how.fault.kind = faultUnrecognised
	case what == actArm && !how.fault.kind.passing() && err != nil:
		how.maxDelay = p.account.maxDelay(ctx, how.fault)
	}
	return how
}

// read gives the present content of our event; nil when there is none.
func (p *post) read(ctx context.Context) (json.RawMessage, error) {
	return p.account.state(ctx, p.room, p.place.eventType, p.key())
}

// look finds out whether we are in our event. A sticky one is not asked for.
func (p *post) look(ctx context.Context) (how report) {
	if p.place.sticky {
		return report{absent: p.ended()}
	}
	content, err := p.read(ctx)
	if err != nil {
		return report{fault: classify(err)}
	}
	how.absent = !p.place.form.holds(content)
	how.taken = how.absent && p.place.form.holdsDevice(content)
	return how
}

// ended reports whether sync has shown a sticky membership that we wrote, and
// something later in its place.
func (p *post) ended() bool {
	ours := func(s membership.Sticky) bool { return s.EventID == p.written }
	return slices.ContainsFunc(p.stuck, ours) && !p.place.form.holds(p.stuck[0].Content)
}

// base is read for events that others write too.
func (p *post) base(ctx context.Context) (json.RawMessage, error) {
	if !p.place.shared {
		return nil, nil
	}
	return p.read(ctx)
}

func (p *post) arm(ctx context.Context) (delayID string, err error) {
	base, err := p.base(ctx)
	if err != nil {
		return "", err
	}
	content := p.place.form.leave(base, p.serverNow())
	delayID, err = p.write(ctx, content, p.heart.set.delay)
	if err == nil {
		p.armed = normal(content)
	}
	return delayID, err
}

func (p *post) join(ctx context.Context) error {
	base, err := p.base(ctx)
	if err != nil {
		return err
	}
	content, err := p.content(base)
	if err != nil {
		return err
	}
	eventID, err := p.write(ctx, content, 0)
	if err == nil {
		p.written = eventID
	}
	return err
}

// content is the membership as it is to be written now, over what is there.
// Instants in it are the homeserver's.
func (p *post) content(base json.RawMessage) (json.RawMessage, error) {
	joined := p.account.clock.at(p.heart.joined)
	if joined.IsZero() {
		p.joined = time.Time{}
	} else if !p.joined.IsZero() {
		joined = p.joined
	}
	return p.place.form.join(base, joined, p.place.expires(p.heart.armed != ""), p.serverNow())
}

func (p *post) serverNow() time.Time { return p.account.clock.at(time.Now()) }

// apart is how far behind a leave our return is scheduled: of events for the
// same state that have come due when Synapse looks (1.160, a timer that may be
// late) it sends the first and forgets the others. What comes due while it is
// still sending the first, it sends beside it, and others may see the two in the
// wrong order.
const apart = 250 * time.Millisecond

// comeBack has the homeserver write our membership right behind a leave of ours
// that cannot be cancelled. Both times are the homeserver's; what is uncertain
// is how long two requests were under way, so we take the latest instant.
func (p *post) comeBack(ctx context.Context) (delayID string, err error) {
	base, err := p.base(ctx)
	if err != nil {
		return "", err
	}
	content, err := p.content(base)
	if err != nil {
		return "", err
	}
	left := max(time.Until(p.heart.staleBy)+apart, time.Millisecond)
	return p.write(ctx, content, left)
}

// move makes us a member under the other key and leaves the present one. The
// same membership under two keys for a moment is one to readers: identity is
// sender and device (decision D8).
func (p *post) move(ctx context.Context) (delayID string, err error) {
	old := p.key()
	farewell := p.place.form.leave(nil, p.serverNow())
	p.setKey(p.place.other(old))
	content, err := p.content(nil)
	if err != nil {
		p.setKey(old)
		return "", err
	}
	delayID, err = p.write(ctx, p.place.form.leave(nil, p.serverNow()), p.heart.set.delay)
	if err == nil {
		var eventID string
		if eventID, err = p.write(ctx, content, 0); err == nil {
			p.written = eventID
		}
	}
	if err != nil {
		p.setKey(old)
		return "", err
	}
	// A failure is made good by the delayed leave of the old key.
	_, _ = p.writeAt(ctx, old, farewell, 0)
	return delayID, nil
}

func (p *post) writeLeave(ctx context.Context) error {
	base, err := p.base(ctx)
	if err != nil {
		return err
	}
	_, err = p.write(ctx, p.place.form.leave(base, p.serverNow()), 0)
	return err
}

func (p *post) write(ctx context.Context, content json.RawMessage, delay time.Duration) (string, error) {
	return p.writeAt(ctx, p.key(), content, delay)
}

func (p *post) writeAt(ctx context.Context, key string, content json.RawMessage, delay time.Duration) (string, error) {
	if !p.place.sticky {
		return p.account.putState(ctx, p.room, p.place.eventType, key, content, delay)
	}
	// A leave has to outlast the join that it ends, in the sticky map.
	lasts := p.place.usual
	if p.place.form.holds(content) {
		lasts = p.place.expires(p.heart.armed != "")
	}
	eventType, content, err := p.account.seal(ctx, p.room, p.place.eventType, content)
	if err != nil {
		return "", err
	}
	return p.account.sendSticky(ctx, p.room, eventType, rand.Text(), content, lasts, delay)
}

// disarm cancels the delayed event that is no longer wanted, unless it is gone
// already.
func (p *post) disarm(ctx context.Context) (gone bool, err error) {
	err = p.account.delayedEvent(ctx, *p.heart.unwanted(), "cancel")
	if classify(err).kind == faultNotFound {
		return true, nil
	}
	return false, err
}

// delayedEvent restarts, cancels or sends a delayed event: by its own path, or
// on servers of the older text by a body (MSC4140).
func (a *Account) delayedEvent(ctx context.Context, delayID, verb string) error {
	path := pathOf(message.PathDelayedEvents, delayID, verb)
	err := a.call(ctx, http.MethodPost, path, nil, struct{}{}, nil)
	if classify(err).kind != faultUnrecognised {
		return err
	}
	path = pathOf(message.PathDelayedEvents, delayID)
	return a.call(ctx, http.MethodPost, path, nil, map[string]string{"action": verb}, nil)
}

// maxDelay finds the longest delay the homeserver takes after it refused one:
// in the error of older servers, else among the capabilities, else by guess.
// Zero means that the delay was not the reason.
func (a *Account) maxDelay(ctx context.Context, found fault) time.Duration {
	if ms, ok := found.number(fieldMaxDelay); ok {
		return time.Duration(ms) * time.Millisecond
	}
	var answer struct {
		Capabilities map[string]json.RawMessage `json:"capabilities"`
	}
	if a.get(ctx, &answer, "v3", "capabilities") != nil {
		return 0
	}
	var limits struct {
		MaxDelay int64 `json:"max_delay_ms"`
	}
	if json.Unmarshal(answer.Capabilities[capabilityDelayed], &limits) != nil {
		return 0
	}
	return time.Duration(limits.MaxDelay) * time.Millisecond
}

// explainWrite words a refused state event; when power is the reason it says
// how much is needed and how much we have.
func (a *Account) explainWrite(ctx context.Context, roomID, eventType string, err error) error {
	what := fmt.Sprintf("write %s in %s", eventType, roomID)
	if classify(err).kind != faultForbidden {
		return a.explain(what, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pace)
	defer cancel()
	content, readErr := a.state(ctx, roomID, typePowerLevels, "")
	if readErr != nil || content == nil {
		return a.explain(what, err)
	}
	own, needed := powerFor(content, a.party.UserID, eventType)
	if own >= needed {
		return a.explain(what, err)
	}
	return fmt.Errorf("%s: %w: %w: it needs level %d and %s has %d; an admin of the room can lower \"events\": {%q: %d} in %s",
		what, ErrNotAllowed, ErrPower, needed, a.party.UserID, own, eventType, own, typePowerLevels)
}

// powerFor reads who has and what needs which level for a state event
// (client-server API, m.room.power_levels; defaults 0 and 50).
func powerFor(levels json.RawMessage, user, eventType string) (own, needed int) {
	content := struct {
		Users        map[string]int `json:"users"`
		UsersDefault int            `json:"users_default"`
		Events       map[string]int `json:"events"`
		StateDefault *int           `json:"state_default"`
	}{}
	_ = json.Unmarshal(levels, &content) // what cannot be read keeps its default
	own, needed = content.UsersDefault, 50
	if level, ok := content.Users[user]; ok {
		own = level
	}
	if content.StateDefault != nil {
		needed = *content.StateDefault
	}
	if level, ok := content.Events[eventType]; ok {
		needed = level
	}
	return own, needed
}

// normal gives JSON in one spelling, to compare what a server may have
// written anew.
func normal(content json.RawMessage) string {
	var value any
	if json.Unmarshal(content, &value) != nil {
		return string(content)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return string(content)
	}
	return string(text)
}
