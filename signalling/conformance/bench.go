package conformance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"meshfocus/signalling/membership"
	"meshfocus/signalling/message"
)

// bench is one run: the state of our side, which each line finds anew.
type bench struct {
	config Config
	facts  membership.Facts
	// session is our session ID in the present line, peer the client's.
	session, peer string
	pending       []Heard
	all           []Heard // whatever the client said in the whole run
	open          []*call // calls of the present line
	invites       []time.Time
}

// call is one attempt of the pair.
type call struct {
	id    string
	seq   int // the number of our next message
	side  identity
	media Connection // nil in most lines: nothing is connected then
}

// edit changes a content before it leaves.
type edit func(content map[string]any)

// set puts a field in place; nil takes it out.
func set(key string, value any) edit {
	return func(content map[string]any) {
		if value == nil {
			delete(content, key)
			return
		}
		content[key] = value
	}
}

// newCall begins a call with an ID of its own.
func (b *bench) newCall() *call {
	c := &call{id: strconv.FormatInt(time.Now().UnixMilli(), 10) + rand.Text()[:16], side: newIdentity()}
	b.open = append(b.open, c)
	return c
}

// collect takes what has arrived. Messages for an earlier session of ours are
// remembered, not answered.
func (b *bench) collect() {
	heard, facts := b.config.Mailbox.empty()
	b.facts = facts
	for _, h := range heard {
		if h.From != b.config.Peer {
			continue
		}
		b.all = append(b.all, h)
		if h.Signal.DestSessionID == b.session {
			b.pending = append(b.pending, h)
		}
	}
}

// until waits for a condition on what has arrived.
func (b *bench) until(ctx context.Context, limit time.Duration, is func() bool) (bool, error) {
	over := time.NewTimer(limit)
	defer over.Stop()
	for {
		b.collect()
		if is() {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-over.C:
			return false, nil
		case <-b.config.Mailbox.arrived:
		}
	}
}

// match says which messages are waited for.
type match func(Heard) bool

func kind(k message.Kind) match { return func(h Heard) bool { return h.Signal.Kind == k } }

func of(c *call, k message.Kind) match {
	return func(h Heard) bool { return h.Signal.Kind == k && h.Signal.CallID == c.id }
}

// take removes the first pending message that matches.
func (b *bench) take(is match) (Heard, bool) {
	for i, h := range b.pending {
		if is(h) {
			b.pending = append(b.pending[:i:i], b.pending[i+1:]...)
			return h, true
		}
	}
	return Heard{}, false
}

// await waits for a message as long as the client may take for it.
func (b *bench) await(ctx context.Context, what string, is match) (h Heard, err error) {
	limit := b.config.Patience
	came, err := b.until(ctx, limit, func() bool {
		var ok bool
		h, ok = b.take(is)
		return ok
	})
	if err == nil && !came {
		err = fmt.Errorf("no %s came within %s%s", what, limit, b.instead())
	}
	return h, err
}

