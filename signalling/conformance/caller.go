package conformance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"meshfocus/signalling/message"
)

// The lines in which we call, or ought to be called by nobody.

func orderWaits(context.Context, *bench) (taboo, error) {
	return taboo{"an invite", kind(message.Invite)}, nil
}

// unanswered is a call that must not be answered.
func unanswered(c *call, err error) (taboo, error) {
	return taboo{"an answer", of(c, message.Answer)}, err
}

func inviteAnswered(ctx context.Context, b *bench) error {
	c, err := b.connect(ctx)
	if err != nil {
		return err
	}
	return b.silence(ctx, b.config.Silence/3, "a hang-up", of(c, message.Hangup))
}

// inviteEarly sends an invite and becomes a member after it.
func inviteEarly(ctx context.Context, b *bench) error {
	if err := b.leave(ctx); err != nil {
		return err
	}
	b.begin()
	c, err := b.place(ctx)
	if err != nil {
		return err
	}
	if err := b.pause(ctx, time.Second); err != nil {
		return err
	}
	if err := b.join(ctx); err != nil {
		return err
	}
	return b.answered(ctx, c)
}

// seqHole leaves out a number.
func seqHole(ctx context.Context, b *bench) error {
	c, err := b.connect(ctx)
	if err != nil {
		return err
	}
	c.seq++
	if err := b.negotiate(ctx, c); err != nil {
		return err
	}
	_, err = b.await(ctx, "answer to the offer behind the hole", renegotiated(c))
	return err
}

// seqTwice sends one message twice, with the same number and message ID.
func seqTwice(ctx context.Context, b *bench) error {
	c, err := b.connect(ctx)
	if err != nil {
		return err
	}
	var sent map[string]any
	if err := b.negotiate(ctx, c, func(content map[string]any) { sent = content }); err != nil {
		return err
	}
	if err := b.sendRaw(ctx, message.TypeNegotiate, sent, !b.config.Olm); err != nil {
		return err
	}
	if _, err := b.await(ctx, "answer to the offer", renegotiated(c)); err != nil {
		return err
	}
	return b.silence(ctx, b.config.Silence, "a second answer", renegotiated(c))
}

// seqOffset is what Hydrogen does: it counts on over several calls.
func seqOffset(ctx context.Context, b *bench) error {
	c := b.newCall()
	c.seq = 7
	if err := b.send(ctx, c, message.TypeInvite, b.invite(c, true)); err != nil {
		return err
	}
	if err := b.answered(ctx, c); err != nil {
		return err
	}
	if err := b.negotiate(ctx, c); err != nil {
		return err
	}
	_, err := b.await(ctx, "answer to the offer that follows", renegotiated(c))
	return err
}

func seqNone(ctx context.Context, b *bench) error {
	c, err := b.connect(ctx, set("seq", nil))
	if err != nil {
		return err
	}
	if err := b.negotiate(ctx, c, set("seq", nil)); err != nil {
		return err
	}
	_, err = b.await(ctx, "answer to the offer without a number", renegotiated(c))
	return err
}

func versionNumber(ctx context.Context, b *bench) error {
	_, err := b.connect(ctx, set("version", 1))
	return err
}

func metadataUnstable(ctx context.Context, b *bench) error {
	_, err := b.connect(ctx, set(message.KeyMetadata, nil))
	return err
}

func metadataNone(ctx context.Context, b *bench) error {
	_, err := b.connect(ctx, set(message.KeyMetadata, nil), set(message.KeyMetadataUnstable, nil))
	return err
}

func offerSilent(ctx context.Context, b *bench) error {
	c := b.newCall()
	if err := b.send(ctx, c, message.TypeInvite, b.invite(c, false)); err != nil {
		return err
	}
	return b.answered(ctx, c)
}

func sessionStale(ctx context.Context, b *bench) (taboo, error) {
	return unanswered(b.place(ctx, set("dest_session_id", "nobodys-session")))
}

// confUnknown names a session that is not there. The client may say nothing,
// or reject the call.
func confUnknown(ctx context.Context, b *bench) (taboo, error) {
	return unanswered(b.place(ctx, set("conf_id", "m.call#conformance-nowhere"), set("slot_id", "m.call#conformance-nowhere")))
}

// hangupTombstone ends a call before its invite arrives.
func hangupTombstone(ctx context.Context, b *bench) (taboo, error) {
	c := b.newCall()
	c.seq = 1
	if err := b.send(ctx, c, message.TypeHangup, map[string]any{"reason": "user_hangup"}); err != nil {
		return taboo{}, err
	}
	c.seq = 0
	return unanswered(c, b.send(ctx, c, message.TypeInvite, b.invite(c, true)))
}

// hangupOvertakes ends a call by a message behind a hole, and goes on as if
// nothing had been.
func hangupOvertakes(ctx context.Context, b *bench) error {
	c, err := b.connect(ctx)
	if err != nil {
		return err
	}
	c.seq += 5
	if err := b.send(ctx, c, message.TypeHangup, map[string]any{"reason": "user_hangup"}); err != nil {
		return err
	}
	c.seq = 1
	if err := b.negotiate(ctx, c); err != nil {
		return err
	}
	return b.silence(ctx, b.config.Silence/2, "an answer to an offer of the dead call", renegotiated(c))
}

// clearRefused sends a call in cleartext.
func clearRefused(ctx context.Context, b *bench) (taboo, error) {
	c := b.newCall()
	content := b.content(c, b.invite(c, true))
	content["seq"] = 0
	return unanswered(c, b.sendRaw(ctx, message.TypeInvite, content, true))
}

// deviceBound claims to be another device than the one that encrypts.
func deviceBound(ctx context.Context, b *bench) (taboo, error) {
	other := b.config.Self.DeviceID + "X"
	return unanswered(b.place(ctx, set("device_id", other), set("party_id", other)))
}

// large is as much as fits into an event after Olm and base64 have had theirs.
const large = 40_000

// sizeLarge sends a description with many attributes that nobody knows, which
// RFC 8866 has readers ignore.
func sizeLarge(ctx context.Context, b *bench) error {
	_, err := b.connect(ctx, func(content map[string]any) {
		offer, ok := content["offer"].(map[string]string)
		if !ok {
			return
		}
		var padding strings.Builder
		for i := 0; padding.Len() < large; i++ {
			fmt.Fprintf(&padding, "a=x-conformance:%05d %s\r\n", i, strings.Repeat("x", 80))
		}
		offer["sdp"] += padding.String()
	})
	return err
}

// alike wants two users of whom it makes a difference whether IDs are compared
// one after the other or joined, as the Dart SDK does (decision D21).
func alike(b *bench) error {
	self, peer := b.config.Self, b.config.Peer
	if self.UserID+":"+self.DeviceID < peer.UserID+":"+peer.DeviceID == self.Before(peer) {
		return notApplicable("needs two users of whom one's ID is the beginning of the other's, such as @a:example.com and @a:example.com.au")
	}
	return nil
}

func ownDevices(b *bench) error {
	if b.config.Self.UserID != b.config.Peer.UserID {
		return notApplicable("needs a second device of " + b.config.Peer.UserID)
	}
	return nil
}

// ordered wants that the client calls when it sorts first, and only then.
func ordered(ctx context.Context, b *bench) error {
	if b.config.Self.Before(b.config.Peer) {
		return b.silence(ctx, b.config.Silence, "an invite", kind(message.Invite))
	}
	return orderCalls(ctx, b)
}
