package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"meshfocus/signalling/message"
	"meshfocus/signalling/ring"
)

const (
	// holdFor is how long a message waits for the keys of its sender when the
	// homeserver does not give them; as long as an invite lives.
	holdFor = 60 * time.Second
	// holdMost bounds how many messages wait so.
	holdMost = 256
	// encryptingMost bounds how many devices are remembered as encrypting.
	encryptingMost = 4096
	// holdPoll is the long poll while some wait.
	holdPoll = time.Second
)

// inbox turns to-device events into signals and hands them to the sinks.
// Owned by the sync loop, but for the counters.
type inbox struct {
	account *Account
	ignored map[string]bool
	// held are decrypted messages whose sender could not be proven yet,
	// because the homeserver would not answer. Order is kept per user.
	held []heldMessage
	// heldKeys are media keys that wait likewise.
	heldKeys []heldKey
	// encrypting are devices that have sent Olm: cleartext in their name is
	// somebody else's, or a step back that nobody asked for.
	encrypting map[message.Party]bool

	encrypted, clear                   atomic.Uint64
	refusedClear, unproven, unreadable atomic.Uint64
	foreign                            atomic.Uint64
}

// heldMessage is a decrypted signal with the keys that have to prove it.
type heldMessage struct {
	from   message.Party
	signal message.Signal
	inner  *olmMessage
	until  time.Time
}

func newInbox(a *Account) *inbox {
	return &inbox{account: a, ignored: map[string]bool{}, encrypting: map[message.Party]bool{}}
}

// pollAtMost shortens the long poll while messages wait for keys.
func (b *inbox) pollAtMost(timeout time.Duration) time.Duration {
	if b.waits() {
		return min(timeout, holdPoll)
	}
	return timeout
}

// receive takes the messages of one response: device lists first, so that a
// new device's message can be read; then the messages in order; then the
// one-time keys, which the messages may have used up; then what waited for keys
// of rooms, so that signals come after the facts still.
func (b *inbox) receive(ctx context.Context, response *syncResponse) {
	b.ignore(response.AccountData.Events)
	olm := b.account.crypto
	if olm != nil {
		olm.devicesChanged(response.DeviceLists.Changed)
	}
	all := b.proveHeld(ctx)
	b.proveHeldKeys(ctx)
	for _, raw := range response.ToDevice.Events {
		var event toDeviceEvent
		if json.Unmarshal(raw, &event) != nil || event.Sender == "" {
			b.unreadable.Add(1)
			continue
		}
		if received, ok := b.read(ctx, event); ok {
			all = append(all, received)
		}
	}
	if olm != nil {
		olm.keyCounts(ctx, response)
	}
	if len(response.ToDevice.Events) > 0 {
		b.account.openWaiting(ctx)
	}
	b.deliver(all)
}

// ignore takes over the user's list of ignored users (client-server API,
// ignoring users; decision D29).
func (b *inbox) ignore(events []json.RawMessage) {
	for _, raw := range events {
		var event struct {
			Type    string `json:"type"`
			Content struct {
				Users map[string]json.RawMessage `json:"ignored_users"`
			} `json:"content"`
		}
		if json.Unmarshal(raw, &event) != nil || event.Type != typeIgnored {
			continue
		}
		clear(b.ignored)
		for user := range event.Content.Users {
			b.ignored[user] = true
		}
	}
}

// read turns one to-device event into a signal, if it is one for us.
func (b *inbox) read(ctx context.Context, event toDeviceEvent) (Received, bool) {
	switch {
	case b.ignored[event.Sender]:
		return Received{}, false
	case event.Type == message.TypeEncrypted && b.account.crypto != nil:
		return b.readEncrypted(ctx, event)
	case event.Type == message.TypeEncrypted:
		b.unreadable.Add(1)
		b.account.log.Debug("dropped an encrypted message, encryption is off", "party", event.Sender)
		return Received{}, false
	default:
		return b.readClear(ctx, event)
	}
}

func (b *inbox) readEncrypted(loop context.Context, event toDeviceEvent) (Received, bool) {
	ctx, cancel := context.WithTimeout(loop, requestTimeout)
	defer cancel()
	inner, err := b.account.crypto.decrypt(ctx, event)
	if loop.Err() != nil {
		return Received{}, false // we are stopping; whatever failed, failed for that
	}
	if err != nil {
		b.unreadable.Add(1)
		b.account.log.Warn("cannot decrypt a message", "party", event.Sender, "err", err)
		return Received{}, false
	}
	if inner == nil {
		return Received{}, false // keys and the like, done with
	}
	if inner.eventType == message.TypeReport {
		b.readReport(ctx, event.Sender, inner)
		return Received{}, false
	}
	if message.IsMediaKey(inner.eventType) {
		b.readMediaKey(ctx, heldKey{event.Sender, inner, time.Now().Add(holdFor)})
		return Received{}, false
	}
	signal, err := message.ParseSignal(inner.eventType, inner.content)
	if err != nil {
		if !b.acknowledged(event.Sender, inner.eventType, inner.content) {
			b.refuse(event.Sender, inner.eventType, err)
		}
		return Received{}, false
	}
	if signal.DeviceID == "" {
		signal.DeviceID = b.account.crypto.deviceOf(ctx, event.Sender, inner)
	}
	held := heldMessage{
		from:   message.Party{UserID: event.Sender, DeviceID: signal.DeviceID},
		signal: signal, inner: inner, until: time.Now().Add(holdFor),
	}
	return b.prove(ctx, held)
}

