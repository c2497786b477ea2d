package matrix

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshfocus/signalling/message"
)

const (
	// mediaKeyLife is how long a key may be on its way: after that the next
	// round has given out another, or somebody tries again (mesh/keying).
	mediaKeyLife = 30 * time.Second
	// heldKeysMost bounds how many keys wait for the keys of their senders.
	heldKeysMost = 256
)

// MediaKeySink is a Sink that wants the keys of other devices' frames. They
// came inside Olm, and From is the device that encrypted them: proven, and one
// that the trust policy takes. Whether it is a member is for the sink to say.
// Like Receive it must not block.
type MediaKeySink interface {
	Sink
	MediaKey(from message.Party, key message.MediaKey)
}

// SendMediaKey gives a device the key of our frames: inside Olm, to a device
// that the trust policy takes, or not at all. Done is called as Send's.
func (a *Account) SendMediaKey(to message.Party, key message.MediaKey, done func(error)) {
	content, err := key.Encode()
	p := &parcel{
		to: to, room: key.RoomID, eventType: message.TypeMediaKey, content: content, last: err, locked: true,
		deadline: time.Now().Add(mediaKeyLife), done: done,
	}
	if !a.outbox.post(p) {
		done(fmt.Errorf("send a media key to %s: %w", to, ErrClosed))
	}
}

// heldKey is a media key whose sender could not be proven yet.
type heldKey struct {
	sender string
	inner  *olmMessage
	until  time.Time
}

// proveHeldKeys tries again with what waits.
func (b *inbox) proveHeldKeys(ctx context.Context) {
	held := b.heldKeys
	b.heldKeys = nil
	for _, h := range held {
		b.readMediaKey(ctx, h)
	}
}

// readMediaKey hands a key on, if it comes from the device that it is of.
func (b *inbox) readMediaKey(ctx context.Context, h heldKey) {
	key, err := message.ParseMediaKey(h.inner.eventType, h.inner.content)
	if err != nil {
		b.refuse(h.sender, h.inner.eventType, err)
		return
	}
	from, err := b.proveKey(ctx, h)
	switch {
	case errors.Is(ctx.Err(), context.Canceled), from == b.account.party:
		return // we are stopping; or our own
	case errors.Is(err, errWaiting) && len(b.heldKeys) < heldKeysMost && time.Now().Before(h.until):
		b.heldKeys = append(b.heldKeys, h)
		return
	case err != nil:
		b.unproven.Add(1)
		b.account.log.Warn("refused a media key: it is not proven to come from a device that is trusted",
			"party", h.sender, "room", key.RoomID, "err", err)
		return
	}
	b.encrypted.Add(1)
	for _, sink := range b.account.rooms.sinksFor(key.RoomID) {
		if listening, ok := sink.(MediaKeySink); ok {
			listening.MediaKey(from, key)
		}
	}
}

// proveKey finds out which device encrypted a key, and whether it is trusted.
func (b *inbox) proveKey(ctx context.Context, h heldKey) (message.Party, error) {
	device, err := b.account.crypto.owner(ctx, h.sender, h.inner)
	if err != nil {
		return message.Party{}, err
	}
	from := message.Party{UserID: h.sender, DeviceID: device}
	return from, b.account.crypto.prove(ctx, from, h.inner)
}

// owner names the device of a user whose published keys a message was encrypted
// with: errWaiting when the homeserver does not tell them now, ErrNoKeys when
// the user has no such device.
func (m *olmMachine) owner(ctx context.Context, user string, inner *olmMessage) (string, error) {
	for again := false; ; again = true {
		devices, err := m.devices.list(ctx, []string{user})
		switch {
		case err != nil && classify(err).kind.passing():
			return "", fmt.Errorf("%w: %w", errWaiting, err)
		case err != nil:
			return "", err
		}
		for _, device := range devices {
			if !device.Deleted && device.IdentityKey == inner.senderKey {
				return string(device.DeviceID), nil
			}
		}
		if again || !m.devices.forget(user) {
			return "", fmt.Errorf("%w: no device of %s encrypted it", ErrNoKeys, user)
		}
	}
}

// refuseClearKey drops a media key that came in the clear: anybody on the way
// could have read it, or written it. It reports whether it is one.
func (b *inbox) refuseClearKey(event toDeviceEvent) bool {
	if !message.IsMediaKey(event.Type) {
		return false
	}
	b.refusedClear.Add(1)
	b.account.log.Warn("refused a media key that came in the clear", "party", event.Sender)
	return true
}

// waits reports whether anything waits for the keys of its sender.
func (b *inbox) waits() bool { return len(b.held) > 0 || len(b.heldKeys) > 0 }