// instead says what is pending while something else was waited for.
func (b *bench) instead() string {
	var words []string
	for _, h := range b.pending {
		word := h.Signal.Kind.String()
		if h.Signal.Kind == message.Hangup {
			word += " (" + string(h.Signal.Reason) + ")"
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return ", nothing else either"
	}
	return "; instead: " + strings.Join(words, ", ")
}

// silence waits and wants that nothing matches.
func (b *bench) silence(ctx context.Context, limit time.Duration, what string, is match) error {
	var h Heard
	begun := time.Now()
	came, err := b.until(ctx, limit, func() bool {
		var ok bool
		h, ok = b.take(is)
		return ok
	})
	if err == nil && came {
		err = cameAfter(what, h, begun)
	}
	return err
}

// cameAfter words that something came that must not.
func cameAfter(what string, h Heard, begun time.Time) error {
	err := fmt.Errorf("%s came, after %s", what, h.At.Sub(begun).Round(10*time.Millisecond))
	if h.Signal.Kind == message.Hangup {
		err = fmt.Errorf("%w (%s)", err, h.Signal.Reason)
	}
	return err
}

// pause lets time pass in which messages are collected.
func (b *bench) pause(ctx context.Context, span time.Duration) error {
	_, err := b.until(ctx, span, func() bool { return false })
	return err
}

// enter joins under a fresh session, as a client that was restarted would, and
// waits until both ends' memberships are to be seen. Between lines we do not
// leave: each write counts where the homeserver limits them.
func (b *bench) enter(ctx context.Context) error {
	b.begin()
	return b.join(ctx)
}

// join is enter with the session ID there is.
func (b *bench) join(ctx context.Context) error {
	if err := b.config.Wire.Enter(ctx, b.session); err != nil {
		return fmt.Errorf("we could not join: %w", err)
	}
	return b.visible(ctx)
}

// begin takes a new session ID, under which nothing is pending.
func (b *bench) begin() { b.session, b.pending = rand.Text()[:16], nil }

// visible waits for our own membership to come back.
func (b *bench) visible(ctx context.Context) error {
	came, err := b.until(ctx, b.config.Patience, func() bool {
		own, ok := b.member(b.config.Self)
		return ok && own.SessionID == b.session && b.findPeer()
	})
	if err == nil && !came {
		err = errors.New("our membership did not come back, or the client's is gone")
	}
	return err
}

// findPeer learns the client's session ID.
func (b *bench) findPeer() bool {
	peer, ok := b.member(b.config.Peer)
	b.peer = peer.SessionID
	return ok
}

// member finds a device in the session under test.
func (b *bench) member(who message.Party) (membership.Member, bool) {
	for _, session := range membership.Compute(b.facts, time.Now()).Sessions {
		if session.Key != b.config.Key {
			continue
		}
		for _, m := range session.Members {
			if m.Party == who {
				return m, true
			}
		}
	}
	return membership.Member{}, false
}

// leave takes our membership back and waits until that is to be seen.
func (b *bench) leave(ctx context.Context) error {
	if err := b.config.Wire.Leave(ctx); err != nil {
		return fmt.Errorf("we could not leave: %w", err)
	}
	_, err := b.until(ctx, b.config.Patience, func() bool {
		_, there := b.member(b.config.Self)
		return !there
	})
	return err
}

// end hangs up what is open.
func (b *bench) end(ctx context.Context) error {
	var errs []error
	for _, c := range b.open {
		errs = append(errs, b.hangUp(ctx, c))
	}
	b.open = nil
	return errors.Join(errs...)
}

func (b *bench) hangUp(ctx context.Context, c *call) error {
	return b.send(ctx, c, message.TypeHangup, map[string]any{"reason": "user_hangup"})
}

// A client may take at most ten invites a minute from one device
// (docs/msc-full-mesh.md, Limits), so that we send no more.
const (
	maxInvites   = 10
	inviteWindow = time.Minute
)

// pace waits until one more invite is within the limit.
func (b *bench) pace(ctx context.Context) error {
	if len(b.invites) >= maxInvites {
		free := b.invites[len(b.invites)-maxInvites].Add(inviteWindow + time.Second)
		if wait := time.Until(free); wait > time.Second && b.config.OnPause != nil {
			b.config.OnPause(wait)
		}
		if err := b.pause(ctx, time.Until(free)); err != nil {
			return err
		}
	}
	b.invites = append(b.invites, time.Now())
	return nil
}

// content is the envelope that every message carries
// (docs/msc-full-mesh.md, Envelope), with what the kind adds.
func (b *bench) content(c *call, body map[string]any) map[string]any {
	content := map[string]any{
		"call_id": c.id, "version": "1", "party_id": b.config.Self.DeviceID, "conf_id": b.config.Key.ConfID,
		"room_id": b.config.Key.RoomID, "device_id": b.config.Self.DeviceID, "sender_session_id": b.session,
		"dest_session_id": b.peer, message.KeyMessageID: rand.Text(),
	}
	if strings.Contains(b.config.Key.ConfID, "#") {
		content["slot_id"] = b.config.Key.ConfID
	}
	maps.Copy(content, body)
	return content
}

// send numbers a message and gives it to the client.
func (b *bench) send(ctx context.Context, c *call, eventType string, body map[string]any, edits ...edit) error {
	content := b.content(c, body)
	if eventType != message.TypeSelectAnswer && eventType != message.TypeReject {
		content["seq"] = c.seq
		c.seq++
	}
	for _, change := range edits {
		change(content)
	}
	return b.sendRaw(ctx, eventType, content, !b.config.Olm)
}

func (b *bench) sendRaw(ctx context.Context, eventType string, content map[string]any, clear bool) error {
	if eventType == message.TypeInvite {
		if err := b.pace(ctx); err != nil {
			return err
		}
	}
	text, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("write %s: %w", eventType, err)
	}
	if err := b.config.Wire.Send(ctx, b.config.Peer, eventType, text, clear); err != nil {
		return fmt.Errorf("our %s could not be sent: %w", eventType, err)
	}
	return nil
}