// prove lets a message through if it comes from the device it claims. If the
// homeserver does not say, the message and all later ones of that user wait.
func (b *inbox) prove(ctx context.Context, held heldMessage) (Received, bool) {
	if held.from == b.account.party {
		return Received{}, false
	}
	waiting := slices.ContainsFunc(b.held, func(other heldMessage) bool { return other.from.UserID == held.from.UserID })
	err := errWaiting
	if !waiting {
		err = b.account.crypto.prove(ctx, held.from, held.inner)
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return Received{}, false // we are stopping
	case err == nil:
		b.encrypted.Add(1)
		if len(b.encrypting) < encryptingMost {
			b.encrypting[held.from] = true
		}
		return Received{
			From: held.from, Encrypted: true, Signal: held.signal,
			Type: held.inner.eventType, Content: held.inner.content,
		}, true
	case errors.Is(err, errWaiting) && len(b.held) < holdMost && time.Now().Before(held.until):
		b.held = append(b.held, held)
		return Received{}, false
	}
	b.unproven.Add(1)
	level := slog.LevelWarn
	if held.signal.Kind == message.Hangup && errors.Is(err, ErrNoKeys) {
		level = slog.LevelDebug // it said goodbye and logged out
	}
	b.account.log.Log(ctx, level, "refused a message: it is not proven to come from a device that is trusted",
		"party", held.from.String(), "kind", held.signal.Kind.String(), "err", err)
	b.tell(held.from, held.signal, err)
	return Received{}, false
}

// errWaiting: whether a message is genuine cannot be said yet.
var errWaiting = errors.New("the homeserver does not give the keys of the sender")

func (b *inbox) proveHeld(ctx context.Context) (proven []Received) {
	held := b.held
	b.held = nil
	for _, message := range held {
		if received, ok := b.prove(ctx, message); ok {
			proven = append(proven, received)
		}
	}
	return proven
}

// acknowledged passes on that a device rings, and reports whether a message says
// so. Whoever says it is believed: nothing but a word to the caller follows.
func (b *inbox) acknowledged(sender, eventType string, content json.RawMessage) bool {
	if !message.IsRingAck(eventType) {
		return false
	}
	b.account.tellHeard("", []ring.Heard{{Type: eventType, Sender: sender, SentAt: time.Now(), Content: content}})
	return true
}

func (b *inbox) readClear(ctx context.Context, event toDeviceEvent) (Received, bool) {
	if b.refuseClearKey(event) || b.account.config.Encrypt != EncryptRequire && b.acknowledged(event.Sender, event.Type, event.Content) {
		return Received{}, false
	}
	signal, err := message.ParseSignal(event.Type, event.Content)
	if err == nil && signal.DeviceID == "" {
		err = errors.New("device_id is missing: want the sender's device")
	}
	if err != nil {
		if b.account.crypto != nil {
			b.account.crypto.other(ctx, event)
		}
		b.refuse(event.Sender, event.Type, err)
		return Received{}, false
	}
	from := message.Party{UserID: event.Sender, DeviceID: signal.DeviceID}
	switch {
	case from == b.account.party:
		return Received{}, false
	case b.account.config.mode(b.inEncryptedRoom(signal, from)) == EncryptRequire:
		b.refusedClear.Add(1)
		if b.account.noted.first("refused cleartext", from) {
			b.account.log.Warn("refused cleartext: encryption is required here, and the other side does not encrypt",
				"party", from.String(), "room", signal.RoomID)
		}
		b.tell(from, signal, errClear)
		return Received{}, false
	}
	if b.encrypting[from] {
		b.refusedClear.Add(1)
		b.account.log.Warn("refused cleartext in the name of a device that encrypts", "party", from.String(), "room", signal.RoomID)
		b.tell(from, signal, errClear)
		return Received{}, false
	}
	b.clear.Add(1)
	return Received{From: from, Signal: signal, Type: event.Type, Content: event.Content}, true
}

// errClear is why cleartext was refused.
var errClear = errors.New("it was not encrypted, and has to be here")

// tell lets those who follow the room know of a refused message.
func (b *inbox) tell(from message.Party, signal message.Signal, err error) {
	for _, sink := range b.account.rooms.sinksFor(signal.RoomID) {
		if listening, ok := sink.(RefusalSink); ok {
			listening.Refuse([]Refusal{{From: from, Room: signal.RoomID, Kind: signal.Kind, Err: err}})
		}
	}
}

// refuse counts what is no signal, or a broken one.
func (b *inbox) refuse(sender, eventType string, err error) {
	if errors.Is(err, message.ErrUnknownType) || errors.Is(err, message.ErrIgnoredType) {
		b.foreign.Add(1)
		return
	}
	b.unreadable.Add(1)
	b.account.log.Debug("dropped a call message", "party", sender, "type", eventType, "err", err)
}

// inEncryptedRoom reports whether a signal belongs to an encrypted room: the
// one it names, else any followed room in which the sender has a membership.
func (b *inbox) inEncryptedRoom(signal message.Signal, from message.Party) bool {
	rooms := b.account.rooms
	if known := rooms.find(signal.RoomID); known != nil {
		return known.state.encrypted
	}
	return len(rooms.take(func(r *room) bool { return r.state.encrypted && r.state.hasMember(from.UserID) })) > 0
}

// deliver hands signals to the sinks, each sink once with all that is for it.
func (b *inbox) deliver(all []Received) {
	type share struct {
		sink Sink
		got  []Received
	}
	var shares []*share
	for _, received := range all {
		for _, sink := range b.account.rooms.sinksFor(received.Signal.RoomID) {
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
