package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"

	"meshfocus/signalling/message"
)

// inboxStats counts what came in and what was dropped, and why. Written by
// the sync loop, read by anybody.
type inboxStats struct {
	encrypted, clear                   atomic.Uint64
	refusedClear, unproven, unreadable atomic.Uint64
	foreign                            atomic.Uint64
}

// InboxStats counts received to-device messages since Open.
type InboxStats struct {
	Encrypted uint64 // taken, through Olm
	Clear     uint64 // taken, in cleartext
	// RefusedClear came in cleartext where encryption is required.
	RefusedClear uint64
	// Unproven came through Olm from another device than they claim, or from
	// one the trust policy excludes.
	Unproven uint64
	// Unreadable could not be decrypted or parsed.
	Unreadable uint64
	// Foreign are types that are none of ours.
	Foreign uint64
}

// InboxStats gives a snapshot.
func (a *Account) InboxStats() InboxStats {
	return InboxStats{
		Encrypted: a.inbox.encrypted.Load(), Clear: a.inbox.clear.Load(),
		RefusedClear: a.inbox.refusedClear.Load(), Unproven: a.inbox.unproven.Load(),
		Unreadable: a.inbox.unreadable.Load(), Foreign: a.inbox.foreign.Load(),
	}
}

// receive takes the messages of one response: device lists first, so that a
// new device's message can be read; then the messages in order; then the
// one-time keys, which the messages may have used up.
func (a *Account) receive(ctx context.Context, response *syncResponse) {
	if a.crypto != nil {
		a.crypto.devicesChanged(response.DeviceLists.Changed)
	}
	var all []Received
	for _, raw := range response.ToDevice.Events {
		var event toDeviceEvent
		if json.Unmarshal(raw, &event) != nil || event.Sender == "" {
			a.inbox.unreadable.Add(1)
			continue
		}
		if received, ok := a.read(ctx, event); ok {
			all = append(all, received)
		}
	}
	if a.crypto != nil {
		a.crypto.keyCounts(ctx, response)
	}
	a.deliver(all)
}

// read turns one to-device event into a signal, if it is one for us.
func (a *Account) read(ctx context.Context, event toDeviceEvent) (Received, bool) {
	switch {
	case event.Type == message.TypeEncrypted && a.crypto != nil:
		return a.readEncrypted(ctx, event)
	case event.Type == message.TypeEncrypted:
		a.inbox.unreadable.Add(1)
		a.log.Debug("dropped an encrypted message, encryption is off", "from", event.Sender)
		return Received{}, false
	default:
		return a.readClear(ctx, event)
	}
}

func (a *Account) readEncrypted(ctx context.Context, event toDeviceEvent) (Received, bool) {
	inner, err := a.crypto.decrypt(ctx, event)
	if err != nil {
		a.inbox.unreadable.Add(1)
		a.log.Warn("cannot decrypt a message", "from", event.Sender, "err", err)
		return Received{}, false
	}
	if inner == nil {
		return Received{}, false // keys and the like, done with
	}
	signal, ok := a.parse(inner.eventType, event.Sender, inner.content)
	if !ok {
		return Received{}, false
	}
	from := message.Party{UserID: event.Sender, DeviceID: signal.DeviceID}
	if err = a.crypto.prove(ctx, from, inner); err != nil {
		a.inbox.unproven.Add(1)
		a.log.Warn("refused a message that does not come from the device it claims",
			"from", from.String(), "type", inner.eventType, "err", err)
		return Received{}, false
	}
	a.inbox.encrypted.Add(1)
	return Received{From: from, Encrypted: true, Signal: signal}, true
}

func (a *Account) readClear(ctx context.Context, event toDeviceEvent) (Received, bool) {
	signal, ok := a.parse(event.Type, event.Sender, event.Content)
	if !ok {
		if a.crypto != nil {
			a.crypto.other(ctx, event)
		}
		return Received{}, false
	}
	from := message.Party{UserID: event.Sender, DeviceID: signal.DeviceID}
	if a.config.Encrypt.within(a.encryptedFor(signal, from)) == EncryptRequire {
		if a.inbox.refusedClear.Add(1); a.crypto.firstRefusal(from) {
			a.log.Warn("refused cleartext, encryption is required here; the other side has to encrypt, or --encrypt prefer here",
				"from", from.String(), "room", signal.RoomID)
		}
		return Received{}, false
	}
	a.inbox.clear.Add(1)
	return Received{From: from, Signal: signal}, true
}

// parse reads the content; a message without device cannot be attributed.
func (a *Account) parse(eventType, sender string, content json.RawMessage) (message.Signal, bool) {
	signal, err := message.ParseSignal(eventType, content)
	switch {
	case errors.Is(err, message.ErrIgnoredType), errors.Is(err, message.ErrUnknownType):
		a.inbox.foreign.Add(1)
		return signal, false
	case err == nil && signal.DeviceID == "":
		err = errors.New("device_id is missing: want the sender's device")
	}
	if err != nil {
		a.inbox.unreadable.Add(1)
		a.log.Debug("dropped a call message", "from", sender, "type", eventType, "err", err)
		return signal, false
	}
	own := message.Party{UserID: sender, DeviceID: signal.DeviceID}
	return signal, own != a.party
}

// encryptedFor reports whether a signal belongs to an encrypted room: the one
// it names, else any followed room in which the sender has a call membership.
// Called by the sync loop.
func (a *Account) encryptedFor(signal message.Signal, from message.Party) bool {
	if known := a.rooms.find(signal.RoomID); known != nil {
		return known.state.encrypted
	}
	return len(a.rooms.take(func(r *room) bool { return r.state.encrypted && r.state.hasMember(from.UserID) })) > 0
}

// deliver hands signals to the sinks, each sink once with all that is for it.
func (a *Account) deliver(all []Received) {
	type share struct {
		sink Sink
		got  []Received
	}
	var shares []*share
	for _, received := range all {
		for _, sink := range a.rooms.sinksFor(received.Signal.RoomID) {
			at := slices.IndexFunc(shares, func(s *share) bool { return s.sink == sink })
			if at < 0 {
				at, shares = len(shares), append(shares, &share{sink: sink})
			}
			shares[at].got = append(shares[at].got, received)
		}
	}
	for _, share := range shares {
		share.sink.Receive(share.got)
	}
}