// invite is the body of an invite.
func (b *bench) invite(c *call, sound bool) map[string]any {
	return b.inviteWith(c.side.offer(sound))
}

func (b *bench) inviteWith(sdp string) map[string]any {
	return metadata(sdp, map[string]any{
		"lifetime": 60000, "invitee": b.config.Peer.UserID, "invitee_device_id": b.config.Peer.DeviceID,
		"offer":        map[string]string{"type": "offer", "sdp": sdp},
		"capabilities": map[string]bool{"m.call.transferee": false, "m.call.dtmf": false},
	})
}

// metadata says what the streams of a description are for, under both keys.
func metadata(sdp string, body map[string]any) map[string]any {
	streams := map[string]any{}
	for _, section := range sections(sdp) {
		if name, _, _ := strings.Cut(value(section, "a=msid:"), " "); name != "" {
			streams[name] = map[string]any{"purpose": "m.usermedia", "audio_muted": false, "video_muted": false}
		}
	}
	body[message.KeyMetadata], body[message.KeyMetadataUnstable] = streams, streams
	return body
}

// place sends an invite.
func (b *bench) place(ctx context.Context, edits ...edit) (*call, error) {
	c := b.newCall()
	return c, b.send(ctx, c, message.TypeInvite, b.invite(c, true), edits...)
}

// connect sends an invite and waits for the answer.
func (b *bench) connect(ctx context.Context, edits ...edit) (*call, error) {
	c, err := b.place(ctx, edits...)
	if err != nil {
		return c, err
	}
	return c, b.answered(ctx, c)
}

func (b *bench) answered(ctx context.Context, c *call) error {
	h, err := b.await(ctx, "answer", of(c, message.Answer))
	if err != nil {
		return err
	}
	if !strings.Contains(h.Signal.Description.SDP, "m=") {
		return errors.New("the answer describes no media")
	}
	return b.chosen(ctx, c, h)
}

// chosen tells the client that its answer is the one.
func (b *bench) chosen(ctx context.Context, c *call, answer Heard) error {
	return b.send(ctx, c, message.TypeSelectAnswer, map[string]any{"selected_party_id": answer.Signal.PartyID})
}

// negotiate sends a later offer of the call.
func (b *bench) negotiate(ctx context.Context, c *call, edits ...edit) error {
	sdp := c.side.offer(true)
	body := metadata(sdp, map[string]any{"lifetime": 60000, "description": map[string]string{"type": "offer", "sdp": sdp}})
	return b.send(ctx, c, message.TypeNegotiate, body, edits...)
}

// renegotiated is an answer to a later offer.
func renegotiated(c *call) match {
	return func(h Heard) bool { return of(c, message.Negotiate)(h) && h.Signal.Description.Type == "answer" }
}

// called waits for the client's invite and takes the call up.
func (b *bench) called(ctx context.Context) (*call, Heard, error) {
	h, err := b.await(ctx, "invite", kind(message.Invite))
	if err != nil {
		return nil, h, err
	}
	c := &call{id: h.Signal.CallID, side: newIdentity()}
	b.open = append(b.open, c)
	return c, h, nil
}

// answer answers the client's invite.
func (b *bench) answer(ctx context.Context, c *call, invite Heard, edits ...edit) error {
	return b.send(ctx, c, message.TypeAnswer, answerWith(c.side.answer(invite.Signal.Description.SDP)), edits...)
}

func answerWith(sdp string) map[string]any {
	return metadata(sdp, map[string]any{
		"answer":       map[string]string{"type": "answer", "sdp": sdp},
		"capabilities": map[string]bool{"m.call.transferee": false, "m.call.dtmf": false},
	})
}
